package gateway_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// Registering costs nothing, so anybody can fill the table. When what fills it has expired
// there is room again, though every registration until then was refused.
func TestFloodOfOffersExpires(t *testing.T) {
	r := newRig(t, 1, 1)
	b := r.bank()
	err := r.store.Update(func(tx storage.Tx) error {
		for i := range uint32(1 << 14) {
			var hash messages.Digest
			binary.BigEndian.PutUint32(hash[:], i)
			ledger.Register(tx, b.id(), terms.Offer{PaymentHash: hash, Amount: 1, Expiry: 150, Ciphertext: make([]byte, 208)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.crash()
	o, _ := r.offer(b, "alice", 300_000, func(o *terms.Offer) { o.Expiry = 180 })
	r.run(time.Minute)
	if f := r.register(b, o).GetRefusal(); f.GetCode() != uint32(messages.RejectBusy) || f.GetFinal() {
		t.Fatalf("refusal %v", f)
	}
	b.height = 150
	r.run(time.Minute)
	if reply := r.register(b, o); reply.GetRegistered() == nil {
		t.Errorf("reply %v", reply)
	}
}

// H27: members whose shares never get into an outcome keep the federation from opening what
// was bought. The gateway opens it itself, with the shares that they tell it, at once or as
// soon as there are enough.
func TestH27BuyerOpensTheOffer(t *testing.T) {
	for name, late := range map[string]bool{"at once": false, "late": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, 1)
			b := r.bank()
			b.hold, b.shares = true, !late
			o, inv := r.offer(b, "bob", 300_000, nil)
			r.register(b, o)
			r.shop.Send(inv)
			if late {
				r.run(5 * time.Second)
				if p := r.purchase(b, o.PaymentHash); p.GetState() != ledgerwire.PurchaseState_PURCHASE_BUYING {
					t.Fatalf("purchase %v", p)
				}
				b.shares = true
			}
			r.until("received", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Succeeded })
			if p := r.purchase(b, o.PaymentHash); p.GetState() != ledgerwire.PurchaseState_PURCHASE_VALID || p.GetFree() {
				t.Errorf("purchase %v", p)
			}
			r.balanced()
		})
	}
}

// What is no preimage of the payment hash opens nothing, whoever says it.
func TestH27WrongPreimage(t *testing.T) {
	r := newRig(t, 1, 1)
	b := r.bank()
	b.hold, b.shares = true, true
	o, inv := r.offer(b, "bob", 300_000, nil)
	r.register(b, o)
	b.secrets[o.PaymentHash] = secret("mallory")
	r.shop.Send(inv)
	r.run(30 * time.Second)
	if p := r.purchase(b, o.PaymentHash); p.GetState() != ledgerwire.PurchaseState_PURCHASE_BUYING || len(p.GetPreimage()) > 0 {
		t.Errorf("purchase %v", p)
	}
	b.hold = false
	r.until("given back", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Failed })
	r.until("fetched", time.Minute, func() bool {
		return r.purchase(b, o.PaymentHash).GetState() == ledgerwire.PurchaseState_PURCHASE_RETURNED
	})
	r.balanced()
}

// Two contracts, each of which is within the limit: whoever writes second sees what the
// first has bound, though nothing was bound when it began to decide.
func TestExposureOfContractsAtOnce(t *testing.T) {
	r := newRig(t, 1, 1)
	b, id := r.bank(), r.bank().id()
	r.run(10 * time.Second) // it is listed
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	err := r.store.Update(func(tx storage.Tx) error {
		f := ledger.Federation(tx, id)
		f.ExposureLimitMsat = uint64(b.cash + u.contract.Amount)
		ledger.PutFederation(tx, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	other := &ledgerwire.Payment{
		Federation: id[:], Contract: make([]byte, 32), PaymentHash: make([]byte, 32), State: ledgerwire.PaymentState_PAYMENT_BUYING, HeldMsat: 1, Tried: true,
	}
	b.counted = func() {
		b.counted = nil
		if err := r.store.Update(func(tx storage.Tx) error { return ledger.Begin(tx, other) }); err != nil {
			t.Fatal(err)
		}
	}
	u.wantForfeit("at stake")
	if b.counted != nil || r.shop.Paid(u.invoice.Hash) {
		t.Errorf("paid: %v", r.shop.Paid(u.invoice.Hash))
	}
}

// Who registers an offer and makes an invoice of less under its hash gets nothing: the
// contract is given back, and the offer not bought.
func TestInvoiceOfLessThanItsOffer(t *testing.T) {
	r := newRig(t, 1, 1)
	b := r.bank()
	o, _ := r.offer(b, "mallory", 300_000, nil)
	if reply := r.register(b, o); reply.GetRegistered() == nil {
		t.Fatalf("reply %v", reply)
	}
	before, cheap := b.cash, o
	cheap.Amount = 299_999
	u := r.payer("alice", r.invoice(b, cheap, "mallory"), nil)
	u.wantForfeit("less than its offer")
	if b.cash != before || r.purchase(b, o.PaymentHash) != nil {
		t.Errorf("cash %s, before %s, purchase %v", b.cash, before, r.purchase(b, o.PaymentHash))
	}
}

// liar is a node that says that all payments succeed, with a preimage of something else.
type liar struct{ lnnode.Node }

// Payment implements lnnode.Node.
func (liar) Payment(context.Context, messages.Digest) (lnnode.Payment, error) {
	return lnnode.Payment{State: lnnode.Succeeded, Preimage: secret("lie")}, nil
}

// A node that calls a payment paid, without its preimage, is believed neither that nor the
// opposite: what can be claimed is claimed when it tells the truth.
func TestNodeWithWrongPreimage(t *testing.T) {
	r := newRig(t, 1, 1)
	r.node = liar{r.gate}
	r.crash()
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	u.want()
	r.run(time.Minute)
	if p := r.payment(u.id); p.GetState() != ledgerwire.PaymentState_PAYMENT_PAYING || len(p.GetPreimage()) > 0 {
		t.Fatalf("payment %v", p)
	}
	r.node = nil
	r.crash()
	if reply := u.insist(); reply.GetPaid() == nil {
		t.Errorf("reply %v", reply)
	}
	r.claimed(u)
	u.check()
}

// tardy is a node that cannot be reached, and gives a forward back all the same, later.
type tardy struct {
	*fake.Node
	rig *rig
}

// Answer implements lnnode.Node.
func (n tardy) Answer(_ context.Context, at lnnode.Circuit, preimage *lnnode.Preimage) error {
	n.rig.loop.After(12*time.Second, func() { _ = n.Node.Answer(context.Background(), at, preimage) })
	return lnnode.ErrOffline
}

// A forward that was given back buys nothing, though the node still lists it and its offer
// is registered now: the node may be about to do as it was told.
func TestForwardGivenBackLate(t *testing.T) {
	r := newRig(t, 1, 1)
	r.node = tardy{r.gate, r}
	r.crash()
	b := r.bank()
	r.run(10 * time.Second) // it is listed
	o, inv := r.offer(b, "bob", 300_000, nil)
	before := b.cash
	r.shop.Send(inv)
	r.run(time.Second)
	if reply := r.register(b, o); reply.GetRegistered() == nil {
		t.Fatalf("reply %v", reply)
	}
	r.until("given back", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Failed })
	if p := r.purchase(b, o.PaymentHash); p != nil || b.cash != before {
		t.Errorf("purchase %v, cash %s and before %s", p, b.cash, before)
	}
	r.balanced()
}
