package nodetest

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Scene is what runs in one process for a test: actor systems whose actors are
// watched, see Census, and can be made to fail at any message, see Set. Whatever
// waits, waits for an event. Time passes five times as fast for whoever counts
// ticks.
//
// Actors that have failed start again without delay, and failures are forgotten
// only when Forgive is called.
type Scene struct {
	testing.TB
	whole testing.TB // the test that the scene belongs to
	ctx   context.Context

	mu      sync.Mutex
	news    chan struct{} // closed at the next event
	traps   []*Trap
	later   []func() // failures to forget
	held    []func() // actors to start again
	holding bool
	parties []*party
	acks    []Acknowledged
}

func newScene(t testing.TB) *Scene {
	s := &Scene{whole: t, news: make(chan struct{})}
	t.Cleanup(s.bind(t))
	return s
}

// patience bounds a test or a part of one. Nothing depends on it: a test that
// waits for what does not happen ends with it.
const patience = time.Minute

// In makes the scene report to a part of the test, which has its own patience.
// Call what it returns at the end of that part.
func (s *Scene) In(t testing.TB) (back func()) {
	tb, ctx := s.TB, s.ctx
	cancel := s.bind(t)
	return func() {
		cancel()
		s.TB, s.ctx = tb, ctx
	}
}

// Cleanup and TempDir belong to the whole test: what a part of it makes may
// outlive that part.
func (s *Scene) Cleanup(fn func()) { s.whole.Cleanup(fn) }

// TempDir see Cleanup.
func (s *Scene) TempDir() string { return s.whole.TempDir() }

// bind makes the scene part of a test.
func (s *Scene) bind(t testing.TB) (cancel func()) {
	s.TB = t
	s.ctx, cancel = context.WithTimeout(t.Context(), patience)
	context.AfterFunc(s.ctx, s.tell)
	return cancel
}

// log shows what actors say when the test runs with -v.
func (s *Scene) log(who string) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(s.whole.Output(), nil)).With("at", who)
}

// Await waits until cond holds, which is asked at every event.
func (s *Scene) Await(what string, cond func() bool) {
	s.Helper()
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		if cond() {
			return
		}
		if s.ctx.Err() != nil {
			s.Fatalf("in vain: %s", what)
		}
		<-news
	}
}

// event changes what the scene knows and tells who waits.
func (s *Scene) event(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	s.tell()
}

func (s *Scene) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.news)
	s.news = make(chan struct{})
}

// Hold keeps actors that have failed from starting again, until Resume.
func (s *Scene) Hold() { s.event(func() { s.holding = true }) }

// Resume lets actors start again.
func (s *Scene) Resume() {
	s.mu.Lock()
	held := s.held
	s.held, s.holding = nil, false
	s.mu.Unlock()
	for _, fn := range held {
		go fn()
	}
}

// pulse is the spawn.Timer of one party. A System asks it for two things after
// every failure: to start the actor again, then to forget the failure.
type pulse struct {
	scene  *Scene
	forget bool // comes next
}

// After implements spawn.Timer.
func (p *pulse) After(_ time.Duration, fn func()) (cancel func()) {
	var cancelled atomic.Bool
	unless := func() {
		if !cancelled.Load() {
			fn()
		}
	}
	s := p.scene
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.forget:
		s.later = append(s.later, unless)
	case s.holding:
		s.held = append(s.held, unless)
	default:
		go unless()
	}
	p.forget = !p.forget
	return func() { cancelled.Store(true) }
}

// Forgive lets all failures be forgotten, as after a quiet time.
func (s *Scene) Forgive() {
	s.mu.Lock()
	later := s.later
	s.later = nil
	s.mu.Unlock()
	for _, fn := range later {
		fn()
	}
}
