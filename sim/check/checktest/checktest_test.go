package checktest

import (
	"slices"
	"testing"

	"minimint/sim/world"
)

// An attack that does no harm without the rule shows nothing, and neither does one that
// does harm with it, in any of the worlds that were played.
func TestAttack(t *testing.T) {
	for _, c := range []struct {
		name          string
		lucky         uint64 // the seed that does harm without the rule
		anyway        uint64 // one that does with it as well
		other         string // what is violated instead of the harm, if anything
		want, without int    // failures, and how many seeds are played without the rule
	}{
		{name: "at once", lucky: 1, without: 1},
		{name: "later", lucky: 3, without: 3},
		{name: "last", lucky: Seeds, without: Seeds},
		{name: "too late", lucky: Seeds + 1, want: 1, without: Seeds},
		{name: "another harm", lucky: 1, other: "books", want: 1, without: Seeds},
		{name: "with the rule", lucky: 1, anyway: 1, want: 1, without: 1},
		{name: "with the rule, earlier", lucky: 3, anyway: 2, want: 1, without: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			removed := false
			var with, without []uint64
			failures := Attack{
				Without: func(t *testing.T) {
					removed = true
					t.Cleanup(func() { removed = false })
				},
				Harm: "liveness",
				Play: func(seed uint64) []world.Violation {
					if removed {
						without = append(without, seed)
					} else {
						with = append(with, seed)
					}
					rule := "liveness"
					if c.other != "" {
						rule = c.other
					}
					if seed == c.anyway || removed && seed >= c.lucky {
						return []world.Violation{{Rule: rule}}
					}
					return nil
				},
			}.failures(t)
			if len(failures) != c.want || len(without) != c.without || !slices.Equal(with, without) {
				t.Errorf("failures %q, seeds %d without the rule and %d with it", failures, without, with)
			}
		})
	}
}
