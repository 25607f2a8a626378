package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/spawn"
	"minimint/messages"
)

// callLimit bounds one call to the node.
const callLimit = 20 * time.Second

// errInterrupted says that a bug has ended a call; it may have been carried out.
var errInterrupted = errors.New("the call to the Lightning node was interrupted")

// caller is the child that waits for the node so that its parent need not.
//
//	accepts  infoCall, payCall, lookCall, heldCall, answerCall
//	sends    infoResult, payResult, lookResult, heldResult, answerResult
type caller struct{ w *world }

// What the node is asked, and what it answers.
type (
	infoCall   struct{}
	infoResult struct {
		info lnnode.Info
		err  error
	}
	payCall    struct{ order lnnode.Order }
	payResult  struct{ err error }
	lookCall   struct{ hash messages.Digest }
	lookResult struct {
		payment lnnode.Payment
		err     error
	}
	heldCall   struct{}
	heldResult struct {
		forwards []lnnode.Forward
		err      error
	}
	answerCall struct {
		at       lnnode.Circuit
		preimage *lnnode.Preimage
	}
	answerResult struct {
		at  lnnode.Circuit
		err error
	}
)

// spawnCaller makes the child of an actor.
func (w *world) spawnCaller(ctx actor.Context) *actor.PID {
	return ctx.Spawn(w.Spawn.Props(spawn.Restart(pause), func() actor.Actor { return &caller{w} }))
}

// Receive implements actor.Actor.
func (c *caller) Receive(ctx actor.Context) {
	if lost, ok := ctx.Message().(*spawn.Lost); ok {
		if result := interrupted(lost.Message); result != nil {
			ctx.Respond(result)
		}
		return
	}
	limited, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer c.w.Timer.After(callLimit, cancel)()
	switch m := ctx.Message().(type) {
	case infoCall:
		info, err := c.w.Node.Info(limited)
		ctx.Respond(infoResult{info, err})
	case payCall:
		ctx.Respond(payResult{c.w.Node.Pay(limited, m.order)})
	case lookCall:
		payment, err := c.w.Node.Payment(limited, m.hash)
		ctx.Respond(lookResult{payment, err})
	case heldCall:
		forwards, err := c.w.Node.Forwards(limited)
		ctx.Respond(heldResult{forwards, err})
	case answerCall:
		ctx.Respond(answerResult{m.at, c.w.Node.Answer(limited, m.at, m.preimage)})
	}
}

// interrupted is the result of a call over which the caller failed.
func interrupted(call any) any {
	switch m := call.(type) {
	case infoCall:
		return infoResult{err: errInterrupted}
	case payCall:
		return payResult{err: errInterrupted}
	case lookCall:
		return lookResult{err: errInterrupted}
	case heldCall:
		return heldResult{err: errInterrupted}
	case answerCall:
		return answerResult{at: m.at, err: errInterrupted}
	}
	return nil
}
