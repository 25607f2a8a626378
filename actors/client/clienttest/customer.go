package clienttest

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
)

// A Customer is an actor outside of any client, as a gateway's are: it sends what it
// is told to, and keeps what it is told back.
type Customer struct {
	root *actor.RootContext
	pid  *actor.PID
	told chan any
}

// errand has a customer send a message, with itself as the sender.
type errand struct {
	to  *actor.PID
	msg any
}

// Customer starts one.
func (r *Rig) Customer() *Customer {
	c := &Customer{root: r.system.Root, told: make(chan any, 64)}
	c.pid = r.Spawn(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case errand:
			ctx.Request(m.to, m.msg)
		case actor.SystemMessage, actor.AutoReceiveMessage, *spawn.Lost:
		default:
			c.told <- m
		}
	})
	return c
}

// Tell sends a message to an actor.
func (c *Customer) Tell(to *actor.PID, msg any) { c.root.Send(c.pid, errand{to: to, msg: msg}) }

// PID is the customer's.
func (c *Customer) PID() *actor.PID { return c.pid }

// Heard returns the next message that the customer was told, which must be a T.
func Heard[T any](ctx context.Context, c *Customer) (T, error) {
	var none T
	select {
	case m := <-c.told:
		if t, ok := m.(T); ok {
			return t, nil
		}
		return none, fmt.Errorf("heard %T %v, want %T", m, m, none)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Spawn starts an actor in the rig's system.
func (r *Rig) Spawn(receive func(actor.Context)) *actor.PID {
	return r.system.Root.Spawn(r.spawn.RootProps(spawn.StopOnly(), func() actor.Actor { return receiver(receive) }))
}

type receiver func(actor.Context)

// Receive implements actor.Actor.
func (r receiver) Receive(ctx actor.Context) { r(ctx) }
