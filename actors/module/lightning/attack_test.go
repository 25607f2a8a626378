package lightning_test

// Attacks on the protocols of users and gateways, not on single rules.

import (
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// A gateway announces and buys in one transaction. Whoever sees it coming, or has the
// offer from elsewhere, announces it first: the purchase goes through all the same, and
// nothing is there twice.
func TestAnnouncingFirstStopsNoPurchase(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id := o.ID(banktest.Federation)
	h.Accepted(h.announce(o), h.announce(o))
	if n, found := h.lightning().GetOpenOffers(), h.offers(o.PaymentHash); n != 1 || len(found) != 1 {
		t.Errorf("%d offers wait, %d are found", n, len(found))
	}
	both := func() deal { return deal{outputs: []terms.Output{{Offer: &o}, purchase(id)}, cost: o.Amount} }
	h.Accepted(h.tx(both()))
	h.refused("bought already", messages.RejectContractExists, h.tx(both()), h.announce(o))
	if n := h.lightning().GetOpenOffers(); n != 0 {
		t.Errorf("%d offers wait", n)
	}
	h.rest()
	h.state(id, lightningwire.State_STATE_VALID)
	h.replay()
}
