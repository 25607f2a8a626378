// Package clock is the actor that reads the wall clock, so that nobody else has
// to. It accepts *timing.Subscribe and sends *timing.Tick to its subscribers.
//
// It is an adapter: it uses real timers. The simulator does not run it, but
// answers the same subscriptions from its virtual clock, and implements
// spawn.Timer itself. Timer here is the real one.
package clock

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
	"minimint/messages/timing"
)

// Timer runs functions later, on goroutines of their own. It implements
// spawn.Timer.
type Timer struct{}

// After runs fn once, d from now; cancel makes it not run if it has not begun.
func (Timer) After(d time.Duration, fn func()) (cancel func()) {
	t := time.AfterFunc(d, fn)
	return func() { t.Stop() }
}

// Producer returns the producer of one clock actor. Its incarnations share their
// subscriptions, since a subscriber cannot know that the clock was restarted.
func Producer() actor.Producer {
	subscriptions := make(map[subscriber]*subscription)
	return func() actor.Actor { return &clock{subscriptions: subscriptions} }
}

type clock struct {
	subscriptions map[subscriber]*subscription
}

// subscriber is a PID as a key.
type subscriber struct{ address, id string }

func keyOf(pid *actor.PID) subscriber { return subscriber{pid.Address, pid.Id} }

// subscription is one subscriber's rhythm.
type subscription struct {
	pid   *actor.PID
	every time.Duration
	timer *time.Timer
}

// due is what the timer of a subscription sends to the clock. A due of a
// subscription that was replaced meanwhile is ignored.
type due struct{ s *subscription }

// Receive dispatches.
func (c *clock) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, s := range c.subscriptions {
			c.begin(ctx, s)
		}
	case *actor.Restarting, *actor.Stopping:
		for _, s := range c.subscriptions {
			s.timer.Stop()
		}
	case *timing.Subscribe:
		c.subscribe(ctx, m)
	case *spawn.Lost:
		// Nobody subscribes twice, and without ticks an actor waits for ever.
		if s, ok := m.Message.(*timing.Subscribe); ok {
			c.subscribe(ctx, s)
		}
	case *actor.Terminated:
		c.drop(m.Who)
	case due:
		c.tick(ctx, m.s)
	}
}

func (c *clock) subscribe(ctx actor.Context, m *timing.Subscribe) {
	if m.PID == nil {
		return
	}
	c.drop(m.PID)
	if m.Every <= 0 {
		return
	}
	s := &subscription{pid: actor.NewPID(m.PID.Address, m.PID.Id), every: m.Every}
	c.subscriptions[keyOf(m.PID)] = s
	c.begin(ctx, s)
}

// begin watches the subscriber and starts its rhythm.
func (c *clock) begin(ctx actor.Context, s *subscription) {
	ctx.Watch(s.pid)
	root, self := ctx.ActorSystem().Root, ctx.Self()
	s.timer = time.AfterFunc(s.every, func() { root.Send(self, due{s}) })
}

func (c *clock) tick(ctx actor.Context, s *subscription) {
	if c.subscriptions[keyOf(s.pid)] != s {
		return
	}
	ctx.Send(s.pid, &timing.Tick{Now: time.Now()})
	s.timer.Reset(s.every)
}

func (c *clock) drop(pid *actor.PID) {
	if s, ok := c.subscriptions[keyOf(pid)]; ok {
		s.timer.Stop()
		delete(c.subscriptions, keyOf(pid))
	}
}
