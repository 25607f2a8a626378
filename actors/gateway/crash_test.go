package gateway_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/storage"
)

// story is one payment of each kind, with a gateway that may die at any moment.
type story struct {
	*rig
	paid, failed, internal *user
	offers                 []terms.Offer // one by Lightning, the internal one, a worthless one
	invoices               []bolt11.Invoice
	cash, node             messages.Amount
}

func newStory(t reporter, seed uint64) *story {
	s := &story{rig: newRig(t, seed, 1)}
	s.cash, s.node = s.bank().cash, s.gate.Balance()
	for i, name := range []string{"bob", "carol", "liar"} {
		o, inv := s.offer(s.bank(), name, messages.Amount(300_000+i), nil)
		s.offers, s.invoices = append(s.offers, o), append(s.invoices, inv)
	}
	s.bank().secrets[s.offers[2].PaymentHash] = secret("something else")
	s.paid = s.payer("alice", s.shop.Invoice(250_000, secret("shop"), epoch), nil)
	s.failed = s.payer("dave", s.shop.Invoice(260_000, secret("nowhere"), epoch), nil)
	s.internal = s.payer("erin", s.invoices[1], nil)
	s.gate.Plan = func(method string, hash messages.Digest) fake.Course {
		c := fake.Course{}
		c.Hold = method == "Pay" && hash == s.failed.invoice.Hash
		if method == "Pay" && !s.tried(hash) {
			s.t.Errorf("the node is asked to pay what is not written")
		}
		return c
	}
	s.bank().refuse = func(op *clientwire.Operation) string {
		for _, p := range op.GetFund().GetOutputs() {
			if out, err := terms.DecodeOutput(p.GetBody()); err == nil && out.Purchase != nil && !s.buying(out.Purchase.Offer) {
				s.t.Errorf("an offer is bought and it is not written")
			}
		}
		return ""
	}
	return s
}

// buying reports whether the purchase of an offer stands in the ledger.
func (s *story) buying(offer terms.ID) bool {
	for _, o := range s.offers {
		if o.ID(s.bank().id()) == offer {
			return s.purchase(s.bank(), o.PaymentHash).GetState() != ledgerwire.PurchaseState_PURCHASE_UNKNOWN
		}
	}
	return false
}

// tell runs the story to its end.
func (s *story) tell() {
	s.t.Helper()
	for _, o := range s.offers {
		s.register(s.bank(), o)
	}
	s.shop.Send(s.invoices[0])
	s.shop.Send(s.invoices[2])
	for _, u := range []*user{s.paid, s.failed, s.internal} {
		u.want()
	}
	s.end()
	for _, u := range []*user{s.paid, s.failed, s.internal} {
		u.insist()
	}
	s.until("all over", 5*time.Minute, func() bool {
		return s.received(s.invoices[0].Hash) == lnnode.Succeeded && s.received(s.invoices[2].Hash) == lnnode.Failed && len(s.open()) == 0
	})
}

// end has the payment fail that is held, whenever it is there.
func (s *story) end() {
	s.gate.Resolve(s.failed.invoice.Hash, "no route worked in time")
	s.loop.After(2*time.Second, s.end)
}

func (s *story) tried(hash messages.Digest) (tried bool) {
	s.view(func(r storage.Reader) { tried = ledger.Tried(r, hash) })
	return tried
}

func (s *story) open() (open []ledger.Entry) {
	s.view(func(r storage.Reader) { open = ledger.Open(r) })
	return open
}

// ends checks what must hold whatever happened: everything ended as it should, the
// gateway has earned its fees to the msat, and each step was made once.
func (s *story) ends() {
	s.t.Helper()
	s.paid.check()
	s.failed.check()
	if s.internal.refunded || s.bank().state(s.internal.id) != lightningwire.State_STATE_CLAIMED {
		s.t.Errorf("the internal payment: refunded %v, contract %s", s.internal.refunded, s.bank().state(s.internal.id))
	}
	want := []lightningwire.State{lightningwire.State_STATE_VALID, lightningwire.State_STATE_VALID, lightningwire.State_STATE_REFUNDED}
	for i, o := range s.offers {
		if got := s.bank().state(o.ID(s.bank().id())); got != want[i] {
			s.t.Errorf("offer %d is %s, want %s", i, got, want[i])
		}
	}
	fees := messages.Amount(2_000+1_250) - fake.RouteFee + 1_000 + 300 + 2_000 + 1_501
	if earned := s.bank().cash + s.gate.Balance() - s.cash - s.node; earned != fees {
		s.t.Errorf("earned %s, want %s", earned, fees)
	}
	s.balanced()
}

// The gateway dies at every commit of its life, before and after that is on disk.
func TestDiesAtEveryCommit(t *testing.T) {
	for _, kept := range []bool{false, true} {
		commits := 0
		for k := 1; ; k++ {
			s := newStory(t, uint64(k))
			if kept {
				s.store.KeepCommit(k)
			} else {
				s.store.LoseCommit(k)
			}
			s.tell()
			s.ends()
			if t.Failed() {
				t.Fatalf("at commit %d, kept: %v", k, kept)
			}
			if s.boots == 1 {
				commits = k - 1
				break
			}
		}
		if commits < 15 {
			t.Errorf("only %d commits", commits)
		}
	}
}

// Exactly one of paid and refunded, each step once, and every payment ends, whatever
// fails: the gateway dies at any commit and at any moment, its node restarts, loses
// answers and repeats notices, and the federation is slow.
func TestExactlyOnceUnderFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt, rapid.Uint64().Draw(rt, "seed"))
		lost := errors.New("connection reset")
		faults := 40
		fail := rapid.SliceOfN(rapid.IntRange(0, 9), 64, 64).Draw(rt, "faults")
		plain := s.gate.Plan
		s.gate.Plan = func(method string, hash messages.Digest) fake.Course {
			c := plain(method, hash)
			if faults--; faults < 0 {
				return c
			}
			switch fail[faults] {
			case 0:
				c.Before = lnnode.ErrOffline
			case 1:
				c.After = lost
			case 2:
				if method == "Pay" || method == "Answer" {
					c.Notices = 3
				}
			}
			return c
		}
		pace := s.loop.Rand("pace")
		s.bank().slow = func() time.Duration { return time.Duration(1+pace.IntN(800)) * time.Millisecond }
		for i := range rapid.IntRange(0, 3).Draw(rt, "troubles") {
			at := time.Duration(rapid.IntRange(0, 12_000).Draw(rt, fmt.Sprint("when ", i))) * time.Millisecond
			switch rapid.IntRange(0, 3).Draw(rt, fmt.Sprint("trouble ", i)) {
			case 0:
				s.loop.After(at, func() { s.machine.Kill() })
			case 1:
				s.loop.After(at, s.gate.Stop)
				s.loop.After(at+5*time.Second, s.gate.Start)
			case 2:
				s.store.LoseCommit(1 + rapid.IntRange(0, 20).Draw(rt, "commit"))
			case 3:
				s.store.KeepCommit(1 + rapid.IntRange(0, 20).Draw(rt, "commit"))
			}
		}
		s.tell()
		s.ends()
	})
}

// A node that restarts in the middle of everything: what was in flight still is.
func TestNodeRestarts(t *testing.T) {
	s := newStory(t, 1)
	for i := range 30 {
		at := time.Duration(i) * 700 * time.Millisecond
		s.loop.After(at, s.gate.Stop)
		s.loop.After(at+300*time.Millisecond, s.gate.Start)
	}
	s.tell()
	s.ends()
}

// A gateway whose e-cash is used up gives everything back, and buys again when there is
// some.
func TestNoECash(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.register(r.bank(), o)
	cash := r.bank().cash
	r.bank().cash = 100_000
	r.shop.Send(inv)
	r.until("given back", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Failed })
	if state := r.purchase(r.bank(), inv.Hash).GetState(); state != ledgerwire.PurchaseState_PURCHASE_FAILED {
		t.Errorf("the purchase is %s", state)
	}
	r.bank().cash = cash
	other := r.net.Node("other shop", 10_000_000)
	other.Send(inv)
	r.until("bought", time.Minute, func() bool { return r.bank().state(o.ID(r.bank().id())) == lightningwire.State_STATE_VALID })
	r.run(5 * time.Second)
	r.balanced()
}

// Somebody announces the offer while the gateway is about to: it is bought all the same.
func TestAnnouncedMeanwhile(t *testing.T) {
	r := newRig(t, 1, 1)
	o, inv := r.offer(r.bank(), "bob", 300_000, nil)
	r.register(r.bank(), o)
	done := false
	r.bank().refuse = func(op *clientwire.Operation) string {
		if len(op.GetFund().GetOutputs()) == 2 && !done {
			done = true
			r.bank().announce(o)
		}
		return ""
	}
	r.shop.Send(inv)
	r.until("paid", time.Minute, func() bool { return r.received(inv.Hash) == lnnode.Succeeded })
	if p := r.purchase(r.bank(), inv.Hash); p.GetAttempt() != 2 || p.GetAnnounce() {
		t.Errorf("purchase %v", p)
	}
	r.balanced()
}
