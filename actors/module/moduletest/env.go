package moduletest

import (
	"encoding/binary"

	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/storage"
)

var (
	facts  = storage.Replicated("moduletest/facts")
	totals = storage.Replicated("moduletest/totals")
)

// Env is a contract.Env for tests. Facts and totals lie in the state, so they
// are rolled back with it; nothing is checked but that no total leaves the range of
// 0 to 2^63-1.
type Env struct {
	// At is the epoch that the module sees.
	At    messages.Epoch
	state storage.Tx
	// Negative is the first line that went below zero or wrapped, "" if none did.
	Negative string
}

// NewEnv returns the environment of a module whose state is in tx.
func NewEnv(tx storage.Tx) *Env { return &Env{state: tx} }

// Epoch implements contract.Env.
func (e *Env) Epoch() messages.Epoch { return e.At }

// Fact implements contract.Env.
func (e *Env) Fact(name string) []byte { return storage.Scoped(e.state, facts).Get([]byte(name)) }

// Publish implements contract.Env.
func (e *Env) Publish(name string, value []byte) {
	storage.Scoped(e.state, facts).Put([]byte(name), value)
}

// Ledger implements contract.Env.
func (e *Env) Ledger() contract.Ledger { return e }

// Asset implements contract.Ledger.
func (e *Env) Asset(line string, delta int64) { e.book("asset/"+line, delta) }

// Liability implements contract.Ledger.
func (e *Env) Liability(line string, delta int64) { e.book("liability/"+line, delta) }

// Total returns what was booked under "asset/…" or "liability/…".
func (e *Env) Total(line string) int64 {
	b := storage.Scoped(e.state, totals).Get([]byte(line))
	if b == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func (e *Env) book(line string, delta int64) {
	sum := e.Total(line) + delta // of a total that is not negative: it wraps to below zero
	storage.Scoped(e.state, totals).Put([]byte(line), binary.BigEndian.AppendUint64(nil, uint64(sum)))
	if sum < 0 && e.Negative == "" {
		e.Negative = line
	}
}
