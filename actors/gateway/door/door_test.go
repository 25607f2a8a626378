package door_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"minimint/actors/clock"
	"minimint/actors/gateway/door"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
)

// desk answers as its function does.
type desk func(context.Context, *talk.Request) (*talk.Reply, error)

// Ask implements door.Desk.
func (d desk) Ask(ctx context.Context, r *talk.Request) (*talk.Reply, error) { return d(ctx, r) }

func find() []byte {
	return talk.Encode(&talk.Request{Federation: make([]byte, 32), WaitMs: 5, Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: make([]byte, 32)}}})
}

func pending(context.Context, *talk.Request) (*talk.Reply, error) {
	return &talk.Reply{Reply: &talkwire.Reply_Pending{Pending: &talkwire.Pending{Text: "x"}}}, nil
}

func serve(t *testing.T, cfg door.Config) *httptest.Server {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	s := httptest.NewServer(door.Handler(cfg))
	t.Cleanup(s.Close)
	return s
}

func post(t *testing.T, s *httptest.Server, path string, body []byte) (int, []byte) {
	t.Helper()
	r, err := s.Client().Post(s.URL+path, talk.ContentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b
}

func TestRequests(t *testing.T) {
	s := serve(t, door.Config{Desk: desk(pending)})
	if status, b := post(t, s, talk.Path, find()); status != http.StatusOK {
		t.Errorf("status %d", status)
	} else if m, err := talk.ReadReply(b); err != nil || m.GetPending().GetText() != "x" {
		t.Errorf("reply %v, %v", m, err)
	}
	for what, c := range map[string]struct {
		path string
		body []byte
		want int
	}{
		"nonsense":      {talk.Path, []byte("nonsense"), http.StatusBadRequest},
		"nothing":       {talk.Path, nil, http.StatusBadRequest},
		"too much":      {talk.Path, make([]byte, talk.MaxSize+1), http.StatusRequestEntityTooLarge},
		"somewhere":     {"/", find(), http.StatusNotFound},
		"operator path": {"/operator/v1/info", find(), http.StatusNotFound},
	} {
		if status, _ := post(t, s, c.path, c.body); status != c.want {
			t.Errorf("%s: status %d, want %d", what, status, c.want)
		}
	}
	r, err := s.Client().Get(s.URL + talk.Path)
	if err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", r, err)
	}
}

// H84: a bug in one request, a caller that goes away and a gateway that does not answer
// cost nobody else anything.
func TestH84OneRequestFailsAlone(t *testing.T) {
	var next desk
	entered, left := make(chan struct{}, 1), make(chan struct{}, 1)
	s := serve(t, door.Config{Grace: 1, Desk: desk(func(ctx context.Context, r *talk.Request) (*talk.Reply, error) { return next(ctx, r) })})
	next = func(context.Context, *talk.Request) (*talk.Reply, error) { panic("a bug") }
	if status, _ := post(t, s, talk.Path, find()); status != http.StatusInternalServerError {
		t.Errorf("status %d", status)
	}
	next = func(ctx context.Context, _ *talk.Request) (*talk.Reply, error) { <-ctx.Done(); return nil, ctx.Err() }
	if status, _ := post(t, s, talk.Path, find()); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	next = func(ctx context.Context, _ *talk.Request) (*talk.Reply, error) {
		entered <- struct{}{}
		<-ctx.Done()
		left <- struct{}{}
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+talk.Path, bytes.NewReader(find()))
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { _, err := s.Client().Do(request); gone <- err }()
	<-entered
	cancel()
	<-gone
	<-left // its place is free
	next = pending
	if status, _ := post(t, s, talk.Path, find()); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// No more requests wait than there are places.
func TestPlaces(t *testing.T) {
	entered, release := make(chan struct{}, 2), make(chan struct{})
	s := serve(t, door.Config{Waiting: 1, Desk: desk(func(ctx context.Context, r *talk.Request) (*talk.Reply, error) {
		entered <- struct{}{}
		<-release
		return pending(ctx, r)
	})})
	first := make(chan int, 1)
	go func() { status, _ := post(t, s, talk.Path, find()); first <- status }()
	<-entered
	if status, _ := post(t, s, talk.Path, find()); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	close(release)
	if status := <-first; status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// The limit for reading a request does not end its wait.
func TestWaitOutlastsReading(t *testing.T) {
	s := httptest.NewUnstartedServer(door.Handler(door.Config{Log: slog.New(slog.DiscardHandler), Desk: desk(func(ctx context.Context, r *talk.Request) (*talk.Reply, error) {
		later := make(chan struct{})
		clock.Timer{}.After(300*time.Millisecond, func() { close(later) })
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-later:
			return pending(ctx, r)
		}
	})}))
	s.Config.ReadTimeout = 50 * time.Millisecond
	s.Start()
	defer s.Close()
	if status, _ := post(t, s, talk.Path, find()); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// Whoever waits takes a place. The last quarter is for those who do not, so that strangers who
// wait for nothing keep nobody out.
func TestWaitsEndWhenPlacesDo(t *testing.T) {
	waits, free := make(chan uint32), make(chan struct{})
	s := serve(t, door.Config{Waiting: 4, Desk: desk(func(ctx context.Context, r *talk.Request) (*talk.Reply, error) {
		waits <- r.GetWaitMs()
		<-free
		return pending(ctx, r)
	})})
	defer close(free)
	for i := range 4 {
		go func() {
			if r, err := s.Client().Post(s.URL+talk.Path, talk.ContentType, bytes.NewReader(find())); err == nil {
				_ = r.Body.Close()
			}
		}()
		if got := <-waits; (got == 0) != (i == 3) {
			t.Errorf("request %d waits for %d ms", i, got)
		}
	}
}
