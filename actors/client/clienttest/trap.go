package clienttest

import (
	"fmt"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// traps make actors fail over messages, each once.
type traps struct {
	mu  sync.Mutex
	set map[string]bool // actor and message, by their types → not yet sprung
}

// Trap has the next actor of a type fail over the next message of a type, such as
// "payments.payer" and "listings.List", after it has handled it if after is set. It
// returns a function that reports whether that has happened.
func (r *Rig) Trap(kind, message string, after bool) (sprung func() bool) {
	name := fmt.Sprint(kind, " ", message, " ", after)
	r.traps.mu.Lock()
	defer r.traps.mu.Unlock()
	if r.traps.set == nil {
		r.traps.set = map[string]bool{}
	}
	r.traps.set[name] = true
	return func() bool {
		r.traps.mu.Lock()
		defer r.traps.mu.Unlock()
		return !r.traps.set[name]
	}
}

func (t *traps) spring(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		before := t.holds(ctx.Actor(), env.Message, false)
		after := t.holds(ctx.Actor(), env.Message, true)
		if before {
			panic("clienttest: a trap")
		}
		next(ctx, env)
		if after {
			panic("clienttest: a trap")
		}
	}
}

// holds springs a trap if there is one.
func (t *traps) holds(who actor.Actor, message any, after bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.set) == 0 {
		return false
	}
	name := fmt.Sprintf("%T %T %t", who, message, after)
	if name[0] == '*' {
		name = name[1:]
	}
	if !t.set[name] {
		return false
	}
	t.set[name] = false
	return true
}
