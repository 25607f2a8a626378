// Package checktest compares violations with those that a test wants, and plays an
// attack with the rule that stops it, and without it.
//
//	checktest.Attack{
//		Without: func(t *testing.T) { mutant.Remove(t, mutant.VotesPerRoot) },
//		Harm:    "agreement",
//		Play:    func(seed uint64) []world.Violation { … },
//	}.Test(t)
package checktest

import (
	"fmt"
	"strings"
	"testing"

	"minimint/sim/world"
)

// Seeds is how many an attack may need. Some need an order of events that only a part
// of all seeds has: of the attacks there are, the least lucky succeeds with one in four,
// so that one test in 10⁵ fails without a reason, whatever changes the order.
const Seeds = 40

// An Attack is what comes of an attack in a world, which a seed decides.
type Attack struct {
	// Without takes the rule away until the test ends.
	Without func(*testing.T)
	// Harm is the kind of violation that must come about then.
	Harm string
	// Play plays it.
	Play func(seed uint64) []world.Violation
}

// Test plays the attack without the rule, with one seed after another from 1 until the harm
// is done, and with the rule in each of the worlds that it has played: nothing may be
// violated there.
func (a Attack) Test(t *testing.T) {
	t.Helper()
	for _, text := range a.failures(t) {
		t.Error(text)
	}
}

// failures is what is wrong with an attack.
func (a Attack) failures(t *testing.T) (list []string) {
	t.Helper()
	seed := uint64(1)
	t.Run("without", func(t *testing.T) {
		a.Without(t)
		for ; seed <= Seeds; seed++ {
			for _, v := range a.Play(seed) {
				if v.Rule == a.Harm {
					t.Logf("seed %d: %.200s", seed, v)
					return
				}
			}
		}
		list = append(list, fmt.Sprintf("no violation of %s with %d seeds", a.Harm, Seeds))
	})
	for s := range min(seed, Seeds) {
		for _, v := range a.Play(s + 1) {
			list = append(list, fmt.Sprintf("with all rules, seed %d: %s", s+1, v))
		}
	}
	return list
}

// Expect compares what was violated, in order, with parts of the lines about it.
func Expect(t *testing.T, w *world.World, want ...string) {
	t.Helper()
	got := w.Violations()
	if len(got) != len(want) {
		t.Fatalf("violations %v, want %q", got, want)
	}
	for i := range want {
		if !strings.Contains(got[i].String(), want[i]) {
			t.Errorf("violation %v, want %q", got[i], want[i])
		}
	}
}
