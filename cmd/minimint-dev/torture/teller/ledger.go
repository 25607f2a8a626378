package teller

import (
	"sync"

	"minimint/messages"
	"minimint/messages/transaction"
)

// Totals count transactions, each once.
type Totals struct {
	Submitted    int `json:"submitted"`
	Acknowledged int `json:"acknowledged"` // by at least one member
	Accepted     int `json:"accepted"`
	Rejected     int `json:"rejected"` // of two that exclude each other
}

// ledger remembers who has acknowledged what.
type ledger struct {
	mu       sync.Mutex
	totals   Totals
	entries  map[messages.WitnessID]*entry
	receipts [][]*entry      // by member
	watches  []chan struct{} // by member: closed with its next promise
}

type entry struct {
	transaction *transaction.Transaction
	by          []int // members
	settled     bool
}

func newLedger(members int) *ledger {
	return &ledger{entries: map[messages.WitnessID]*entry{}, receipts: make([][]*entry, members), watches: make([]chan struct{}, members)}
}

// begin notes that a transaction is about to be submitted.
func (l *ledger) begin(tx *transaction.Transaction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.totals.Submitted++
	l.entries[tx.WitnessID()] = &entry{transaction: tx}
}

// acknowledged notes that a member has answered that it keeps a transaction.
func (l *ledger) acknowledged(tx *transaction.Transaction, member int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[tx.WitnessID()]
	if len(e.by) == 0 {
		l.totals.Acknowledged++
	}
	e.by = append(e.by, member)
	if l.watches[member] != nil && waits(tx, member, len(l.receipts)) {
		close(l.watches[member])
		l.watches[member] = nil
	}
	l.receipts[member] = append(l.receipts[member], e)
}

// watch returns what is closed when a member acknowledges a transaction with which
// it waits.
func (l *ledger) watch(member int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watches[member] == nil {
		l.watches[member] = make(chan struct{})
	}
	return l.watches[member]
}

// by returns who has acknowledged a transaction.
func (l *ledger) by(tx *transaction.Transaction) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]int(nil), l.entries[tx.WitnessID()].by...)
}

// settled notes the end of a transaction.
func (l *ledger) settled(tx *transaction.Transaction, accepted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if accepted {
		l.totals.Accepted++
	} else {
		l.totals.Rejected++
	}
	l.entries[tx.WitnessID()].settled = true
	delete(l.entries, tx.WitnessID())
}

// take returns everything that a member has acknowledged and that was not taken
// after its end before.
func (l *ledger) take(member int) []*transaction.Transaction {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*transaction.Transaction
	var open []*entry
	for _, e := range l.receipts[member] {
		all = append(all, e.transaction)
		if !e.settled {
			open = append(open, e)
		}
	}
	l.receipts[member] = open
	return all
}

func (l *ledger) count() Totals {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.totals
}
