package gateway_test

import (
	"testing"
	"time"

	"minimint/actors/gateway"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

func (r *rig) bank() *bank { return r.banks[0] }

func (r *rig) claimed(u *user) {
	r.t.Helper()
	r.until("claimed", time.Minute, func() bool {
		return r.bank().state(u.id) == lightningwire.State_STATE_CLAIMED && r.payment(u.id).GetState() == ledgerwire.PaymentState_PAYMENT_CLAIMED
	})
}

// A user pays an invoice: the node pays it, the gateway has the contract, the user
// the preimage.
func TestPay(t *testing.T) {
	r := newRig(t, 1, 1)
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	before := r.bank().cash + r.gate.Balance()
	if reply := u.insist(); reply.GetPaid() == nil {
		t.Fatalf("reply %v", reply)
	}
	r.claimed(u)
	u.check()
	if earned := r.bank().cash + r.gate.Balance() - before; earned != 2_000+1_250-fake.RouteFee {
		t.Errorf("earned %s", earned)
	}
	r.balanced()
}

// A payment for an invoice of a user comes in: the user's offer is bought, and the
// payer has the preimage.
func TestReceive(t *testing.T) {
	for _, announced := range []bool{false, true} {
		r := newRig(t, 1, 1)
		o, inv := r.offer(r.bank(), "bob", 300_000, nil)
		if reply := r.register(r.bank(), o); reply.GetRegistered() == nil {
			t.Fatalf("reply %v", reply)
		}
		if announced {
			r.bank().announce(o)
		}
		before := r.bank().cash + r.gate.Balance()
		r.shop.Send(inv)
		r.until("paid", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Succeeded })
		if s := r.bank().state(o.ID(r.bank().id())); s != lightningwire.State_STATE_VALID {
			t.Errorf("the offer is %s", s)
		}
		if earned := r.bank().cash + r.gate.Balance() - before; earned != 1_000+300 {
			t.Errorf("earned %s", earned)
		}
		r.balanced()
	}
}

// A payer and a payee of one gateway, in one federation or in two: Lightning is not
// touched.
func TestInternal(t *testing.T) {
	for _, payee := range []int{0, 1} {
		r := newRig(t, 1, 2)
		o, inv := r.offer(r.banks[payee], "bob", 300_000, nil)
		r.register(r.banks[payee], o)
		u := r.payer("alice", inv, nil)
		node := r.gate.Balance()
		if reply := u.insist(); reply.GetPaid() == nil {
			t.Fatalf("reply %v", reply)
		}
		r.claimed(u)
		if s := r.banks[payee].state(o.ID(r.banks[payee].id())); s != lightningwire.State_STATE_VALID {
			t.Errorf("the offer is %s", s)
		}
		if r.gate.Balance() != node {
			t.Error("the node has paid")
		}
		r.balanced()
	}
}

// An internal payment for an offer that nobody registered, or that is worthless, gives
// the money back.
func TestInternalFails(t *testing.T) {
	r := newRig(t, 1, 1)
	_, inv := r.offer(r.bank(), "nobody", 300_000, nil)
	u := r.payer("alice", inv, nil)
	u.wantForfeit("nobody waits")
	o, inv := r.offer(r.bank(), "liar", 300_000, nil)
	r.bank().secrets[o.PaymentHash] = secret("something else")
	r.register(r.bank(), o)
	v := r.payer("carol", inv, nil)
	v.wantForfeit("no preimage")
	r.until("returned", time.Minute, func() bool { return r.bank().cash == 10_000_000 })
	r.balanced()
}

// An offer that somebody else has bought is read, not bought.
func TestOfferOfSomebodyElse(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.register(r.bank(), o)
	r.bank().announce(o)
	id := o.ID(r.bank().id())
	r.bank().buy(id[:], xonly(person("mallory")))
	r.shop.Send(inv)
	r.until("paid", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Succeeded })
	if r.bank().cash != 10_000_000 || !r.purchase(r.bank(), o.PaymentHash).GetFree() {
		t.Errorf("the gateway has %s", r.bank().cash)
	}
	r.balanced()
}

// What cannot be paid is forfeited at once, with the reason; whom nothing is owed is
// refused.
func TestWhatIsNotPaid(t *testing.T) {
	for _, c := range []struct {
		name   string
		amount messages.Amount
		change func(*rig, *terms.Outgoing)
		after  func(*rig)
		word   string
	}{
		{"too small a fee", 250_000, func(_ *rig, o *terms.Outgoing) { o.Amount-- }, nil, "holds"},
		{"too close to expiry", 250_000, func(r *rig, o *terms.Outgoing) { o.Expiry = r.bank().height + deal.Margin + 20 }, nil, "too few blocks"},
		{"no amount", 0, func(_ *rig, o *terms.Outgoing) { o.Amount = 100_000 }, nil, "no amount"},
		{"no node", 250_000, nil, func(r *rig) { r.gate.Stop() }, "cannot be reached"},
		{"a node that lags", 250_000, nil, func(r *rig) { r.gate.Sync(false) }, "newest block"},
		{"too large for the channels", 9_999_999, nil, nil, "too little"},
		{"expired", 250_000, nil, nil, "expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1, 1)
			created := epoch
			if c.name == "expired" {
				created = epoch.Add(-time.Hour)
			}
			inv := r.shop.Invoice(c.amount, secret("shop"), created)
			u := r.payer("alice", inv, func(o *terms.Outgoing) {
				if c.change != nil {
					c.change(r, o)
				}
			})
			if c.after != nil {
				c.after(r)
			}
			u.wantForfeit(c.word)
			r.gate.Start()
			r.run(2 * time.Minute)
			u.check()
			r.balanced()
		})
	}
	r := newRig(t, 1, 1)
	inv := r.shop.Invoice(250_000, secret("shop"), epoch)
	foreign := r.payer("alice", inv, func(o *terms.Outgoing) { o.GatewayKey = xonly(person("other gateway")) })
	if f := foreign.want().GetRefusal(); f.GetCode() != uint32(messages.RejectContractParty) {
		t.Errorf("refusal %v", f)
	}
	unknown := r.payer("bob", inv, nil)
	r.bank().contracts = r.bank().contracts[:1]
	unknown.request.WaitMs = 20_000
	if f := unknown.want().GetRefusal(); f.GetCode() != uint32(messages.RejectContractUnknown) || f.GetFinal() {
		t.Errorf("refusal %v", f)
	}
}

// The gateway lists itself, again when its fees change, and before its listing ends.
func TestListing(t *testing.T) {
	r := newRig(t, 1, 1)
	listed := func() *lightningwire.Gateway {
		if l := r.bank().listings; len(l) > 0 {
			return l[0].GetGateway()
		}
		return nil
	}
	r.until("listed", time.Minute, func() bool { return listed() != nil })
	first := listed()
	key := r.gate.Key()
	if string(first.GetNode()) != string(key[:]) || first.GetChannel() != deal.Channel(1) || first.GetApi() != "http://gate.example" || first.GetSendPpm() != gateway.DefaultSend.PPM {
		t.Errorf("listing %v", first)
	}
	r.run(5 * time.Minute)
	r.crash()
	r.run(time.Minute)
	if listed().GetSerial() != first.GetSerial() {
		t.Error("listed again for nothing")
	}
	r.system.Root.RequestWithCustomSender(r.top, gateway.Adjust{Number: 1, Federation: r.bank().id(), Change: func(f *ledgerwire.Federation) { f.SendPpm = 9 }}, r.ear)
	r.until("fees are listed", time.Minute, func() bool { return listed().GetSendPpm() == 9 })
	serial := listed().GetSerial()
	r.bank().height += 400
	r.until("renewed", time.Minute, func() bool { return listed().GetSerial() > serial && listed().GetExpiry() > r.bank().height+400 })
}

// Offers: the first for a payment hash stands, the same again is welcome, and is found.
func TestOffers(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	id := r.bank().id()
	if reply := r.ask(&talk.Request{Federation: id[:], Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: inv.Hash[:]}}}); reply.GetRefusal().GetCode() != uint32(messages.RejectNotFound) {
		t.Errorf("reply %v", reply)
	}
	for range 2 {
		if reply := r.register(r.bank(), o); reply.GetRegistered() == nil {
			t.Fatalf("reply %v", reply)
		}
	}
	other, _ := r.offer(r.bank(), "bob", 300_001, nil)
	if reply := r.register(r.bank(), other); reply.GetRefusal().GetCode() != uint32(messages.RejectContractExists) {
		t.Errorf("reply %v", reply)
	}
	broken, _ := r.offer(r.bank(), "carol", 300_000, nil)
	broken.Amount++
	if reply := r.register(r.bank(), broken); reply.GetRefusal().GetCode() != uint32(messages.RejectCiphertext) {
		t.Errorf("reply %v", reply)
	}
	found := r.ask(&talk.Request{Federation: id[:], Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: inv.Hash[:]}}})
	if got, err := terms.OfferOf(found.GetOffer()); err != nil || got.ID(id) != o.ID(id) {
		t.Errorf("reply %v, %v", found, err)
	}
	if reply := r.ask(&talk.Request{Federation: make([]byte, 32), Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: inv.Hash[:]}}}); reply.GetRefusal().GetCode() != uint32(messages.RejectWrongFederation) {
		t.Errorf("reply %v", reply)
	}
}
