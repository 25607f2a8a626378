package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"minimint/actors/client"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/memory"
)

// doomed tells when its process has died.
type doomed struct {
	*memory.Store
	once sync.Once
	dead chan struct{}
}

func (d *doomed) Update(fn func(storage.Tx) error) error {
	err := d.Store.Update(fn)
	if errors.Is(err, memory.ErrCrashed) {
		d.once.Do(func() { close(d.dead) })
	}
	return err
}

// dying runs an operation in a client that dies at some commit. The operation is
// begun within the context that it gets, which ends with the client. It reports whether
// the client died.
func (w *world) dying(store *memory.Store, begin func(context.Context, *client.Client) (uint64, error)) bool {
	w.Helper()
	d := &doomed{Store: store, dead: make(chan struct{})}
	c, err := client.Open(w.rig.Config(w.f, d))
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	go func() {
		select {
		case <-d.dead:
		case <-ctx.Done():
		}
		cancel()
	}()
	if id, err := begin(ctx, c); err == nil {
		_, _ = c.Await(ctx, id, nil)
	}
	select {
	case <-d.dead:
		return true
	default:
		return false
	}
}

// resumed opens the client of a store anew and waits until nothing is pending.
func (w *world) resumed(store storage.Store) (*client.Client, []*client.Operation) {
	w.Helper()
	c, err := client.Open(w.rig.Config(w.f, store))
	if err != nil {
		w.Fatal(err)
	}
	ops, err := c.Operations()
	if err != nil {
		w.Fatal(err)
	}
	for i, op := range ops {
		if ops[i], err = c.Await(w.ctx, op.GetId(), nil); err != nil {
			w.Fatalf("operation %d after the crash: %v", op.GetId(), err)
		}
	}
	return c, ops
}

// commits is how many commits of an operation are tried: its record, its
// transaction, its end, and one more.
const commits = 4

// crashes calls run with a store that dies in a commit, for every commit, before
// and after it is durable.
func crashes(t *testing.T, run func(w *world, plan func(*memory.Store))) {
	for n := 1; n <= commits; n++ {
		for name, plan := range map[string]func(*memory.Store){
			"lost": func(s *memory.Store) { s.LoseCommit(n) },
			"kept": func(s *memory.Store) { s.KeepCommit(n) },
		} {
			t.Run(fmt.Sprintf("commit %d is %s", n, name), func(t *testing.T) {
				t.Parallel()
				run(newWorld(t), plan)
			})
		}
	}
}

// H71: the original stored the secrets of new notes after it had spent the old ones,
// so a crash in between lost them. Whatever commit this client dies in, what was
// handed to it is cashed or still cashable, and nothing is lost.
func TestH71CrashWhileReceiving(t *testing.T) {
	crashes(t, func(w *world, plan func(*memory.Store)) {
		store := memory.New()
		w.join(store, "")
		text := w.f.Token(5 << 10)
		plan(store)
		w.dying(store, func(ctx context.Context, c *client.Client) (uint64, error) { return c.Receive(ctx, text) })
		c, ops := w.resumed(store.Clone())
		defer c.Close()
		if len(ops) == 0 { // it died before the record was there; the user asks again
			id, err := c.Receive(w.ctx, text)
			ops = append(ops, w.done(c, id, err))
		}
		if got, want := w.balance(c), 5<<10-messages.Amount(ops[0].GetFeeMsat()); got != want {
			w.Errorf("balance %s, want %s", got, want)
		}
	})
}

// H71, H77: the same of change; and the original recorded nowhere what it handed
// over. Whatever commit this client dies in, what it was spending is handed over
// and recorded, or still there.
func TestH71CrashWhileSpending(t *testing.T) {
	crashes(t, func(w *world, plan func(*memory.Store)) {
		store := memory.New()
		w.join(store, "")
		rich, err := client.Open(w.rig.Config(w.f, store))
		if err != nil {
			w.Fatal(err)
		}
		have := w.fund(rich, 1<<13)
		rich.Close()
		store = store.Clone()
		plan(store)
		w.dying(store, func(ctx context.Context, c *client.Client) (uint64, error) { return c.Spend(ctx, 1<<10) })
		c, ops := w.resumed(store.Clone())
		defer c.Close()
		for _, op := range ops[1:] {
			have -= 1<<10 + messages.Amount(op.GetFeeMsat())
			bob := w.user()
			id, err := bob.Receive(w.ctx, client.Token(op))
			w.done(bob, id, err)
		}
		if got := w.balance(c); got != have {
			w.Errorf("balance %s, want %s", got, have)
		}
	})
}

// H71, bitcoin: whatever commit a client dies in while it finds a deposit, deep in the
// chain, and claims it, the deposit becomes notes, once.
func TestH71CrashWhileClaiming(t *testing.T) {
	crashes(t, func(w *world, plan func(*memory.Store)) {
		w.f = large().Fresh()
		store := memory.New()
		w.join(store, "")
		first, err := client.Open(w.rig.Config(w.f, store))
		if err != nil {
			w.Fatal(err)
		}
		op := w.deposit(first)
		first.Close()
		w.pay(op, 50_000)
		w.f.Chain.Mine(60) // deeper than what is searched again
		w.f.Observe()
		store = store.Clone()
		plan(store)
		w.dying(store, func(context.Context, *client.Client) (uint64, error) { return op.GetId(), nil })
		c, _ := w.resumed(store.Clone())
		defer c.Close()
		claim := w.claims(c, op.GetId(), 1)
		if got, want := w.balance(c), 50_000*messages.Sat-messages.Amount(claim[0].GetFeeMsat()); got != want || len(claim) != 1 {
			w.Errorf("balance %s after %d claims, want %s", got, len(claim), want)
		}
	})
}

// Two clients with the same words, on two devices, never use each other's
// secrets: both receive, both spend, nothing is lost.
func TestSameWordsOnTwoDevices(t *testing.T) {
	w := newWorld(t)
	first, second := memory.New(), memory.New()
	j := w.join(first, "")
	w.join(second, j.Words)
	a, b := w.open(first), w.open(second)
	have := []messages.Amount{w.fund(a, 100_000), w.fund(b, 100_000)}
	for i, c := range []*client.Client{a, b} {
		id, err := c.Spend(w.ctx, 30_000)
		op := w.done(c, id, err)
		if got, want := w.balance(c), have[i]-30_000-messages.Amount(op.GetFeeMsat()); got != want {
			t.Errorf("device %d has %s, want %s", i, got, want)
		}
		carol := w.user()
		id, err = carol.Receive(w.ctx, client.Token(op))
		w.done(carol, id, err)
	}
}
