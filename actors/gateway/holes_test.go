package gateway_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

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

// That the node lacks the newest block, or cannot tell which it has, keeps nobody waiting: what it
// never began can no longer be begun when the patience for it is over.
func TestPayThatNeverArrivedAtANodeThatLags(t *testing.T) {
	for name, broken := range map[string]bool{"not synced": false, "no info": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, 1)
			asked := false
			r.gate.Plan = func(method string, _ messages.Digest) (c fake.Course) {
				switch {
				case method == "Pay":
					asked, c.Before = true, lnnode.ErrOffline
				case method == "Info" && broken && asked:
					c.Before = errors.New("it makes no sense")
				}
				return c
			}
			u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
			r.until("asked to pay", 10*time.Second, func() bool { u.want(); return asked })
			r.gate.Sync(false)
			u.wantForfeit("did not begin")
			u.check()
			r.balanced()
		})
	}
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

// V10: a record over which a payer fails again and again stops that payer alone; and once
// it can be worked with, nobody has to ask for it.
func TestV10PoisonedRecord(t *testing.T) {
	r := newRig(t, 1, 1)
	u, v := r.payer("alice", r.shop.Invoice(250_000, secret("poison"), epoch), nil), r.payer("bob", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
	id := r.bank().id()
	rec := &ledgerwire.Payment{
		Federation: id[:], Contract: u.id[:], PaymentHash: u.invoice.Hash[:], Invoice: "nonsense", State: ledgerwire.PaymentState_PAYMENT_PAYING,
		AmountMsat: 250_000, HeldMsat: uint64(u.contract.Amount), MaxFeeMsat: 3_000, Deadline: 260, Tried: true,
	}
	if err := r.store.Update(func(tx storage.Tx) error { return ledger.Begin(tx, rec) }); err != nil {
		t.Fatal(err)
	}
	r.crash()
	r.run(20 * time.Second)
	if r.panics < 4 {
		t.Fatalf("%d failures", r.panics)
	}
	v.insist()
	r.claimed(v)
	rec.Invoice = u.invoice.Text
	if err := r.store.Update(func(tx storage.Tx) error { ledger.PutPayment(tx, rec); return nil }); err != nil {
		t.Fatal(err)
	}
	r.until("tried again", 3*time.Minute, func() bool { return r.payment(u.id).GetState() == ledgerwire.PaymentState_PAYMENT_CLAIMED })
	u.check()
	r.balanced()
}

// Whoever asks about an offer and goes away leaves a request behind; there are never more of
// these than the registrar is meant to have, however long it takes it to come to them.
func TestRequestsAboutOffersAreBounded(t *testing.T) {
	r := newRig(t, 1, 1)
	id := r.bank().id()
	find := func(hash messages.Digest) uint64 {
		return r.send(&talk.Request{Federation: id[:], Request: &talkwire.Request_Find{Find: &talkwire.Find{PaymentHash: hash[:]}}})
	}
	poison := messages.Digest{1}
	err := r.store.Update(func(tx storage.Tx) error {
		storage.Scoped(tx, storage.Local("gateway-offers")).Put(append(id[:], poison[:]...), []byte("nonsense"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.crash()
	for round := range 2 { // what was answered makes room
		r.run(time.Second)
		panics, bad := r.panics, find(poison)
		for end := r.loop.Now() + 5*time.Second; r.panics == panics && r.loop.Now() < end; {
			r.loop.Run(r.loop.Now() + time.Millisecond)
		}
		var asked []uint64
		for range 300 { // while it rests
			asked = append(asked, find(messages.Digest{2}))
		}
		r.loop.Run(r.loop.Now() + time.Millisecond)
		busy := 0
		for _, n := range asked {
			if refusal := r.told[n].GetRefusal(); refusal != nil {
				busy++
				if refusal.GetCode() != uint32(messages.RejectBusy) || refusal.GetFinal() {
					t.Fatalf("reply %v", refusal)
				}
			}
		}
		if busy != 300-255 { // the one over which it has failed is the 256th
			t.Errorf("round %d: %d are refused at once", round, busy)
		}
		r.run(30 * time.Second)
		for _, n := range append(asked, bad) {
			if r.told[n] == nil {
				t.Fatalf("round %d: request %d is not answered", round, n)
			}
		}
	}
}

// Anybody can name contracts that do not exist, in requests that are free. What the gateway asks
// of the federation for them keeps connections busy, without which it cannot claim: so there are
// never many such questions, and none is left when the request is refused.
func TestUnknownContractsKeepNoQuestions(t *testing.T) {
	flood := func(r *rig) (asked []uint64) {
		for i := range 400 {
			pay, err := talk.Pay(r.bank().id(), terms.ID{1, byte(i), byte(i >> 8)}, "lnsb1", person("mallory"))
			if err != nil {
				t.Fatal(err)
			}
			pay.WaitMs = 20_000
			asked = append(asked, r.send(pay))
		}
		return asked
	}
	over := func(r *rig, asked []uint64) {
		r.run(25 * time.Second)
		for _, n := range asked {
			if r.told[n].GetRefusal().GetCode() != uint32(messages.RejectContractUnknown) {
				t.Fatalf("reply %v", r.told[n])
			}
		}
		if b := r.bank(); b.most > 36 || b.looks != 0 {
			t.Errorf("%d questions at once, and %d are left", b.most, b.looks)
		}
	}
	t.Run("others do not wait", func(t *testing.T) {
		r := newRig(t, 1, 1)
		u := r.payer("alice", r.shop.Invoice(250_000, secret("shop"), epoch), nil)
		r.run(time.Second)
		asked := flood(r)
		u.insist()
		r.claimed(u)
		over(r, asked)
	})
	t.Run("the federation does not answer", func(t *testing.T) {
		r := newRig(t, 1, 1)
		r.run(time.Second)
		r.bank().slow = func() time.Duration { return time.Hour }
		over(r, flood(r))
	})
}
