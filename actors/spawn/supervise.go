package spawn

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/ctxext"
)

// Decision is what a failure led to.
type Decision uint8

// The decisions.
const (
	Restarted Decision = iota + 1
	Stopped
	Exited
)

// String gives one stable word.
func (d Decision) String() string {
	switch d {
	case Restarted:
		return "restart"
	case Stopped:
		return "stop"
	case Exited:
		return "exit"
	}
	return fmt.Sprintf("decision(%d)", uint8(d))
}

// Failure describes one failure of one actor.
type Failure struct {
	Child    string // PID id
	Reason   any    // what it panicked with; a Trouble if the world failed
	Message  string // type of the message that it handled
	Stack    string // where it panicked, without arguments; "" for a Trouble
	Failures int    // in a row, this one included
	Decision Decision
	Delay    time.Duration // until the restart
}

// record is what a System remembers of one actor across its restarts. It rides
// on the actor's context, and is found by PID id while the actor lives.
type record struct {
	policy   Policy
	failures int
	// restart and forget cancel the pending restart and the pending reset of
	// failures; they may be called again when they are over.
	restart, forget func()
	// message and stack are of the newest failure.
	message, stack string
	// lost is the message of the newest failure, until an incarnation has been
	// told. Only the actor's own goroutine uses it.
	lost *actor.MessageEnvelope
	// gone is set when the actor begins to stop: no restart is due any more.
	gone bool
	// ending is set while an incarnation waits for the end of its children, buried
	// after Stopped: nothing may run any more. Only the actor's own goroutine uses
	// them.
	ending, buried bool
}

var recordID = ctxext.NextContextExtensionID()

// ExtensionID lets a record ride on an actor's context.
func (*record) ExtensionID() ctxext.ContextExtensionID { return recordID }

func nothing() {}

// adopt starts the record of an actor that is being spawned.
func (s *System) adopt(ctx actor.Context, p Policy) {
	rec := &record{policy: p, restart: nothing, forget: nothing}
	ctx.Set(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children[ctx.Self().Id] = rec
}

// strategy supervises whatever a System has made. It is comparable, so that the
// library keeps one guardian for it and not one per root actor.
type strategy struct{ s *System }

// HandleFailure runs in the parent, or in the failing actor if that has none.
// It must not panic: the library calls it from a deferred recover.
func (g strategy) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s := g.s
	f := Failure{Child: child.Id, Reason: reason}
	s.mu.Lock()
	rec := s.children[child.Id]
	if rec != nil {
		s.decide(rec, &f, sup, child)
	} else { // not made by this System, or stopping already
		f.Decision = Stopped
	}
	s.mu.Unlock()

	s.cfg.Log.Warn("actor failed", slog.String("actor", f.Child), slog.Any("reason", reason),
		slog.Int("failures", f.Failures), slog.String("decision", f.Decision.String()), slog.Duration("delay", f.Delay))
	if f.Decision == Stopped {
		sup.StopChildren(child)
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe(f)
	}
	if f.Decision == Exited {
		s.cfg.Exit(f.Child, reason)
	}
}

// decide counts the failure, completes f, and schedules the restart if there is
// one. It runs under s.mu.
func (s *System) decide(rec *record, f *Failure, sup actor.Supervisor, child *actor.PID) {
	rec.failures++
	f.Failures, f.Message, f.Stack = rec.failures, rec.message, rec.stack
	rec.forget()
	p := rec.policy
	_, trouble := f.Reason.(Trouble)
	switch {
	case trouble:
		f.Decision = Exited
		return
	case p.restarts == unlimited || rec.failures <= p.restarts:
		f.Decision = Restarted
		f.Delay = p.backoff.Delay(rec.failures, s.cfg.Rand)
	case p.then == exit:
		f.Decision = Exited
		return
	default:
		f.Decision = Stopped
		return
	}
	rec.restart = s.cfg.Timer.After(f.Delay, func() { s.start(rec, sup, child) })
	rec.forget = s.cfg.Timer.After(f.Delay+2*max(p.backoff.Max, p.backoff.Min), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		rec.failures = 0
	})
}

// start tells a suspended actor to begin anew, unless it was stopped meanwhile.
func (s *System) start(rec *record, sup actor.Supervisor, child *actor.PID) {
	s.mu.Lock()
	gone := rec.gone
	s.mu.Unlock()
	if !gone {
		sup.RestartChildren(child)
	}
}

// dismiss ends the supervision of an actor that is stopping.
func (s *System) dismiss(rec *record, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.gone = true
	rec.restart()
	rec.forget()
	if s.children[id] == rec {
		delete(s.children, id)
	}
}
