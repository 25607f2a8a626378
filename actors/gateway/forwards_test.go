package gateway_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/sim/sched"
)

// H87: only virtual channels are the gateway's business, and there what nobody expects
// is given back at once.
func TestH87ForwardsForNobody(t *testing.T) {
	r := newRig(t, 1, 1)
	_, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.run(5 * time.Second)
	r.shop.Send(inv)
	r.until("given back", 2*time.Second, func() bool { return r.received(inv.Hash) == lnnode.Failed })
	for channel, want := range map[uint64]bool{deal.Channel(1): true, deal.Channel(70_000): true, 800_000<<40 | 1<<16 | 1: false, 2 << 40: false, 0: false} {
		if deal.Virtual(channel) != want {
			t.Errorf("virtual(%d) is %v", channel, !want)
		}
	}
	r.balanced()
}

// H88: a forward of too much, too little, or in parts.
func TestH88AmountsOfForwards(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []messages.Amount
		want  lnnode.State
	}{
		{"too much", []messages.Amount{450_000}, lnnode.Succeeded},
		{"parts", []messages.Amount{100_000, 150_000, 50_000}, lnnode.Succeeded},
		{"more than twice", []messages.Amount{600_001}, lnnode.Failed},
		{"too little", []messages.Amount{299_999}, lnnode.Failed},
		{"parts that are too little", []messages.Amount{100_000, 150_000}, lnnode.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1, 1)
			o, inv := r.offer(r.bank(), "bob", 300_000, nil)
			r.register(r.bank(), o)
			r.shop.Send(inv, c.parts...)
			r.until("over", 2*time.Minute, func() bool { return r.received(inv.Hash) != lnnode.InFlight })
			if got := r.received(inv.Hash); got != c.want {
				t.Errorf("the payment has %s, want %s", got, c.want)
			}
			if c.want == lnnode.Failed && r.bank().cash != 10_000_000 {
				t.Errorf("the gateway has %s", r.bank().cash)
			}
			r.balanced()
		})
	}
}

// H89: forwards that end too soon, and offers that do, are given back, and nothing is
// bought.
func TestH89TimeToDecide(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.register(r.bank(), o)
	expiring, inv2 := r.offer(r.bank(), "carol", 300_000, func(o *terms.Offer) { o.Expiry = r.bank().height + 10 })
	r.register(r.bank(), expiring)
	r.gate.Stop()
	r.shop.Send(inv)
	r.net.Mine(40) // of the 45 blocks until the node gives it up
	r.bank().height += 40
	r.gate.Start()
	r.shop.Send(inv2)
	r.until("given back", 10*time.Second, func() bool { return r.received(inv.Hash) == lnnode.Failed && r.received(inv2.Hash) == lnnode.Failed })
	if r.bank().cash != 10_000_000 {
		t.Errorf("the gateway has %s", r.bank().cash)
	}
	r.balanced()
}

// A forward that comes just before its offer is registered is given back or bought for,
// and never both.
func TestForwardBeforeItsOffer(t *testing.T) {
	bought := 0
	for seed := range uint64(300) {
		dice := rand.New(rand.NewPCG(seed, 1))
		r := newRigOf(t, sched.Config{Seed: seed, Pick: func(ready []sched.Task) int {
			at := dice.IntN(len(ready))
			for range 10 { // the node is slow to give forwards back
				if turn, ok := ready[at].(*sched.Turn); !ok || !isAnswer(turn.Next()) {
					break
				}
				at = dice.IntN(len(ready))
			}
			return at
		}}, 1)
		o, inv := r.offer(r.bank(), "bob", 300_000, nil)
		r.run(3 * time.Second)
		before := r.bank().cash + r.gate.Balance()
		id := r.bank().id()
		r.shop.Send(inv)
		for range dice.IntN(9) { // of what happens at this moment
			r.loop.Step()
		}
		r.send(&talk.Request{Federation: id[:], Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: o.Wire()}}})
		for range dice.IntN(9) {
			r.loop.Step()
		}
		r.gate.Stop() // two notices, so that it is listed again
		r.gate.Start()
		r.until("over", time.Minute, func() bool { s := r.received(inv.Hash); return s == lnnode.Failed || s == lnnode.Succeeded })
		r.run(5 * time.Second)
		if after := r.bank().cash + r.gate.Balance(); after < before {
			t.Fatalf("seed %d: the gateway has lost %s", seed, before-after)
		}
		if r.received(inv.Hash) == lnnode.Succeeded {
			bought++
		}
		r.balanced()
	}
	if bought == 0 || bought == 300 {
		t.Errorf("%d were bought: the race is none", bought)
	}
}

func isAnswer(m any) bool {
	_, ok := m.(caller.AnswerCall)
	return ok
}

// V11: an offer without preimage is given back, and its price fetched exactly once.
func TestV11WorthlessOffer(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "liar", 300_000, nil)
	r.bank().secrets[o.PaymentHash] = secret("something else")
	r.register(r.bank(), o)
	r.shop.Send(inv)
	r.until("returned", time.Minute, func() bool {
		return r.purchase(r.bank(), o.PaymentHash).GetState() == ledgerwire.PurchaseState_PURCHASE_RETURNED
	})
	r.crash()
	r.run(time.Minute)
	if r.bank().cash != 10_000_000 || r.received(inv.Hash) != lnnode.Failed {
		t.Errorf("the gateway has %s, the payment has %s", r.bank().cash, r.received(inv.Hash))
	}
	r.balanced()
}

// V12: a purchase that does not come to an end is turned round, and the forward given
// back, before the node would have to.
func TestV12ForwardIsGivenBackInTime(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.register(r.bank(), o)
	r.bank().refuse = func(op *clientwire.Operation) string {
		if len(op.GetFund().GetOutputs()) == 2 {
			return "wait"
		}
		return ""
	}
	r.shop.Send(inv)
	r.run(time.Minute)
	if r.received(inv.Hash) != lnnode.InFlight {
		t.Fatal("not held")
	}
	r.net.Mine(42) // of 45
	r.until("given back", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Failed })
	r.bank().refuse = func(*clientwire.Operation) string { return "" }
	r.run(time.Minute)
	if r.bank().contract(o.Wire().GetPaymentHash()) != nil || r.bank().cash != 10_000_000 {
		t.Error("the offer was bought")
	}
	r.balanced()
}
