package transition

import (
	"encoding/binary"
	"fmt"
	"math"

	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/storage"
)

// Totals are what the federation holds and owes, in millisatoshi.
type Totals struct{ Assets, Liabilities int64 }

// Line is one running total of the audit.
type Line struct {
	Module messages.ModuleKind
	Name   string
	Totals Totals
}

// totalKey holds the sum over all lines; no line has an empty name.
var totalKey = []byte{0}

// Audit returns the sum and every line of it, ascending by module and name.
func Audit(state storage.Reader) (Totals, []Line) {
	r := storage.ScopedReader(state, auditScope)
	sum := decodeTotals(r.Get(totalKey))
	var lines []Line
	for k, v := range r.Scan(nil) {
		kind, name, ok := splitLine(k)
		if ok {
			lines = append(lines, Line{Module: kind, Name: name, Totals: decodeTotals(v)})
		}
	}
	return sum, lines
}

// environment is what modules borrow while one epoch is applied.
type environment struct {
	epoch messages.Epoch
	facts storage.Tx
	audit storage.Tx
	// broken is the first booking that cannot be right; it makes whatever
	// booked it fail, and is cleared when that is rolled back.
	broken error
}

func newEnvironment(epoch messages.Epoch, ov *storage.Overlay) *environment {
	return &environment{epoch: epoch, facts: storage.Scoped(ov, factScope), audit: storage.Scoped(ov, auditScope)}
}

func (e *environment) of(kind messages.ModuleKind) contract.Env { return lent{e, kind} }

// solvent returns an error if anything was booked that leaves the federation
// with less than it owes, or a line below zero: a tier that redeems more than
// it issued has forged notes, whatever the other tiers hold.
func (e *environment) solvent() error {
	err := e.broken
	e.broken = nil
	if t := e.total(); err == nil && t.Assets < t.Liabilities {
		return fmt.Errorf("liabilities of %d msat would exceed assets of %d msat", t.Liabilities, t.Assets)
	}
	return err
}

func (e *environment) total() Totals { return decodeTotals(e.audit.Get(totalKey)) }

// lent is the environment as one module sees it.
type lent struct {
	*environment
	kind messages.ModuleKind
}

// Epoch implements contract.Env.
func (l lent) Epoch() messages.Epoch { return l.epoch }

// Fact implements contract.Env.
func (l lent) Fact(name string) []byte { return l.facts.Get([]byte(name)) }

// Publish implements contract.Env.
func (l lent) Publish(name string, value []byte) { l.facts.Put([]byte(name), value) }

// Ledger implements contract.Env.
func (l lent) Ledger() contract.Ledger { return l }

// Asset implements contract.Ledger.
func (l lent) Asset(line string, delta int64) { l.book(line, Totals{Assets: delta}) }

// Liability implements contract.Ledger.
func (l lent) Liability(line string, delta int64) { l.book(line, Totals{Liabilities: delta}) }

func (l lent) book(line string, delta Totals) {
	if line == "" {
		panic("transition: booking without a line")
	}
	for _, key := range [][]byte{lineKey(l.kind, line), totalKey} {
		now := decodeTotals(l.audit.Get(key))
		next, ok := now.plus(delta)
		if !ok && l.broken == nil {
			l.broken = fmt.Errorf("module %s would take %q to assets of %d and liabilities of %d msat", l.kind, line, next.Assets, next.Liabilities)
		}
		l.audit.Put(key, next.encode())
	}
}

// plus adds and reports whether both sums stay within 0 … MaxInt64.
func (t Totals) plus(d Totals) (Totals, bool) {
	a, okA := addSigned(t.Assets, d.Assets)
	l, okL := addSigned(t.Liabilities, d.Liabilities)
	return Totals{Assets: a, Liabilities: l}, okA && okL
}

func addSigned(a, b int64) (int64, bool) {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64, false
	}
	if b < 0 && a < math.MinInt64-b {
		return math.MinInt64, false
	}
	return a + b, a+b >= 0
}

func (t Totals) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(t.Assets))
	return binary.BigEndian.AppendUint64(b, uint64(t.Liabilities))
}

func decodeTotals(b []byte) Totals {
	switch len(b) {
	case 0:
		return Totals{}
	case 16:
		return Totals{Assets: int64(binary.BigEndian.Uint64(b)), Liabilities: int64(binary.BigEndian.Uint64(b[8:]))}
	default:
		panic(fmt.Sprintf("transition: audit record of %d bytes", len(b)))
	}
}

// lineKey is the length of the kind, the kind, and the name of the line.
func lineKey(kind messages.ModuleKind, line string) []byte {
	return append(append([]byte{byte(len(kind))}, kind...), line...)
}

func splitLine(key []byte) (messages.ModuleKind, string, bool) {
	if len(key) < 2 || int(key[0])+1 >= len(key) {
		return "", "", false
	}
	n := int(key[0]) + 1
	return messages.ModuleKind(key[1:n]), string(key[n:]), true
}
