package lightning_test

// Attacks on the protocols of users and gateways, not on single rules.

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
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

// describe is what members answer as their shares of an output.
func (h *house) describe(at messages.OutPoint) (answers [][]byte) {
	h.Helper()
	for p := range h.Members {
		h.View(messages.PeerID(p), lightning.Kind, func(r storage.Reader) {
			answers = append(answers, bytes.Clone(h.module(messages.PeerID(p)).Share(r, at)))
		})
	}
	return answers
}

// One member that says nothing and a correct one whose contributions come too late
// keep consensus from revealing a preimage as long as they like. The buyer asks all
// members, and has it at once.
func TestH27BuyerNeedsNoItems(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	id, to := o.ID(banktest.Federation), h.module(0).Seal()
	tx := h.tx(deal{outputs: []terms.Output{{Offer: &o}, purchase(id)}, cost: o.Amount})
	h.Accepted(tx)
	at := messages.OutPoint{Tx: tx.ID(), Index: uint32(len(tx.Outputs()) - 1)}
	for range 5 {
		h.round(map[messages.PeerID]edit{0: silent, 3: silent})
	}
	h.state(id, lightningwire.State_STATE_DECRYPTING)
	answers := h.describe(at)
	for _, want := range []struct {
		what    string
		answers [][]byte
		state   lightning.State
	}{
		{"all", answers, lightningwire.State_STATE_VALID},
		{"without the one that is silent", [][]byte{nil, answers[1], answers[2], answers[3]}, lightningwire.State_STATE_VALID},
		{"with a lie", [][]byte{answers[1], answers[1], answers[2], answers[3]}, lightningwire.State_STATE_VALID},
		{"with noise", [][]byte{{1}, answers[1], answers[2], answers[3], answers[0]}, lightningwire.State_STATE_VALID},
		{"too few", [][]byte{nil, answers[1], answers[2], answers[2]}, lightningwire.State_STATE_DECRYPTING},
		{"none", nil, lightningwire.State_STATE_DECRYPTING},
	} {
		state, got, err := lightning.Reveal(to, o, want.answers)
		if err != nil || state != want.state || (got != nil) != (state == lightningwire.State_STATE_VALID) || got != nil && *got != preimage {
			t.Errorf("%s: %s, %x, %v", want.what, state, got, err)
		}
	}
	other := o
	other.Amount++
	if _, _, err := lightning.Reveal(to, other, answers); !errors.Is(err, terms.ErrTerms) {
		t.Errorf("of other terms: %v", err)
	}
	at.Index--
	if got := h.describe(at); len(got[1]) != 0 {
		t.Error("the offer's output has a share")
	}
	h.rest()
	h.state(id, lightningwire.State_STATE_VALID)
}

// Before it is bought nobody decrypts an offer; and what is none opens as such.
func TestNobodySharesWhatIsNotBought(t *testing.T) {
	h := open(t)
	o := reseal(h, h.offer(10, preimage), [32]byte{1})
	announced := h.announce(o)
	h.Accepted(announced)
	for i := range announced.Outputs() {
		for _, got := range h.describe(messages.OutPoint{Tx: announced.ID(), Index: uint32(i)}) {
			if len(got) > 0 {
				t.Errorf("output %d has a share", i)
			}
		}
	}
	bought := h.buy(o)
	h.Accepted(bought)
	state, _, err := lightning.Reveal(h.module(0).Seal(), o, h.describe(messages.OutPoint{Tx: bought.ID(), Index: uint32(len(bought.Outputs()) - 1)}))
	if err != nil || state != lightningwire.State_STATE_INVALID {
		t.Errorf("%s, %v", state, err)
	}
	h.rest()
	h.state(o.ID(banktest.Federation), state)
}

// A member's answer is refused whole if its state promises what it does not bring:
// nobody looks for a preimage that is not there (V10).
func TestV10StatesKeepTheirPromises(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	o, offer := outgoingUntil(now+5), sealedFor(now+5, d.Seal(), 1)
	id, offerID := o.ID(banktest.Federation), offer.ID(banktest.Federation)
	for _, out := range []terms.Output{{Outgoing: &o}, {Offer: &offer}} {
		wantCode(t, "output", d.output(out), 0)
	}
	read := func(id terms.ID, change func(*lightningwire.Contract)) error {
		t.Helper()
		raw, err := d.Query(d.scope(), "contract", lightning.ContractRequest(id))
		c := new(lightningwire.Contract)
		if err == nil {
			err = canonical.Unmarshal(raw, c, 4096)
		}
		if err != nil {
			t.Fatal(err)
		}
		change(c)
		_, err = lightning.ReadStatus(banktest.Federation, id, canonical.Marshal(c))
		return err
	}
	// lies tries every other state, and what is said with the right one left out or added.
	lies := func(id terms.ID, right ...lightning.State) {
		t.Helper()
		for number := range int32(12) {
			state := lightning.State(number)
			err := read(id, func(c *lightningwire.Contract) { c.State = state })
			if (err == nil) != slices.Contains(right, state) {
				t.Errorf("%s instead of %s: %v", state, right[0], err)
			}
		}
		for what, change := range map[string]func(*lightningwire.Contract){
			"preimage": func(c *lightningwire.Contract) {
				if c.Preimage == nil {
					c.Preimage = preimage[:]
				} else {
					c.Preimage = nil
				}
			},
			"transaction": func(c *lightningwire.Contract) {
				if c.Transaction == nil {
					c.Transaction = make([]byte, 32)
				} else {
					c.Transaction = nil
				}
			},
			"refund key": func(c *lightningwire.Contract) {
				if c.RefundKey == nil {
					c.RefundKey = make([]byte, 32)
				} else {
					c.RefundKey = nil
				}
			},
		} {
			if read(id, change) == nil {
				t.Errorf("%s with the other %s is read", right[0], what)
			}
		}
	}
	lies(id, lightningwire.State_STATE_FUNDED, lightningwire.State_STATE_REFUNDED, lightningwire.State_STATE_FORFEITED)
	lies(offerID, lightningwire.State_STATE_OFFERED)
	wantCode(t, "buy", d.output(purchase(offerID)), 0)
	lies(offerID, lightningwire.State_STATE_DECRYPTING, lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED)
	for p := range 3 {
		wantCode(t, "share", d.item(messages.PeerID(p), shareOf(t, p, offer, 4)), 0)
	}
	lies(offerID, lightningwire.State_STATE_VALID, lightningwire.State_STATE_CLAIMED)
	if read(offerID, func(c *lightningwire.Contract) { c.ClosedHeight = 3 }) == nil {
		t.Error("closed and open at once")
	}
	_, err := d.input(terms.Input{Contract: id, Way: terms.Preimage, Key: xonly(gateway), Preimage: preimage})
	wantCode(t, "take", err, 0)
	lies(id, lightningwire.State_STATE_CLAIMED)
}
