package sched

import (
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages/timing"
)

// birth is what the clocks show at time zero.
var birth = time.Unix(1_700_000_000, 0).UTC()

// Clock produces the actor that answers timing.Subscribe from virtual time. Its
// hands are fast by skew, and every rhythm starts at a moment of its own.
func (m *Machine) Clock(skew time.Duration) actor.Producer {
	phase := m.loop.Rand(m.label + "/clock")
	subscriptions := make(map[string]*subscription)
	return func() actor.Actor {
		return &clock{machine: m, skew: skew, phase: phase, subscriptions: subscriptions}
	}
}

// clock behaves as actors/clock does.
type clock struct {
	machine       *Machine
	skew          time.Duration
	phase         *rand.Rand
	subscriptions map[string]*subscription // by PID id; only looked up
}

type subscription struct {
	pid    *actor.PID
	every  time.Duration
	cancel func()
}

// Receive implements actor.Actor.
func (c *clock) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *timing.Subscribe:
		c.drop(m.PID)
		if m.PID == nil || m.Every <= 0 {
			return
		}
		s := &subscription{pid: ctx.ActorSystem().NewLocalPID(m.PID.Id), every: m.Every}
		c.subscriptions[m.PID.Id] = s
		ctx.Watch(s.pid)
		first := 1 + time.Duration(c.phase.Int64N(int64(m.Every)))
		s.cancel = c.machine.After(first, func() { c.tick(ctx.ActorSystem(), s) })
	case *actor.Terminated:
		c.drop(m.Who)
	}
}

// tick does not pass through the clock's own mailbox: it would only cost a turn.
func (c *clock) tick(system *actor.ActorSystem, s *subscription) {
	system.Root.Send(s.pid, &timing.Tick{Now: birth.Add(c.machine.loop.now + c.skew)})
	s.cancel = c.machine.After(s.every, func() { c.tick(system, s) })
}

func (c *clock) drop(pid *actor.PID) {
	if s, ok := c.subscriptions[pid.GetId()]; ok {
		s.cancel()
		delete(c.subscriptions, pid.GetId())
	}
}
