package lightning_test

// Attacks on the protocols of users and gateways, not on single rules.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/banktest"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
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

// Before it is bought nobody decrypts an offer, nor after it is revealed, when the
// outcome tells all; an outgoing contract has nothing to decrypt. What is no preimage
// opens as such.
func TestNobodySharesWhatIsNotBought(t *testing.T) {
	h := open(t)
	outgoing := h.outgoing(10)
	funded := h.fund(outgoing)
	h.Accepted(funded)
	none := func(what string, tx *transaction.Transaction) {
		t.Helper()
		for i := range tx.Outputs() {
			for _, got := range h.describe(messages.OutPoint{Tx: tx.ID(), Index: uint32(i)}) {
				if len(got) > 0 {
					t.Errorf("%s: output %d has a share", what, i)
				}
			}
		}
	}
	none("an outgoing contract", funded)
	o := reseal(h, h.offer(10, preimage), [32]byte{1})
	announced := h.announce(o)
	h.Accepted(announced)
	none("an offer", announced)
	bought := h.buy(o)
	h.Accepted(bought)
	state, _, err := lightning.Reveal(h.module(0).Seal(), o, h.describe(messages.OutPoint{Tx: bought.ID(), Index: uint32(len(bought.Outputs()) - 1)}))
	if err != nil || state != lightningwire.State_STATE_INVALID {
		t.Errorf("%s, %v", state, err)
	}
	h.rest()
	h.state(o.ID(banktest.Federation), state)
	none("an offer that was revealed", bought)
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

// vettedBy is a desk on the state of d whose operators vet these keys.
func (d *desk) vettedBy(keys ...*btcec.PrivateKey) *desk {
	cfg := config(-1, 4)
	for _, k := range keys {
		cfg.Vetted = append(cfg.Vetted, xonly(k))
	}
	slices.SortFunc(cfg.Vetted, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	other := newDesk(d.t, cfg)
	other.state, other.env = d.state, d.env
	return other
}

// Operators strike all keys off their list and vet others: the former ones are
// strangers then, more than there is room for, and the list can still be read.
func TestListIsReadAfterVettedGatewaysChange(t *testing.T) {
	var some, others []*btcec.PrivateKey
	for i := range byte(lightning.MaxVetted) {
		some, others = append(some, person(130+i)), append(others, person(180+i))
	}
	d := newDesk(t, config(-1, 4)).vettedBy(some...)
	d.at(now)
	list := func(d *desk, secret *btcec.PrivateKey) {
		t.Helper()
		wantCode(t, "listing", d.output(listingOf(t, secret, 1, now+10)), 0)
	}
	for _, k := range some {
		list(d, k)
	}
	for i := range byte(lightning.MaxGateways) {
		list(d, person(1+i))
	}
	d = d.vettedBy(others...)
	for _, k := range others {
		list(d, k)
	}
	raw, err := d.Query(d.scope(), "gateways", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, read, err := lightning.ReadGateways(banktest.Federation, raw)
	vetted := 0
	for _, g := range read {
		if g.Vetted {
			vetted++
		}
	}
	if err != nil || len(read) != lightning.MaxGateways+lightning.MaxVetted || vetted != lightning.MaxVetted {
		t.Errorf("%d are listed, %d of them vetted: %v", len(read), vetted, err)
	}
	wantCode(t, "another stranger", d.output(listingOf(t, stranger, 1, now+10)), messages.RejectBusy)
}

// A gateway's word cannot make clients compute nonsense: what it asks for fits an
// invoice, and expiries can be added to.
func TestListingsFitInvoices(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*terms.Gateway)
		ok     bool
	}{
		"the most":            {func(g *terms.Gateway) { g.Receive.Base, g.ExpiryMargin = math.MaxUint32, lightning.MaxLife }, true},
		"a fee of 33 bits":    {func(g *terms.Gateway) { g.Receive.Base = math.MaxUint32 + 1 }, false},
		"a margin too large":  {func(g *terms.Gateway) { g.ExpiryMargin = lightning.MaxLife + 1 }, false},
		"a margin that wraps": {func(g *terms.Gateway) { g.ExpiryMargin = math.MaxUint32 }, false},
	} {
		g := terms.Gateway{Node: [33]byte(gateway.PubKey().SerializeCompressed()), API: "x", Expiry: now + 5}
		c.change(&g)
		if _, err := terms.List(banktest.Federation, g, gateway); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whoever knows a claim key announces offers with it, for a fee each, and contracts
// that give its owner a little. The owner, who has nothing but a seed, finds his own
// first, and all of them page by page.
func TestNobodyBuriesAContract(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	victim, buyer := person('v'), person('y')
	mine := sealedFor(now+5, d.Seal(), 1)
	mine.ClaimKey = xonly(victim)
	mine = resealed(d.Seal(), mine, preimage)
	want := []terms.ID{mine.ID(banktest.Federation)}
	wantCode(t, "announce", d.output(terms.Output{Offer: &mine}), 0)
	for i := range byte(40) {
		o := outgoingUntil(now + 5)
		o.UserKey, o.Amount = xonly(victim), fees.Claim+1+messages.Amount(i)
		out := terms.Output{Outgoing: &o}
		id := o.ID(banktest.Federation)
		if i%2 == 0 {
			junk := mine
			junk.Amount += messages.Amount(i) + 1
			junk = resealed(d.Seal(), junk, [32]byte{i})
			out, id = terms.Output{Offer: &junk}, junk.ID(banktest.Federation)
		}
		wantCode(t, "junk", d.output(out), 0)
		want = append(want, id)
	}
	pages := func(key [32]byte) (ids []terms.ID) {
		t.Helper()
		for request := lightning.KeyRequest(key); ; {
			raw, err := d.Query(d.scope(), "key", request)
			if err != nil {
				t.Fatal(err)
			}
			list, err := lightning.ReadContracts(banktest.Federation, key, raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				ids = append(ids, s.ID)
			}
			if len(list) < lightning.PageSize {
				return ids
			}
			request = lightning.KeyRequestAfter(key, list[len(list)-1])
		}
	}
	if got := pages(xonly(victim)); !slices.Equal(got, want) {
		t.Errorf("found %x, want %x", got, want)
	}
	// The buyer of 17 offers finds them in the order in which he bought them.
	want = want[:0]
	for i := range byte(lightning.PageSize + 1) {
		o := sealedFor(now+6, d.Seal(), i)
		want = append(want, o.ID(banktest.Federation))
		wantCode(t, "announce", d.output(terms.Output{Offer: &o}), 0)
	}
	slices.Reverse(want)
	for _, id := range want {
		wantCode(t, "buy", d.output(terms.Output{Purchase: &terms.Purchase{Offer: id, RefundKey: xonly(buyer)}}), 0)
	}
	if got := pages(xonly(buyer)); !slices.Equal(got, want) {
		t.Errorf("the buyer found %x, want %x", got, want)
	}
	end := canonical.Marshal(&lightningwire.KeyRequest{Key: mine.ClaimKey[:], After: math.MaxUint64})
	raw, err := d.Query(d.scope(), "key", end)
	if list, bad := lightning.ReadContracts(banktest.Federation, mine.ClaimKey, raw); err != nil || bad != nil || len(list) != 0 {
		t.Errorf("after the end: %d contracts, %v, %v", len(list), err, bad)
	}
	// A buyer whose refund key is the offer's claim key is found once.
	own := sealedFor(now+7, d.Seal(), 1)
	own.ClaimKey = xonly(person('w'))
	own = resealed(d.Seal(), own, preimage)
	wantCode(t, "announce", d.output(terms.Output{Offer: &own}), 0)
	wantCode(t, "buy", d.output(terms.Output{Purchase: &terms.Purchase{Offer: own.ID(banktest.Federation), RefundKey: own.ClaimKey}}), 0)
	if got := pages(own.ClaimKey); len(got) != 1 {
		t.Errorf("found %d times", len(got))
	}
}

// An offer ends with the height that members agree on, in the same epoch: also while
// it is not forgotten yet, which may take some epochs.
func TestExpiredOffersAreNotBought(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	o := sealedFor(now+5, d.Seal(), 1)
	wantCode(t, "announce", d.output(terms.Output{Offer: &o}), 0)
	d.env.Publish(contract.FactHeight, binary.BigEndian.AppendUint32(nil, now+5)) // its epoch has not ended
	wantCode(t, "buy", d.output(purchase(o.ID(banktest.Federation))), messages.RejectExpiry)
	wantCode(t, "announce again", d.output(terms.Output{Offer: &o}), messages.RejectExpiry)
	if _, found := d.find(o.ID(banktest.Federation)); !found {
		t.Error("the offer is gone before the epoch ends, and this test shows nothing")
	}
}
