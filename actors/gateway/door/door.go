// Package door is a gateway's HTTP server for clients: requests of package talk as the
// bodies of POSTs to talk.Path, replies as the bodies of the answers.
//
// Whoever knocks is a stranger. A body is read up to talk.MaxSize, a wait ends at
// talk.MaxWait, or at once when most places are taken; so many requests wait at once and
// no more, and none lasts longer than its wait and a little: where the gateway has no
// answer by then, the client hears that and asks again. A caller that goes away, or a bug, costs one request (H84).
package door

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"minimint/actors/gateway/talk"
	"minimint/actors/spawn"
)

// Desk answers requests.
type Desk interface {
	// Ask returns the gateway's reply, or an error when ctx ends before there is one.
	Ask(ctx context.Context, request *talk.Request) (*talk.Reply, error)
}

// Config says who answers.
type Config struct {
	Desk Desk
	Log  *slog.Logger
	// Waiting bounds the requests that are served at once; 0 means 1,024.
	Waiting int
	// Grace is what a request may last beyond its own wait; 0 means ten seconds.
	Grace time.Duration
}

const (
	defaultWaiting = 1024
	defaultGrace   = 10 * time.Second
)

// Handler serves clients.
func Handler(cfg Config) http.Handler {
	if cfg.Waiting == 0 {
		cfg.Waiting = defaultWaiting
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	d := &door{cfg: cfg, places: make(chan struct{}, cfg.Waiting)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+talk.Path, d.serve)
	return Contain(cfg.Log, mux)
}

type door struct {
	cfg    Config
	places chan struct{}
}

func (d *door) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, talk.MaxSize))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the request cannot be read", http.StatusBadRequest)
		return
	}
	// All is read: the server's limit for that must not end the wait as well.
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		d.cfg.Log.Warn("a long wait may be cut short", slog.Any("error", err))
	}
	request, err := talk.ReadRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the gateway serves as many as it can", http.StatusServiceUnavailable)
		return
	}
	if 4*len(d.places) > 3*cap(d.places) {
		request.WaitMs = 0 // who wants to wait asks again, and leaves room for those who do not
	}
	wait := min(time.Duration(request.GetWaitMs())*time.Millisecond, talk.MaxWait)
	ctx, cancel := context.WithTimeout(r.Context(), wait+d.cfg.Grace)
	defer cancel()
	reply, err := d.cfg.Desk.Ask(ctx, request)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the gateway has no answer yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", talk.ContentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(talk.Encode(reply)) // a client that has gone asks again
}

// Contain has a panic of a handler end its request and nothing else.
func Contain(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil {
				log.Error("a request failed", slog.String("path", r.URL.Path), slog.Any("reason", reason), slog.String("stack", spawn.Stack()))
				http.Error(w, "the gateway has failed over this request", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// Server is an http.Server with limits for strangers.
func Server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: talk.MaxWait + 2*defaultGrace,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // of every stranger that speaks no HTTP
	}
}
