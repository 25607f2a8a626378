package lightning_test

import (
	"testing"
	"unicode/utf8"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// busy is a house with contracts in every state, and transactions and items that
// would be accepted now.
func busy(t testing.TB) (h *house, txs []*transaction.Transaction, items [][]byte) {
	t.Helper()
	h = open(t)
	paid, open := h.outgoing(30), h.outgoing(31)
	offered, pending, valid := h.offer(30, preimage), h.offer(31, preimage), h.offer(32, preimage)
	listing := h.listing(gateway, 1, 20)
	h.Accepted(h.fund(paid), h.fund(open), h.announce(offered), h.announce(pending), h.announce(valid),
		h.buy(valid), h.tx(deal{outputs: []terms.Output{{Listing: &listing}}}),
		h.take(terms.Input{Contract: paid.ID(banktest.Federation), Way: terms.Preimage, Preimage: preimage}, paid.Amount, gateway))
	h.rest()
	h.Accepted(h.buy(pending))
	for p := range messages.PeerID(4) {
		items = append(items, h.shares(p)...)
	}
	forfeit, err := terms.Forgo(banktest.Federation, open.ID(banktest.Federation), gateway)
	if err != nil {
		t.Fatal(err)
	}
	fresh, offer, newer := h.outgoing(33), h.offer(33, preimage), h.listing(gateway, 2, 20)
	openID := open.ID(banktest.Federation)
	txs = []*transaction.Transaction{
		h.fund(fresh), h.announce(offer), h.buy(offered), h.tx(deal{outputs: []terms.Output{{Listing: &newer}}}),
		h.take(terms.Input{Contract: openID, Way: terms.Preimage, Preimage: preimage}, open.Amount, gateway),
		h.take(terms.Input{Contract: openID, Way: terms.Forfeited, Forfeit: forfeit}, open.Amount, user),
		h.take(terms.Input{Contract: valid.ID(banktest.Federation), Way: terms.Claim}, valid.Amount, user),
	}
	return h, txs, items
}

// Whatever bytes a client or a member sends, the worst that follows is a
// typed refusal that storage and wire can hold, and the audit stays right.
func FuzzTransaction(f *testing.F) {
	h, txs, items := busy(f)
	for i, tx := range txs {
		it := transaction.Item{Kind: lightning.Kind, Body: items[i%len(items)]}
		f.Add(tx.Bytes(), outcome.Contribution{Transactions: []*transaction.Transaction{tx, txs[0]}, Items: []transaction.Item{it, it}}.Encode())
	}
	f.Add([]byte(nil), banktest.Items(lightning.Kind, items...).Encode())
	snap, err := h.Members[0].Store.View()
	if err != nil {
		f.Fatal(err)
	}
	rules := h.Members[0].Rules
	f.Fuzz(func(t *testing.T, raw, contribution []byte) {
		o := outcome.Outcome{Epoch: 1000, Contributions: []outcome.Member{{Peer: 0, Contribution: contribution}, {Peer: 2, Contribution: raw}}}
		if tx, err := transaction.Decode(raw); err == nil {
			rules.Check([]*transaction.Transaction{tx})
			// Submissions are tried only after they passed; that noise is tried
			// here as well costs nothing and finds more.
			if r := rules.Try(snap, 1000, tx); r != nil {
				wellFormed(t, r)
			}
			o.Contributions = append(o.Contributions, outcome.Member{Peer: 3, Contribution: banktest.Of(tx).Encode()})
		}
		res, err := rules.Apply(storage.NewOverlay(snap), o, func(messages.WitnessID) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Rejected {
			wellFormed(t, r.Rejection)
		}
		for _, fault := range res.Faults {
			if len(fault.Text) > messages.MaxRejectionText || !utf8.ValidString(fault.Text) {
				t.Fatalf("fault %q", fault.Text)
			}
		}
		if res.Totals.Assets != res.Totals.Liabilities {
			t.Fatalf("audit %+v", res.Totals)
		}
	})
}

func wellFormed(t *testing.T, r *messages.Rejection) {
	if r.Code == 0 || r.Text == "" || len(r.Text) > messages.MaxRejectionText || !utf8.ValidString(r.Text) {
		t.Fatalf("refusal %+v", r)
	}
	canonical.Marshal(&wire.Rejected{Code: uint32(r.Code), Text: r.Text})
}

// A member that lies about a contract makes clients refuse its answer, or tells
// them something that has the terms which they asked for.
func FuzzAnswers(f *testing.F) {
	d := newDesk(f, config(-1, 4))
	d.at(now)
	o := outgoingUntil(now + 5)
	offer := sealedFor(now+5, d.Seal(), 1)
	ids := []terms.ID{o.ID(banktest.Federation), offer.ID(banktest.Federation)}
	for _, out := range []terms.Output{{Outgoing: &o}, {Offer: &offer}, purchase(ids[1])} {
		if err := d.output(out); err != nil {
			f.Fatal(err)
		}
		for _, id := range ids {
			if b, err := d.Query(d.scope(), "contract", lightning.ContractRequest(id)); err == nil {
				f.Add(b)
			}
		}
	}
	for _, query := range []struct {
		method string
		body   []byte
	}{{"offers", lightning.OffersRequest(hashOf(preimage))}, {"key", lightning.KeyRequest(xonly(user))}, {"gateways", nil}} {
		b, err := d.Query(d.scope(), query.method, query.body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		readLists(t, b)
		for i, id := range ids {
			s, err := lightning.ReadStatus(banktest.Federation, id, b)
			if err != nil {
				continue
			}
			if i == 0 && (s.Outgoing == nil || *s.Outgoing != o) || i == 1 && (s.Offer == nil || s.Offer.ID(banktest.Federation) != id) {
				t.Fatalf("status %+v", s)
			}
			if s.State.String() == "" || s.Preimage != nil && hashOf(*s.Preimage) != hashOf(preimage) {
				t.Fatalf("status %+v", s)
			}
		}
	})
}

// readLists reads bytes as each kind of list. What is read was asked for.
func readLists(t *testing.T, b []byte) {
	if list, err := lightning.ReadOffers(banktest.Federation, hashOf(preimage), b); err == nil {
		for _, s := range list {
			if s.Offer == nil || s.Offer.PaymentHash != hashOf(preimage) || s.Offer.ID(banktest.Federation) != s.ID {
				t.Fatalf("offer %+v", s)
			}
		}
	}
	if list, err := lightning.ReadContracts(banktest.Federation, xonly(user), b); err == nil && len(list) > 16 {
		t.Fatalf("%d contracts", len(list))
	}
	if _, list, err := lightning.ReadGateways(banktest.Federation, b); err == nil {
		for _, g := range list {
			if err := g.Verify(banktest.Federation); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Terms of any bytes are an error or a module.
func FuzzConfiguration(f *testing.F) {
	cfg := config(-1, 4)
	cfg.Vetted = [][32]byte{{1}, {2}}
	f.Add(lightning.Genesis(), cfg.Terms())
	base := configured(f, nil, nil)
	f.Fuzz(func(t *testing.T, genesis, terms []byte) {
		c := *base
		c.Modules = []federation.Module{{Kind: lightning.Kind, Genesis: genesis, Terms: terms}}
		cfg, err := lightning.FromFederation(&c)
		if err != nil {
			return
		}
		if _, err := lightning.New(cfg); err == nil && string(cfg.Terms()) != string(terms) {
			t.Fatalf("terms %x became %x", terms, cfg.Terms())
		}
	})
}

// Queries of any bytes are answered or refused.
func FuzzQuery(f *testing.F) {
	d := newDesk(f, config(-1, 4))
	d.at(now)
	for _, method := range []string{"contract", "offers", "key", "gateways", "summary", "nothing"} {
		f.Add(method, canonical.Marshal(&lightningwire.ContractRequest{Id: make([]byte, 32)}))
	}
	f.Fuzz(func(t *testing.T, method string, body []byte) {
		if _, err := d.Query(d.scope(), method, body); err != nil && codeOf(err) >= fault {
			t.Fatal(err)
		}
	})
}
