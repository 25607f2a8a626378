package lightning_test

import (
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// A user pays: the gateway shows the preimage and has the money; the preimage is
// the user's receipt.
func TestPaid(t *testing.T) {
	h := open(t)
	o := h.outgoing(10)
	id := o.ID(banktest.Federation)
	h.Accepted(h.fund(o))
	h.state(id, lightningwire.State_STATE_FUNDED)
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}, o.Amount, gateway))
	if s := h.status(id); s.State != lightningwire.State_STATE_CLAIMED || s.Preimage == nil || *s.Preimage != preimage || s.ClosedHeight != h.height() {
		t.Errorf("status %+v", s)
	}
	h.replay()
}

// A user is paid: the gateway buys the offer, members reveal the preimage, the
// user takes the money.
func TestReceived(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id := o.ID(banktest.Federation)
	h.Accepted(h.announce(o))
	h.state(id, lightningwire.State_STATE_OFFERED)
	buy := h.buy(o)
	h.Accepted(buy)
	h.state(id, lightningwire.State_STATE_DECRYPTING)
	if res, _ := h.round(nil); len(res.Faults) > 0 {
		t.Errorf("faults %v", res.Faults)
	}
	if s := h.status(id); s.State != lightningwire.State_STATE_VALID || s.Preimage == nil || *s.Preimage != preimage {
		t.Errorf("after one epoch: %+v", s)
	}
	// The gateway asks for the outcome of what it paid for.
	index := uint32(len(buy.Outputs()) - 1)
	h.View(0, lightning.Kind, func(r storage.Reader) {
		s, err := lightning.ReadStatus(banktest.Federation, id, h.module(0).Outcome(r, messages.OutPoint{Tx: buy.ID(), Index: index}))
		if err != nil || s.Preimage == nil || *s.Preimage != preimage || s.FundedBy.Index != index {
			t.Errorf("outcome %+v: %v", s, err)
		}
	})
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
	h.state(id, lightningwire.State_STATE_CLAIMED)
	h.rest()
	h.replay()
}

// A gateway may announce an offer for a user who has no money yet, and buy it in
// the same transaction.
func TestFirstMoneyOfAUser(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id := o.ID(banktest.Federation)
	h.Accepted(h.tx(deal{outputs: []terms.Output{{Offer: &o}, purchase(id)}, cost: o.Amount}))
	h.rest()
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
}

// What a user encrypted was no preimage: the gateway has its money back.
func TestOfferWithoutPreimage(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	o.PaymentHash[0]++
	o = reseal(h, o, preimage)
	id := o.ID(banktest.Federation)
	h.Accepted(h.announce(o), h.buy(o))
	h.rest()
	h.state(id, lightningwire.State_STATE_INVALID)
	if h.status(id).Preimage != nil {
		t.Error("what is no preimage is told as one")
	}
	h.refused("the user takes it", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Return}, o.Amount, gateway))
	h.state(id, lightningwire.State_STATE_REFUNDED)
	h.replay()
}

// Every refusal of a single output or input, by its code.
func TestRefusals(t *testing.T) {
	h := open(t)
	o := h.outgoing(6)
	id := o.ID(banktest.Federation)
	offer := h.offer(6, preimage)
	offerID := offer.ID(banktest.Federation)
	change := func(edit func(o *terms.Outgoing)) terms.Outgoing {
		other := o
		edit(&other)
		return other
	}
	h.refused("amount that pays for nothing", messages.RejectContractAmount, h.fund(change(func(o *terms.Outgoing) { o.Amount = fees.Claim })))
	nowhere := [32]byte{31: 5} // on no point of the curve: nobody could ever take it
	h.refused("a key that is none", messages.RejectMalformed, h.fund(change(func(o *terms.Outgoing) { o.UserKey = nowhere })))
	lost := terms.Output{Purchase: &terms.Purchase{Offer: offerID, RefundKey: nowhere}}
	h.refused("a refund to nobody", messages.RejectMalformed, h.tx(deal{outputs: []terms.Output{lost}, cost: offer.Amount}))
	h.refused("expiry now", messages.RejectExpiry, h.fund(change(func(o *terms.Outgoing) { o.Expiry = h.height() })))
	h.refused("expiry too far ahead", messages.RejectExpiry, h.fund(change(func(o *terms.Outgoing) { o.Expiry = h.height() + lightning.MaxLife + 1 })))
	h.refused("no contract", messages.RejectContractUnknown, h.take(terms.Input{Contract: id, Way: terms.Expired}, o.Amount, user))
	h.refused("no offer", messages.RejectContractUnknown, h.buy(offer))
	h.Accepted(h.fund(o), h.announce(offer))
	h.refused("offer without money", messages.RejectContractUnknown, h.take(terms.Input{Contract: offerID, Way: terms.Return}, offer.Amount, gateway))
	h.refused("an outgoing contract is no offer", messages.RejectContractUnknown, h.tx(deal{outputs: []terms.Output{purchase(id)}, cost: o.Amount}))
	h.refused("too early", messages.RejectContractNotReady, h.take(terms.Input{Contract: id, Way: terms.Expired}, o.Amount, user))
	h.refused("a stranger after expiry", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: terms.Expired}, o.Amount, stranger))
	h.refused("a stranger with the preimage", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}, o.Amount, stranger))
	h.refused("the user with the preimage", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}, o.Amount, user))
	h.refused("another preimage", messages.RejectPreimage, h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: [32]byte{1}}, o.Amount, gateway))
	h.refused("the way of the other direction", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
	h.Accepted(h.buy(offer))
	h.refused("before the preimage is revealed", messages.RejectContractNotReady, h.take(terms.Input{Contract: offerID, Way: terms.Claim}, offer.Amount, user))
	h.refused("the way of the other direction", messages.RejectContractParty, h.take(terms.Input{Contract: offerID, Way: terms.Expired}, offer.Amount, user))
	h.rest()
	h.refused("the gateway takes back what it got", messages.RejectContractParty, h.take(terms.Input{Contract: offerID, Way: terms.Return}, offer.Amount, gateway))
	h.refused("a stranger claims", messages.RejectContractParty, h.take(terms.Input{Contract: offerID, Way: terms.Claim}, offer.Amount, stranger))
	h.Accepted(h.take(terms.Input{Contract: offerID, Way: terms.Claim}, offer.Amount, user))
	h.refused("again", messages.RejectContractClosed, h.take(terms.Input{Contract: offerID, Way: terms.Claim}, offer.Amount, user))
	h.replay()
}

// Each item costs its own fee: one msat less is refused.
func TestFees(t *testing.T) {
	h := open(t)
	o, offer := h.outgoing(6), h.offer(6, preimage)
	id, offerID := o.ID(banktest.Federation), offer.ID(banktest.Federation)
	listing := h.listing(gateway, 1, 10)
	cheap := func(d deal, least messages.Amount) {
		t.Helper()
		d.fee = least - 1
		h.refused("one msat less", messages.RejectFeeTooLow, h.tx(d))
		d.fee = least
		h.Accepted(h.tx(d))
	}
	cheap(deal{outputs: []terms.Output{{Outgoing: &o}}, cost: o.Amount}, fees.Contract)
	cheap(deal{outputs: []terms.Output{{Offer: &offer}}}, fees.Offer)
	cheap(deal{outputs: []terms.Output{purchase(offerID)}, cost: offer.Amount}, fees.Contract)
	cheap(deal{outputs: []terms.Output{{Listing: &listing}}}, fees.Listing)
	in := terms.Input{Contract: id, Way: terms.Preimage, Key: xonly(gateway), Preimage: preimage}
	cheap(deal{inputs: []terms.Input{in}, secrets: secretsOf(gateway), gain: o.Amount}, fees.Claim)
}
