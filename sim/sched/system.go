package sched

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
)

// System makes an actor system that starts no goroutine and has nothing random
// in it. Its actors must get the machine's Mailbox.
func (m *Machine) System(log *slog.Logger) *actor.ActorSystem {
	s := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	s.ID = m.label // a random one otherwise
	// The library's subscriber for dead letters starts a goroutine with a ticker,
	// to write fewer lines. What else it does is done here.
	s.EventStream = eventstream.NewEventStream()
	s.EventStream.Subscribe(func(e any) {
		d, ok := e.(*actor.DeadLetterEvent)
		if !ok {
			return
		}
		m.loop.Trace().Line(m.loop.now, m.label, d.PID.GetId(), "misses", typeName(bare(d.Message)))
		if d.Sender != nil {
			s.Root.Send(d.Sender, &actor.DeadLetterResponse{})
		}
		if w, ok := d.Message.(*actor.Watch); ok {
			if p, ok := s.ProcessRegistry.GetLocal(w.Watcher.GetId()); ok {
				p.SendSystemMessage(w.Watcher, &actor.Terminated{Who: d.PID, Why: actor.TerminatedReason_NotFound})
			}
		}
	})
	return s
}
