package transition_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/transition"
	"minimint/actors/consensus/transition/ledgertest"
	"minimint/actors/consensus/transition/transitiontest"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/storage"
	"minimint/storage/bolt"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

// The machine lives through epochs of a federation with the shipped transition,
// mint and wallet, honest members and a liar, a chain that grows and is
// reorganised, and clients of all kinds. After each epoch it compares everything
// with the second model and with observers that know less than that. Each property
// has a name; DESIGN.md says by which change of the code each was seen to fail.

// replica is one copy of the state and the rules that made it.
type replica struct {
	rules *transition.Transition
	store storage.Store
	// checked are the forms that it remembers as verified.
	checked map[messages.WitnessID]bool
}

func (r *replica) view(t tb, fn func(storage.Reader)) {
	t.Helper()
	snap, err := r.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

func (r *replica) hash(t tb) (sum [32]byte) {
	t.Helper()
	r.view(t, func(s storage.Reader) { h := statehash.Compute(s); sum = h.Sum() })
	return sum
}

func (r *replica) apply(t tb, o outcome.Outcome) (res transition.Result) {
	t.Helper()
	r.view(t, func(s storage.Reader) {
		ov := storage.NewOverlay(s)
		var err error
		if res, err = r.rules.Apply(ov, o, func(id messages.WitnessID) bool { return r.checked[id] }); err != nil {
			t.Fatalf("epoch %d: %v", o.Epoch, err)
		}
		if err := r.store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	})
	return res
}

// disks makes the stores of a machine, and opens one again after a restart.
type disks interface {
	open(t tb) storage.Store
	reopen(t tb, s storage.Store) storage.Store
}

// files keeps states in bbolt's files.
type files struct {
	dir  string
	next int
	path map[storage.Store]string
}

func (f *files) open(t tb) storage.Store {
	f.next++
	return f.at(t, filepath.Join(f.dir, fmt.Sprint(f.next)))
}

func (f *files) at(t tb, path string) storage.Store {
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	f.path[s] = path
	return s
}

func (f *files) reopen(t tb, s storage.Store) storage.Store {
	path := f.path[s]
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	delete(f.path, s)
	return f.at(t, path)
}

// copies keeps states in memory, which is faster.
type copies struct{}

func (copies) open(tb) storage.Store                      { return memory.New() }
func (copies) reopen(_ tb, s storage.Store) storage.Store { return s.(*memory.Store).Clone() }

// machine is one life of a federation.
type machine struct {
	tb
	world   *transitiontest.World
	book    *ledgertest.Book
	scribe  *transitiontest.Scribe
	choices transitiontest.Choices
	disks   disks
	// steady never stops and remembers all it checked; shaky restarts now and then,
	// and then remembers nothing.
	steady, shaky *replica
	epoch         messages.Epoch
	pool, junk    []*transitiontest.Plan
	past          []chapter
	spent         map[string]bool // nonces and bitcoin outpoints, of accepted transactions
	ended         map[messages.WitnessID]bool
}

// chapter is what happened in an epoch, for whoever replays it.
type chapter struct {
	before  *memory.Store
	outcome outcome.Outcome
	after   [32]byte
}

// newMachine is one life of a federation, from a scene on or, if that is nil, from
// the beginning.
func newMachine(t tb, scene *ledgertest.Scene, choices transitiontest.Choices, d disks) *machine {
	if scene == nil {
		scene = &ledgertest.Scene{World: house.NewWorld(), Book: ledgertest.New(house), Store: memory.New()}
	} else {
		scene = scene.Fork()
	}
	m := &machine{
		tb: t, world: scene.World, book: scene.Book, choices: choices, disks: d, epoch: scene.Next,
		spent: map[string]bool{}, ended: map[messages.WitnessID]bool{}, scribe: scene.Scribe(choices),
		steady: &replica{rules: house.Rules(), store: scene.Store, checked: map[messages.WitnessID]bool{}},
		shaky:  &replica{rules: house.Rules(), store: d.open(t), checked: map[messages.WitnessID]bool{}},
	}
	m.steady.view(t, func(s storage.Reader) {
		if err := m.shaky.store.Update(func(tx storage.Tx) error {
			for k, v := range s.Scan(nil) {
				tx.Put(k, v)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
	var past transition.Result
	for id := range scene.Book.Accepted {
		past.Accepted = append(past.Accepted, id)
	}
	m.takenOnce(past, scene.Past...)
	return m
}

func (m *machine) close() {
	if err := m.shaky.store.Close(); err != nil {
		m.Fatal(err)
	}
}

// happen lets something happen on the chain and to bitcoin nodes.
func (m *machine) happen() {
	c, w := m.choices, m.world
	for range c.Choose("deposits", 3) {
		w.Pay(c.Choose("depositor", 3), []int64{150_000, 20_000, 2_500, 400_000, 300, 264}[c.Choose("sats", 6)])
	}
	switch c.Choose("chain", 6) {
	case 4:
		w.Chain.Reorg(1+c.Choose("depth", transitiontest.Delay), transitiontest.Delay+1)
	case 5:
	default:
		w.Chain.Mine(1 + c.Choose("blocks", 4))
	}
	node := w.Nodes[c.Choose("node", transitiontest.Members)]
	switch c.Choose("trouble", 12) {
	case 7:
		node.SetDown(true)
	case 8:
		node.SetLag(uint32(c.Choose("lag", 7)))
	case 9:
		w.Chain.SetFeeRate([]uint64{0, 1000, 2600, 9000, 50_000, 1 << 40}[c.Choose("rate", 6)])
	case 10: // f+1 members can see agreed blocks orphaned
		other := w.Chain.Fork()
		other.Reorg(min(6, int(other.Height())-3), 9)
		w.Nodes[c.Choose("forked", 2)].Follow(other)
	case 11:
		for _, n := range w.Nodes {
			n.SetDown(false)
			n.SetLag(0)
			n.Follow(w.Chain)
		}
	}
}

// submit has clients send transactions to the members. What fails by itself is
// junk, which only the liar proposes.
func (m *machine) submit() {
	for range m.choices.Choose("transactions", 5) {
		m.take(m.scribe.Transaction())
	}
}

func (m *machine) take(p *transitiontest.Plan) {
	verdict := m.steady.rules.Check(txs(p.Tx).Transactions)[0]
	if want := ledgertest.Check(p); codeOf(verdict) != want && watched("SameVerdicts") {
		m.Fatalf("SameVerdicts: %.8s is refused by itself with %v, by the book with %d", p.Tx.WitnessID(), verdict, want)
	}
	if verdict != nil {
		m.junk = append(m.junk, p)
		return
	}
	m.steady.checked[p.Tx.WitnessID()], m.shaky.checked[p.Tx.WitnessID()] = true, true
	m.pool = append(m.pool, p)
	m.steady.view(m, func(s storage.Reader) {
		got, want := m.steady.rules.Try(s, m.epoch, p.Tx), m.book.Try(p)
		if line(p, got) != line(p, want) && watched("SameVerdicts") {
			m.Fatalf("SameVerdicts: a submission is answered %s, by the book %s", line(p, got), line(p, want))
		}
	})
}

func codeOf(r *messages.Rejection) messages.RejectionCode {
	if r == nil {
		return 0
	}
	return r.Code
}

func line(p *transitiontest.Plan, r *messages.Rejection) string {
	return ledgertest.Verdict(p.Tx.ID(), p.Tx.WitnessID(), r)
}

// restart ends a replica and starts it again, with nothing but its store.
func (m *machine) restart(r *replica) {
	r.rules, r.store, r.checked = house.Rules(), m.disks.reopen(m, r.store), map[messages.WitnessID]bool{}
}

// live is one epoch after whatever happens before it.
func (m *machine) live() {
	m.happen()
	m.submit()
	m.turn()
}

// turn is one epoch.
func (m *machine) turn() {
	if m.choices.Choose("restart", 4) == 3 {
		m.restart(m.shaky)
	}
	var contributions []transitiontest.Contribution
	m.steady.view(m, func(s storage.Reader) { contributions = m.scribe.Contributions(s, m.pool, m.junk) })
	o := transitiontest.Outcome(m.epoch, contributions)
	next, page := m.book.Turn(m.epoch, contributions)
	before := m.steady.store.(*memory.Store).Clone()
	was := m.steady.hash(m)
	got := m.steady.apply(m, o)
	again := m.shaky.apply(m, o)

	m.check(epoch{before: before, was: was, got: got, again: again, book: next, page: page, contributions: contributions})
	m.past = append(m.past, chapter{before, o, m.steady.hash(m)})
	m.book, m.scribe.Book = next, next
	m.epoch++
	accepted := func(p *transitiontest.Plan) bool {
		_, yes := next.Accepted[p.Tx.ID()]
		return yes // what is refused is proposed again, for ever or not
	}
	m.pool = slices.DeleteFunc(m.pool, accepted)
	m.pool = m.pool[max(0, len(m.pool)-4):]
	m.junk = m.junk[max(0, len(m.junk)-3):]
	m.steady.view(m, func(s storage.Reader) {
		m.world.Broadcast(s)
		if text := m.world.Backed(s); text != "" && watched("Backing") {
			m.Fatalf("Backing: before epoch %d: %s", m.epoch, text)
		}
	})
}

// house is the federation of all machines; observer runs its rules without a
// secret.
var (
	house    = transitiontest.NewHouse()
	observer = house.Wallet(0)
)

// TestMachine: SameVerdicts, SameState, Conservation, NoDoubleSpend, Order, NoBlame,
// Finality, NoTrace, Restart, Replay, Backing.
func TestMachine(t *testing.T) {
	d := &files{dir: t.TempDir(), path: map[storage.Store]string{}}
	scenes := []*ledgertest.Scene{ledgertest.Open(house), nil}
	rapid.Check(t, func(t *rapid.T) {
		choices := transitiontest.Drawn(t)
		m := newMachine(t, scenes[choices.Choose("scene", 4)/3], choices, d)
		defer m.close()
		for range rapid.IntRange(1, 5).Draw(t, "epochs") {
			m.live()
		}
		m.replayed()
	})
}
