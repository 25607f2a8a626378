package client_test

import (
	"bytes"
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
