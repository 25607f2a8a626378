package lightning_test

import (
	"slices"
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
)

// offers are those that all members name for a payment hash.
func (h *house) offers(hash messages.Digest) []lightning.Status {
	h.Helper()
	var out []lightning.Status
	for p := range h.Members {
		raw, err := h.query(messages.PeerID(p), "offers", lightning.OffersRequest(hash))
		if err != nil {
			h.Fatal(err)
		}
		if out, err = lightning.ReadOffers(banktest.Federation, hash, raw); err != nil {
			h.Fatal(err)
		}
	}
	return out
}

// A payer in the same federation needs no gateway: it finds the offer by the
// invoice's payment hash, pays, and has the preimage two epochs later. Offers of
// swindlers under the same hash cost fees only.
func TestPaidWithoutGateway(t *testing.T) {
	h := open(t)
	o := h.offer(10, preimage)
	fake := o
	fake.ClaimKey = xonly(stranger)
	fake = reseal(h, fake, [32]byte{1})
	h.Accepted(h.announce(o), h.announce(fake))
	found := h.offers(hashOf(preimage))
	if len(found) != 2 || found[0].ID != o.ID(banktest.Federation) {
		t.Fatalf("%d offers, the first of %x", len(found), found[0].Offer.ClaimKey)
	}
	if other := h.offers(messages.Digest{1}); len(other) != 0 {
		t.Errorf("%d offers of another hash", len(other))
	}
	payer := person('y')
	pay := func(o terms.Offer) terms.ID {
		t.Helper()
		id := o.ID(banktest.Federation)
		out := terms.Output{Purchase: &terms.Purchase{Offer: id, RefundKey: xonly(payer)}}
		h.Accepted(h.tx(deal{outputs: []terms.Output{out}, cost: o.Amount}))
		h.round(nil)
		return id
	}
	cheated := pay(*found[1].Offer)
	h.refused("the gateway takes it", messages.RejectContractParty, h.take(terms.Input{Contract: cheated, Way: terms.Return}, o.Amount, gateway))
	h.refused("the swindler takes it", messages.RejectContractParty, h.take(terms.Input{Contract: cheated, Way: terms.Claim}, o.Amount, stranger))
	h.Accepted(h.take(terms.Input{Contract: cheated, Way: terms.Return}, o.Amount, payer))
	id := pay(*found[0].Offer)
	if s := h.status(id); s.Preimage == nil || *s.Preimage != preimage || s.RefundKey != xonly(payer) {
		t.Errorf("no receipt: %+v", s)
	}
	h.refused("the payer takes it back", messages.RejectContractParty, h.take(terms.Input{Contract: id, Way: terms.Return}, o.Amount, payer))
	h.Accepted(h.take(terms.Input{Contract: id, Way: terms.Claim}, o.Amount, user))
	if found := h.offers(hashOf(preimage)); len(found) != 0 {
		t.Errorf("%d offers are left", len(found))
	}
	h.replay()
}

// Answers about offers are short, begin with the oldest, and end with what can
// still be bought.
func TestOffersOfOneHash(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	var all []terms.Offer
	for i := range byte(20) {
		o := sealedFor(now+5+uint32(i), d.Seal(), i)
		all = append(all, o)
		wantCode(t, "announce", d.output(terms.Output{Offer: &o}), 0)
	}
	expect := func(what string, from int, n int) {
		t.Helper()
		raw, err := d.Query(d.scope(), "offers", lightning.OffersRequest(hashOf(preimage)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := lightning.ReadOffers(banktest.Federation, hashOf(preimage), raw)
		if err != nil || len(got) != n {
			t.Fatalf("%s: %d offers, %v", what, len(got), err)
		}
		for i := range got {
			if got[i].ID != all[from+i].ID(banktest.Federation) {
				t.Errorf("%s: offer %d is another", what, i)
			}
		}
		if _, err := lightning.ReadOffers(banktest.Federation, messages.Digest{1}, raw); err == nil {
			t.Error("offers of another hash are read")
		}
	}
	expect("all", 0, 16)
	wantCode(t, "purchase", d.output(purchase(all[0].ID(banktest.Federation))), 0)
	expect("without the one that is bought", 1, 16)
	d.at(now + 10)
	expect("without those that expired", 6, 14)
	one, taken := d.wire(all[7]), d.wire(all[0])
	for what, raw := range map[string][]byte{
		"noise": {0xff}, "an offer of nothing": canonical.Marshal(&lightningwire.Contracts{Contracts: []*lightningwire.Contract{{}}}),
		"too many":          canonical.Marshal(&lightningwire.Contracts{Contracts: slices.Repeat([]*lightningwire.Contract{one}, 17)}),
		"one that is taken": canonical.Marshal(&lightningwire.Contracts{Contracts: []*lightningwire.Contract{taken}}),
	} {
		if _, err := lightning.ReadOffers(banktest.Federation, hashOf(preimage), raw); err == nil {
			t.Errorf("%s is read", what)
		}
	}
}

// Whoever has nothing but keys finds the contracts that they stand in, as long as
// those are remembered.
func TestKeysFindContracts(t *testing.T) {
	d := newDesk(t, config(-1, 4))
	d.at(now)
	o, offer := outgoingUntil(now+5), sealedFor(now+6, d.Seal(), 1)
	payer := xonly(person('y'))
	id, offerID := o.ID(banktest.Federation), offer.ID(banktest.Federation)
	expect := func(what string, key [32]byte, want ...terms.ID) []byte {
		t.Helper()
		raw, err := d.Query(d.scope(), "key", lightning.KeyRequest(key))
		if err != nil {
			t.Fatal(err)
		}
		list, err := lightning.ReadContracts(banktest.Federation, key, raw)
		if err != nil || len(list) != len(want) {
			t.Fatalf("%s: %d contracts, %v", what, len(list), err)
		}
		for _, s := range list {
			if !slices.Contains(want, s.ID) {
				t.Errorf("%s: contract %s", what, s.ID)
			}
		}
		return raw
	}
	expect("nothing", xonly(user))
	wantCode(t, "fund", d.output(terms.Output{Outgoing: &o}), 0)
	wantCode(t, "announce", d.output(terms.Output{Offer: &offer}), 0)
	raw := expect("the user", xonly(user), id, offerID)
	expect("the gateway", xonly(gateway))
	expect("the payer before", payer)
	if _, err := lightning.ReadContracts(banktest.Federation, payer, raw); err == nil {
		t.Error("contracts of another key are read")
	}
	wantCode(t, "buy", d.output(terms.Output{Purchase: &terms.Purchase{Offer: offerID, RefundKey: payer}}), 0)
	expect("the payer", payer, offerID)
	for p := range 3 {
		wantCode(t, "share", d.item(messages.PeerID(p), shareOf(t, p, offer, 4)), 0)
	}
	for _, in := range []terms.Input{
		{Contract: id, Way: terms.Preimage, Key: xonly(gateway), Preimage: preimage}, {Contract: offerID, Way: terms.Claim, Key: xonly(user)},
	} {
		_, err := d.input(in)
		wantCode(t, "take", err, 0)
	}
	expect("the user, when all is over", xonly(user), id, offerID)
	d.at(now + 6 + lightning.Retention)
	expect("the user, later", xonly(user))
	expect("the payer, later", payer)
	for _, body := range [][]byte{nil, {1}, canonical.Marshal(&lightningwire.KeyRequest{Key: make([]byte, 31)})} {
		_, err := d.Query(d.scope(), "key", body)
		wantCode(t, "a key of no length", err, messages.RejectMalformed)
	}
}

// A member that answers for gateways can leave them out, and nothing else.
func TestGatewaysCannotBeInvented(t *testing.T) {
	h := open(t)
	one, other := h.listing(gateway, 1, 10), h.listing(stranger, 1, 10)
	h.Accepted(h.tx(deal{outputs: []terms.Output{{Listing: &one}, {Listing: &other}}}))
	for what, lie := range map[string]func(w *lightningwire.Gateways){
		"the truth":         func(*lightningwire.Gateways) {},
		"the wrong order":   func(w *lightningwire.Gateways) { w.Gateways[0], w.Gateways[1] = w.Gateways[1], w.Gateways[0] },
		"one twice":         func(w *lightningwire.Gateways) { w.Gateways[1] = w.Gateways[0] },
		"another address":   func(w *lightningwire.Gateways) { w.Gateways[0].Listing.Gateway.Api = "https://thief.example" },
		"a lower fee":       func(w *lightningwire.Gateways) { w.Gateways[1].Listing.Gateway.SendPpm = 0 },
		"another signature": func(w *lightningwire.Gateways) { w.Gateways[1].Listing.Signature = w.Gateways[0].Listing.Signature },
		"an empty listing":  func(w *lightningwire.Gateways) { w.Gateways[1].Listing = nil },
		"far too many": func(w *lightningwire.Gateways) {
			for range lightning.MaxGateways + lightning.MaxVetted {
				w.Gateways = append(w.Gateways, w.Gateways[0])
			}
		},
	} {
		w := ask(h, "gateways", new(lightningwire.Gateways))
		lie(w)
		_, list, err := lightning.ReadGateways(banktest.Federation, canonical.Marshal(w))
		if truth := what == "the truth"; truth != (err == nil) || truth && len(list) != 2 {
			t.Errorf("%s: %d gateways, %v", what, len(list), err)
		}
	}
	if _, _, err := lightning.ReadGateways(banktest.Federation, []byte{0xff}); err == nil {
		t.Error("noise is read")
	}
}

// wire is an offer as the module tells it.
func (d *desk) wire(o terms.Offer) *lightningwire.Contract {
	raw, err := d.Query(d.scope(), "contract", lightning.ContractRequest(o.ID(banktest.Federation)))
	c := new(lightningwire.Contract)
	if err == nil {
		err = canonical.Unmarshal(raw, c, 4096)
	}
	if err != nil {
		d.t.Fatalf("%v", err)
	}
	return c
}
