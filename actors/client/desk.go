package client

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/deposits"
	"minimint/actors/client/listings"
	"minimint/actors/client/orders"
	"minimint/actors/spawn"
)

// A follower waits for the end of an operation. It outlives an incarnation.
type follower struct {
	id uint64
	to *actor.PID
}

// order serves what actors outside the client ask for, see package orders.
func (u *userClient) order(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case orders.Begin:
		id, err := u.named(ctx, m.Op)
		ctx.Respond(orders.Begun{Reference: m.Op.GetReference(), ID: id, Err: err})
	case orders.Follow:
		u.follow(ctx, follower{id: m.ID, to: ctx.Sender()})
	case orders.Recall:
		if _, err := u.cancel(ctx, m.ID); err != nil {
			u.w.Log.Info("nothing to turn round", slog.Uint64("operation", m.ID), slog.Any("reason", err))
		}
	case orders.Ask, orders.Forget:
		ctx.Forward(u.inquirer)
	case deposits.Made:
		u.answer(ctx, answer{number: m.Key, id: m.ID, err: m.Err})
	case listings.List:
		u.answer(ctx, answer{number: m.Key, list: m, err: m.Err})
	}
}

// lost serves an order over which a former incarnation has failed. All can be put
// again, but Begin: it may have been the reason.
func (u *userClient) lost(ctx actor.Context, m *spawn.Lost) {
	switch lost := m.Message.(type) {
	case call:
		u.answer(ctx, answer{number: lost.number, err: ErrInterrupted})
	case orders.Begin:
		ctx.Respond(orders.Begun{Reference: lost.Op.GetReference(), Err: ErrInterrupted})
	default:
		u.order(ctx, lost)
	}
}

// named begins an operation unless there is one with its reference.
func (u *userClient) named(ctx actor.Context, op *clientwire.Operation) (uint64, error) {
	switch n := len(op.GetReference()); {
	case n == 0 || n > orders.MaxReference:
		return 0, fmt.Errorf("an order has a reference of 1 to %d bytes, not %d", orders.MaxReference, n)
	case strings.HasPrefix(op.GetReference(), orders.Own) != (op.GetParent() != 0):
		return 0, fmt.Errorf("a reference begins with %q if, and only if, the operation has a parent", orders.Own)
	case op.GetId() != 0 || op.GetState() != clientwire.State_STATE_UNKNOWN:
		return 0, errors.New("an operation that is begun has no number and no state yet")
	}
	op = proto.CloneOf(op) // the asker may ask again with it
	err := u.w.Check(op)
	if kind := op.GetKind(); kind == clientwire.Kind_KIND_PAY || kind == clientwire.Kind_KIND_INVOICE {
		err = u.w.prepare(op)
	}
	if err != nil {
		return 0, err
	}
	return u.begin(ctx, op)
}

// follow has somebody told the end of an operation.
func (u *userClient) follow(ctx actor.Context, f follower) {
	if u.tell(ctx, f) {
		return
	}
	if !slices.ContainsFunc(*u.following, func(o follower) bool { return o.id == f.id && o.to.Equal(f.to) }) {
		*u.following = append(*u.following, f)
	}
}

// tell tells a follower the end of an operation, and false if there is none yet.
func (u *userClient) tell(ctx actor.Context, f follower) bool {
	snap, err := u.w.Store.View()
	if err != nil { // nothing more will come of it
		ctx.Send(f.to, orders.Ended{ID: f.id, Parked: true})
		return true
	}
	defer snap.Release()
	switch op := book.Operation(snap, f.id); {
	case op == nil || u.stopped[f.id]:
		ctx.Send(f.to, orders.Ended{ID: f.id, Op: op, Parked: true})
	case op.GetState() != clientwire.State_STATE_PENDING:
		ctx.Send(f.to, orders.Ended{ID: f.id, Op: op})
	default:
		return false
	}
	return true
}

// news tells the followers of an operation if it has come to an end.
func (u *userClient) news(ctx actor.Context, id uint64) {
	*u.following = slices.DeleteFunc(*u.following, func(f follower) bool { return f.id == id && u.tell(ctx, f) })
}
