package mint_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// entries reads the whole recovery log of a short federation.
func (f *federation) entries(t *testing.T) []*mintwire.Entry {
	t.Helper()
	snap := f.view(t)
	defer snap.Release()
	answer, err := f.house.member(-1).Query(storage.ScopedReader(snap, transition.ModuleScope(mint.Kind)), "slice", make([]byte, 8))
	if err != nil {
		t.Fatal(err)
	}
	w := new(mintwire.Slice)
	if err := canonical.Unmarshal(answer, w, 1<<20); err != nil {
		t.Fatal(err)
	}
	return w.GetEntries()
}

// The log holds what was accepted, in the order in which it was, and nothing of
// what was refused: a wallet that recovers from it finds all of its notes and no
// others.
func TestRecoveryLogHoldsWhatWasAccepted(t *testing.T) {
	b := openBank(t, 2, 3, 6)
	fresh := b.house.output(b.house.order(0))
	spend := b.spend(t, 1, b.coins[2])
	unbalanced := pay(t, transaction.Draft{
		Inputs: []transaction.Item{minted(b.coins[0].note)}, Outputs: []transaction.Item{minted(fresh)}, Fee: 1,
	}, b.coins[0].secret)
	wantCodes(t, "an epoch", b.run(t, list(unbalanced, spend, b.spend(t, 2, b.coins[2]))), messages.RejectUnbalanced, messages.RejectNoteSpent)
	log := b.entries(t)
	if len(log) != 5 {
		t.Fatalf("%d entries", len(log))
	}
	for i, c := range b.coins {
		out, err := mint.DecodeOutput(c.order)
		if err != nil {
			t.Fatal(err)
		}
		e := log[i].GetIssued()
		if e == nil || e.GetIndex() != uint32(i) || !bytes.Equal(e.GetOutput().GetBlindNonce(), out.BlindNonce) || e.GetOutput().GetTier() != c.tier {
			t.Errorf("entry %d is %v", i, log[i])
		}
	}
	in, err := mint.DecodeInput(b.coins[2].note)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(log[4].GetSpent(), in.Nonce[:]) {
		t.Errorf("last entry is %v", log[4])
	}
}

// The hash of a slice covers each entry and their order, and no other number of
// entries has one.
func TestSliceHashCoversEverything(t *testing.T) {
	slice := make([][]byte, mint.SliceSize)
	for i := range slice {
		slice[i] = []byte{byte(i), byte(i >> 8)}
	}
	want, err := mint.SliceHash(slice)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(s [][]byte){
		"first entry":          func(s [][]byte) { s[0] = []byte{1} },
		"last entry":           func(s [][]byte) { s[len(s)-1] = nil },
		"two entries swapped":  func(s [][]byte) { s[5], s[6] = s[6], s[5] },
		"a byte moved between": func(s [][]byte) { s[7], s[8] = append([]byte{}, s[7][0]), append([]byte{s[7][1]}, s[8]...) },
	} {
		other := append([][]byte(nil), slice...)
		change(other)
		if got, err := mint.SliceHash(other); err != nil || got == want {
			t.Errorf("%s: same hash, %v", name, err)
		}
	}
	for _, n := range []int{0, mint.SliceSize - 1} {
		if _, err := mint.SliceHash(slice[:n]); err == nil {
			t.Errorf("a slice of %d entries has a hash", n)
		}
	}
}

// In the original a query that came too early or asked for too much ended the process: those of noise are refused, or answered with nothing.
func TestH13QueriesOfNoise(t *testing.T) {
	b := openBank(t, 1, 3)
	snap := b.view(t)
	defer snap.Release()
	r := storage.ScopedReader(snap, transition.ModuleScope(mint.Kind))
	m := b.house.member(0)
	for _, method := range []string{"slice", "slices", "shares"} {
		for _, body := range [][]byte{nil, {1}, make([]byte, 7), make([]byte, 9), make([]byte, 1000)} {
			if _, err := m.Query(r, method, body); code(t, err) != messages.RejectMalformed {
				t.Errorf("%s with %d bytes: %v", method, len(body), err)
			}
		}
		if answer, err := m.Query(r, method, bytes.Repeat([]byte{0xff}, 8)); err != nil || len(answer) > 2 {
			t.Errorf("%s beyond the end: %x, %v", method, answer, err)
		}
	}
	_, err := m.Query(r, string(bytes.Repeat([]byte{0xff}, 5000)), nil)
	if code(t, err) != messages.RejectUnknownQuery {
		t.Error(err)
	}
}

// Shares by place in the log are those by outpoint, for everybody's outputs, and none
// for what was spent.
func TestSharesByPlaceInTheLog(t *testing.T) {
	b := openBank(t, 2, 3, 6)
	wantCodes(t, "an epoch", b.run(t, list(b.spend(t, 1, b.coins[2]))))
	log := b.entries(t)
	snap := b.view(t)
	defer snap.Release()
	r := storage.ScopedReader(snap, transition.ModuleScope(mint.Kind))
	for _, member := range []int{0, 3} {
		m := b.house.member(member)
		for from := range uint64(len(log) + 2) {
			body, err := m.Query(r, "shares", binary.BigEndian.AppendUint64(nil, from))
			w := new(mintwire.Shares)
			if err == nil {
				err = canonical.Unmarshal(body, w, 64<<10)
			}
			if want := max(0, len(log)-int(from)); err != nil || len(w.GetShares()) != want {
				t.Fatalf("from %d: %d shares, want %d, %v", from, len(w.GetShares()), want, err)
			}
			for i, share := range w.GetShares() {
				var want []byte
				if e := log[int(from)+i].GetIssued(); e != nil {
					want = m.Share(r, messages.OutPoint{Tx: messages.TxID(e.GetTxid()), Index: e.GetIndex()})
				}
				if !bytes.Equal(share, want) {
					t.Errorf("member %d, entry %d: share %x, want %x", member, int(from)+i, share, want)
				}
			}
		}
	}
}

// An answer about slices is bounded, however long the log has become.
func TestSlicesHavePages(t *testing.T) {
	const slices = 2_345
	ov := storage.NewOverlay(newView(t))
	ov.Put([]byte("n"), binary.BigEndian.AppendUint64(nil, slices*mint.SliceSize+7))
	for i := range uint64(slices) {
		hash := binary.BigEndian.AppendUint64(make([]byte, 24), i)
		ov.Put(binary.BigEndian.AppendUint64([]byte{'h'}, i), hash)
	}
	m := newHouse(40, 0).member(-1)
	for from, want := range map[uint64]int{0: 1000, 1000: 1000, 2000: 345, 2344: 1, 2345: 0, 1 << 40: 0} {
		answer, err := m.Query(ov, "slices", binary.BigEndian.AppendUint64(nil, from))
		w := new(mintwire.Slices)
		if err == nil {
			err = canonical.Unmarshal(answer, w, 64<<10)
		}
		if err != nil || len(w.GetHashes()) != want || w.GetEntries() != slices*mint.SliceSize+7 {
			t.Fatalf("from %d: %d hashes, want %d, %d entries, %v", from, len(w.GetHashes()), want, w.GetEntries(), err)
		}
		if want > 0 && binary.BigEndian.Uint64(w.GetHashes()[want-1][24:]) != from+uint64(want)-1 {
			t.Errorf("from %d: the last hash is of slice %x", from, w.GetHashes()[want-1])
		}
	}
}

func newView(t *testing.T) storage.Reader {
	t.Helper()
	snap, err := memory.New().View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(snap.Release)
	return snap
}
