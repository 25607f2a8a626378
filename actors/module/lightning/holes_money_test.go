package lightning_test

// Holes around who gets a contract's money, and when.

import (
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// forfeit is the gateway's word that gives a contract up.
func (h *house) forfeit(id terms.ID) terms.Forfeit {
	h.Helper()
	f, err := terms.Forgo(banktest.Federation, id, gateway)
	if err != nil {
		h.Fatal(err)
	}
	return f
}

// The original had no way to give an expired contract back but a function that nothing called; a gateway could not give one up at all.
func TestH74RefundOfOutgoingContracts(t *testing.T) {
	h := open(t)
	o, other := h.outgoing(4), h.outgoing(40)
	id, otherID := o.ID(banktest.Federation), other.ID(banktest.Federation)
	h.Accepted(h.fund(o), h.fund(other))
	h.until(o.Expiry)
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Expired}, o.Amount, user))
	if s := h.status(id); s.State != lightningwire.State_STATE_REFUNDED || s.ClosedHeight != h.height() {
		t.Errorf("status %+v", s)
	}
	// At once, with the gateway's signature: its own, of this contract and federation.
	refund := func(f terms.Forfeit, secret bool) *transaction.Transaction {
		in := terms.Input{Contract: otherID, Way: terms.Forfeited, Forfeit: f}
		if secret {
			return h.take(in, other.Amount, user)
		}
		return h.take(in, other.Amount, stranger)
	}
	strangers, err := terms.Forgo(banktest.Federation, otherID, stranger)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := terms.Forgo(messages.FederationID{3}, otherID, gateway)
	if err != nil {
		t.Fatal(err)
	}
	posing := strangers
	posing.Gateway = xonly(gateway)
	h.refused("signed by a stranger", messages.RejectForfeit, refund(strangers, true))
	h.refused("signed by a stranger in the gateway's name", messages.RejectForfeit, refund(posing, true))
	h.refused("of another contract", messages.RejectForfeit, refund(h.forfeit(id), true))
	h.refused("of another federation", messages.RejectForfeit, refund(elsewhere, true))
	h.refused("of nobody", messages.RejectForfeit, refund(terms.Forfeit{}, true))
	h.refused("to a stranger", messages.RejectContractParty, refund(h.forfeit(otherID), false))
	h.Accepted(refund(h.forfeit(otherID), true))
	h.state(otherID, lightningwire.State_STATE_FORFEITED)
	h.replay()
}

// In the original the payment secret of an invoice was its preimage, and the preimage was the key to the money: whoever saw the invoice had all.
func TestH75PreimageIsNoKey(t *testing.T) {
	h := open(t)
	o, paid := h.offer(10, preimage), h.outgoing(10)
	id, paidID := o.ID(banktest.Federation), paid.ID(banktest.Federation)
	h.Accepted(h.announce(o), h.buy(o), h.fund(paid))
	h.rest()
	// Everybody can read the preimage in the state now.
	public := *h.status(id).Preimage
	h.refused("with the preimage in hand", messages.RejectContractParty,
		h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, stranger),
		h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: public}, o.Amount, stranger),
		h.take(terms.Input{Contract: paidID, Way: terms.Preimage, Preimage: public}, paid.Amount, stranger))
	// And the claim key's transaction has to be signed by it.
	in := terms.Input{Contract: id, Way: terms.Claim, Key: xonly(user)}
	h.refused("signed by a stranger", messages.RejectSignature, h.tx(deal{inputs: []terms.Input{in}, secrets: secretsOf(stranger), gain: o.Amount}))
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
}

// In the original gateways never compared the contract's hash with the invoice's: they paid one invoice against a contract over another hash, and could not claim.
func TestH80ContractsAreOfOneHash(t *testing.T) {
	h := open(t)
	o := h.outgoing(10)
	id := o.ID(banktest.Federation)
	h.Accepted(h.fund(o))
	h.refused("the preimage of another invoice", messages.RejectPreimage, h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: [32]byte{'o', 't', 'h', 'e', 'r'}}, o.Amount, gateway))
	// What a gateway compares is in the status, which cannot be of another contract.
	if s := h.status(id); s.Outgoing.PaymentHash != hashOf(preimage) || s.Outgoing.Amount != o.Amount || s.Outgoing.Expiry != o.Expiry {
		t.Errorf("status %+v", s)
	}
	lie, err := h.query(0, "contract", lightning.ContractRequest(id))
	if err != nil {
		t.Fatal(err)
	}
	w := new(lightningwire.Contract)
	if err := canonical.Unmarshal(lie, w, 1<<12); err != nil {
		t.Fatal(err)
	}
	w.GetOutgoing().PaymentHash[0] ^= 1
	if _, err := lightning.ReadStatus(banktest.Federation, id, canonical.Marshal(w)); err == nil {
		t.Error("a member's lie about the hash is believed")
	}
}

// In Fedimint a contract could be funded twice, a ciphertext stood under terms that it was not made for, and a caller chose how a decryption ended.
func TestV1FundedOnceBoundAndDecidedByMembers(t *testing.T) {
	h := open(t)
	o := h.outgoing(5)
	id := o.ID(banktest.Federation)
	h.exactly("funded three times in one epoch", h.fund(o), h.fund(o), h.fund(o))
	h.refused("later", messages.RejectContractExists, h.fund(o))
	twice := h.outgoing(6)
	h.refused("in one transaction", messages.RejectContractExists, h.tx(deal{outputs: []terms.Output{{Outgoing: &twice}, {Outgoing: &twice}}, cost: 2 * twice.Amount}))
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}, o.Amount, gateway))
	h.refused("after it was claimed", messages.RejectContractExists, h.fund(o))
	h.until(o.Expiry)
	h.refused("after it expired", messages.RejectContractExists, h.fund(o))

	// The ciphertext of a victim's offer, under any other terms.
	victim := h.offer(10, preimage)
	for name, change := range map[string]func(o *terms.Offer){
		"payment hash": func(o *terms.Offer) { o.PaymentHash[0] ^= 1 },
		"amount":       func(o *terms.Offer) { o.Amount-- },
		"claim key":    func(o *terms.Offer) { o.ClaimKey = xonly(stranger) },
		"expiry":       func(o *terms.Offer) { o.Expiry++ },
	} {
		other := victim
		change(&other)
		h.refused("another "+name, messages.RejectCiphertext, h.announce(other))
	}
	h.Accepted(h.announce(victim), h.buy(victim))
	h.rest()
	h.replay()
}

// In Fedimint anybody made a contract below the least amount, whose handling ended the whole client; aggregation of a single share panicked.
func TestV10SmallThingsAreNoPoison(t *testing.T) {
	h := openOf(t, 1, fees) // one member: a single share is all there is
	for _, amount := range []messages.Amount{1, fees.Claim} {
		o, offer := h.outgoing(10), h.offer(10, preimage)
		o.Amount, offer.Amount = amount, amount
		h.refused("a contract that pays for nothing", messages.RejectContractAmount, h.fund(o))
		h.refused("an offer that pays for nothing", messages.RejectContractAmount, h.announce(reseal(h, offer, preimage)))
		for _, r := range h.Run(banktest.Of(h.fund(o))).Rejected {
			if r.Rejection.Final {
				t.Error("refused for ever, though fees may change")
			}
		}
	}
	o := h.outgoing(10)
	o.Amount = 0
	h.refused("nothing", messages.RejectMalformed, h.fund(o))
	o.Amount = fees.Claim + 1
	offer := h.offer(10, preimage)
	offer.Amount = fees.Claim + 1
	offer = reseal(h, offer, preimage)
	id := offer.ID(banktest.Federation)
	h.Accepted(h.fund(o), h.announce(offer), h.buy(offer))
	h.rest()
	h.state(id, lightningwire.State_STATE_VALID)
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Claim}, offer.Amount, user))
	h.Accepted(h.take(terms.Input{Contract: o.ID(banktest.Federation), Way: terms.Preimage, Preimage: preimage}, o.Amount, gateway))
}

// In Fedimint a gateway waited for the wrong transaction and refunded the same thing again and again, spending against itself.
func TestV11ExactlyOneEnd(t *testing.T) {
	h := open(t)
	o := h.outgoing(5)
	id := o.ID(banktest.Federation)
	h.Accepted(h.fund(o))
	forfeit := terms.Input{Contract: id, Way: terms.Forfeited, Forfeit: h.forfeit(id)}
	pay := terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}
	h.exactly("paid and given up in one epoch", h.take(forfeit, o.Amount, user), h.take(pay, o.Amount, gateway), h.take(forfeit, o.Amount, user))
	h.until(o.Expiry)
	h.refused("again", messages.RejectContractClosed, h.take(forfeit, o.Amount, user), h.take(pay, o.Amount, gateway),
		h.take(terms.Input{Contract: id, Way: terms.Expired}, o.Amount, user))
	in := forfeit
	in.Key = xonly(user)
	h.refused("twice in one transaction", messages.RejectDuplicate, h.tx(deal{inputs: []terms.Input{in, in}, secrets: secretsOf(user, user), gain: 2 * o.Amount}))

	// The same with the price of an offer that held no preimage.
	offer := reseal(h, h.offer(10, preimage), [32]byte{1})
	offerID := offer.ID(banktest.Federation)
	h.Accepted(h.announce(offer), h.buy(offer))
	h.rest()
	back := terms.Input{Contract: offerID, Way: terms.Return}
	h.exactly("taken back three times in one epoch", h.take(back, offer.Amount, gateway), h.take(back, offer.Amount, gateway), h.take(back, offer.Amount, gateway))
	h.refused("again", messages.RejectContractClosed, h.take(back, offer.Amount, gateway))
}

// In Fedimint payments were cancelled late or not at all: here the block decides, the same for all, and at no height both sides have a right.
func TestV12ExpiryIsSharp(t *testing.T) {
	h := open(t)
	o, other := h.outgoing(4), h.outgoing(4)
	other.UserKey = xonly(person('v'))
	id, otherID := o.ID(banktest.Federation), other.ID(banktest.Federation)
	h.Accepted(h.fund(o), h.fund(other))
	pay := func(id terms.ID) *transaction.Transaction {
		return h.take(terms.Input{Contract: id, Way: terms.Preimage, Preimage: preimage}, o.Amount, gateway)
	}
	refund := terms.Input{Contract: id, Way: terms.Expired}
	h.until(o.Expiry - 1)
	if h.height() != o.Expiry-1 {
		t.Fatalf("height %d", h.height())
	}
	h.refused("the user, one block too early", messages.RejectContractNotReady, h.take(refund, o.Amount, user))
	h.Accepted(pay(otherID))
	h.until(o.Expiry)
	h.refused("the gateway, one block too late", messages.RejectExpiry, pay(id))
	h.Accepted(h.take(refund, o.Amount, user))
}
