package recovery_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/client/recovery"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// drawLog draws a short log with own notes, and says which are unspent.
func drawLog(t *rapid.T) ([]*mintwire.Entry, map[int]own) {
	var list []*mintwire.Entry
	unspent := map[int]own{}
	var mine []own
	at := map[own]int{}
	for i := range rapid.IntRange(0, 260).Draw(t, "entries") {
		switch kind := rapid.IntRange(0, 20).Draw(t, "kind"); {
		case kind == 0 && len(mine) < 12:
			o := own{tweaks()[len(mine)%4], uint32(len(mine) % tiers), uint32(len(mine))}
			mine, at[o], unspent[i] = append(mine, o), i, o
			list = append(list, o.issued())
		case kind == 1 && len(mine) > 0:
			o := mine[rapid.IntRange(0, len(mine)-1).Draw(t, "spends")]
			if _, ok := unspent[at[o]]; ok {
				delete(unspent, at[o])
				list = append(list, o.spent())
				break
			}
			list = append(list, foreign(i))
		default:
			list = append(list, foreign(i))
		}
	}
	return list, unspent
}

// Agreement: whatever one of four members says, whoever lags, and in whatever order
// answers come, a search ends with the same notes; and an honest member is never named.
func TestLiarsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, unspent := drawLog(t)
		l := newLedger(list)
		liar := messages.PeerID(rapid.IntRange(0, members-1).Draw(t, "liar"))
		who := make([]member, members)
		for p := range who {
			lags := rapid.IntRange(0, 3).Draw(t, "lags")
			who[p] = func(p messages.PeerID, q recovery.Question) []byte {
				if lags > 0 { // for a while
					lags--
					return l.answer(p, q, uint64(len(list)/2))
				}
				return l.honest(p, q)
			}
		}
		// Two honest members are not behind: what only one of them had yet could not be known.
		for n, p := 0, 0; p < members && n < 2; p++ {
			if messages.PeerID(p) != liar {
				who[p], n = l.honest, n+1
			}
		}
		who[liar] = func(p messages.PeerID, q recovery.Question) []byte { return lie(t, l, p, q) }
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		out := drive(s, who, func(open []pending) int { return rapid.IntRange(-1, len(open)-1).Draw(t, "next") }, func() {})
		if out.err != nil {
			t.Fatal(out.err)
		}
		read, all := s.Progress()
		if read != all {
			t.Fatalf("read %d of %d", read, all)
		}
		if read == uint64(len(list)) {
			wantNotes(t, out.notes, unspent)
		} else if read < uint64(len(list)/2) {
			t.Fatalf("ended at entry %d of %d", read, len(list))
		}
		delete(out.faults, liar)
		if len(out.faults) > 0 {
			t.Fatalf("member %d lies, and %v are named", liar, out.faults)
		}
	})
}

// lie is an answer that is wrong in some way, or right.
func lie(t *rapid.T, l *ledger, p messages.PeerID, q recovery.Question) []byte {
	b := slices.Clone(l.honest(p, q))
	switch rapid.IntRange(0, 6).Draw(t, "lie") {
	case 0:
		return nil
	case 1:
		return rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "junk")
	case 2:
		if len(b) > 0 {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
	case 3:
		return l.answer(p, q, uint64(len(l.entries)/3))
	case 4:
		return l.honest((p+1)%members, q)
	case 5:
		switch q.Method {
		case "slices":
			return canonical.Marshal(&mintwire.Slices{Entries: 1 << 40, Hashes: [][]byte{make([]byte, 32), make([]byte, 32)}})
		case "slice":
			o := own{tweaks()[3], 0, 999} // a note that nobody has issued
			return canonical.Marshal(&mintwire.Slice{Entries: slices.Repeat([]*mintwire.Entry{o.issued()}, min(len(l.entries), mint.PageSize))})
		}
	}
	return b
}

// A slice that does not fit its hash is named, whoever gives it, and what is read
// is the same; the liar is not asked for another.
func TestForgedSlices(t *testing.T) {
	l := long()
	for name, forge := range map[string]func(w *mintwire.Slice){
		"an entry changed":  func(w *mintwire.Slice) { w.Entries[7] = foreign(1_000_000) },
		"a note hidden":     func(w *mintwire.Slice) { w.Entries[0] = foreign(1_000_001) },
		"a note spent":      func(w *mintwire.Slice) { w.Entries[9] = l.unspent[0].spent() },
		"two swapped":       func(w *mintwire.Slice) { w.Entries[1], w.Entries[2] = w.Entries[2], w.Entries[1] },
		"one repeated":      func(w *mintwire.Slice) { w.Entries[5] = w.Entries[4] },
		"of unknown nature": func(w *mintwire.Slice) { w.Entries[5] = &mintwire.Entry{} },
	} {
		liar := func(p messages.PeerID, q recovery.Question) []byte {
			b := l.honest(p, q)
			if q.Method != "slice" {
				return b
			}
			w := new(mintwire.Slice)
			if err := canonical.Unmarshal(b, w, 1<<20); err != nil {
				t.Fatal(err)
			}
			forge(w)
			return canonical.Marshal(w)
		}
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		out := drive(s, []member{liar, l.honest, l.honest, l.honest}, first, func() {})
		if out.err != nil || !maps.Equal(out.faults, map[messages.PeerID]bool{0: true}) {
			t.Fatalf("%s: %v, faults of %v", name, out.err, out.faults)
		}
		wantNotes(t, out.notes, l.unspent)
		pages := 0
		for _, a := range out.asked {
			if a.to == 0 && a.q.Method == "slice" && a.q.From < 2*mint.SliceSize {
				pages++
			}
		}
		if pages != mint.SliceSize/mint.PageSize {
			t.Errorf("%s: the liar was asked for %d pages", name, pages)
		}
	}
}

// Two members of four that lie are more than a federation bears. They can stop a search,
// with an error, and not lead it astray.
func TestTooManyLiars(t *testing.T) {
	l := long()
	liar := func(p messages.PeerID, q recovery.Question) []byte {
		if q.Method == "slice" {
			return []byte{1}
		}
		return l.honest(p, q)
	}
	s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
	out := drive(s, []member{liar, liar, l.honest, l.honest}, first, func() {})
	if !errors.Is(out.err, recovery.ErrMembers) {
		t.Fatal(out.err)
	}
}

// A member that says nothing more in the middle of a slice holds nothing up: another one
// is asked for it.
func TestSilentMember(t *testing.T) {
	l := long()
	for silent := range messages.PeerID(members) {
		s := recovery.NewSearch(config(), recovery.NewScan(owner, 0, nil))
		heard := 0
		out := drive(s, []member{l.honest, l.honest, l.honest, l.honest}, func(open []pending) int {
			return slices.IndexFunc(open, func(o pending) bool {
				if o.to == silent {
					heard++
				}
				return o.to != silent || heard < 10
			})
		}, func() {})
		if out.err != nil || len(out.faults) > 0 {
			t.Fatalf("member %d: %v, faults of %v", silent, out.err, out.faults)
		}
		wantNotes(t, out.notes, l.unspent)
	}
}
