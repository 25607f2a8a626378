package gateway_test

import (
	"testing"
	"time"

	"minimint/actors/module/lightning/lightningwire"
)

func TestPay(t *testing.T) {
	r := newRig(t, 1, 1)
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	if reply := u.insist(); reply.GetPaid() == nil {
		t.Fatalf("reply %v", reply)
	}
	r.until("claimed", time.Minute, func() bool { return r.bank().state(u.id) == lightningwire.State_STATE_CLAIMED })
	u.check()
	r.balanced()
}

func TestReceive(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	if reply := r.register(r.bank(), o); reply.GetRegistered() == nil {
		t.Fatalf("reply %v", reply)
	}
	r.shop.Send(inv)
	r.until("paid", time.Minute, func() bool { return r.received(inv.Hash) == 2 })
	if s := r.bank().state(o.ID(r.bank().id())); s != lightningwire.State_STATE_VALID {
		t.Errorf("the offer is %s", s)
	}
	r.balanced()
}

func (r *rig) bank() *bank { return r.banks[0] }
