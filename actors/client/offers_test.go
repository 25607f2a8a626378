package client_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/wire"
)

// Payer and payee in one federation: the payer buys the offer himself, wherever he finds
// it, and no gateway is asked to pay. All amounts are right to the msat.
func TestInternalPayment(t *testing.T) {
	for name, set := range map[string]func(h *house, hash messages.Digest){
		"the gateway tells the offer": func(*house, messages.Digest) {},
		"the offer is announced": func(h *house, hash messages.Digest) {
			o := h.offers[hash]
			h.announce(o)
		},
		"announced, and the gateway is away": func(h *house, hash messages.Digest) {
			o := h.offers[hash]
			h.announce(o)
			h.rig.Gateways.Serve(api, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.set(func(*talkwire.Pay) (*talk.Reply, error) { t.Error("the gateway was asked to pay"); return nil, nil })
			alice, carol := h.user(), h.user()
			had := h.fund(alice, 100_000)
			receipt, i := h.invoice(carol, 30_000)
			set(h, i.Hash)
			q, err := alice.Quote(h.ctx, i.Text, client.PayOptions{})
			if err != nil || !q.Internal {
				t.Errorf("quote %+v, %v", q, err)
			}
			id, err := alice.Pay(h.ctx, i.Text, client.PayOptions{})
			op := h.done(alice, id, err)
			got := h.done(carol, receipt.GetId(), nil)
			if !bytes.Equal(op.GetPay().GetPreimage(), got.GetInvoice().GetPreimage()) {
				t.Error("payer and payee know different preimages")
			}
			if have, want := h.balance(alice), had-30_000-messages.Amount(op.GetFeeMsat()); have != want || op.GetPay().GetGatewayFeeMsat() != 0 {
				t.Errorf("alice has %s, want %s", have, want)
			}
			if have, want := h.balance(carol), 30_000-messages.Amount(got.GetFeeMsat()); have != want {
				t.Errorf("carol has %s, want %s", have, want)
			}
		})
	}
}

// A gateway that passes off a worthless offer as the payee's costs its buyer fees and
// nothing else; the next try does not fall for it.
func TestWorthlessOfferIsRefunded(t *testing.T) {
	h := newHouse(t)
	alice, carol := h.user(), h.user()
	had := h.fund(alice, 100_000)
	_, i := h.invoice(carol, 30_000)
	lie := h.worthless(terms.Offer{PaymentHash: i.Hash, Amount: 30_000, ClaimKey: h.listing.Key, Expiry: h.f.Observe() + 40})
	h.mu.Lock()
	h.onFind = func(messages.Digest) (*talk.Reply, error) {
		return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: lie.Wire()}}, nil
	}
	h.mu.Unlock()
	id, err := alice.Pay(h.ctx, i.Text, client.PayOptions{})
	h.refunded(alice, id, err, had, "worthless")
	had = h.balance(alice)
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "I was asked"), nil })
	id, err = alice.Pay(h.ctx, i.Text, client.PayOptions{})
	h.refunded(alice, id, err, had, "I was asked")
}

// Anybody can be listed with the node and channel of another gateway. All that are get
// asked, and the only offer that is one for the invoice is bought; of two that look alike
// none is, but a gateway paid.
func TestGatewaysWithOneChannel(t *testing.T) {
	for name, lies := range map[string]bool{"knows nothing": false, "lies": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "asked to pay"), nil })
			mallory := h.user()
			h.fund(mallory, 20_000)
			twin := h.listing.Gateway
			twin.API, twin.Send.Base = "https://mallory.example", 50_000
			h.list(mallory, twin)
			alice, carol := h.user(), h.user()
			had := h.fund(alice, 100_000)
			h.rig.Gateways.Serve(twin.API, func(*talk.Request) (*talk.Reply, error) { return nil, errors.New("connection refused") })
			_, i := h.invoice(carol, 30_000)
			asked := 0
			lie := h.worthless(terms.Offer{PaymentHash: i.Hash, Amount: 30_000, ClaimKey: h.listing.Key, Expiry: h.f.Observe() + 40})
			h.rig.Gateways.Serve(twin.API, func(*talk.Request) (*talk.Reply, error) {
				asked++
				if lies {
					return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: lie.Wire()}}, nil
				}
				return talk.Refuse(messages.Reject(messages.RejectNotFound, "no such offer")), nil
			})
			id, err := alice.Pay(h.ctx, i.Text, client.PayOptions{})
			if lies {
				h.refunded(alice, id, err, had, "asked to pay")
			} else {
				h.done(alice, id, err)
			}
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// What a gateway says to be the offer is looked at: one of another invoice, of another
// amount, that expires, or whose ciphertext is not made for its terms, is not bought.
func TestOffersAreChecked(t *testing.T) {
	h := newHouse(t)
	h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "asked to pay"), nil })
	carol := h.user()
	op, i := h.invoice(carol, 30_000)
	good := *offerOf(t, op)
	bend := map[string]func(o *terms.Offer){
		"another hash":       func(o *terms.Offer) { o.PaymentHash[3]++ },
		"another amount":     func(o *terms.Offer) { o.Amount++ },
		"another key":        func(o *terms.Offer) { o.ClaimKey = h.listing.Key },
		"another ciphertext": func(o *terms.Offer) { o.Ciphertext = bytes.Clone(o.Ciphertext); o.Ciphertext[40]++ },
		"expires":            func(o *terms.Offer) { o.Expiry = h.f.Observe() },
	}
	for name, fn := range bend {
		bad := good
		fn(&bad)
		h.mu.Lock()
		h.onFind = func(messages.Digest) (*talk.Reply, error) {
			return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: bad.Wire()}}, nil
		}
		h.mu.Unlock()
		alice := h.user()
		had := h.fund(alice, 100_000)
		id, err := alice.Pay(h.ctx, i.Text, client.PayOptions{})
		h.refunded(alice, id, err, had, "asked to pay")
		if op, _ := alice.Operation(id); op.GetPay().GetOffer() != nil {
			t.Errorf("%s: bought", name)
		}
	}
}

func (h *house) announce(o terms.Offer) {
	h.Helper()
	if op := h.order(h.bob, h.rig.Customer(), fund("announce", 0, terms.Output{Offer: &o})); op.GetState() != clientwire.State_STATE_DONE {
		h.Error(op)
	}
}

// An invoice that somebody else has paid costs nothing.
func TestSomebodyElseHasPaid(t *testing.T) {
	h := newHouse(t)
	alice, carol := h.user(), h.user()
	had := h.fund(alice, 100_000)
	_, i := h.invoice(carol, 30_000)
	h.buy(i.Hash, "buy")
	id, err := alice.Pay(h.ctx, i.Text, client.PayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	failed(h.world, alice, id, clientwire.Cause_CAUSE_INVOICE, 0)
	if got := h.balance(alice); got != had {
		t.Errorf("balance %s, want %s", got, had)
	}
}

// H27: members that keep their shares out of consensus, or are not heard there, do not
// keep a buyer from the preimage: it is in what members answer about his purchase.
func TestH27BuyerNeedsNoConsensus(t *testing.T) {
	h := newHouse(t)
	alice, carol := h.user(), h.user()
	h.fund(alice, 100_000)
	for name, fault := range map[string]func(bool){
		"no fault": func(bool) {}, "silent": h.f.Members[2].SetSilent,
		"lies": func(on bool) {
			h.f.Members[2].SetTwist(func(r *wire.ClientReply) {
				if outputs := r.GetStatus().GetAccepted().GetOutputs(); on && len(outputs) > 1 && len(outputs[1].GetShare()) > 0 {
					outputs[1].Share[9] ^= 1
				}
			})
		},
	} {
		receipt, i := h.invoice(carol, 20_000)
		h.f.Hold(true)
		fault(true)
		id, err := alice.Pay(h.ctx, i.Text, client.PayOptions{})
		op := h.done(alice, id, err)
		if sum := sha256.Sum256(op.GetPay().GetPreimage()); i.Hash != sum {
			t.Errorf("%s: no preimage: %v", name, op)
		}
		h.f.Hold(false)
		fault(false)
		h.done(carol, receipt.GetId(), nil)
	}
}
