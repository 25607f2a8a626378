package client_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/module/lightning"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// dealt and large are made once: their keys serve all tests. Large has notes for
// deposits, more of which a client needs longer to read.
var (
	dealt = sync.OnceValue(func() *clienttest.Federation { return deal(17) })
	large = sync.OnceValue(func() *clienttest.Federation { return deal(27) })
)

func deal(tiers uint32) *clienttest.Federation {
	return clienttest.New(clienttest.Config{
		Members: 4, Tiers: tiers, SpendFee: 3, IssueFee: 2, PegInFee: 1000, PegOutFee: 2000, FinalityDelay: 2,
		Lightning: lightning.Fees{Contract: 20, Claim: 10, Offer: 30, Listing: 100},
	}, 1)
}

// world is a federation with a rig for clients.
type world struct {
	*testing.T
	f   *clienttest.Federation
	rig *clienttest.Rig
	ctx context.Context
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, dealt())
}

func newWorldOf(t *testing.T, f *clienttest.Federation) *world {
	t.Helper()
	// No deadline: on a busy machine it would judge the machine. What hangs is
	// found by go test, which then shows all goroutines.
	w := &world{T: t, f: f.Fresh(), rig: clienttest.NewRig(), ctx: t.Context()}
	t.Cleanup(w.rig.Close)
	return w
}

func (w *world) join(store storage.Store, words string) client.Joined {
	w.Helper()
	j, err := client.Join(w.ctx, w.rig.Config(w.f, store), w.f.Config.Invite(), words)
	if err != nil {
		w.Fatal(err)
	}
	err = store.Update(func(tx storage.Tx) error {
		for range 8 { // which saves grinding them
			var t keys.Tweak
			_, _ = rand.Read(t[:])
			book.AddTweak(tx, t)
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return j
}

func (w *world) open(store storage.Store) *client.Client {
	w.Helper()
	c, err := client.Open(w.rig.Config(w.f, store))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(c.Close)
	return c
}

// user is a client that has joined.
func (w *world) user() *client.Client {
	w.Helper()
	store := memory.New()
	w.join(store, "")
	return w.open(store)
}

// done waits for an operation that must succeed.
func (w *world) done(c *client.Client, id uint64, err error) *client.Operation {
	w.Helper()
	return clienttest.Done(w, c, id, err)
}

func (w *world) balance(c *client.Client) messages.Amount {
	w.Helper()
	b, err := c.Balance()
	if err != nil {
		w.Fatal(err)
	}
	if b.Reserved != 0 || b.Doubtful != 0 {
		w.Errorf("%s reserved, %s doubtful", b.Reserved, b.Doubtful)
	}
	return b.Free
}

// fund gives a client notes and returns its balance.
func (w *world) fund(c *client.Client, amount messages.Amount) messages.Amount {
	w.Helper()
	id, err := c.Receive(w.ctx, w.f.Token(amount))
	op := w.done(c, id, err)
	have := w.balance(c)
	if want := amount - messages.Amount(op.GetFeeMsat()); have != want {
		w.Errorf("balance %s after receiving %s with a fee of %d", have, amount, op.GetFeeMsat())
	}
	return have
}

func TestPaymentBetweenTwoUsers(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user(), w.user()
	before := w.fund(alice, 400_000)

	id, err := alice.Spend(w.ctx, 150_000)
	op := w.done(alice, id, err)
	text := client.Token(op)
	if got, want := w.balance(alice), before-150_000-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("alice has %s, want %s", got, want)
	}
	id, err = bob.Receive(w.ctx, text)
	op = w.done(bob, id, err)
	if got, want := w.balance(bob), 150_000-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("bob has %s, want %s", got, want)
	}

	// A second cashing and a reclaim find the notes spent.
	again, err := bob.Receive(w.ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	failed(w, bob, again, clientwire.Cause_CAUSE_REJECTED, messages.RejectNoteSpent)
	back, err := alice.Reclaim(w.ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	failed(w, alice, back, clientwire.Cause_CAUSE_REJECTED, messages.RejectNoteSpent)
	if op, _ := alice.Operation(2); !op.GetRedeemed() {
		t.Error("the spend does not say that its notes were cashed")
	}
}

func failed(w *world, c *client.Client, id uint64, cause clientwire.Cause, code messages.RejectionCode) {
	w.Helper()
	op, err := c.Await(w.ctx, id, nil)
	var failure *client.FailedError
	if !errors.As(err, &failure) || op.GetCause() != cause || op.GetCode() != uint32(code) {
		w.Errorf("operation %d ended with %v, cause %s, code %d; want %s, %d", id, err, op.GetCause(), op.GetCode(), cause, code)
	}
}

// H77: what was handed over and not cashed can be taken back.
func TestReclaim(t *testing.T) {
	w := newWorld(t)
	alice := w.user()
	w.fund(alice, 500_000)
	id, err := alice.Spend(w.ctx, 77_777)
	w.done(alice, id, err)
	before := w.balance(alice)
	back, err := alice.Reclaim(w.ctx, id)
	op := w.done(alice, back, err)
	if got, want := w.balance(alice), before+77_777-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("balance %s, want %s", got, want)
	}
	if _, err := alice.Reclaim(w.ctx, id); err == nil {
		t.Error("taken back twice")
	}
}

// Taking back twice what is not back yet is one operation: two would find each other's
// notes spent, and blame whoever got them.
func TestReclaimTwice(t *testing.T) {
	w := newWorld(t)
	alice := w.user()
	w.fund(alice, 500_000)
	id, err := alice.Spend(w.ctx, 77_777)
	w.done(alice, id, err)
	var open atomic.Bool
	w.f.Screen = func(*transaction.Transaction) *messages.Rejection {
		if open.Load() {
			return nil
		}
		return messages.RejectForNow(messages.RejectBusy, "not now")
	}
	first, err := alice.Reclaim(w.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	second, err := alice.Reclaim(w.ctx, id)
	if err != nil || second != first {
		t.Errorf("taken back by operation %d and %d, %v", first, second, err)
	}
	open.Store(true)
	w.done(alice, first, nil)
	if _, err := alice.Await(w.ctx, second, nil); err != nil {
		t.Error(err)
	}
	if op, _ := alice.Operation(id); !op.GetCancelled() || op.GetRedeemed() {
		t.Errorf("taken back %v, cashed by somebody else %v", op.GetCancelled(), op.GetRedeemed())
	}
}

func TestNotEnough(t *testing.T) {
	w := newWorld(t)
	alice := w.user()
	have := w.fund(alice, 100_000)
	id, err := alice.Spend(w.ctx, have+1)
	if err != nil {
		t.Fatal(err)
	}
	failed(w, alice, id, clientwire.Cause_CAUSE_FUNDS, 0)
	if w.balance(alice) != have {
		t.Error("a failed spend has cost something")
	}
}
