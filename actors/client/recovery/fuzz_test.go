package recovery_test

import (
	"testing"

	"minimint/actors/client/recovery"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Whatever one member answers, at whatever moment, the others' notes are found.
func FuzzAnswers(f *testing.F) {
	o := own{tweaks()[0], 1, 0}
	l := newLedger([]*mintwire.Entry{foreign(1), o.issued(), foreign(2)})
	for _, q := range []recovery.Question{{Method: "slices"}, {Method: "slice"}, {Method: "shares"}} {
		b := l.honest(0, q)
		f.Add(b, b)
		f.Add(b, b[:len(b)/2])
		f.Add([]byte{}, append([]byte{10, 0}, b...))
	}
	f.Add(canonical.Marshal(&mintwire.Slices{Entries: 1 << 63, Hashes: [][]byte{make([]byte, 32)}}), canonical.Marshal(&mintwire.Shares{Shares: make([][]byte, mint.SharesSize)}))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		calls := 0
		liar := func(messages.PeerID, recovery.Question) []byte {
			calls++
			return [][]byte{a, b}[calls%2]
		}
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		out := drive(s, []member{liar, l.honest, l.honest, l.honest}, first, func() {})
		if out.err != nil {
			t.Fatal(out.err)
		}
		wantNotes(t, out.notes, map[int]own{1: o})
	})
}

// BenchmarkRead is what a wallet pays for the log: decoding, the hashes of slices, and the
// filter; entries/s is the figure.
func BenchmarkRead(b *testing.B) {
	l := long()
	who := []member{l.honest, l.honest, l.honest, l.honest}
	for p := range who { // pages are made once
		for at := uint64(0); at < uint64(len(l.entries)); at += mint.PageSize {
			l.honest(messages.PeerID(p), recovery.Question{Method: "slice", From: at})
		}
	}
	b.ResetTimer()
	for range b.N {
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		for located := false; !located; {
			for p := range who {
				q, ok := s.Ask(messages.PeerID(p))
				if !ok {
					continue
				}
				step, err := s.Hear(messages.PeerID(p), q, l.honest(messages.PeerID(p), q), true)
				if err != nil {
					b.Fatal(err)
				}
				located = located || step.Located
			}
		}
	}
	b.ReportMetric(float64(len(l.entries)*b.N)/b.Elapsed().Seconds(), "entries/s")
}
