package payments

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/listings"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/mutant"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/timing"
)

// payer is the actor that carries one PAY.
//
//	accepts  listings.List from LnClient, orders.Begun, Ended and Answer from UserClient, Heard
//	         from the gateway, carrier.Recall, timing.Tick
//	sends    listings.Wanted, orders.Begin, Follow, Ask and Recall, requests to the gateway
//
// Its steps are those of clientwire.PayStep. It ends in one of two ways: with the
// preimage, or with the money back (or never gone).
type payer struct {
	trade
	invoice bolt11.Invoice
	search  *search // for an offer, while the payment is planned
	// looking says that what was to be funded is there already, and is looked at.
	looking bool
}

// NewPayer returns the producer of the payer of a stored operation.
func NewPayer(w *World, id uint64) actor.Producer {
	return func() actor.Actor { return &payer{trade: trade{w: w, id: id}} }
}

// Receive implements actor.Actor.
func (p *payer) Receive(ctx actor.Context) { p.receive(ctx, p.start, p.handle) }

func (p *payer) handle(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *timing.Tick:
		p.tick(ctx)
	case listings.List:
		p.listed(ctx, m)
	case orders.Ended:
		p.ended(ctx, m)
	case orders.Answer:
		p.answer(ctx, m)
	case Heard:
		p.heard(ctx, m)
	case carrier.Recall:
		p.recall(ctx)
	case *spawn.Lost:
		if _, ok := m.Message.(carrier.Recall); ok { // the user wishes it once
			p.recall(ctx)
		}
	}
}

func (p *payer) pay() *clientwire.Pay { return p.op.GetPay() }

// start goes on from the record.
func (p *payer) start(ctx actor.Context) {
	var err error
	p.invoice, err = bolt11.Read(p.pay().GetInvoice(), p.w.Network)
	mustRead(err)
	p.step(ctx)
}

// step does what the record says comes next; it can be repeated.
func (p *payer) step(ctx actor.Context) {
	switch p.pay().GetStep() {
	case clientwire.PayStep_PAY_STEP_PLAN:
		ctx.Request(p.w.Ln, listings.Wanted{})
	case clientwire.PayStep_PAY_STEP_FUND:
		p.fund(ctx)
	case clientwire.PayStep_PAY_STEP_WAIT:
		p.await(ctx)
	case clientwire.PayStep_PAY_STEP_REFUND:
		p.await(ctx)
		p.begin(ctx, p.refundPart())
	}
}

func (p *payer) tick(ctx actor.Context) {
	step, gateway := p.trade.tick(ctx)
	if step {
		p.step(ctx)
	}
	waiting := p.pay().GetStep() == clientwire.PayStep_PAY_STEP_WAIT && p.pay().GetOffer() == nil
	if gateway && waiting {
		p.askGateway(ctx)
	}
	if p.pay().GetStep() == clientwire.PayStep_PAY_STEP_WAIT && p.pay().GetOffer() != nil &&
		p.paid(ctx, p.part(p.fundReference()).GetFund().GetPreimage()) { // members that were late have told their shares
		return
	}
	if p.search != nil && p.search.told {
		p.search.ticks++
		p.decide(ctx)
	}
	if waiting {
		p.askHeight(ctx)
	}
}

// listed plans the payment, or sees whether its contract has expired.
func (p *payer) listed(ctx actor.Context, l listings.List) {
	p.height = max(p.height, l.Height)
	switch p.pay().GetStep() {
	case clientwire.PayStep_PAY_STEP_PLAN:
		if p.search == nil {
			p.plan(ctx, l)
		}
	case clientwire.PayStep_PAY_STEP_WAIT:
		if p.pay().GetOffer() == nil && p.height >= p.pay().GetExpiry() && !mutant.Removed(mutant.RefundAtExpiry) {
			p.refund(ctx, fmt.Sprintf("it was not paid before height %d", p.pay().GetExpiry()))
		}
	default:
	}
}

// ended takes the end of a part.
func (p *payer) ended(ctx actor.Context, m orders.Ended) {
	switch {
	case m.Parked: // so is this
		p.w.Log.Warn("a part of a payment has stopped")
		ctx.Stop(ctx.Self())
	case m.Op.GetReference() == p.fundReference() && p.pay().GetStep() == clientwire.PayStep_PAY_STEP_FUND:
		p.funded(ctx, m.Op)
	case m.Op.GetKind() == clientwire.Kind_KIND_REDEEM && p.pay().GetStep() == clientwire.PayStep_PAY_STEP_REFUND:
		p.refunded(ctx, m.Op)
	}
}

// funded goes on when the money is in the contract, or could not be brought there.
func (p *payer) funded(ctx actor.Context, part *clientwire.Operation) {
	p.pay().Fund = part.GetId()
	switch {
	case part.GetState() == clientwire.State_STATE_DONE:
		if !p.paid(ctx, part.GetFund().GetPreimage()) {
			p.proceed(ctx)
		}
	case part.GetCode() == uint32(messages.RejectContractExists): // whoever has done that
		p.looking = true
		p.watch(ctx, p.contractID())
	default:
		p.op.Code, p.op.FeeMsat = part.GetCode(), part.GetFeeMsat() // it may have taken its notes back
		p.fail(ctx, part.GetCause(), part.GetText())
	}
}

// proceed asks for the preimage, and then writes that it does.
func (p *payer) proceed(ctx actor.Context) {
	p.pay().Step, p.op.Text = clientwire.PayStep_PAY_STEP_WAIT, ""
	p.await(ctx)
	p.commit(ctx)
}

// await follows what becomes of the contract, and asks the gateway.
func (p *payer) await(ctx actor.Context) {
	p.watch(ctx, p.contractID())
	if p.pay().GetStep() == clientwire.PayStep_PAY_STEP_WAIT && p.pay().GetOffer() == nil {
		p.askGateway(ctx)
	}
}

// paid ends the operation if this is the preimage, which is proof of payment however
// it came.
func (p *payer) paid(ctx actor.Context, preimage []byte) bool {
	if !terms.Reveals(preimage, p.invoice.Hash) && !mutant.Removed(mutant.PreimageFits) {
		return false
	}
	p.pay().Preimage, p.op.Text, p.op.Code = preimage, "", 0
	p.op.FeeMsat = p.part(p.fundReference()).GetFeeMsat() + p.pay().GetGatewayFeeMsat()
	p.end(ctx, clientwire.State_STATE_DONE, p.experience(true))
	return true
}

// answer takes what the federation says of the contract, or of offers.
func (p *payer) answer(ctx actor.Context, m orders.Answer) {
	if m.Key == offersQuestion {
		p.offers(ctx, m)
		return
	}
	if s, ok := p.watched(ctx, m); ok {
		p.state(ctx, s)
	}
}

// state acts on the state of the contract.
func (p *payer) state(ctx actor.Context, s lightning.Status) {
	if p.looking {
		p.looked(ctx, s)
		return
	}
	refunding := p.pay().GetStep() == clientwire.PayStep_PAY_STEP_REFUND
	switch s.State {
	case stateValid, stateClaimed:
		if s.Preimage != nil {
			p.paid(ctx, s.Preimage[:])
		}
	case stateInvalid:
		if !refunding && !mutant.Removed(mutant.WorthlessReturned) {
			p.refund(ctx, "its offer was worthless: whoever made it did not know the preimage")
		}
	case stateRefunded, stateForfeited:
		if refunding { // by the part that is under way, unless that has failed
			part := p.part(p.refundPart().GetReference())
			if part.GetState() != clientwire.State_STATE_FAILED {
				return
			}
		}
		p.failRefunded(ctx, "another device with the same words has taken the money back")
	default:
	}
}

// looked goes on when what was to be funded was there already.
func (p *payer) looked(ctx actor.Context, s lightning.Status) {
	switch p.looking = false; {
	case p.pay().GetOffer() == nil: // somebody has paid our bill
		p.proceed(ctx)
		p.state(ctx, s)
	case s.State == stateOffered && !p.pay().GetAnnounced():
		p.pay().Announced = true
		p.commit(ctx)
		p.fund(ctx)
	case s.State == stateOffered: // that was an older state
		p.looking = true
	default:
		p.fail(ctx, clientwire.Cause_CAUSE_INVOICE, "somebody else has paid this invoice; nothing was spent")
	}
}

// recall is the user's wish to have the money back. What is not spent yet stays;
// otherwise it is for the gateway, or the height, to say.
func (p *payer) recall(ctx actor.Context) {
	switch p.pay().GetStep() {
	case clientwire.PayStep_PAY_STEP_PLAN:
		p.fail(ctx, clientwire.Cause_CAUSE_CANCELLED, "cancelled before anything was sent")
	case clientwire.PayStep_PAY_STEP_FUND:
		if part := p.part(p.fundReference()); part != nil {
			ctx.Send(p.w.User, orders.Recall{ID: part.GetId()})
		}
	case clientwire.PayStep_PAY_STEP_WAIT:
		p.failures = 0
		p.await(ctx)
		ctx.Request(p.w.Ln, listings.Wanted{})
	case clientwire.PayStep_PAY_STEP_REFUND:
	}
}
