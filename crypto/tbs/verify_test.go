package tbs_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/tbs"
)

// errorSource yields ones, and fails after some bytes.
type errorSource struct{ left int }

var errSource = errors.New("no entropy")

func (s *errorSource) Read(p []byte) (int, error) {
	if s.left < len(p) {
		return 0, errSource
	}
	s.left -= len(p)
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

// Without randomness there is no verdict, at any of the places that need it: neither notes nor "valid".
func TestFailingRandomnessIsAnError(t *testing.T) {
	m := newMint(13, 1, 2, 3)
	o := m.request(t, 14, 0)
	all := m.answers(t, o)
	all[0] = falsified(t, all[0], 0, 1)
	for _, left := range []int{0, 16, 32} { // combination, judging, second combination
		signatures, _, err := tbs.Finalize(o.issuances, all, &errorSource{left})
		if !errors.Is(err, errSource) || signatures != nil {
			t.Errorf("after %d bytes: %v, %v", left, signatures, err)
		}
	}
	if _, liars, err := tbs.Finalize(o.issuances, all, &errorSource{48}); err != nil || !slices.Equal(liars, []uint32{1}) {
		t.Errorf("with enough: liars %v, %v", liars, err)
	}
	if verdicts, err := tbs.VerifyBatch([][]tbs.Note{m.notes(t, 15, 0)}, &errorSource{15}); !errors.Is(err, errSource) || verdicts != nil {
		t.Errorf("VerifyBatch: %v, %v", verdicts, err)
	}
}

// Batch verification agrees with the slow path note by note, for any mixture of good and bad transactions.
func TestVerifyBatchProperties(t *testing.T) {
	m := newMint(16, 3, 2, 3)
	good := m.notes(t, 17, 0, 1, 2, 0, 1, 2, 0, 0)
	for _, note := range good {
		if !valid(t, note) {
			t.Fatal("issued notes are not valid")
		}
	}
	var bad []tbs.Note
	for i, note := range good {
		switch i % 4 {
		case 0:
			bad = append(bad, plus(t, note, offset(1)))
		case 1:
			note.Nonce[0]++
			bad = append(bad, note)
		case 2:
			note.Keys = m.tiers[1] // these are of tiers 2 and 0
			bad = append(bad, note)
		case 3:
			note.Signature = tbs.Signature{}
			bad = append(bad, note)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		var transactions [][]tbs.Note
		var want []bool
		for range rapid.IntRange(0, 6).Draw(r, "transactions") {
			var notes []tbs.Note
			sound := true
			for range rapid.IntRange(0, 3).Draw(r, "notes") {
				at := rapid.IntRange(0, len(good)-1).Draw(r, "note")
				if rapid.IntRange(0, 4).Draw(r, "bad") == 0 {
					notes, sound = append(notes, bad[at]), false
				} else {
					notes = append(notes, good[at])
				}
			}
			transactions, want = append(transactions, notes), append(want, sound)
		}
		got, err := tbs.VerifyBatch(transactions, source(rapid.Byte().Draw(r, "rng")))
		if err != nil || !slices.Equal(got, want) {
			r.Fatalf("verdicts %v, want %v (%v)", got, want, err)
		}
	})
}
