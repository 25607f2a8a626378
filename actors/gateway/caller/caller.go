// Package caller is the actor that waits for the Lightning node so that others need
// not. Whoever calls the node has one as a child: it makes one call at a time, and its
// mailbox is a goroutine of its own, so nobody waits for the calls of others (H83). In a
// simulation calls return at once.
//
//	accepts  InfoCall, PayCall, LookCall, HeldCall, AnswerCall
//	sends    InfoResult, PayResult, LookResult, HeldResult, AnswerResult
//
// No call lasts longer than Limit. A call that was interrupted by a bug has an error as
// its result, and may have been carried out.
package caller

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/spawn"
	"minimint/messages"
)

// Limit bounds one call to the node.
const Limit = 20 * time.Second

var errInterrupted = errors.New("the call to the Lightning node was interrupted")

// What the node is asked, and what it answers; see lnnode.Node.
type (
	// InfoCall asks for lnnode.Info.
	InfoCall struct{}
	// InfoResult answers it.
	InfoResult struct {
		Info lnnode.Info
		Err  error
	}
	// PayCall begins a payment.
	PayCall struct{ Order lnnode.Order }
	// PayResult answers it.
	PayResult struct{ Err error }
	// LookCall asks how a payment stands.
	LookCall struct{ Hash messages.Digest }
	// LookResult answers it.
	LookResult struct {
		Payment lnnode.Payment
		Err     error
	}
	// HeldCall asks for the forwards that are held.
	HeldCall struct{}
	// HeldResult answers it.
	HeldResult struct {
		Forwards []lnnode.Forward
		Err      error
	}
	// AnswerCall ends a forward; without preimage it is given back.
	AnswerCall struct {
		At       lnnode.Circuit
		Preimage *lnnode.Preimage
	}
	// AnswerResult answers it.
	AnswerResult struct {
		At  lnnode.Circuit
		Err error
	}
)

// News says that some answer of the node may be another one now.
type News struct{}

// Config says which node is called, and what ends a call that lasts too long.
type Config struct {
	Node  lnnode.Node
	Timer spawn.Timer
}

type caller struct{ cfg Config }

// New returns the producer of a caller.
func New(cfg Config) actor.Producer {
	return func() actor.Actor { return &caller{cfg} }
}

// Receive implements actor.Actor.
func (c *caller) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *spawn.Lost:
		if result := interrupted(m.Message); result != nil {
			ctx.Respond(result)
		}
	case InfoCall, PayCall, LookCall, HeldCall, AnswerCall:
		limited, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer c.cfg.Timer.After(Limit, cancel)()
		ctx.Respond(c.call(limited, m))
	}
}

// call makes a call and returns its result.
func (c *caller) call(ctx context.Context, call any) any {
	switch m := call.(type) {
	case InfoCall:
		info, err := c.cfg.Node.Info(ctx)
		return InfoResult{info, err}
	case PayCall:
		return PayResult{c.cfg.Node.Pay(ctx, m.Order)}
	case LookCall:
		payment, err := c.cfg.Node.Payment(ctx, m.Hash)
		return LookResult{payment, err}
	case HeldCall:
		forwards, err := c.cfg.Node.Forwards(ctx)
		return HeldResult{forwards, err}
	case AnswerCall:
		return AnswerResult{m.At, c.cfg.Node.Answer(ctx, m.At, m.Preimage)}
	}
	panic("caller: unreachable")
}

// interrupted is the result of a call over which the caller failed.
func interrupted(call any) any {
	switch m := call.(type) {
	case InfoCall:
		return InfoResult{Err: errInterrupted}
	case PayCall:
		return PayResult{Err: errInterrupted}
	case LookCall:
		return LookResult{Err: errInterrupted}
	case HeldCall:
		return HeldResult{Err: errInterrupted}
	case AnswerCall:
		return AnswerResult{At: m.At, Err: errInterrupted}
	}
	return nil
}
