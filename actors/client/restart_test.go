package client_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"minimint/actors/client"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// Whatever a user asks of a client whose store has failed, he is told.
func TestBrokenStoreIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	store := memory.New()
	w.join(store, "")
	c := w.open(store)
	w.fund(c, 1<<13)
	text := w.f.Token(1 << 10)
	store.FailWrite(1)
	for range 3 { // the first finds it out
		for name, call := range map[string]func() (uint64, error){
			"spend":   func() (uint64, error) { return c.Spend(w.ctx, 1<<10) },
			"receive": func() (uint64, error) { return c.Receive(w.ctx, text) },
			"reclaim": func() (uint64, error) { return c.Reclaim(w.ctx, 1) },
			"deposit": func() (uint64, error) { return c.Deposit(w.ctx) },
		} {
			if _, err := call(); err == nil {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}

// Whoever waits for an operation over which the store fails is told, too.
func TestBrokenStoreEndsTheWait(t *testing.T) {
	for n := 2; n <= 3; n++ { // the transaction, the end
		w := newWorld(t)
		store := memory.New()
		w.join(store, "")
		c := w.open(store)
		text := w.f.Token(1 << 10)
		store.KeepCommit(n)
		id, err := c.Receive(w.ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		if op, err := c.Await(w.ctx, id, nil); err == nil {
			t.Errorf("commit %d failed, and the operation ends as %s", n, op.GetState())
		}
	}
}

// moody is a store one of whose commits fails, and nothing else.
type moody struct {
	*memory.Store
	mu     sync.Mutex
	refuse int // the how manieth from now, 0 none
}

var errMood = errors.New("not in the mood")

func (s *moody) plan(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = n
}

func (s *moody) Update(fn func(storage.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		if s.refuse--; s.refuse == 0 {
			return errMood
		}
	}
	return s.Store.Update(fn)
}

// V10: when MintClient fails over one operation, that one begins anew from its record,
// whatever was written, and others do not notice.
func TestFailedCommitIsTriedAgain(t *testing.T) {
	for n := 2; n <= 5; n++ { // the transactions of both operations, and their ends
		w := newWorld(t)
		store := &moody{Store: memory.New()}
		w.join(store.Store, "")
		c := w.open(store)
		texts := []string{w.f.Token(1 << 10), w.f.Token(1 << 11)}
		store.plan(n)
		have := messages.Amount(3 << 10)
		var ids []uint64
		for _, text := range texts {
			id, err := c.Receive(w.ctx, text)
			if errors.Is(err, errMood) { // that was the commit
				id, err = c.Receive(w.ctx, text)
			}
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			have -= messages.Amount(w.done(c, id, nil).GetFeeMsat())
		}
		if got := w.balance(c); got != have {
			t.Errorf("commit %d refused: balance %s, want %s", n, got, have)
		}
	}
}

// A UserClient that restarts carries on what is pending; nobody who waits is told
// that it has stopped.
func TestRestartOfUserClientParksNothing(t *testing.T) {
	w := newWorldOf(t, large())
	store := &moody{Store: memory.New()}
	w.join(store.Store, "")
	c := w.open(store)
	deposit, text := w.deposit(c), w.f.Token(1<<12)
	var held atomic.Bool
	held.Store(true)
	w.f.Screen = func(*transaction.Transaction) *messages.Rejection {
		if held.Load() {
			return messages.RejectForNow(messages.RejectBusy, "not now")
		}
		return nil
	}
	id, err := c.Receive(w.ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	waits := false
	_, err = c.Await(w.ctx, id, func(op *client.Operation) {
		if op.GetCode() == 0 || waits {
			return
		}
		// It waits, and has written all that it has to. The next commit is that of a
		// deposit, and UserClient fails over it.
		waits = true
		store.plan(1)
		w.pay(deposit, 40_000)
		go func() {
			w.claimsBegun(c, deposit.GetId(), 1) // by its next incarnation
			held.Store(false)
		}()
	})
	if err != nil {
		t.Error(err)
	}
}
