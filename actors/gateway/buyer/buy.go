package buyer

import (
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/seat"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/storage"
)

// fund buys the offer, in one transaction with its announcement if nobody has announced
// it. The operation is a function of the record: begun again, it is the same one.
func (b *buyer) fund(ctx actor.Context) {
	op := &clientwire.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: reference("buy", b.offer.ID(b.seat.ID), b.rec), AmountMsat: uint64(b.offer.Amount), Fund: &clientwire.Fund{}}
	if b.rec.GetAnnounce() {
		op.Fund.Outputs = append(op.Fund.Outputs, &clientwire.Piece{Body: terms.Output{Offer: b.offer}.Encode()})
	}
	purchase := terms.Output{Purchase: &terms.Purchase{Offer: b.offer.ID(b.seat.ID), RefundKey: refundKey(b.seat.Ring, b.rec)}}
	op.Fund.Outputs = append(op.Fund.Outputs, &clientwire.Piece{Body: purchase.Encode(), AmountMsat: uint64(b.offer.Amount)})
	ctx.Request(b.seat.Client, seat.Order{Op: op})
}

// ended takes the end of buying or fetching.
func (b *buyer) ended(ctx actor.Context, m seat.Ended) {
	done := m.Op.GetState() == clientwire.State_STATE_DONE
	switch {
	case m.Err != nil:
		b.w.Log.Warn("the client refuses an order", slog.String("order", m.Reference), slog.Any("error", m.Err))
	case m.Reference == reference("buy", b.offer.ID(b.seat.ID), b.rec) && b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING:
		b.failed = !done
		if done {
			b.rec.CostMsat = m.Op.GetFeeMsat()
			// What members' shares open is what consensus will find, if it ever gets that
			// far before the forwards end (H27).
			if p := m.Op.GetFund().GetPreimage(); terms.Reveals(p, b.hash) {
				b.rec.Preimage, b.rec.Reason, b.looking = p, "", false
				b.over(ctx, ledgerwire.PurchaseState_PURCHASE_VALID)
				return
			}
		} else { // nothing was bought by it, and never will be; perhaps somebody else was faster
			b.rec.Reason = ledger.Reason(m.Op.GetText())
		}
		b.look(ctx, nil)
	case m.Reference == reference("fetch", b.offer.ID(b.seat.ID), b.rec) && b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_INVALID:
		b.rec.CostMsat += m.Op.GetFeeMsat()
		if !done {
			b.w.Log.Error("the price of a worthless offer cannot be fetched", slog.String("reason", m.Op.GetText()))
			b.rec.Reason = ledger.Reason(m.Op.GetText())
		}
		b.over(ctx, ledgerwire.PurchaseState_PURCHASE_RETURNED)
	}
}

// follow takes the state of an offer that may be bought, until it tells how that ended.
func (b *buyer) follow(ctx actor.Context, m seat.Looked) {
	// A key of ours in the contract means that our transaction was accepted, unless the
	// client has said that it never will be.
	mine := !b.rec.GetFree() && !b.failed && m.Status.RefundKey == refundKey(b.seat.Ring, b.rec)
	switch m.Status.State {
	case lightningwire.State_STATE_VALID, lightningwire.State_STATE_CLAIMED:
		// The reader of the answer has checked that a preimage is that of the hash.
		if m.Status.Preimage == nil {
			b.look(ctx, &m.Raw)
			return
		}
		b.rec.Preimage, b.rec.Free, b.rec.Reason = m.Status.Preimage[:], !mine, ""
		b.over(ctx, ledgerwire.PurchaseState_PURCHASE_VALID)
	case lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED:
		b.rec.Reason = "the offer holds no preimage"
		if !mine {
			b.over(ctx, ledgerwire.PurchaseState_PURCHASE_RETURNED)
			return
		}
		b.over(ctx, ledgerwire.PurchaseState_PURCHASE_INVALID)
		b.fetch(ctx)
	case lightningwire.State_STATE_DECRYPTING:
		b.look(ctx, &m.Raw)
	default: // nobody has bought it
		if b.failed {
			b.again(ctx, m)
			return
		}
		b.look(ctx, &m.Raw) // who has just answered lags behind
	}
}

// again ends an attempt by which nothing was bought. Where somebody else has announced
// the offer meanwhile, the next one need not.
func (b *buyer) again(ctx actor.Context, m seat.Looked) {
	if b.rec.GetAnnounce() && m.Status.State == lightningwire.State_STATE_OFFERED && b.rec.GetAttempt() < maxAttempts && !deal.Urgent(b.rec.GetFailHeight(), max(b.height, b.agreed)) {
		b.rec.Attempt, b.rec.Announce, b.rec.Reason, b.failed = b.rec.GetAttempt()+1, false, "", false
		b.w.Write(func(tx storage.Tx) { ledger.PutPurchase(tx, b.rec) })
		b.goOn(ctx)
		return
	}
	b.over(ctx, ledgerwire.PurchaseState_PURCHASE_FAILED)
}

// over writes what has come out, and tells everybody.
func (b *buyer) over(ctx actor.Context, state ledgerwire.PurchaseState) {
	rec := b.rec
	rec.State, rec.EndedMs = state, b.w.Time().UnixMilli()
	b.w.Write(func(tx storage.Tx) {
		ledger.PutPurchase(tx, rec)
		if state == ledgerwire.PurchaseState_PURCHASE_VALID && len(rec.GetCircuits()) > 0 {
			ledger.Count(tx, b.seat.ID[:], func(t *ledgerwire.Totals) {
				price := rec.GetOffer().GetAmountMsat()
				t.Received, t.ReceivedMsat, t.FeesMsat = t.GetReceived()+1, t.GetReceivedMsat()+price, t.GetFeesMsat()+rec.GetInMsat()-price
			})
		}
	})
	b.settle(ctx)
}

// settle answers forwards and payers as the record says. It may be called at any time and
// as often as one likes: a final record has one answer for each of them.
func (b *buyer) settle(ctx actor.Context) {
	state := b.rec.GetState()
	if state == ledgerwire.PurchaseState_PURCHASE_UNKNOWN || state == ledgerwire.PurchaseState_PURCHASE_BUYING {
		b.giveBack(ctx)
		return
	}
	var preimage *lnnode.Preimage
	if state == ledgerwire.PurchaseState_PURCHASE_VALID {
		preimage = (*lnnode.Preimage)(b.rec.GetPreimage())
	}
	for _, c := range b.rec.GetCircuits() { // also those that no list has shown for a while
		if at := (lnnode.Circuit{Channel: c.GetChannel(), HTLC: c.GetHtlc()}); !b.closed {
			b.reply(ctx, at, preimage)
		}
	}
	b.closed = true
	rest := b.held[:0]
	for _, f := range b.held {
		switch named := names(b.rec, f.Circuit); {
		case named:
			b.reply(ctx, f.Circuit, preimage)
		case state != ledgerwire.PurchaseState_PURCHASE_FAILED || slices.Contains(b.spent, f.Circuit):
			b.reply(ctx, f.Circuit, nil)
		default:
			rest = append(rest, f)
		}
	}
	b.held = rest
	if b.wish == nil {
		return
	}
	switch mine := string(b.rec.GetContract()) == string(b.wish.Contract[:]); {
	case preimage != nil && mine:
		ctx.Send(b.wisher, Bought{Preimage: preimage})
	case mine || state != ledgerwire.PurchaseState_PURCHASE_FAILED:
		ctx.Send(b.wisher, Bought{Reason: why(b.rec)})
	default:
		return
	}
	b.wish, b.wisher = nil, nil
}

// why tells a payer why the offer is not bought for it.
func why(rec *ledgerwire.Purchase) string {
	if r := rec.GetReason(); r != "" {
		return r
	}
	return "the recipient was paid by somebody else"
}

// fetch takes the price of a worthless offer back, once (V11): the operation's name is that
// of the attempt.
func (b *buyer) fetch(ctx actor.Context) {
	in := terms.Input{Contract: b.offer.ID(b.seat.ID), Way: terms.Return, Key: refundKey(b.seat.Ring, b.rec)}
	ctx.Request(b.seat.Client, seat.Order{Op: &clientwire.Operation{
		Kind: clientwire.Kind_KIND_REDEEM, Reference: reference("fetch", b.offer.ID(b.seat.ID), b.rec), AmountMsat: uint64(b.offer.Amount),
		Redeem: &clientwire.Redeem{Input: in.Encode(), AmountMsat: uint64(b.offer.Amount), KeyIndex: b.rec.GetKeyIndex()},
	}})
}
