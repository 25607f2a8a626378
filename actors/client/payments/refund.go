package payments

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// refund begins to take the money back, for a reason.
func (p *payer) refund(ctx actor.Context, reason string) {
	p.pay().Step, p.pay().Reason = clientwire.PayStep_PAY_STEP_REFUND, reason
	p.op.Text = "the money is being taken back: " + reason
	p.commit(ctx)
	p.begin(ctx, p.refundPart())
}

// refundPart is the part that takes the money back.
func (p *payer) refundPart() *clientwire.Operation {
	pay := p.pay()
	in := terms.Input{Contract: p.contractID(), Key: p.userKey()}
	amount := uint64(0)
	switch {
	case pay.GetOffer() != nil:
		in.Way, amount = terms.Return, uint64(readOffer(pay.GetOffer()).Amount)
	case pay.GetForfeit() != nil:
		o := readOutgoing(pay.GetOutgoing())
		in.Way, amount = terms.Forfeited, uint64(o.Amount)
		in.Forfeit = terms.Forfeit{Gateway: o.GatewayKey, Signature: [schnorr.SignatureSize]byte(pay.GetForfeit())}
	default:
		in.Way, amount = terms.Expired, uint64(readOutgoing(pay.GetOutgoing()).Amount)
	}
	return p.redeem(p.reference("refund/"+in.Way.String()), in, amount, pay.GetKeyIndex())
}

// refunded ends the operation when the money is back. If it is not, somebody else has
// it: the gateway, which has shown the preimage for it, or another device of the user.
func (p *payer) refunded(ctx actor.Context, part *clientwire.Operation) {
	p.pay().Refund = part.GetId()
	switch {
	case part.GetState() == clientwire.State_STATE_DONE:
		p.failRefunded(ctx, p.pay().GetReason())
	case part.GetCode() == uint32(messages.RejectContractClosed):
		if p.status != nil {
			p.state(ctx, *p.status)
		} // otherwise its state is on its way
	case p.pay().GetForfeit() != nil:
		p.pay().Forfeit, p.pay().Step = nil, clientwire.PayStep_PAY_STEP_WAIT
		p.report(ctx, "the forfeit was of no use: %s", part.GetText())
		p.say(ctx, "the forfeit was of no use; the money comes back at height %d at the latest", p.pay().GetExpiry())
		p.later()
	default:
		p.fail(ctx, part.GetCause(), fmt.Sprintf("%s; the money could not be taken back: %s", p.pay().GetReason(), part.GetText()))
	}
}

// failRefunded ends a payment that was not made.
func (p *payer) failRefunded(ctx actor.Context, reason string) {
	p.op.FeeMsat = p.fees()
	p.fail(ctx, clientwire.Cause_CAUSE_REFUNDED, "refunded: "+reason, p.experience(false))
}

// fees is what the parts have cost.
func (p *payer) fees() uint64 {
	sum := p.part(p.fundReference()).GetFeeMsat()
	if p.pay().GetStep() == clientwire.PayStep_PAY_STEP_REFUND {
		sum += p.part(p.refundPart().GetReference()).GetFeeMsat()
	}
	return sum
}

// experience notes what became of a payment through the gateway, if there was one.
func (p *payer) experience(paid bool) func(storage.Tx) {
	return func(tx storage.Tx) {
		if listing := p.pay().GetListing(); listing != nil {
			book.AddExperience(tx, readListing(listing).Key, paid)
		}
	}
}
