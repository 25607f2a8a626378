package gateway_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/sim/sched"
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

// H80: the contract is for another payment than the invoice.
func TestH80HashOfContractAndInvoice(t *testing.T) {
	r := newRig(t, 1, 1)
	inv := r.shop.Invoice(250_000, secret("shop"), epoch)
	u := r.payer("mallory", inv, func(o *terms.Outgoing) { o.PaymentHash = messages.Digest{1} })
	u.wantForfeit("payment hash")
	if r.shop.Paid(inv.Hash) {
		t.Error("the invoice was paid")
	}
}

// recorder keeps what the node is asked to pay.
type recorder struct {
	lnnode.Node
	got []lnnode.Order
}

// Pay implements lnnode.Node.
func (o *recorder) Pay(ctx context.Context, order lnnode.Order) error {
	o.got = append(o.got, order)
	return o.Node.Pay(ctx, order)
}

// H81: limits reach the node in the units that it takes, and whole.
func TestH81LimitsReachTheNode(t *testing.T) {
	r := newRig(t, 1, 1)
	o := &recorder{Node: r.gate}
	r.node = o
	r.crash()
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), func(c *terms.Outgoing) { c.Expiry = r.bank().height + 1500 })
	u.insist()
	want := lnnode.Order{Invoice: u.invoice.Text, Hash: u.invoice.Hash, MaxFee: 3_250, MaxDelay: 1500 - deal.Margin, Patience: time.Minute}
	if len(o.got) != 1 || o.got[0] != want {
		t.Errorf("the node got %+v, want %+v", o.got, want)
	}
}

// H82, H89: whatever Pay answers, the payment is under way until the node says how it
// ended, also across a restart of the gateway and of the node.
func TestH82InFlightIsInFlight(t *testing.T) {
	lost := errors.New("connection reset")
	for name, end := range map[string]string{"succeeds late": "", "fails late": "no route worked in time"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, 1)
			r.gate.Plan = func(method string, _ messages.Digest) fake.Course {
				if method == "Pay" {
					return fake.Course{After: lost, Hold: true, Notices: 2}
				}
				return fake.Course{}
			}
			u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
			for i := range 6 {
				if reply := u.want(); reply.GetPending() == nil {
					t.Fatalf("reply %d: %v", i, reply)
				}
				switch i {
				case 1:
					r.crash()
				case 2:
					r.gate.Stop()
				case 4:
					r.gate.Start()
				}
				r.run(30 * time.Second)
			}
			r.gate.Resolve(u.invoice.Hash, end)
			if reply := u.insist(); (reply.GetPaid() != nil) != (end == "") {
				t.Fatalf("reply %v", reply)
			}
			if end == "" {
				r.claimed(u)
			}
			u.check()
			r.balanced()
		})
	}
}

// A Pay that was never carried out is made again, and given up, with two looks, only
// when it is too late for it.
func TestPayThatNeverArrived(t *testing.T) {
	r := newRig(t, 1, 1)
	arrive := false
	r.gate.Plan = func(method string, _ messages.Digest) (c fake.Course) {
		if method == "Pay" && !arrive {
			c.Before = lnnode.ErrOffline
		}
		return c
	}
	u, v := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil), r.payer("bob", r.shop.Invoice(250_000, secret("shop 2"), epoch), nil)
	u.want()
	r.run(20 * time.Second)
	arrive = true
	u.insist()
	r.claimed(u)
	arrive = false
	v.want()
	r.run(50 * time.Second)
	if reply := v.want(); reply.GetPending() == nil {
		t.Fatalf("reply %v", reply)
	}
	v.wantForfeit("did not begin")
	u.check()
	v.check()
	r.balanced()
}

// slow is a node that says it cannot be reached, and does what it was asked later.
type slow struct {
	*fake.Node
	rig *rig
}

// Pay implements lnnode.Node.
func (s slow) Pay(_ context.Context, order lnnode.Order) error {
	s.rig.loop.After(6*time.Second, func() { _ = s.Node.Pay(context.Background(), order) })
	return lnnode.ErrOffline
}

// H82: a node that knows nothing of a payment, when it is too late to ask it again, may
// still be about to make it.
func TestH82PayThatArrivesLate(t *testing.T) {
	r := newRig(t, 1, 1)
	r.node = slow{r.gate, r}
	r.crash()
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	u.request.WaitMs = 100
	u.want()
	r.net.Mine(160) // of the 164 until the deadline
	if reply := u.insist(); reply.GetPaid() == nil {
		t.Errorf("reply %v", reply)
	}
	r.claimed(u)
	u.check()
	r.balanced()
}

// H83: one payment that does not end, and a federation that does not answer, keep
// nothing else from going on.
func TestH83PaymentsDoNotWaitForEachOther(t *testing.T) {
	r := newRig(t, 1, 1)
	stuck := r.shop.Invoice(250_000, secret("stuck"), epoch)
	unclaimed := r.shop.Invoice(260_000, secret("unclaimed"), epoch)
	r.gate.Plan = func(method string, hash messages.Digest) fake.Course {
		return fake.Course{Hold: method == "Pay" && hash == stuck.Hash}
	}
	a, b, c := r.payer("a", stuck, nil), r.payer("b", unclaimed, nil), r.payer("c", r.shop.Invoice(250_000, secret("free"), epoch), nil)
	r.bank().refuse = func(op *clientwire.Operation) string {
		if op.GetAmountMsat() == uint64(b.contract.Amount) {
			return "wait"
		}
		return ""
	}
	a.want()
	if reply := b.insist(); reply.GetPaid() == nil {
		t.Fatalf("reply %v", reply)
	}
	if reply := c.insist(); reply.GetPaid() == nil {
		t.Fatalf("reply %v", reply)
	}
	r.claimed(c)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.register(r.bank(), o)
	r.shop.Send(inv)
	r.until("received", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Succeeded })
}

// H86: what was paid is answered with the preimage, the same each time, whether the
// claim is over or not, and whether it succeeds.
func TestH86PaidIsPaid(t *testing.T) {
	r := newRig(t, 1, 1)
	r.bank().refuse = func(op *clientwire.Operation) string {
		if op.GetKind() == clientwire.Kind_KIND_REDEEM {
			return "no"
		}
		return ""
	}
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	first := u.insist()
	r.until("lost", time.Minute, func() bool { return r.payment(u.id).GetState() == ledgerwire.PaymentState_PAYMENT_LOST })
	r.crash()
	if again := u.insist(); string(again.GetPaid().GetPreimage()) != string(first.GetPaid().GetPreimage()) {
		t.Errorf("first %v, then %v", first, again)
	}
}

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

// H90: only the contract's user has it paid, or given up.
func TestH90OnlyTheUserAsks(t *testing.T) {
	r := newRig(t, 1, 1)
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	mallory := *u
	var err error
	if mallory.request, err = talk.Pay(r.bank().id(), u.id, u.invoice.Text, person("mallory")); err != nil {
		t.Fatal(err)
	}
	mallory.request.WaitMs = 5_000
	if f := mallory.want().GetRefusal(); f.GetCode() != uint32(messages.RejectUnauthorized) || !f.GetFinal() {
		t.Errorf("refusal %v", f)
	}
	if reply := u.insist(); reply.GetPaid() == nil {
		t.Errorf("reply %v", reply)
	}
}

// H90: whoever asks without being the user does not speak for the user, who waits at the
// same time.
func TestH90RefusalsAreForWhoAsks(t *testing.T) {
	r := newRig(t, 1, 1)
	u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	request, err := talk.Pay(r.bank().id(), u.id, u.invoice.Text, person("mallory"))
	if err != nil {
		t.Fatal(err)
	}
	request.WaitMs, u.request.WaitMs = 20_000, 20_000
	first, second, third := r.send(request), r.send(u.request), r.send(request)
	r.until("answered", 30*time.Second, func() bool { return r.told[first] != nil && r.told[second] != nil && r.told[third] != nil })
	if r.told[first].GetRefusal().GetCode() != uint32(messages.RejectUnauthorized) || r.told[second].GetPaid() == nil {
		t.Errorf("mallory: %v, alice: %v", r.told[first], r.told[second])
	}
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

// buggy is a node over which the gateway fails whenever it is about one payment.
type buggy struct {
	lnnode.Node
	hash messages.Digest
}

// Pay implements lnnode.Node.
func (b *buggy) Pay(ctx context.Context, order lnnode.Order) error {
	if order.Hash == b.hash {
		panic("a bug")
	}
	return b.Node.Pay(ctx, order)
}

// V10: a payment over which the gateway fails again and again stops nothing else, and
// nothing is said about it that may turn out wrong.
func TestV10PoisonedPayment(t *testing.T) {
	r := newRig(t, 1, 1)
	poison := r.shop.Invoice(250_000, secret("poison"), epoch)
	bug := &buggy{r.gate, poison.Hash}
	r.node = bug
	r.crash()
	u, v := r.payer("alice", poison, nil), r.payer("bob", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	u.want()
	r.run(20 * time.Second)
	if r.panics == 0 {
		t.Fatal("no bug")
	}
	if reply := u.want(); reply.GetPending() == nil {
		t.Errorf("reply %v", reply)
	}
	v.insist()
	r.claimed(v)
	bug.hash = messages.Digest{} // it is mended, and nobody has to ask
	r.until("tried again", 3*time.Minute, func() bool { return r.payment(u.id).GetState() != ledgerwire.PaymentState_PAYMENT_PAYING })
	u.insist()
	u.check()
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

// One payment for a payment hash, whoever asks, for ever; but what was never tried can
// be tried again with another contract.
func TestOnePaymentForAHash(t *testing.T) {
	r := newRig(t, 1, 1)
	inv := r.shop.Invoice(250_000, secret("shop"), epoch)
	poor := r.payer("poor", inv, func(o *terms.Outgoing) { o.Amount = 250_001 })
	poor.wantForfeit("holds")
	u := r.payer("alice", inv, nil)
	u.insist()
	r.claimed(u)
	again := r.payer("bob", inv, nil)
	again.wantForfeit("paid, or tried")
	if poor.refunded != true || again.refunded != true {
		t.Error("no refund")
	}
	u.check()
	r.balanced()
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
