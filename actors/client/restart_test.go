package client_test

import (
	"errors"
	"sync"
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

// moody is a store whose next view after some commits fails, once.
type moody struct {
	*memory.Store
	mu      sync.Mutex
	commits int // until then
	failed  bool
	again   chan struct{} // closed at the first view after the failure
	once    sync.Once
}

var errMood = errors.New("not in the mood")

func (s *moody) Update(fn func(storage.Tx) error) error {
	err := s.Store.Update(fn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.commits--
	}
	return err
}

func (s *moody) View() (storage.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed:
		s.once.Do(func() { close(s.again) })
	case s.commits == 0:
		s.failed = true
		return nil, errMood
	}
	return s.Store.View()
}

// A UserClient that restarts carries on what is pending; nobody who waits is told
// that it has stopped.
func TestRestartOfUserClientParksNothing(t *testing.T) {
	w := newWorld(t)
	store := &moody{Store: memory.New(), commits: -1, again: make(chan struct{})}
	w.join(store.Store, "")
	cfg := w.rig.Config(w.f, store)
	cfg.Blocks = nil // so that nobody looks into the store without need
	c, err := client.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	late, prompt := w.f.Token(1<<10), w.f.Token(1<<11)
	var mu sync.Mutex
	held := messages.TxID{}
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		mu.Lock()
		defer mu.Unlock()
		if held == (messages.TxID{}) {
			held = tx.ID()
		}
		if tx.ID() == held {
			return messages.RejectForNow(messages.RejectBusy, "not now")
		}
		return nil
	}
	id, err := c.Receive(w.ctx, late)
	if err != nil {
		t.Fatal(err)
	}
	waits := false
	_, err = c.Await(w.ctx, id, func(op *client.Operation) {
		if op.GetCode() == 0 || waits {
			return
		}
		waits = true
		// It waits, with all that it has to write written. When the next operation
		// has ended, and its carrier has left, UserClient looks in vain.
		store.mu.Lock()
		store.commits = 3
		store.mu.Unlock()
		if _, err := c.Receive(w.ctx, prompt); err != nil {
			t.Error(err)
		}
		go func() {
			<-store.again // its next incarnation looks
			mu.Lock()
			defer mu.Unlock()
			held = messages.TxID{1}
		}()
	})
	if err != nil {
		t.Error(err)
	}
}
