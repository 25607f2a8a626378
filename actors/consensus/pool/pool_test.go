package pool_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/consensus/pool"
	"minimint/messages"
	"minimint/messages/transaction"
)

// tx makes transactions that differ in their outputs; equal inputs make them
// rivals, and input 0 is one that no other has. A different signature makes
// another form of the same transaction.
func tx(input, output uint64, signature byte, size int) *transaction.Transaction {
	if input == 0 {
		input = 1<<32 + output
	}
	d := transaction.Draft{
		Inputs:  []transaction.Item{{Kind: "mint", Body: binary.BigEndian.AppendUint64(nil, input)}},
		Outputs: []transaction.Item{{Kind: "mint", Body: append(binary.BigEndian.AppendUint64(nil, output), make([]byte, size)...)}},
	}
	var sig []byte
	if signature > 0 {
		sig = bytes.Repeat([]byte{signature}, 64)
	}
	t, err := transaction.Build(d, sig)
	if err != nil {
		panic(err)
	}
	return t
}

func list(p *pool.Pool) []*transaction.Transaction {
	var out []*transaction.Transaction
	for e := range p.All() {
		out = append(out, e.Transaction)
	}
	return out
}

func due(p *pool.Pool, self messages.PeerID, n int) []*transaction.Transaction {
	return slices.Collect(p.Due(self, n))
}

func mustAdd(t fatal, p *pool.Pool, x *transaction.Transaction) {
	t.Helper()
	if r := p.Add(pool.Entry{Transaction: x}); r != nil {
		t.Fatalf("refused: %v", r)
	}
}

type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// The pool agrees with a plain list under any sequence of operations.
func TestPoolAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pool.New()
		var model []*transaction.Transaction
		rivals := func(x *transaction.Transaction) (most int) {
			byID, byInput := 0, 0
			for _, m := range model {
				if m.ID() == x.ID() {
					byID++
				}
				if bytes.Equal(m.Inputs()[0].Body, x.Inputs()[0].Body) {
					byInput++
				}
			}
			return max(byID, byInput)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				x := tx(rapid.Uint64Range(0, 3).Draw(t, "input"), rapid.Uint64Range(0, 3).Draw(t, "output"), byte(rapid.IntRange(0, 6).Draw(t, "signature")), 0)
				held := slices.ContainsFunc(model, func(m *transaction.Transaction) bool { return m.WitnessID() == x.WitnessID() })
				full := rivals(x) >= pool.MaxRivals
				r := p.Add(pool.Entry{Transaction: x})
				if (r != nil) != (full && !held) || r != nil && (r.Final || r.Code != messages.RejectBusy) {
					t.Fatalf("%d rivals, held %t: %v", rivals(x), held, r)
				}
				if r == nil && !held {
					model = append(model, x)
				}
			},
			"remove": func(t *rapid.T) {
				accepted := rapid.SliceOf(rapid.IntRange(0, 20)).Draw(t, "accepted")
				refused := rapid.SliceOf(rapid.IntRange(0, 20)).Draw(t, "refused")
				ids, witnesses := map[messages.TxID]bool{}, map[messages.WitnessID]bool{}
				for i, m := range model {
					ids[m.ID()] = ids[m.ID()] || slices.Contains(accepted, i)
					witnesses[m.WitnessID()] = slices.Contains(refused, i)
				}
				before := len(model)
				model = slices.DeleteFunc(model, func(m *transaction.Transaction) bool { return ids[m.ID()] || witnesses[m.WitnessID()] })
				dropped := p.Remove(func(id messages.TxID) bool { return ids[id] }, func(id messages.WitnessID) bool { return witnesses[id] })
				if dropped != (len(model) < before) {
					t.Fatalf("dropped %t", dropped)
				}
			},
			"": func(t *rapid.T) {
				size := 0
				for _, m := range model {
					size += len(m.Bytes())
					if !p.Has(m.WitnessID()) {
						t.Fatal("not held")
					}
				}
				if p.Len() != len(model) || p.Bytes() != size || !slices.Equal(list(p), model) {
					t.Fatalf("%d transactions of %d bytes, want %d of %d", p.Len(), p.Bytes(), len(model), size)
				}
			},
		})
	})
}

// In the original the pool knew a transaction by an id without its signature, so that of two forms only one could wait, and the refusal of one dropped both.
func TestH25TwinsInThePool(t *testing.T) {
	p := pool.New()
	mustAdd(t, p, tx(1, 1, 1, 0))
	mustAdd(t, p, tx(1, 1, 2, 0))
	mustAdd(t, p, tx(1, 1, 1, 0)) // held already
	if p.Len() != 2 {
		t.Fatalf("%d held", p.Len())
	}
	bad := tx(1, 1, 1, 0).WitnessID()
	p.Remove(func(messages.TxID) bool { return false }, func(id messages.WitnessID) bool { return id == bad })
	if p.Len() != 1 || p.Has(bad) || !p.Has(tx(1, 1, 2, 0).WitnessID()) {
		t.Error("the refusal of one form hit the other")
	}
	for i := range byte(2 * pool.MaxRivals) {
		p.Add(pool.Entry{Transaction: tx(1, 1, 3+i, 0)})
	}
	if p.Len() != pool.MaxRivals {
		t.Errorf("%d forms of one transaction", p.Len())
	}
	id := tx(1, 1, 1, 0).ID()
	p.Remove(func(x messages.TxID) bool { return x == id }, func(messages.WitnessID) bool { return false })
	mustAdd(t, p, tx(1, 2, 1, 0))
	if p.Len() != 1 {
		t.Errorf("%d held", p.Len())
	}
}

// In the original transactions that nobody pays for filled what members propose, as many as there were.
func TestH11RivalsHaveLittleRoom(t *testing.T) {
	p := pool.New()
	for i := range uint64(1000) {
		p.Add(pool.Entry{Transaction: tx(7, i, 1, 1000)})
	}
	mustAdd(t, p, tx(8, 1, 1, 0))
	if p.Len() != pool.MaxRivals+1 {
		t.Errorf("%d held", p.Len())
	}
}

func TestPoolIsBoundedInBytes(t *testing.T) {
	p := pool.New()
	size, added := 60<<10, uint64(0)
	for {
		r := p.Add(pool.Entry{Transaction: tx(0, added, 0, size)})
		if r != nil {
			if r.Final || r.Code != messages.RejectBusy {
				t.Errorf("%v", r)
			}
			break
		}
		added++
	}
	if p.Bytes() > pool.MaxBytes || p.Bytes() < pool.MaxBytes-2*size {
		t.Errorf("%d bytes", p.Bytes())
	}
	// What was promised before a restart is kept, whatever the limits say.
	p.Restore(pool.Entry{Transaction: tx(0, added, 0, size)})
	if !p.Has(tx(0, added, 0, size).WitnessID()) {
		t.Error("not restored")
	}
}

// Of two records of one form the later says since when it waits.
func TestRestoreKeepsTheLater(t *testing.T) {
	for _, order := range [][]messages.Epoch{{3, 9}, {9, 3}} {
		p := pool.New()
		for _, e := range order {
			p.Restore(pool.Entry{Transaction: tx(1, 1, 1, 0), Since: e})
		}
		for e := range p.All() {
			if e.Since != 9 || p.Len() != 1 {
				t.Errorf("%d held, since %d", p.Len(), e.Since)
			}
		}
	}
}

// Ranking: two members propose a transaction at once, which two depends on the
// transaction, more as it waits, and in the end all: no set of members that rank
// first can keep it out.
func TestEverybodyProposesInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "n")
		x := tx(1, rapid.Uint64().Draw(t, "transaction"), 1, 0)
		before := 0
		for step := range 9 {
			proposers := 0
			for self := range n {
				p := pool.New()
				mustAdd(t, p, x)
				for range step * pool.TicksPerStep {
					p.Tick()
				}
				if p.HasDue(messages.PeerID(self), n) != (len(due(p, messages.PeerID(self), n)) == 1) {
					t.Fatal("HasDue and Due differ")
				}
				proposers += len(due(p, messages.PeerID(self), n))
			}
			if want := min(n, 2<<step); proposers != want || proposers < before {
				t.Fatalf("step %d: %d of %d propose, want %d", step, proposers, n, want)
			}
			before = proposers
		}
	})
}

// The work is spread: over many transactions every member proposes its part.
func TestProposersAreSpread(t *testing.T) {
	const n, total = 7, 2000
	p := pool.New()
	for i := range uint64(total) {
		mustAdd(t, p, tx(0, i, 0, 0))
	}
	for self := range messages.PeerID(n) {
		if got := len(due(p, self, n)); got < total/n || got > 3*total/n {
			t.Errorf("member %d proposes %d of %d", self, got, total)
		}
	}
}

// Due and All keep the order in which transactions came.
func TestOldestFirst(t *testing.T) {
	p := pool.New()
	var want []*transaction.Transaction
	for i := range uint64(50) {
		x := tx(0, i, 0, 0)
		mustAdd(t, p, x)
		want = append(want, x)
	}
	if !slices.Equal(list(p), want) || !slices.Equal(due(p, 0, 1), want) {
		t.Error("out of order")
	}
	for range p.All() {
		break // a visit may end early
	}
}
