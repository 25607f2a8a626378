package fake_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/messages"
	"minimint/messages/bolt11"
)

var (
	now      = time.Unix(1_700_000_000, 0)
	preimage = lnnode.Preimage{'p'}
)

const virtual = uint64(1)<<40 | 1<<16 | 1

type world struct {
	*testing.T
	ctx        context.Context
	net        *fake.Network
	gate, shop *fake.Node
}

func newWorld(t *testing.T) *world {
	net := fake.New(&chaincfg.SimNetParams, 100)
	w := &world{T: t, ctx: t.Context(), net: net, gate: net.Node("gate", 1_000_000), shop: net.Node("shop", 1_000_000)}
	t.Cleanup(func() {
		for _, fault := range net.Check() {
			t.Error(fault)
		}
	})
	return w
}

func (w *world) order(inv bolt11.Invoice) lnnode.Order {
	return lnnode.Order{Invoice: inv.Text, Hash: inv.Hash, MaxFee: fake.RouteFee, MaxDelay: 18 + fake.RouteDelay}
}

func (w *world) state(n *fake.Node, hash messages.Digest) lnnode.Payment {
	w.Helper()
	p, err := n.Payment(w.ctx, hash)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// A hash is tried once, and what is paid arrives.
func TestPay(t *testing.T) {
	w := newWorld(t)
	inv := w.shop.Invoice(250_000, preimage, now)
	for range 2 {
		if err := w.gate.Pay(w.ctx, w.order(inv)); err != nil {
			t.Fatal(err)
		}
	}
	if p := w.state(w.gate, inv.Hash); p.State != lnnode.Succeeded || p.Preimage != preimage || p.Fee != fake.RouteFee {
		t.Errorf("payment %+v", p)
	}
	if w.gate.Balance() != 1_000_000-250_000-fake.RouteFee || w.shop.Balance() != 1_250_000 || !w.shop.Paid(inv.Hash) {
		t.Errorf("balances %s and %s", w.gate.Balance(), w.shop.Balance())
	}
}

// Limits, and what the payee does not know, are failures; nonsense is refused.
func TestFailures(t *testing.T) {
	w := newWorld(t)
	inv := w.shop.Invoice(250_000, preimage, now)
	low := w.order(inv)
	low.MaxFee--
	if err := w.gate.Pay(w.ctx, low); err != nil || w.state(w.gate, inv.Hash).State != lnnode.Failed {
		t.Errorf("too low a fee: %v", err)
	}
	if err := w.gate.Pay(w.ctx, w.order(inv)); err != nil || w.state(w.gate, inv.Hash).State != lnnode.Failed {
		t.Errorf("a hash was tried twice: %v", err)
	}
	large := w.shop.Invoice(1_000_000, lnnode.Preimage{2}, now)
	if err := w.gate.Pay(w.ctx, w.order(large)); err != nil || w.state(w.gate, large.Hash).State != lnnode.Failed {
		t.Errorf("too large: %v", err)
	}
	for what, order := range map[string]lnnode.Order{"nonsense": {Invoice: "x"}, "to itself": w.order(w.gate.Invoice(5, lnnode.Preimage{3}, now)), "no amount": w.order(w.shop.Invoice(0, lnnode.Preimage{4}, now))} {
		if err := w.gate.Pay(w.ctx, order); !errors.Is(err, lnnode.ErrRefused) || w.state(w.gate, order.Hash).State != lnnode.Unknown {
			t.Errorf("%s: %v", what, err)
		}
	}
	if w.gate.Balance() != 1_000_000 {
		t.Errorf("balance %s", w.gate.Balance())
	}
}

// Courses: a call that is not made, one whose answer is lost, a payment that is held.
func TestCourses(t *testing.T) {
	w := newWorld(t)
	broken, notices := errors.New("broken"), 0
	inv := w.shop.Invoice(250_000, preimage, now)
	var course fake.Course
	w.gate.Plan = func(method string, _ messages.Digest) fake.Course {
		if method == "Pay" {
			return course
		}
		return fake.Course{}
	}
	w.gate.Watch(func() { notices++ })
	course = fake.Course{Before: broken}
	if err := w.gate.Pay(w.ctx, w.order(inv)); !errors.Is(err, broken) || w.state(w.gate, inv.Hash).State != lnnode.Unknown {
		t.Errorf("before: %v", err)
	}
	course = fake.Course{After: broken, Hold: true, Notices: 2}
	if err := w.gate.Pay(w.ctx, w.order(inv)); !errors.Is(err, broken) || w.state(w.gate, inv.Hash).State != lnnode.InFlight || notices != 2 {
		t.Errorf("after: %v, %d notices", err, notices)
	}
	w.gate.Stop()
	if _, err := w.gate.Payment(w.ctx, inv.Hash); !errors.Is(err, lnnode.ErrOffline) {
		t.Errorf("stopped: %v", err)
	}
	w.gate.Start()
	if w.gate.Balance() != 1_000_000-250_000-fake.RouteFee {
		t.Errorf("balance %s", w.gate.Balance())
	}
	w.gate.Resolve(inv.Hash, "no route")
	if p := w.state(w.gate, inv.Hash); p.State != lnnode.Failed || p.Reason != "no route" || w.gate.Balance() != 1_000_000 {
		t.Errorf("payment %+v", p)
	}
}

// Forwards wait for their answer, in parts, across a restart, until the chain is too
// high.
func TestForwards(t *testing.T) {
	w := newWorld(t)
	key, _ := btcec.PrivKeyFromBytes([]byte{5})
	make := func(p lnnode.Preimage) bolt11.Invoice {
		return bolt11.Make(bolt11.Draft{
			Hash: sha256.Sum256(p[:]), Amount: 100_000, Description: "x", Created: now, Life: time.Hour, FinalDelay: 18,
			Hints: [][]bolt11.Hop{{{Node: w.gate.Key(), Channel: virtual, Base: 1_000, Rate: 10_000, Delay: 40}}},
		}, &chaincfg.SimNetParams, key)
	}
	inv := make(preimage)
	w.shop.Send(inv, 40_000, 60_000)
	w.gate.Stop()
	w.gate.Start()
	held, err := w.gate.Forwards(w.ctx)
	if err != nil || len(held) != 2 {
		t.Fatalf("%d held, %v", len(held), err)
	}
	if f := held[0]; f.Out != 60_000 || f.In != 61_600 || f.Virtual != virtual || f.Expiry != 158 || f.AutoFail != 145 {
		t.Errorf("forward %+v", f)
	}
	for _, f := range held {
		if err := w.gate.Answer(w.ctx, f.Circuit, &preimage); err != nil {
			t.Fatal(err)
		}
	}
	if p := w.state(w.shop, inv.Hash); p.State != lnnode.Succeeded || p.Fee != fake.RouteFee+3_000 || w.gate.Balance() != 1_103_000 {
		t.Errorf("payment %+v, %s", p, w.gate.Balance())
	}
	second := make(lnnode.Preimage{6})
	w.shop.Send(second)
	w.net.Mine(45)
	if held, _ := w.gate.Forwards(w.ctx); len(held) != 0 || w.state(w.shop, second.Hash).State != lnnode.Failed || w.net.Height() != 145 {
		t.Errorf("held %+v", held)
	}
}

// What nobody may see is seen: a wrong preimage, half a payment.
func TestCheck(t *testing.T) {
	w := newWorld(t)
	net := fake.New(&chaincfg.SimNetParams, 100)
	gate, shop := net.Node("gate", 1_000_000), net.Node("shop", 1_000_000)
	w.gate, w.shop = gate, shop
	key, _ := btcec.PrivKeyFromBytes([]byte{5})
	inv := bolt11.Make(bolt11.Draft{
		Hash: sha256.Sum256(preimage[:]), Amount: 100_000, Description: "x", Created: now, Life: time.Hour, FinalDelay: 18,
		Hints: [][]bolt11.Hop{{{Node: gate.Key(), Channel: virtual}}},
	}, &chaincfg.SimNetParams, key)
	shop.Send(inv, 50_000, 50_000)
	held, _ := gate.Forwards(w.ctx)
	_ = gate.Answer(w.ctx, held[0].Circuit, &lnnode.Preimage{'x'})
	_ = gate.Answer(w.ctx, held[1].Circuit, &preimage)
	if faults := net.Check(); len(faults) != 2 {
		t.Errorf("faults %q", faults)
	}
}
