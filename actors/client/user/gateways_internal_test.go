package user

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/payments"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
)

// teller hands on what it is told.
type teller chan payments.Heard

func (c teller) Receive(ctx actor.Context) {
	if h, ok := ctx.Message().(payments.Heard); ok {
		c <- h
	}
}

func newTeller(t *testing.T) (*gateways, *actor.PID, teller) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	t.Cleanup(system.Shutdown)
	told := make(teller, 8)
	pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return told }))
	g := newGateways(system)
	t.Cleanup(g.close)
	return g, pid, told
}

func request() *talk.Request {
	return &talk.Request{Federation: make([]byte, 32), WaitMs: 50, Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: make([]byte, 32)}}}
}

// What a gateway answers comes to the owner, under its key; whatever is no reply is an
// error. H86: the original's client ignored the HTTP status.
func TestH86RepliesOverHTTP(t *testing.T) {
	good := talk.Encode(&talk.Reply{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: make([]byte, 32)}}})
	say := func(status int, kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if _, bad := talk.ReadRequest(b); err != nil || bad != nil || r.URL.Path != "/base"+talk.Path || r.Method != http.MethodPost {
				t.Errorf("%s %s: %v %v", r.Method, r.URL, err, bad)
			}
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "/base"+talk.Path)
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"paid":        {say(200, talk.ContentType, good), ""},
		"an error":    {say(500, talk.ContentType, good), "status 500"},
		"redirect":    {say(307, talk.ContentType, good), "status 307"},
		"a page":      {say(200, "text/html", good), "text/html"},
		"noise":       {say(200, talk.ContentType, []byte("noise")), ""},
		"nothing":     {say(200, talk.ContentType, nil), ""},
		"too much":    {say(200, talk.ContentType, bytes.Repeat(good, 400)), ""},
		"cut off":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot reach"},
		"big headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 20<<10)) }, "cannot reach"},
	} {
		t.Run(name, func(t *testing.T) {
			g, owner, told := newTeller(t)
			s := httptest.NewServer(c.handler)
			defer s.Close()
			g.Ask(owner, s.URL+"/base/", 7, request())
			h := <-told
			if h.Key != 7 || (h.Err == nil) != (name == "paid") || (h.Reply == nil) != (h.Err != nil) {
				t.Fatalf("heard %+v", h)
			}
			if h.Err != nil && !strings.Contains(h.Err.Error(), c.want) {
				t.Errorf("error %v", h.Err)
			}
		})
	}
}

// Addresses come from strangers.
func TestAddresses(t *testing.T) {
	for api, want := range map[string]string{
		"https://g.example": "https://g.example" + talk.Path, "http://127.0.0.1:8/x/": "http://127.0.0.1:8/x" + talk.Path,
		"": "", "g.example": "", "file:///etc/passwd": "", "https://user:pass@g.example": "", "https://g.example?x=": "", "https://": "",
		"https://g.example#x": "", "://": "",
	} {
		if got, err := address(api); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", api, got, err)
		}
	}
}

// A client that is closed does not wait for a gateway that does not answer, and its
// actors are not told of it.
func TestCloseEndsRequests(t *testing.T) {
	g, owner, told := newTeller(t)
	begun, end := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(begun); <-end }))
	defer s.Close()
	defer close(end)
	g.Ask(owner, s.URL, 1, request())
	<-begun
	g.close()
	g.Ask(owner, s.URL, 2, request())
	if len(told) > 0 {
		t.Errorf("told %+v", <-told)
	}
}

// A listing is a stranger's word: it leads no client to services of its own link.
func TestListingsLeadNowhereElse(t *testing.T) {
	g, _, _ := newTeller(t)
	for _, api := range []string{
		"http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]", "http://[fe80::1]:80", "http://0.0.0.0:1", "http://[::]:1", "http://224.0.0.1:1",
	} {
		if _, err := g.post(api, talk.Encode(request()), time.Second); err == nil || !strings.Contains(err.Error(), "no address of a gateway") {
			t.Errorf("%s: %v", api, err)
		}
	}
}
