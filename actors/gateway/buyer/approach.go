package buyer

import (
	"errors"
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/orders"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/seat"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/messages"
	"minimint/storage"
)

// approach is what is known before anything is begun.
type approach struct {
	step    step
	stepped int    // tick of the last one
	news    bool   // there was some during a step
	height  uint32 // of the node, when it was last asked
	agreed  uint32 // of the federation
}

// A step towards a purchase: the node is asked what it holds now, then how high the chain
// is, and the federation how the offer stands.
type step int

const (
	stepNone step = iota
	stepHeld
	stepHeight
	stepLook
)

// consider looks at what the node holds, to answer it or to buy.
func (b *buyer) consider(ctx actor.Context) {
	if b.step != stepNone {
		b.news = true
		return
	}
	if b.offer == nil {
		b.w.View(func(r storage.Reader) { b.offer = ledger.Offer(r, b.seat.ID, b.hash) })
	}
	b.step, b.stepped, b.news = stepHeld, b.tick, false
	ctx.Request(b.node, caller.HeldCall{})
}

// holds takes what the node holds now. A list that is older may name forwards that have
// been given back since; to buy for these would be to pay for nothing.
func (b *buyer) holds(ctx actor.Context, m caller.HeldResult) {
	if b.step != stepHeld {
		return
	}
	b.step = stepNone
	if m.Err != nil {
		return // at a tick again, or when there is news
	}
	if len(b.held) == 0 {
		b.since = b.tick
	}
	b.held = slices.DeleteFunc(slices.Clone(m.Forwards), func(f lnnode.Forward) bool { return f.Hash != b.hash || f.Virtual != b.virtual })
	b.settle(ctx)
	if b.offer == nil {
		b.refuse(ctx, "nobody waits for this payment")
		return
	}
	if startable(b.rec) && (b.wish != nil || len(b.held) > 0) {
		b.step, b.stepped = stepHeight, b.tick
		ctx.Request(b.node, caller.InfoCall{})
	}
}

// startable reports whether a purchase could be begun.
func startable(rec *ledgerwire.Purchase) bool {
	return rec == nil || rec.GetState() == ledgerwire.PurchaseState_PURCHASE_FAILED
}

// informed learns the height: before anything is begun, and later to see whether the
// purchase has become dangerous.
func (b *buyer) informed(ctx actor.Context, m caller.InfoResult) {
	if m.Err == nil {
		b.height = m.Info.Height
	}
	switch {
	case b.step == stepHeight && m.Err != nil:
		b.step = stepNone // at a tick again
	case b.step == stepHeight:
		b.step = stepLook
		b.look(ctx, nil)
	case b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING && m.Err == nil && deal.Urgent(b.rec.GetFailHeight(), max(b.height, b.agreed)):
		ctx.Send(b.seat.Client, seat.Recall{Reference: reference("buy", b.offer.ID(b.seat.ID), b.rec)})
	}
}

// look asks the federation for the offer.
func (b *buyer) look(ctx actor.Context, known *orders.Answer) {
	b.looking = true
	ctx.Request(b.seat.Client, seat.LookFor{Contract: b.offer.ID(b.seat.ID), Known: known})
}

// looked takes what the federation says of the offer.
func (b *buyer) looked(ctx actor.Context, m seat.Looked) {
	if !b.looking { // a former question was answered after all
		return
	}
	b.looking = false
	b.agreed = max(b.agreed, m.Height)
	first := b.step == stepLook
	if first {
		b.step = stepNone
	}
	switch {
	case m.Err != nil || m.Raw.Code != 0 && m.Raw.Code != messages.RejectContractUnknown:
		// Members that give no sensible answer alike are more than F; at a tick again.
		b.w.Log.Warn("an offer cannot be looked at", slog.Any("error", m.Err), slog.String("text", m.Raw.Text))
	case first && startable(b.rec):
		b.begin(ctx, m)
		if b.news && startable(b.rec) {
			b.consider(ctx)
		}
	case b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING:
		b.follow(ctx, m)
	}
}

// begin decides over the purchase, with the contract as it is.
func (b *buyer) begin(ctx actor.Context, m seat.Looked) {
	// The forwards are those that the node held a moment ago, after all of this actor's
	// answers. They cannot have gone since: a payer can take none back before its end.
	err := b.worth()
	var later *deal.Later
	switch {
	case errors.As(err, &later) && b.tick-b.since < partsTicks:
		return
	case err != nil:
		b.refuse(ctx, err.Error())
		return
	}
	rec := b.fresh()
	switch m.Status.State {
	case lightningwire.State_STATE_UNKNOWN: // the usual case: users announce nothing
		rec.Announce = true
	case lightningwire.State_STATE_OFFERED:
	case lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED:
		b.refuse(ctx, "the offer holds no preimage")
		return
	default: // somebody else has bought it, and paid the user
		rec.Free = true
	}
	b.w.Write(func(tx storage.Tx) {
		if !rec.Free {
			rec.KeyIndex = ledger.TakeKey(tx, b.seat.ID)
		}
		ledger.PutPurchase(tx, rec)
	})
	b.rec, b.failed, b.closed, b.told = rec, false, false, b.tick
	if rec.Free {
		b.follow(ctx, m)
		return
	}
	b.fund(ctx)
}

// worth decides whether what came is worth the offer.
func (b *buyer) worth() error {
	if b.wish != nil { // the payer has seen to it that its contract pays for the offer
		switch {
		case b.wish.Amount < b.offer.Amount:
			return &deal.Never{Reason: "the invoice asks for less than its offer"}
		case b.offer.Expiry <= b.agreed+1:
			return &deal.Never{Reason: "the recipient's offer has expired"}
		case deal.Urgent(b.wish.Expiry, max(b.height, b.agreed)):
			return &deal.Never{Reason: "the contract expires too soon"}
		}
		return nil
	}
	s := deal.Sale{Offer: *b.offer, Forwards: b.held, Height: b.height, Agreed: b.agreed}
	b.w.View(func(r storage.Reader) { s.Terms = seat.Terms(ledger.Federation(r, b.seat.ID)) })
	return deal.Incoming(s)
}

// fresh is the record of an attempt.
func (b *buyer) fresh() *ledgerwire.Purchase {
	rec := &ledgerwire.Purchase{
		Federation: b.seat.ID[:], Offer: b.offer.Wire(), State: ledgerwire.PurchaseState_PURCHASE_BUYING,
		Attempt: b.rec.GetAttempt() + 1, Number: b.rec.GetNumber(), BeganMs: b.w.Time().UnixMilli(),
	}
	if b.wish != nil {
		rec.Contract, rec.Payer, rec.FailHeight = b.wish.Contract[:], b.wish.Payer[:], b.wish.Expiry
		return rec
	}
	for i, f := range b.held {
		rec.Circuits = append(rec.Circuits, &ledgerwire.Circuit{Channel: f.Channel, Htlc: f.HTLC})
		rec.InMsat += uint64(f.In)
		if end := min(f.Expiry, f.AutoFail); i == 0 || end < rec.FailHeight {
			rec.FailHeight = end
		}
	}
	return rec
}

// refuse gives back what waits for a purchase that will not be. Nothing is written:
// nothing was begun.
func (b *buyer) refuse(ctx actor.Context, reason string) {
	if b.wish != nil {
		ctx.Send(b.wisher, Bought{Reason: reason})
		b.wish, b.wisher = nil, nil
		return
	}
	if len(b.held) == 0 {
		return
	}
	b.w.Log.Info("forwards are given back", slog.String("payment", b.hash.String()), slog.String("reason", reason))
	for _, f := range b.held {
		b.reply(ctx, f.Circuit, nil)
	}
	b.held = nil
}
