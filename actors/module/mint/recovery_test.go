package mint_test

import (
	"bytes"
	"testing"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/storage"
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
	for _, body := range [][]byte{nil, {1}, make([]byte, 7), make([]byte, 9), make([]byte, 1000)} {
		if _, err := m.Query(r, "slice", body); code(t, err) != messages.RejectMalformed {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
	if answer, err := m.Query(r, "slice", bytes.Repeat([]byte{0xff}, 8)); err != nil || len(answer) > 0 {
		t.Errorf("beyond the end: %x, %v", answer, err)
	}
	_, err := m.Query(r, string(bytes.Repeat([]byte{0xff}, 5000)), nil)
	if code(t, err) != messages.RejectUnknownQuery {
		t.Error(err)
	}
}
