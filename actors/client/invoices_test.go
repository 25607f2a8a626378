package client_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/wire"
)

// invoice asks for a payment and reads what can be shown.
func (h *house) invoice(c *client.Client, amount messages.Amount) (*client.Operation, bolt11.Invoice) {
	h.Helper()
	op, err := c.Invoice(h.ctx, client.InvoiceOptions{Amount: amount, Description: "tea", Life: 20 * time.Minute})
	if err != nil {
		h.Fatal(err)
	}
	i, err := bolt11.Read(op.GetInvoice().GetText(), &chaincfg.SimNetParams)
	if err != nil {
		h.Fatal(err)
	}
	return op, i
}

// buy pays for an offer that the gateway knows, as when a Lightning payment has come.
func (h *house) buy(hash messages.Digest, reference string) *client.Operation {
	h.Helper()
	h.mu.Lock()
	o := h.offers[hash]
	h.mu.Unlock()
	p := terms.Purchase{Offer: o.ID(h.f.Config.ID()), RefundKey: keys.XOnly(h.ringOf(h.bob).Gateway())}
	return h.order(h.bob, h.rig.Customer(), fund(reference, o.Amount, terms.Output{Offer: &o}, terms.Output{Purchase: &p}))
}

// The whole of a receipt: the invoice leads to the gateway's virtual channel, the
// gateway learns the preimage by paying, and the money is there to the msat.
func TestInvoiceIsPaidThroughAGateway(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	op, i := h.invoice(alice, 30_000)
	if i.Amount != 30_000 || i.Description != "tea" || len(i.Hints) != 1 || len(i.Hints[0]) != 1 {
		t.Fatalf("invoice %+v", i)
	}
	if hop := i.Hints[0][0]; hop.Node != h.listing.Node || hop.Channel != 77 || hop.Base != 11 || hop.Rate != 5 || hop.Delay == 0 {
		t.Errorf("hint %+v", hop)
	}
	if until := i.Until.Sub(clienttest.Now); until < 19*time.Minute || until > 21*time.Minute {
		t.Errorf("good for %s", until)
	}
	if h.buy(i.Hash, "buy").GetState() != clientwire.State_STATE_DONE {
		t.Fatal("the gateway cannot buy the offer")
	}
	op = h.done(alice, op.GetId(), nil)
	if got, want := h.balance(alice), 30_000-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("balance %s, want %s", got, want)
	}
	h.mu.Lock()
	o := h.offers[i.Hash]
	h.mu.Unlock()
	if s := h.contract(o.ID(h.f.Config.ID())); s.Preimage == nil || !bytes.Equal(s.Preimage[:], op.GetInvoice().GetPreimage()) {
		t.Errorf("contract %+v", s)
	}
}

// H75: in the original preimage, payment secret and key of the contract were one. Here
// nobody who knows one of them knows another, and no two invoices share any.
func TestH75SecretsAreIndependent(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	var seen [][]byte
	for range 3 {
		op, i := h.invoice(alice, 30_000)
		o, err := terms.DecodeOutput(terms.Output{Offer: offerOf(t, op)}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		claim := h.ringOf(alice).Contract(op.GetInvoice().GetKeyIndex())
		if keys.XOnly(claim) != o.Offer.ClaimKey {
			t.Error("the money is for another key")
		}
		seen = append(seen, op.GetInvoice().GetPreimage(), i.Secret[:], o.Offer.ClaimKey[:], claim.Serialize(), i.Hash[:], i.Payee[1:])
	}
	for i, a := range seen {
		for _, b := range seen[:i] {
			if len(a) != 32 || bytes.Equal(a, b) {
				t.Errorf("%x and %x", a, b)
			}
		}
	}
}

func offerOf(t *testing.T, op *client.Operation) *terms.Offer {
	t.Helper()
	w := new(lightningwire.Offer)
	if err := unmarshal(op.GetInvoice().GetOffer(), w); err != nil {
		t.Fatal(err)
	}
	o, err := terms.OfferOf(w)
	if err != nil {
		t.Fatal(err)
	}
	return &o
}

// Nobody sees an invoice that no gateway serves: one that refuses, or is away, is left
// for the next, and if there is none the invoice fails with the reason.
func TestInvoiceGoesToAGatewayThatTakesIt(t *testing.T) {
	h := newHouse(t)
	alice, carol := h.user(), h.user()
	h.fund(carol, 20_000)
	h.mu.Lock()
	h.onMake = func(terms.Offer) (*talk.Reply, error) {
		return talk.Refuse(messages.Reject(messages.RejectBusy, "no more room")), nil
	}
	h.mu.Unlock()
	if op, err := alice.Invoice(h.ctx, client.InvoiceOptions{Amount: 5000}); err == nil || op.GetCause() != clientwire.Cause_CAUSE_GATEWAY ||
		!strings.Contains(op.GetText(), "no more room") {
		t.Errorf("%v, %v", err, op)
	}
	dear := h.listing.Gateway
	dear.API, dear.Receive.Base, dear.Channel, dear.Expiry = "https://carol.example", 500, 78, h.listing.Expiry
	h.list(carol, dear)
	offered := 0
	h.rig.Gateways.Serve(dear.API, func(*talk.Request) (*talk.Reply, error) {
		if offered++; offered < 3 {
			return nil, errors.New("connection refused")
		}
		return &talk.Reply{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}}, nil
	})
	if _, i := h.invoice(h.user(), 5000); i.Hints[0][0].Channel != 78 { // whose list is fresh
		t.Errorf("hint %+v", i.Hints[0])
	}
	if offered != 3 {
		t.Errorf("asked %d times", offered)
	}
}

// A gateway that is busy is asked again; one over whose limit the amount is may change its mind
// one day, and the user does not wait for that.
func TestInvoiceWaitsForWhatPasses(t *testing.T) {
	for code, want := range map[messages.RejectionCode]int{messages.RejectContractAmount: 1, messages.RejectBusy: 4} {
		h := newHouse(t)
		asked := 0
		h.mu.Lock()
		h.onMake = func(terms.Offer) (*talk.Reply, error) {
			asked++
			return talk.Refuse(messages.RejectForNow(code, "not now")), nil
		}
		h.mu.Unlock()
		if op, err := h.user().Invoice(h.ctx, client.InvoiceOptions{Amount: 5000}); err == nil || op.GetCause() != clientwire.Cause_CAUSE_GATEWAY {
			t.Errorf("%v, %v", err, op)
		}
		if asked != want {
			t.Errorf("refused for %d, the gateway is asked %d times", code, asked)
		}
	}
}

// Whoever waits for his invoice waits for the way to the gateway and back, not for news
// that a gateway might have of an offer: one answer that is lost costs little.
func TestInvoiceAfterALostAnswer(t *testing.T) {
	h := newHouse(t)
	asked := 0
	h.rig.Gateways.Serve(api, func(r *talk.Request) (*talk.Reply, error) {
		if r.GetRegister() == nil || r.GetWaitMs() != 0 {
			t.Errorf("asked %v", r)
		}
		if asked++; asked == 1 {
			return nil, nil
		}
		return h.answer(r)
	})
	if h.invoice(h.user(), 5000); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// An invoice that nobody pays ends, some blocks after its offer.
func TestInvoiceExpires(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	op, _ := h.invoice(alice, 5000)
	expiry := offerOf(t, op).Expiry
	now := h.f.Observe()
	h.f.Pass(expiry - now + 3)
	failed(h.world, alice, op.GetId(), clientwire.Cause_CAUSE_EXPIRED, 0)
}

// A device that wakes up learns the height before it learns that its offer was bought in
// time: the receipt waits for that, and the money is taken.
func TestInvoiceThatWasPaidWhileNobodyHeard(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	op, i := h.invoice(alice, 30_000)
	id := offerOf(t, op).ID(h.f.Config.ID())
	var expired atomic.Bool
	var refused atomic.Int32 // since then
	for _, m := range h.f.Members {
		m.SetTwist(func(r *wire.ClientReply) {
			var c lightningwire.Contract
			if a := r.GetAnswer(); a != nil && unmarshal(a.GetBody(), &c) == nil && bytes.Equal(c.GetId(), id[:]) && (!expired.Load() || refused.Add(1) < 200) {
				r.Reply = &wire.ClientReply_Refusal{Refusal: &wire.Refusal{Code: uint32(messages.RejectBusy)}}
			}
		})
	}
	if h.buy(i.Hash, "buy").GetState() != clientwire.State_STATE_DONE {
		t.Fatal("the gateway cannot buy the offer")
	}
	h.f.Pass(offerOf(t, op).Expiry - h.f.Observe() + 3)
	expired.Store(true)
	h.done(alice, op.GetId(), nil)
}

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
