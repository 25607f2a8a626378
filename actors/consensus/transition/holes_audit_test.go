package transition_test

import (
	"iter"
	"testing"

	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/storage"
)

// counted counts what is read.
type counted struct {
	storage.Reader
	reads *int
}

func (c counted) Get(key []byte) []byte {
	*c.reads++
	return c.Reader.Get(key)
}

func (c counted) Scan(prefix []byte) iter.Seq2[[]byte, []byte] { return c.ScanFrom(prefix, prefix) }

func (c counted) ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for k, v := range c.Reader.ScanFrom(prefix, start) {
			if *c.reads++; !yield(k, v) {
				return
			}
		}
	}
}

// H64: the original's audit read all tables in every epoch. Here an epoch, audit
// included, reads as much when a hundred notes are out as when there are ten.
func TestH64AuditReadsNoTables(t *testing.T) {
	reads := func(notes uint64) int {
		w := newWorld(vault{})
		for id := range notes {
			w.run(t, txs(w.build(t, 0, [][]byte{body('d', id, 100, w.key)}, [][]byte{body('w', id, 100, w.key)})))
		}
		o := outcome.Outcome{Epoch: w.epoch, Contributions: []outcome.Member{{Contribution: txs(
			w.build(t, 0, [][]byte{body('w', 3, 100, w.key)}, [][]byte{body('w', 1<<40, 100, w.key)})).Encode()}}}
		n := 0
		res, err := w.t.Apply(storage.NewOverlay(counted{w.view(t), &n}), o, func(messages.WitnessID) bool { return false })
		if err != nil || len(res.Accepted) != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		if res.Totals.Assets != int64(100*notes) || res.Totals != w.audit(t) {
			t.Errorf("totals %+v", res.Totals)
		}
		return n
	}
	if few, many := reads(10), reads(100); few != many || few == 0 {
		t.Errorf("%d reads with 10 notes, %d with 100", few, many)
	}
}
