package restore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/keys"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/memory"
)

// dealt is made once: its keys serve all tests.
var dealt = sync.OnceValue(func() *clienttest.Federation {
	return clienttest.New(clienttest.Config{
		Members: 4, Tiers: 17, SpendFee: 3, IssueFee: 2, PegInFee: 1000, PegOutFee: 2000, FinalityDelay: 2,
	}, 1)
})

// life is a wallet that has received, spent and handed over.
type life struct {
	*clienttest.Federation
	store *memory.Store
	words string
	token string // handed over, not cashed
}

// lived is made once, in a log of one slice and a tail with notes in both.
var lived = sync.OnceValue(func() life {
	l := life{Federation: dealt().Fresh(), store: memory.New()}
	rig := clienttest.NewRig()
	defer rig.Close()
	w := &world{TB: fatal{}, f: l.Federation, rig: rig, ctx: context.Background()}
	l.words = w.join(l.store, "", false)
	c := w.open(l.store)
	defer c.Close()
	w.receive(c, 30_000)
	w.receive(c, 50_000)
	id, err := c.Spend(w.ctx, 20_000)
	w.receiveText(w.user(), client.Token(w.done(c, id, err)))
	w.f.Noise(mint.SliceSize)
	w.receive(c, 7_000)
	id, err = c.Spend(w.ctx, 5_000)
	w.receiveText(w.user(), client.Token(w.done(c, id, err)))
	id, err = c.Spend(w.ctx, 1_234)
	l.token = client.Token(w.done(c, id, err))
	return l
})

// fatal is a test's voice where there is no test yet.
type fatal struct{ testing.TB }

func (fatal) Helper()                   {}
func (fatal) Context() context.Context  { return context.Background() }
func (fatal) Cleanup(func())            {}
func (fatal) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (fatal) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// world is a federation with a rig for clients.
type world struct {
	testing.TB
	f       *clienttest.Federation
	rig     *clienttest.Rig
	ctx     context.Context
	bitcoin bool
}

// after is a world in which a life has come to its end.
func after(t *testing.T, l life) *world {
	t.Helper()
	w := &world{TB: t, f: l.Fork(), rig: clienttest.NewRig(), ctx: t.Context()}
	t.Cleanup(w.rig.Close)
	return w
}

func (w *world) join(store storage.Store, words string, restore bool) string {
	w.Helper()
	cfg := w.config(store)
	cfg.Restore = restore
	j, err := client.Join(w.ctx, cfg, w.f.Config.Invite(), words)
	if err == nil && restore { // tweaks of no use save grinding some
		err = store.Update(func(tx storage.Tx) error {
			for i := range byte(8) {
				book.AddTweak(tx, keys.Tweak{i})
			}
			return nil
		})
	}
	if err != nil {
		w.Fatal(err)
	}
	return j.Words
}

// config has no bitcoin node unless the test is about deposits: searching the chain has
// commits of its own.
func (w *world) config(store storage.Store) client.Config {
	cfg := w.rig.Config(w.f, store)
	if !w.bitcoin {
		cfg.Blocks = nil
	}
	return cfg
}

func (w *world) open(store storage.Store) *client.Client {
	w.Helper()
	c, err := client.Open(w.config(store))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(c.Close)
	return c
}

func (w *world) user() *client.Client {
	w.Helper()
	store := memory.New()
	w.join(store, "", false)
	return w.open(store)
}

func (w *world) done(c *client.Client, id uint64, err error) *client.Operation {
	w.Helper()
	return clienttest.Done(w, c, id, err)
}

func (w *world) receive(c *client.Client, amount messages.Amount) {
	w.Helper()
	w.receiveText(c, w.f.Token(amount))
}

func (w *world) receiveText(c *client.Client, text string) {
	w.Helper()
	id, err := c.Receive(w.ctx, text)
	w.done(c, id, err)
}

// restored is a new store with the words of a life, after the search.
func (w *world) restored(words string) (*memory.Store, *client.Client, *client.Operation) {
	w.Helper()
	store := memory.New()
	w.join(store, words, true)
	c := w.open(store)
	return store, c, w.done(c, 1, nil)
}

// notesOf are the notes of a store, as they stand there.
func notesOf(t testing.TB, store storage.Store) map[string]string {
	t.Helper()
	snap, err := store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	out := map[string]string{}
	for _, n := range book.Notes(snap) {
		out[string(n.Nonce[:])] = fmt.Sprintf("%d %x %d %x", n.GetTier(), n.GetTweak(), n.GetPosition(), n.GetSignature())
	}
	return out
}

// wantLife checks that a store holds what a life had: its notes and what was handed over
// and is not cashed, nothing else.
func (w *world) wantLife(l life, store storage.Store) {
	w.Helper()
	got, worth := notesOf(w, store), uint64(0)
	for nonce, n := range notesOf(w, l.store) {
		if got[nonce] != n {
			w.Fatalf("note %x is %q, want %q", nonce, got[nonce], n)
		}
		delete(got, nonce)
	}
	for _, n := range got {
		var tier uint32
		if _, err := fmt.Sscan(n, &tier); err != nil {
			w.Fatal(err)
		}
		worth += 1 << tier
	}
	if worth != 1_234 {
		w.Errorf("%d msat were handed over, want 1234", worth)
	}
}

// large has notes for deposits.
var large = sync.OnceValue(func() *clienttest.Federation {
	return clienttest.New(clienttest.Config{
		Members: 4, Tiers: 27, SpendFee: 3, IssueFee: 2, PegInFee: 1000, PegOutFee: 2000, FinalityDelay: 2,
	}, 1)
})

func (w *world) deposit(c *client.Client) *client.Operation {
	w.Helper()
	return clienttest.Deposit(w, c)
}

// pay pays to a deposit's address, and buries it.
func (w *world) pay(op *client.Operation, sats int64) {
	w.Helper()
	w.f.Chain.PayTo(op.GetDeposit().GetAddress(), sats)
	w.f.Chain.Mine(4)
}
