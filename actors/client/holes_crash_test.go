package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/token"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage/memory"
)

// H49: the original could not run with one member: its interpolation wanted two
// points, and its loop a peer. Notes of one, two and three members are spent and
// cashed like those of four.
func TestH49NotesOfSmallFederations(t *testing.T) {
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorldOf(t, clienttest.New(clienttest.Config{Members: n, Tiers: 10, SpendFee: 1, IssueFee: 1, FinalityDelay: 2}, 9))
			alice, bob := w.user(), w.user()
			w.fund(alice, 900)
			id, err := alice.Spend(w.ctx, 300)
			op := w.done(alice, id, err)
			id, err = bob.Receive(w.ctx, client.Token(op))
			op = w.done(bob, id, err)
			if got, want := w.balance(bob), 300-messages.Amount(op.GetFeeMsat()); got != want {
				t.Errorf("balance %s, want %s", got, want)
			}
		})
	}
}

// H63: the original charged for spending what it should have charged for issuing,
// both by tier and not by note, and its client counted neither: any fee broke it.
func TestH63FeesAreOfEveryNote(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	seen := 0
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		mu.Lock()
		defer mu.Unlock()
		notes := messages.Amount(3*len(tx.Inputs()) + 2*len(tx.Outputs())) // what a federation of newWorld charges
		if surplus := tx.Fee() - notes; tx.Inputs()[0].Kind == "mint" {
			seen++
			if tx.Fee() < notes || surplus > 16 { // a note of 8 is worth issuing
				t.Errorf("%d notes in and %d out for a fee of %s", len(tx.Inputs()), len(tx.Outputs()), tx.Fee())
			}
		}
		return nil
	}
	alice := w.user()
	w.fund(alice, 7*1024+77) // several notes, of several tiers
	before := w.balance(alice)
	id, err := alice.Spend(w.ctx, 3*1024+33)
	op := w.done(alice, id, err)
	if got, want := w.balance(alice), before-3*1024-33-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("balance %s, want %s", got, want)
	}
	mu.Lock()
	defer mu.Unlock()
	if seen < 2 {
		t.Errorf("%d transactions of notes", seen)
	}
}

// H71: the original submitted and then stored. Here no member ever sees a
// transaction whose record, from which its notes can be made again, is not written.
func TestH71NothingIsSentBeforeItIsWritten(t *testing.T) {
	w := newWorldOf(t, large())
	store := memory.New()
	w.join(store, "")
	var mu sync.Mutex
	kinds := map[clientwire.Kind]bool{}
	written := func(tx *transaction.Transaction) bool {
		snap, err := store.View()
		if err != nil {
			t.Error(err)
			return false
		}
		defer snap.Release()
		for _, op := range book.Operations(snap) {
			for _, a := range op.GetAttempts() {
				if bytes.Equal(a.GetTransaction(), tx.Bytes()) && len(a.GetTweak()) > 0 {
					kinds[op.GetKind()] = true
					return true
				}
			}
		}
		return false
	}
	alice := w.open(store)
	text := w.f.Token(1 << 20) // which is not hers to record
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		mu.Lock()
		defer mu.Unlock()
		if !written(tx) {
			t.Errorf("a transaction of %d inputs and %d outputs was sent before it was written", len(tx.Inputs()), len(tx.Outputs()))
			return messages.Reject(messages.RejectMalformed, "it is not written")
		}
		return nil
	}
	id, err := alice.Receive(w.ctx, text)
	w.done(alice, id, err)
	deposit := w.deposit(alice)
	w.pay(deposit, 90_000)
	w.f.Observe()
	w.done(alice, deposit.GetId(), nil)
	id, err = alice.Spend(w.ctx, 12_345)
	w.done(alice, id, err)
	id, err = alice.Reclaim(w.ctx, id)
	w.done(alice, id, err)
	id, err = alice.Reissue(w.ctx, 1000)
	w.done(alice, id, err)
	id, err = alice.Withdraw(w.ctx, recipient(t), 20_000, 0)
	w.done(alice, id, err)
	mu.Lock()
	defer mu.Unlock()
	for _, kind := range []clientwire.Kind{
		clientwire.Kind_KIND_RECEIVE, clientwire.Kind_KIND_CLAIM, clientwire.Kind_KIND_SPEND, clientwire.Kind_KIND_RECLAIM,
		clientwire.Kind_KIND_REISSUE, clientwire.Kind_KIND_WITHDRAW,
	} {
		if !kinds[kind] {
			t.Errorf("%s sent nothing", kind)
		}
	}
}

// H78: the original panicked over malformed notes, and spent those of others
// without looking at their signatures. Here both are an error of the call, and
// nothing is begun or sent.
func TestH78BadNotesAreRefusedAtTheDoor(t *testing.T) {
	w := newWorld(t)
	good, err := token.Parse(w.f.Token(5000))
	if err != nil {
		t.Fatal(err)
	}
	other, err := token.Parse(w.f.Token(5000))
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]token.Note(nil), good.Notes...)
	forged[1].Signature = other.Notes[1].Signature
	alice := w.user()
	w.f.Screen = func(*transaction.Transaction) *messages.Rejection {
		t.Error("something was sent")
		return nil
	}
	for name, text := range map[string]string{
		"nothing": "", "noise": "a coin!", "cut off": good.String()[:80],
		"signed for another note": token.New(w.f.Config.ID(), forged).String(),
		"of another federation":   token.New(messages.FederationID{5}, good.Notes).String(),
	} {
		if _, err := alice.Receive(w.ctx, text); !errors.Is(err, token.ErrToken) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if ops, err := alice.Operations(); err != nil || len(ops) != 0 {
		t.Errorf("%d operations, error %v", len(ops), err)
	}
}
