package payer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/buyer"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/seat"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/storage"
)

// agree writes what will be done, and does it. From the commit on the payment hash is
// this contract's, and only the node can end the payment.
func (p *payer) agree(ctx actor.Context, plan deal.Plan) {
	hash := plan.Invoice.Hash
	rec := &ledgerwire.Payment{
		Federation: p.seat.ID[:], Contract: p.contract[:], PaymentHash: hash[:], Invoice: plan.Invoice.Text,
		State: ledgerwire.PaymentState_PAYMENT_PAYING, AmountMsat: uint64(plan.Invoice.Amount),
		HeldMsat: uint64(p.looked.Status.Outgoing.Amount), MaxFeeMsat: uint64(plan.MaxFee), Deadline: plan.Deadline,
		Virtual: plan.Virtual, Tried: true, BeganMs: p.w.Time().UnixMilli(),
	}
	if plan.Virtual != 0 {
		rec.State = ledgerwire.PaymentState_PAYMENT_BUYING
	}
	cash := p.cash
	err := p.w.Update(func(tx storage.Tx) error {
		// Others may have begun since it was decided.
		if !deal.Bearable(seat.Terms(ledger.Federation(tx, p.seat.ID)), ledger.AtStake(tx, p.seat.ID)+cash, p.looked.Status.Outgoing.Amount) {
			return deal.ErrExposed
		}
		return ledger.Begin(tx, rec)
	})
	if err != nil {
		p.forfeit(ctx, err.Error())
		return
	}
	p.rec, p.started, p.told = rec, p.tick, p.tick
	if plan.Virtual != 0 {
		p.buy(ctx)
		return
	}
	p.again(ctx, *p.info)
}

// call asks the node something, unless it is being asked.
func (a *asking) call(ctx actor.Context, what ask, message any) {
	if a.ask == askNothing {
		a.ask = what
		ctx.Request(a.node, message)
	}
}

// again asks the node to pay, as long as it can be paid in time. The node takes a hash
// once, so asking again can do no harm. What makes it too late needs no node that knows the
// newest block: heights, like time, only rise.
func (p *payer) again(ctx actor.Context, m caller.InfoResult) {
	plan, err := planOf(p.rec, p.w.Network)
	if err != nil {
		panic(fmt.Sprintf("gateway: stored invoice: %v", err))
	}
	delay, err := plan.MaxDelay(m.Info.Height) // an error has height 0, by which it is never too late
	if err != nil || !p.w.Time().Before(plan.Invoice.Until) || p.tick-p.started > patience {
		// It can no longer be begun. Until it is certain that it was not, it is under way.
		if p.vanished(p.tick) {
			p.forfeit(ctx, "the gateway's Lightning node did not begin the payment in time")
		}
		return
	}
	if m.Err != nil || !m.Info.Synced {
		return // at a tick it is looked at again
	}
	p.tried = p.tick
	p.call(ctx, askPay, caller.PayCall{Order: lnnode.Order{
		Invoice: p.rec.GetInvoice(), Hash: messages.Digest(p.rec.GetPaymentHash()), MaxFee: messages.Amount(p.rec.GetMaxFeeMsat()),
		MaxDelay: delay, Patience: payPatience,
	}})
}

// planOf is the plan of a record.
func planOf(rec *ledgerwire.Payment, network *chaincfg.Params) (deal.Plan, error) {
	inv, err := bolt11.Read(rec.GetInvoice(), network)
	return deal.Plan{Invoice: inv, Deadline: rec.GetDeadline()}, err
}

// paid takes the answer to Pay: only a refusal says anything. After any other error the
// payment may be under way, so it is looked for at a tick (H82).
func (p *payer) paid(ctx actor.Context, err error) {
	p.ask = askNothing
	refused := errors.Is(err, lnnode.ErrRefused) || err != nil && mutant.Removed(mutant.OnlyNodeEnds)
	if refused && p.rec.GetState() == ledgerwire.PaymentState_PAYMENT_PAYING {
		p.forfeit(ctx, err.Error())
		return
	}
	if err == nil || p.news {
		p.look(ctx)
	}
}

// look asks how the payment stands.
func (p *payer) look(ctx actor.Context) {
	if p.rec.GetState() == ledgerwire.PaymentState_PAYMENT_PAYING && p.ask == askNothing {
		p.news = false
		p.call(ctx, askLook, caller.LookCall{Hash: messages.Digest(p.rec.GetPaymentHash())})
	}
}

// found takes what the node says of the payment. Its word is final for Failed and, with
// the preimage, for Succeeded; all else means that it is under way.
func (p *payer) found(ctx actor.Context, m caller.LookResult) {
	p.ask = askNothing
	if p.rec.GetState() != ledgerwire.PaymentState_PAYMENT_PAYING {
		return
	}
	if m.Err == nil && m.Payment.State != lnnode.Unknown {
		p.missing = 0
	}
	switch {
	case m.Err != nil: // at a tick again
	case m.Payment.State == lnnode.Succeeded && terms.Reveals(m.Payment.Preimage[:], messages.Digest(p.rec.GetPaymentHash())):
		p.reveal(ctx, m.Payment.Preimage, m.Payment.Fee)
		return
	case m.Payment.State == lnnode.Succeeded:
		p.w.Log.Error("the Lightning node calls a payment paid and has no preimage of it", slog.String("payment", hex.EncodeToString(p.rec.GetPaymentHash())))
	case m.Payment.State == lnnode.Failed:
		p.forfeit(ctx, m.Payment.Reason)
		return
	case m.Payment.State == lnnode.Unknown:
		p.call(ctx, askInfo, caller.InfoCall{})
	}
	if p.news {
		p.look(ctx)
	}
}

// vanished reports, at a look by which the node knows nothing of the payment, whether two
// such looks lie apart, and the last call to pay too.
func (a *asking) vanished(tick int) bool {
	if a.missing == 0 {
		a.missing = tick
	}
	return tick-a.missing >= apartTicks && tick-a.tried >= apartTicks
}

// reveal takes the preimage, from wherever it came.
func (p *payer) reveal(ctx actor.Context, preimage lnnode.Preimage, routing messages.Amount) {
	p.rec.State, p.rec.Preimage, p.rec.RoutingMsat = ledgerwire.PaymentState_PAYMENT_PAID, preimage[:], uint64(routing)
	p.w.Write(func(tx storage.Tx) { ledger.PutPayment(tx, p.rec) })
	ctx.Send(p.w.Top, Standing{p.contract})
	p.claim(ctx)
}

// forfeit signs the contract away, in the ledger first. It must not be called once the
// node may still pay.
func (p *payer) forfeit(ctx actor.Context, reason string) {
	f, err := terms.Forgo(p.seat.ID, p.contract, p.seat.Ring.Gateway())
	if err != nil {
		panic(fmt.Sprintf("gateway: %v", err))
	}
	p.w.Write(func(tx storage.Tx) {
		rec := p.rec
		if rec == nil {
			o := p.looked.Status.Outgoing
			rec = &ledgerwire.Payment{
				Federation: p.seat.ID[:], Contract: p.contract[:], PaymentHash: o.PaymentHash[:], HeldMsat: uint64(o.Amount), BeganMs: p.w.Time().UnixMilli(),
			}
		}
		rec.State, rec.Forfeit, rec.Reason, rec.EndedMs = ledgerwire.PaymentState_PAYMENT_FORFEITED, f.Signature[:], ledger.Reason(reason), p.w.Time().UnixMilli()
		if p.rec == nil {
			_ = ledger.Begin(tx, rec) // it takes no hash, so it cannot fail
		} else {
			ledger.PutPayment(tx, rec)
		}
		ledger.Count(tx, p.seat.ID[:], func(t *ledgerwire.Totals) { t.Forfeited++ })
		p.rec = rec
	})
	p.w.Log.Info("payment is forfeited", slog.String("contract", p.contract.String()), slog.String("reason", reason))
	ctx.Send(p.w.Top, Standing{p.contract})
	ctx.Stop(ctx.Self())
}

// buy has the offer bought.
func (p *payer) buy(ctx actor.Context) {
	p.told = p.tick
	ctx.Request(p.w.Top, buyer.Buy{
		Virtual: p.rec.GetVirtual(), Hash: messages.Digest(p.rec.GetPaymentHash()), Contract: p.contract, Payer: p.seat.ID,
		Amount: messages.Amount(p.rec.GetAmountMsat()), Expiry: p.rec.GetDeadline() + deal.Margin,
	})
}

func (p *payer) bought(ctx actor.Context, m buyer.Bought) {
	switch {
	case p.rec.GetState() != ledgerwire.PaymentState_PAYMENT_BUYING:
	case m.Preimage == nil:
		p.forfeit(ctx, m.Reason)
	case terms.Reveals(m.Preimage[:], messages.Digest(p.rec.GetPaymentHash())):
		p.reveal(ctx, *m.Preimage, 0)
	}
}

// claim takes the contract's money, at once: the contract's margin is for a federation
// that is slow, and not for us.
func (p *payer) claim(ctx actor.Context) {
	p.told = p.tick
	in := terms.Input{Contract: p.contract, Way: terms.Preimage, Key: p.seat.Key(), Preimage: [32]byte(p.rec.GetPreimage())}
	ctx.Request(p.seat.Client, seat.Order{Op: &clientwire.Operation{
		Kind: clientwire.Kind_KIND_REDEEM, Reference: "gateway/pay/" + p.contract.String() + "/claim", AmountMsat: p.rec.GetHeldMsat(),
		Redeem: &clientwire.Redeem{Input: in.Encode(), AmountMsat: p.rec.GetHeldMsat(), Gateway: true},
	}})
}

// ended takes the end of the claim. One that has failed for ever means that the money is
// gone, for whatever reason: that is a loss, which the operator has to see.
func (p *payer) ended(ctx actor.Context, m seat.Ended) {
	if p.rec.GetState() != ledgerwire.PaymentState_PAYMENT_PAID || m.Err != nil {
		return // at a tick it is tried again
	}
	rec := p.rec
	rec.EndedMs = p.w.Time().UnixMilli()
	if m.Op.GetState() == clientwire.State_STATE_DONE {
		rec.State, rec.CostMsat = ledgerwire.PaymentState_PAYMENT_CLAIMED, m.Op.GetFeeMsat()
	} else {
		rec.State, rec.Reason = ledgerwire.PaymentState_PAYMENT_LOST, ledger.Reason(m.Op.GetText())
		p.w.Log.Error("an invoice was paid and its contract cannot be claimed", slog.String("contract", p.contract.String()), slog.String("reason", rec.GetReason()))
	}
	p.w.Write(func(tx storage.Tx) {
		ledger.PutPayment(tx, rec)
		ledger.Count(tx, p.seat.ID[:], func(t *ledgerwire.Totals) {
			if rec.GetState() == ledgerwire.PaymentState_PAYMENT_LOST {
				t.LostMsat += rec.GetHeldMsat()
				return
			}
			t.Sent, t.SentMsat = t.GetSent()+1, t.GetSentMsat()+rec.GetAmountMsat()
			t.FeesMsat, t.RoutingMsat = t.GetFeesMsat()+rec.GetHeldMsat()-rec.GetAmountMsat(), t.GetRoutingMsat()+rec.GetRoutingMsat()
		})
	})
	ctx.Stop(ctx.Self())
}
