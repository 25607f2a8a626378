// Package pool holds transactions that wait for an epoch. It is pure: making
// them durable is its owner's work.
//
// Clients give a transaction to every member, so if each member proposed it,
// an epoch would carry it n times. Instead the hash of its id ranks the
// members; two propose it at once, and twice as many after each further wait,
// until in the end every holder does. So a transaction cannot be censored by
// the members that happen to rank first. Waiting is counted in ticks, since an
// idle federation has no epochs to count.
//
// Room is bounded in bytes, and transactions that cannot all be accepted have
// little of it: whoever has one note could otherwise fill every pool with ways
// to spend it.
package pool

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"

	"minimint/messages"
	"minimint/messages/transaction"
)

// Limits of a pool.
const (
	MaxBytes = 32 << 20
	// MaxRivals is how many transactions with the same id or with an input in
	// common are held. It is more than one, so that of two forms of a
	// transaction neither keeps the other out (H25).
	MaxRivals = 4
	// TicksPerStep is how long a step of waiting is.
	TicksPerStep = 2
	// firstProposers propose a transaction at once.
	firstProposers = 2
)

// A Pool keeps transactions in the order in which they came.
type Pool struct {
	entries []*entry
	held    map[messages.WitnessID]*entry
	rivals  map[messages.Digest]int // by what at most one can use up: id or input
	bytes   int
}

// An Entry is a transaction and the first epoch that could decide about it.
type Entry struct {
	Transaction *transaction.Transaction
	Since       messages.Epoch
}

type entry struct {
	Entry
	ticks uint32
}

// New returns an empty pool.
func New() *Pool {
	return &Pool{held: map[messages.WitnessID]*entry{}, rivals: map[messages.Digest]int{}}
}

// Len is the number of transactions held.
func (p *Pool) Len() int { return len(p.entries) }

// Bytes is the size of the transactions held.
func (p *Pool) Bytes() int { return p.bytes }

// Has reports whether this signed form is held.
func (p *Pool) Has(id messages.WitnessID) bool { return p.held[id] != nil }

// Add holds e, or returns why not. Adding what is held already does nothing.
func (p *Pool) Add(e Entry) *messages.Rejection {
	t := e.Transaction
	switch {
	case p.Has(t.WitnessID()):
		return nil
	case p.bytes+len(t.Bytes()) > MaxBytes:
		return messages.RejectForNow(messages.RejectBusy, "the pool of this node is full; try again in a few seconds")
	}
	for _, key := range claims(t) {
		if p.rivals[key] >= MaxRivals {
			return messages.RejectForNow(messages.RejectBusy, "%d transactions that exclude this one wait already; try again when they are decided", MaxRivals)
		}
	}
	p.Restore(e)
	return nil
}

// Restore holds e whatever the limits say: what was promised to a client before
// a restart is kept. Of two entries with the same form the later stays.
func (p *Pool) Restore(e Entry) {
	t := e.Transaction
	if held := p.held[t.WitnessID()]; held != nil {
		held.Since = max(held.Since, e.Since)
		return
	}
	p.held[t.WitnessID()] = &entry{Entry: e}
	p.entries = append(p.entries, p.held[t.WitnessID()])
	p.bytes += len(t.Bytes())
	for _, key := range claims(t) {
		p.rivals[key]++
	}
}

// claims names what only one accepted transaction can have: its id, and each
// of its inputs.
func claims(t *transaction.Transaction) []messages.Digest {
	keys := []messages.Digest{t.ID()}
	for _, in := range t.Inputs() {
		h := sha256.New()
		h.Write([]byte(in.Kind))
		h.Write([]byte{0}) // no kind contains it
		h.Write(in.Body)
		keys = append(keys, messages.Digest(h.Sum(nil)))
	}
	return keys
}

// Remove drops all forms of accepted transactions and the refused forms, and
// reports whether that dropped anything.
func (p *Pool) Remove(accepted func(messages.TxID) bool, refused func(messages.WitnessID) bool) bool {
	kept := p.entries[:0]
	before := len(p.entries)
	for _, e := range p.entries {
		t := e.Transaction
		if !accepted(t.ID()) && !refused(t.WitnessID()) {
			kept = append(kept, e)
			continue
		}
		delete(p.held, t.WitnessID())
		p.bytes -= len(t.Bytes())
		for _, key := range claims(t) {
			if p.rivals[key]--; p.rivals[key] == 0 {
				delete(p.rivals, key)
			}
		}
	}
	clear(p.entries[len(kept):])
	p.entries = kept
	return len(kept) < before
}

// Tick lets all transactions age by one tick.
func (p *Pool) Tick() {
	for _, e := range p.entries {
		if e.ticks < 1<<30 {
			e.ticks++
		}
	}
}

// All visits every transaction, oldest first.
func (p *Pool) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range p.entries {
			if !yield(e.Entry) {
				return
			}
		}
	}
}

// Due visits the transactions that member self of n should propose now, oldest
// first.
func (p *Pool) Due(self messages.PeerID, n int) iter.Seq[*transaction.Transaction] {
	return func(yield func(*transaction.Transaction) bool) {
		for _, e := range p.entries {
			if rank(e.Transaction.ID(), self, n) < reach(e.ticks, n) && !yield(e.Transaction) {
				return
			}
		}
	}
}

// HasDue reports whether Due visits anything.
func (p *Pool) HasDue(self messages.PeerID, n int) bool {
	for range p.Due(self, n) {
		return true
	}
	return false
}

// rank is the place of a member in the order in which members propose id.
func rank(id messages.TxID, self messages.PeerID, n int) int {
	first := int(binary.BigEndian.Uint64(id[:8]) % uint64(n))
	return (int(self) - first + n) % n
}

// reach is how many members propose after some ticks of waiting.
func reach(ticks uint32, n int) int {
	r := firstProposers
	for range ticks / TicksPerStep {
		if r >= n {
			return n
		}
		r *= 2
	}
	return r
}
