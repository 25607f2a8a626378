package client

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/recovery"
	"minimint/actors/client/restore"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/storage"
)

// MintClient is the actor that owns the notes: only it takes some out of the
// store or puts some in, always together with the record that says why.
//
//	accepts  carrier.Load, Prepare, Settle and Release, and restore.Adopt, from operations
//	sends    the answers to who asked, or carrier.Lost, carrier.Changed to UserClient
//
// Should it fail over a request, the operation is told, and begins anew.
//
// While nobody asks it grinds tweaks, a few at a time, so that transactions do
// not have to wait for one.
type mintClient struct{ w *world }

const (
	stock      = 4       // tweaks that are kept ready
	grindTries = 1 << 12 // in one go, a millisecond
)

// grind is what MintClient sends to itself.
type grind struct{}

// Receive implements actor.Actor.
func (m *mintClient) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(ctx.Self(), grind{})
	case grind:
		m.grind(ctx)
	case *spawn.Lost:
		switch msg.Message.(type) {
		case carrier.Load, carrier.Prepare, carrier.Settle, carrier.Release, restore.Adopt:
			ctx.Respond(carrier.Lost{})
		}
	case carrier.Load:
		snap, err := m.w.Store.View()
		if err != nil { // no answer will be better
			ctx.Respond(carrier.Lost{})
			return
		}
		defer snap.Release()
		ctx.Respond(carrier.Loaded{Op: book.Operation(snap, msg.ID)})
	case carrier.Prepare:
		m.prepare(ctx, msg)
	case carrier.Settle:
		msg.Op.EndedMs = m.w.nowMs()
		m.w.Update(func(tx storage.Tx) { m.w.Purse.Settle(tx, msg.Op, msg.Harvest) })
		m.tell(ctx, msg.Op, carrier.Settled{Op: msg.Op})
	case carrier.Release:
		msg.Op.EndedMs = m.w.nowMs()
		m.w.Update(func(tx storage.Tx) { m.w.Purse.Release(tx, msg.Op, msg.Doubtful) })
		m.tell(ctx, msg.Op, carrier.Settled{Op: msg.Op})
	case restore.Adopt:
		if msg.Op.GetState() != clientwire.State_STATE_PENDING {
			msg.Op.EndedMs = m.w.nowMs()
		}
		m.w.Update(func(tx storage.Tx) { recovery.Adopt(tx, msg.Op, msg.Notes) })
		m.tell(ctx, msg.Op, restore.Adopted{Op: msg.Op})
	}
}

func (m *mintClient) tell(ctx actor.Context, op *clientwire.Operation, answer any) {
	ctx.Send(m.w.User, carrier.Changed{ID: op.GetId()})
	if op.GetParent() != 0 {
		ctx.Send(m.w.User, carrier.Changed{ID: op.GetParent()})
	}
	ctx.Respond(answer)
}

// prepare makes an attempt. A spend whose notes are there ends at once.
func (m *mintClient) prepare(ctx actor.Context, msg carrier.Prepare) {
	op := msg.Op
	done := false
	err := m.w.TryUpdate(func(tx storage.Tx) error {
		if op.GetKind() == clientwire.Kind_KIND_SPEND && len(op.GetAttempts()) == 0 {
			op.EndedMs = m.w.nowMs()
			if done = m.w.Purse.HandOver(tx, op, messages.Amount(op.GetAmountMsat())); done {
				return nil
			}
			op.EndedMs = 0
		}
		return m.w.Purse.Prepare(tx, op, msg.Order)
	})
	switch {
	case err != nil:
		ctx.Respond(carrier.Refused{Op: op, Err: err})
	case done:
		m.tell(ctx, op, carrier.Settled{Op: op})
	default:
		ctx.Send(ctx.Self(), grind{})
		m.tell(ctx, op, carrier.Prepared{Op: op})
	}
}

// grind looks for one tweak for a moment, and comes back if more are wanted.
func (m *mintClient) grind(ctx actor.Context) {
	snap, err := m.w.Store.View()
	if err != nil { // whoever needs a tweak will say so
		return
	}
	have := book.Tweaks(snap)
	snap.Release()
	if have >= stock {
		return
	}
	t, ok, err := m.w.Ring.Grind(m.w.rand, grindTries)
	if err != nil {
		panic(fmt.Sprintf("client: %v", err))
	}
	if ok {
		m.w.Update(func(tx storage.Tx) { book.AddTweak(tx, t) })
	}
	ctx.Send(ctx.Self(), grind{})
}
