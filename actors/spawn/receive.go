package spawn

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Delivery carries a message from a link to an actor, together with the credit
// that it holds. Actors made by a System never see it: they receive Message, and
// Release is called when they have handled it or have failed to.
type Delivery struct {
	Message any
	Release func()
}

// Lost is what a new incarnation is told, right after Started, if the former one
// failed over a message: that message, with its sender, which nobody else will
// ever handle. It may have been handled in part. Most actors ignore it, since
// whoever works with them asks again; an actor that others wait for, or that is
// told something only once, acts on it. It must not simply handle the message:
// what made one incarnation fail may make the next one fail too.
type Lost struct{ Message any }

// A Trouble is the end of an actor for which nobody here is to blame: the world
// failed (a disk, most likely) in a way that it cannot work without. It is what
// [Halt] panics with.
type Trouble struct{ Err error }

// Error implements error.
func (t Trouble) Error() string { return t.Err.Error() }

// Unwrap returns the cause.
func (t Trouble) Unwrap() error { return t.Err }

// Halt ends the actor's turn, and the process through Config.Exit, whatever the
// actor's policy is: starting it again would not mend the world. Nothing else of
// the actor runs any more. It does not return.
func Halt(err error) { panic(Trouble{err}) }

// receive is the outermost middleware of every actor.
func (s *System) receive(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		if d, ok := env.Message.(*Delivery); ok {
			defer d.Release()
			env = &actor.MessageEnvelope{Message: d.Message, Sender: env.Sender}
		}
		rec := recordOf(ctx)
		if rec.buried {
			return
		}
		switch env.Message.(type) {
		case *actor.Started:
			// A restart that was on its way while the actor began to stop makes
			// the library incarnate it once more. Nothing may run in that ghost,
			// and it has to be stopped again for its watchers' sake.
			if rec.gone {
				rec.buried = true
				ctx.ActorSystem().Root.Stop(ctx.Self())
				return
			}
			rec.ending = false
		case *actor.Restarting:
			rec.ending = true
		case *actor.Stopping:
			rec.ending = true
			s.dismiss(rec, ctx.Self().Id)
		case *actor.Stopped:
			defer func() { rec.buried = true }()
		}
		s.handle(ctx, rec, env, next)
		if _, started := env.Message.(*actor.Started); started && rec.lost != nil {
			lost := rec.lost
			rec.lost = nil
			s.handle(ctx, rec, &actor.MessageEnvelope{Message: &Lost{lost.Message}, Sender: lost.Sender}, next)
		}
	}
}

func recordOf(ctx actor.ReceiverContext) *record { return ctx.Get(recordID).(*record) }

// handle has the actor handle a message, and reports a panic.
func (s *System) handle(ctx actor.ReceiverContext, rec *record, env *actor.MessageEnvelope, next actor.ReceiverFunc) {
	defer s.report(ctx, rec, env)
	next(ctx, env)
}

// report logs a panic and lets it go on, except out of the messages with which
// an incarnation ends. The library answers a panic there with a resurrection; and
// one over the end of the last child, for which the actor waits, keeps it from
// ever stopping or starting again.
func (s *System) report(ctx actor.ReceiverContext, rec *record, env *actor.MessageEnvelope) {
	reason := recover()
	if reason == nil {
		return
	}
	message, stack := fmt.Sprintf("%T", env.Message), ""
	if trouble, ok := reason.(Trouble); ok {
		s.cfg.Log.Error("actor cannot go on", slog.String("actor", ctx.Self().Id), slog.Any("error", trouble.Err))
	} else {
		stack = Stack()
		s.cfg.Log.Error("actor panicked", slog.String("actor", ctx.Self().Id),
			slog.String("message", message), slog.Any("reason", reason), slog.String("stack", stack))
	}
	switch env.Message.(type) {
	case *actor.Restarting, *actor.Stopping, *actor.Stopped:
		return
	case *actor.Terminated:
		if rec.ending {
			return
		}
	case *actor.Started, *Lost:
	default:
		rec.lost = env
	}
	s.mu.Lock()
	rec.message, rec.stack = message, stack
	s.mu.Unlock()
	panic(reason)
}

// maxDepth bounds a stack trace.
const maxDepth = 64

// Stack returns where a deferred function's recover has caught a panic: function
// names, files and lines, and not the words of the arguments that the runtime
// would print. Those may be secrets.
func Stack() string {
	var b strings.Builder
	pcs := make([]uintptr, maxDepth)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // not Callers, Stack and the deferred function
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}
