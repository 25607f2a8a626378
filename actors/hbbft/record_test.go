package hbbft

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/tohbbft"
)

// FuzzRecord: a record of the journal is read as what wrote it, or is none.
func FuzzRecord(f *testing.F) {
	j := &journal{members: 4}
	for _, s := range []frames.Statement{
		frames.Value{Proposer: 1, Payload: []byte("p")},
		frames.Echo{Proposer: 2, Root: messages.Digest{1}},
		frames.Term{Proposer: 3, Bit: true},
		frames.CoinShare{Proposer: 1, Round: 4, Share: []byte("s")},
	} {
		f.Add(j.encode(honeybadger.Record{Epoch: 7, Statement: s}))
	}
	f.Add(encodeMark(mark{position: honeybadger.Position{Next: 3, Certified: 2}, silent: 9, said: 5}, 4))
	f.Fuzz(func(t *testing.T, record []byte) {
		j := &journal{members: 4}
		if err := j.read(record); err != nil {
			if !errors.Is(err, errRecord) || j.marked || j.restored != nil {
				t.Fatalf("%v, and it left %+v", err, j)
			}
			return
		}
		for _, r := range j.restored {
			again := &journal{members: 4}
			if err := again.read(j.encode(r)); err != nil || len(again.restored) != 1 {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		if j.marked && !bytes.Equal(encodeMark(j.mark, 4), normal(record)) {
			t.Fatal("a mark with another record")
		}
	})
}

// normal is a mark's record with the bytes that say "not absent" as 0, which is
// all that another encoding of it can differ in.
func normal(record []byte) []byte {
	out := bytes.Clone(record)
	const head, members = 1 + (4+4)*8, 4
	for i := head; i < len(out); {
		kind := out[i]
		i++
		for n := 0; kind == 2 && n < members; n++ {
			if out[i] != 1 {
				out[i] = 0
			}
			i++
		}
	}
	return out
}

// TestSilenceSurvivesAFailure: what follows from the doubts of others is known to the next
// incarnation, which finds the journal as it was if this one fails before it has written
// its mark.
func TestSilenceSurvivesAFailure(t *testing.T) {
	memory := newRecall(4)
	memory.claims = []uint64{0, 8, 9, 1}
	last := told{known: true, committed: tohbbft.EpochCommitted{Next: 5, Lost: true}}
	for incarnation := range 2 {
		h := &Instance{
			cfg: Config{Core: honeybadger.Config{Members: 4}}, told: &last, recall: memory, log: slog.New(slog.DiscardHandler),
			journal: &journal{marked: true, said: 3},
		}
		if !h.remembers(nil) || h.journal.mark.silent != 7 || h.journal.said != 7 {
			t.Errorf("incarnation %d: silent before %d, said %d", incarnation, h.journal.mark.silent, h.journal.said)
		}
		last.committed = tohbbft.EpochCommitted{Next: 6}
	}
}
