package tbs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/bls"
	"minimint/crypto/tbs"
)

func TestIssueAndVerifyOfEverySize(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 2}, {2, 2}, {1, 3}, {2, 3}, {3, 3}, {1, 4}, {3, 4}, {7, 10}} {
		threshold, n := size[0], size[1]
		t.Run(fmt.Sprintf("%d-of-%d", threshold, n), func(t *testing.T) {
			m := newMint(1, 2, threshold, n)
			o := m.request(t, 2, 0, 1, 0)
			all := m.answers(t, o)

			if _, liars, err := tbs.Finalize(o.issuances, all[:threshold-1], source(3)); !errors.Is(err, tbs.ErrTooFewShares) || liars != nil {
				t.Errorf("t−1 answers: liars %v, error %v", liars, err)
			}
			first, liars, err := tbs.Finalize(o.issuances, all[:threshold], source(3))
			if err != nil || liars != nil {
				t.Fatalf("first t answers: liars %v, error %v", liars, err)
			}
			last, _, err := tbs.Finalize(o.issuances, all[n-threshold:], source(3))
			if err != nil {
				t.Fatalf("last t answers: %v", err)
			}
			for j, issuance := range o.issuances {
				note := issuance.Note(first[j])
				if !valid(t, note) || !verify(t, []tbs.Note{note})[0] {
					t.Errorf("note %d does not verify", j)
				}
				if !slices.Equal(first[j].Bytes(), last[j].Bytes()) {
					t.Errorf("note %d: two sets of members, two signatures", j)
				}
				note.Keys = m.tiers[1-o.tiers[j]]
				if valid(t, note) || verify(t, []tbs.Note{note})[0] {
					t.Errorf("note %d verifies in another tier", j)
				}
			}
		})
	}
	if signatures, liars, err := tbs.Finalize(nil, nil, source(1)); len(signatures) != 0 || liars != nil || err != nil {
		t.Errorf("nothing to finalize: %v, %v, %v", signatures, liars, err)
	}
}

// Correctness and Uniqueness: whatever members answer, in whatever order, whichever lie and about whichever outputs, t right answers
// give the one signature of each note, and exactly the liars up to the t-th right answer are named.
func TestFinalizeProperties(t *testing.T) {
	const threshold, n = 3, 5
	m := newMint(4, 2, threshold, n)
	o := m.request(t, 5, 1, 0, 1)
	honest := m.answers(t, o)
	want, _, err := tbs.Finalize(o.issuances, honest, source(6))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		// 0 … 2: a wrong share for that output; 3: a share too many; above: honest.
		conduct := rapid.SliceOfN(rapid.IntRange(0, 7), n, n).Draw(r, "conduct")
		members := rand.New(source(rapid.Byte().Draw(r, "order"))).Perm(n)[:rapid.IntRange(0, n).Draw(r, "answers")]

		var given []tbs.Answer
		var short, named []uint32
		right, full := 0, 0
		for _, i := range members {
			a := honest[i]
			switch c := conduct[i]; {
			case c < 3:
				a = falsified(t, a, c, byte(i))
				if right < threshold {
					named = append(named, a.Index)
				}
				full++
			case c == 3:
				a.Shares = append(slices.Clone(a.Shares), a.Shares[0])
				short = append(short, a.Index)
			default:
				right++
				full++
			}
			given = append(given, a)
		}
		if full < threshold {
			named = nil // nothing to combine, so nobody was judged
		}

		got, liars, err := tbs.Finalize(o.issuances, given, source(rapid.Byte().Draw(r, "rng")))
		if !slices.Equal(liars, append(short, named...)) {
			r.Fatalf("liars %v, want %v and %v", liars, short, named)
		}
		if right < threshold {
			if !errors.Is(err, tbs.ErrTooFewShares) || got != nil {
				r.Fatalf("%d right answers: %v", right, err)
			}
			return
		}
		if err != nil {
			r.Fatal(err)
		}
		for j := range want {
			if !slices.Equal(got[j].Bytes(), want[j].Bytes()) {
				r.Fatalf("note %d is not unique", j)
			}
		}
	})
}

// Blindness, as far as a test can see it: what members see is fresh for each factor and has nothing of the note in it, and the note has
// nothing of the factor in it.
func TestBlindness(t *testing.T) {
	m := newMint(7, 1, 3, 4)
	nonce := tbs.Nonce{1, 2, 3}
	seen := make(map[string]string)
	see := func(what string, b []byte) {
		if other, known := seen[string(b)]; known {
			t.Errorf("%s equals %s", what, other)
		}
		seen[string(b)] = what
	}
	see("message", message(nonce).Bytes())
	var first []byte
	rng := source(8)
	for i := range 4 {
		o := order{tiers: []int{0}, issuances: []*tbs.Issuance{issue(t, m.tiers[0], nonce, scalar(t, rng))}}
		answers := m.answers(t, o)
		see(fmt.Sprintf("blind nonce %d", i), o.issuances[0].BlindNonce().Bytes())
		for _, a := range answers {
			see(fmt.Sprintf("share of %d for blind nonce %d", a.Index, i), a.Shares[0].Bytes())
		}
		signatures, _, err := tbs.Finalize(o.issuances, answers[i%2:], source(9))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = signatures[0].Bytes()
			see("note", first)
		} else if !slices.Equal(first, signatures[0].Bytes()) {
			t.Error("the note depends on the blinding factor")
		}
	}
}

func TestFinalizeRefusesItsCallersMistakes(t *testing.T) {
	m := newMint(10, 1, 2, 3)
	o := m.request(t, 11, 0)
	all := m.answers(t, o)
	other := newMint(12, 1, 1, 3).request(t, 11, 0)

	renamed := func(a tbs.Answer, index uint32) tbs.Answer { a.Index = index; return a }
	for name, c := range map[string]struct {
		issuances []*tbs.Issuance
		answers   []tbs.Answer
	}{
		"one answer twice":          {o.issuances, []tbs.Answer{all[0], all[0]}},
		"two answers of one index":  {o.issuances, []tbs.Answer{all[0], all[1], renamed(all[2], 1)}},
		"index 0":                   {o.issuances, []tbs.Answer{renamed(all[0], 0), all[1]}},
		"index above n":             {o.issuances, []tbs.Answer{all[1], renamed(all[0], 4)}},
		"huge index":                {o.issuances, []tbs.Answer{all[1], renamed(all[0], 1<<32-1)}},
		"tiers of two federations":  {append(slices.Clone(o.issuances), other.issuances...), all},
		"federations, other t last": {append(slices.Clone(other.issuances), o.issuances...), all},
	} {
		signatures, liars, err := tbs.Finalize(c.issuances, c.answers, source(1))
		if err == nil || errors.Is(err, tbs.ErrTooFewShares) || signatures != nil || liars != nil {
			t.Errorf("%s: %v, liars %v, error %v", name, signatures, liars, err)
		}
	}
	if _, err := tbs.NewIssuance(m.tiers[0], tbs.Nonce{}, bls.NewScalar(0)); err == nil {
		t.Error("a blinding factor of zero was accepted")
	}
}
