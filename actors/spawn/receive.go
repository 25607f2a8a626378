package spawn

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// Delivery carries a message from a link to an actor, together with the credit
// that it holds. Actors made by a System never see it: they receive Message, and
// Release is called when they have handled it or have failed to.
type Delivery struct {
	Message any
	Release func()
}

// receive is the outermost middleware of every actor.
func (s *System) receive(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		if d, ok := env.Message.(*Delivery); ok {
			defer d.Release()
			env = &actor.MessageEnvelope{Message: d.Message, Sender: env.Sender}
		}
		rec := ctx.Get(recordID).(*record)
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
		defer s.report(ctx, rec, env.Message)
		next(ctx, env)
	}
}

// report logs a panic and lets it go on, except out of the messages with which
// an incarnation ends. The library answers a panic there with a resurrection; and
// one over the end of the last child, for which the actor waits, keeps it from
// ever stopping or starting again.
func (s *System) report(ctx actor.ReceiverContext, rec *record, message any) {
	reason := recover()
	if reason == nil {
		return
	}
	s.cfg.Log.Error("actor panicked", slog.String("actor", ctx.Self().Id),
		slog.String("message", fmt.Sprintf("%T", message)), slog.Any("reason", reason),
		slog.String("stack", string(debug.Stack())))
	switch message.(type) {
	case *actor.Restarting, *actor.Stopping, *actor.Stopped:
		return
	case *actor.Terminated:
		if rec.ending {
			return
		}
	}
	panic(reason)
}
