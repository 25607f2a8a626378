package restore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/recovery"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/memory"
)

// H79: the original had no seed and no backup. Words and invite are enough here: the
// notes are there again, to the last bit, those that were spent are not, and what was
// handed over can be taken back while nobody has cashed it.
func TestH79WordsAloneBringEverythingBack(t *testing.T) {
	l := lived()
	w := after(t, l)
	store, c, op := w.restored(l.words)
	w.wantLife(l, store)
	b, err := c.Balance()
	if err != nil {
		t.Fatal(err)
	}
	p := op.GetRestore()
	if b.Free == 0 || op.GetAmountMsat() != uint64(b.Free) || int(p.GetNotes()) != len(notesOf(t, store)) || p.GetScanned() != p.GetEntries() || p.GetScanned() < mint.SliceSize {
		t.Errorf("the record says %v, the balance is %s", op, b.Free)
	}
	if len(op.GetReports()) > 0 {
		t.Errorf("reports %v", op.GetReports())
	}
	snap, err := store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	if next := recovery.Resume(snap, recovery.Owner{}).Next(); next != mint.SliceSize {
		t.Errorf("another search would begin at entry %d", next)
	}
	id, err := c.Spend(w.ctx, b.Free-2_000)
	w.receiveText(w.user(), client.Token(w.done(c, id, err)))
}

// dying is a store whose process ends at some commit.
type dying struct {
	*memory.Store
	once sync.Once
	dead chan struct{}
}

func (d *dying) Update(fn func(storage.Tx) error) error {
	err := d.Store.Update(fn)
	if errors.Is(err, memory.ErrCrashed) {
		d.once.Do(func() { close(d.dead) })
	}
	return err
}

// commits is how many commits of a search are tried: the slice, what the log has shown,
// the notes of the slice, those of the tail with the end, and one more.
const commits = 5

// H71: whatever commit the process ends in, the search goes on at the next start, and all notes
// are there once.
func TestH71CrashWhileRestoring(t *testing.T) {
	l := lived()
	for n := 1; n <= commits; n++ {
		for name, plan := range map[string]func(*memory.Store, int){"lost": (*memory.Store).LoseCommit, "kept": (*memory.Store).KeepCommit} {
			t.Run(fmt.Sprintf("commit %d is %s", n, name), func(t *testing.T) {
				w := after(t, l)
				store := memory.New()
				w.join(store, l.words, true)
				plan(store, n)
				d := &dying{Store: store, dead: make(chan struct{})}
				c, err := client.Open(w.config(d))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(w.ctx)
				go func() {
					select {
					case <-d.dead:
					case <-ctx.Done():
					}
					cancel()
				}()
				_, err = c.Await(ctx, 1, nil)
				cancel()
				if (err == nil) != (n == commits) {
					t.Errorf("the search ended with %v before it was tried again", err)
				}
				c.Close()
				again := store.Clone()
				c = w.open(again)
				op := w.done(c, 1, nil)
				w.wantLife(l, again)
				if int(op.GetRestore().GetNotes()) != len(notesOf(t, again)) {
					t.Errorf("the record counts %d notes of %d", op.GetRestore().GetNotes(), len(notesOf(t, again)))
				}
			})
		}
	}
}

// moody is a store in which one commit fails, with nothing written.
type moody struct {
	*memory.Store
	commits atomic.Int64
	fails   int64
}

func (m *moody) Update(fn func(storage.Tx) error) error {
	if m.commits.Add(1) == m.fails {
		return errors.New("told to fail")
	}
	return m.Store.Update(fn)
}

// Whichever actor fails over a commit, its next incarnation finds the rest: MintClient tells
// the search that an answer is lost, and the search begins where the store stands.
func TestActorsThatFail(t *testing.T) {
	l := lived()
	for _, n := range []int{1, 3} { // one of its own, one of MintClient
		w := after(t, l)
		store := &moody{Store: memory.New()}
		w.join(store, l.words, true)
		store.fails = store.commits.Load() + int64(n)
		op := w.done(w.open(store), 1, nil)
		w.wantLife(l, store)
		if int(op.GetRestore().GetNotes()) != len(notesOf(t, store)) {
			t.Errorf("commit %d: the record counts %d notes of %d", n, op.GetRestore().GetNotes(), len(notesOf(t, store)))
		}
		if store.commits.Load() < store.fails {
			t.Errorf("commit %d was never made", n)
		}
	}
}

// One member lies about anything, or is silent: everything is found, and the liar is
// named.
func TestLyingMembers(t *testing.T) {
	l := lived()
	for name, c := range map[string]struct {
		twist  func(*wire.ClientReply)
		report string
	}{
		"hashes": {func(r *wire.ClientReply) { forge(r, &mintwire.Slices{}, flipHash) }, "another hash of a slice"},
		"slices": {func(r *wire.ClientReply) { forge(r, &mintwire.Slice{}, hide) }, ""}, // if it is asked at all
		"shares": {func(r *wire.ClientReply) { forge(r, &mintwire.Shares{}, shift) }, "bad blind share"},
		"junk":   {func(r *wire.ClientReply) { r.GetAnswer().Body = []byte{0xff} }, "cannot be read"},
		"kind":   {func(r *wire.ClientReply) { r.Reply = &wire.ClientReply_Submitted{} }, "reply of the wrong kind"},
		"silent": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := after(t, l)
			store := memory.New()
			w.join(store, l.words, true)
			if c.twist == nil {
				w.f.Members[0].SetSilent(true)
			} else {
				w.f.Members[0].SetTwist(func(r *wire.ClientReply) {
					if r.GetAnswer() != nil {
						c.twist(r)
					}
				})
			}
			if c.report != "" { // so that the liar is not merely the slowest
				w.f.Members[3].SetSilent(true)
			}
			op, err := w.open(store).Await(w.ctx, 1, func(op *client.Operation) {
				if len(op.GetReports()) > 0 {
					w.f.Members[3].SetSilent(false)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			w.wantLife(l, store)
			if c.report != "" && !slices.ContainsFunc(op.GetReports(), func(r string) bool { return strings.HasPrefix(r, "member 0 ") && strings.Contains(r, c.report) }) {
				t.Errorf("reports %q", op.GetReports())
			}
			for _, r := range op.GetReports() {
				if !strings.HasPrefix(r, "member 0 ") {
					t.Errorf("an honest member is named: %s", r)
				}
			}
		})
	}
}

// Two devices with the same words: a search on one does the other no harm. What one of them spends
// afterwards, the other finds spent, and loses nothing else.
func TestSecondDevice(t *testing.T) {
	l := lived()
	w := after(t, l)
	first := w.open(l.store.Clone())
	store, second, _ := w.restored(l.words)
	all, err := second.Balance()
	if err != nil {
		t.Fatal(err)
	}
	have, err := first.Balance()
	if err != nil {
		t.Fatal(err)
	}
	id, err := first.Spend(w.ctx, have.Free-3_000)
	op := w.done(first, id, err)
	w.receiveText(w.user(), client.Token(op))
	id, err = second.Reissue(w.ctx, all.Free-1_000)
	if err == nil {
		_, err = second.Await(w.ctx, id, nil)
	}
	if failed := new(client.FailedError); !errors.As(err, &failed) || failed.Operation.GetCode() != uint32(messages.RejectNoteSpent) {
		t.Errorf("the second device spent what was spent: %v", err)
	}
	change, err := first.Balance()
	if err != nil {
		t.Fatal(err)
	}
	id, err = first.Spend(w.ctx, change.Free-1_000)
	w.done(first, id, err)
	// What the first device got since is found by another search, which adds nothing twice.
	before := notesOf(t, store)
	id, err = second.Restore(w.ctx)
	op = w.done(second, id, err)
	if added := len(notesOf(t, store)) - len(before); added != int(op.GetRestore().GetNotes()) || added == 0 {
		t.Errorf("%d notes were added, the record says %d", added, op.GetRestore().GetNotes())
	}
}

// A search in the store of the wallet itself finds nothing: not what was handed over, not
// what is there.
func TestOwnStoreKnowsEverything(t *testing.T) {
	l := lived()
	w := after(t, l)
	store := l.store.Clone()
	before := notesOf(t, store)
	c := w.open(store)
	id, err := c.Restore(w.ctx)
	op := w.done(c, id, err)
	if got := notesOf(t, store); op.GetRestore().GetNotes() != 0 || len(got) != len(before) {
		t.Errorf("%d notes instead of %d, the record says %v", len(got), len(before), op.GetRestore())
	}
}

// Only one search goes on at a time.
func TestOneSearchAtATime(t *testing.T) {
	l := lived()
	w := after(t, l)
	for _, m := range w.f.Members {
		m.SetSilent(true)
	}
	c := w.open(l.store.Clone())
	id, err := c.Restore(w.ctx)
	again, err2 := c.Restore(w.ctx)
	if err != nil || err2 != nil || id != again || id == 0 {
		t.Errorf("operations %d and %d, %v %v", id, again, err, err2)
	}
}

// An empty log has an end, too.
func TestNothingToFind(t *testing.T) {
	w := after(t, life{Federation: dealt().Fresh()})
	store := memory.New()
	words := w.join(store, "", false)
	_, _, op := w.restored(words)
	if op.GetRestore().GetNotes() != 0 || op.GetRestore().GetEntries() != 0 {
		t.Errorf("found %v", op.GetRestore())
	}
}

// Deposits that were paid to the first addresses of the words are found and claimed, also
// those beyond a gap that opens when one before it is found, and one that was claimed
// before is not claimed twice. Addresses that were paid to are not handed out again.
func TestDepositsOfAnotherLife(t *testing.T) {
	w := after(t, life{Federation: large().Fresh()})
	w.bitcoin = true
	store := memory.New()
	words := w.join(store, "", false)
	old := w.open(store)
	var paid []*client.Operation
	for _, index := range []uint32{3, 21, 44} {
		if err := store.Update(func(tx storage.Tx) error { book.SkipDeposits(tx, index); return nil }); err != nil {
			t.Fatal(err)
		}
		paid = append(paid, w.deposit(old))
	}
	w.pay(paid[0], 50_000)
	w.f.Observe()
	w.done(old, paid[0].GetId(), nil)
	old.Close()
	w.pay(paid[1], 30_000)
	w.pay(paid[2], 20_000)
	w.f.Observe()

	_, c, op := w.restored(words)
	if op.GetRestore().GetNotes() == 0 {
		t.Error("the notes of the first deposit are not there")
	}
	claimed := map[uint64]clientwire.State{}
	ops, err := c.Operations()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range ops {
		if op.GetKind() == clientwire.Kind_KIND_CLAIM {
			op, _ = c.Await(w.ctx, op.GetId(), nil)
			claimed[op.GetAmountMsat()] = op.GetState()
		}
	}
	want := map[uint64]clientwire.State{
		50_000_000: clientwire.State_STATE_FAILED, 30_000_000: clientwire.State_STATE_DONE, 20_000_000: clientwire.State_STATE_DONE,
	}
	if !maps.Equal(claimed, want) {
		t.Errorf("claims ended as %v", claimed)
	}
	if got := w.deposit(c).GetDeposit().GetIndex(); got != 45 {
		t.Errorf("the next address is number %d", got)
	}
}
