package scenario_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"minimint/sim/scenario"
)

func TestFindNetwork(t *testing.T) {
	for text, mean := range map[string]time.Duration{
		"unit": 100 * time.Millisecond, "lan": 350 * time.Microsecond, "constant:5ms": 5 * time.Millisecond,
		"uniform:20ms-60ms": 40 * time.Millisecond, "exponential:20ms+80ms": 100 * time.Millisecond,
	} {
		n, err := scenario.FindNetwork(text)
		if err != nil || n.Name != text || n.Mean != mean {
			t.Errorf("%s: %+v, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "moon", "constant", "constant:", "constant:-1ms", "uniform:60ms-20ms", "uniform:60ms", "exponential:1ms", "exponential:1ms+x", "zipf:1ms"} {
		if _, err := scenario.FindNetwork(text); err == nil || !strings.Contains(err.Error(), "there are unit, local") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// The mean that a network says it has is the one that it has.
func TestMean(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range scenario.Networks() {
		const draws = 20_000
		sum := time.Duration(0)
		for range draws {
			sum += n.Delay(r, 0, 1)
		}
		if off := float64(sum/draws)/float64(n.Mean) - 1; off < -0.05 || off > 0.05 || n.About == "" {
			t.Errorf("%s: mean %v, says %v", n.Name, sum/draws, n.Mean)
		}
	}
}

// The others go on in spite of faulty members.
func TestFaults(t *testing.T) {
	for _, name := range []string{scenario.Crash, "silent", "other-epochs"} {
		s := scenario.Scenario{Nodes: 4, Faulty: []string{name}, Users: 8, Seed: 1}
		r, err := s.Measure(t.Context(), scenario.Extent{Epochs: 5})
		if err != nil || r.Epochs < 4 || r.Live != 3 {
			t.Errorf("%s: %d epochs of %d nodes, %v", name, r.Epochs, r.Live, err)
		}
	}
}

// Every fault can be had by a name that needs no quotes; what faulty members do is
// tested in package adversary.
func TestEveryFaultJoins(t *testing.T) {
	for _, f := range scenario.Faults() {
		s := scenario.Scenario{Nodes: 4, Faulty: []string{f.Name}, Users: 4, Seed: 1}
		cfg, unleash, err := s.Config()
		if err != nil || unleash == nil || cfg.Nodes != 4 || strings.ContainsAny(f.Name, ", ") {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, s := range map[string]scenario.Scenario{
		"no nodes":       {Users: 1},
		"too many nodes": {Nodes: scenario.MaxNodes + 1, Users: 1},
		"no users":       {Nodes: 4},
		"fewer users":    {Nodes: 4, Users: -1},
		"more faulty":    {Nodes: 1, Users: 1, Faulty: []string{"crash", "crash"}},
		"fault":          {Nodes: 4, Users: 1, Faulty: []string{"moody"}},
		"network":        {Nodes: 4, Users: 1, Network: "moon"},
	} {
		if _, err := s.Measure(t.Context(), scenario.Extent{Epochs: 1}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A federation with more than f silent members stands still, and that is said.
func TestStuck(t *testing.T) {
	s := scenario.Scenario{Nodes: 4, Faulty: scenario.Repeat("silent", 2), Users: 4, Seed: 1}
	if _, err := s.Measure(t.Context(), scenario.Extent{Epochs: 1, Patience: 5 * time.Second}); !errors.Is(err, scenario.ErrStuck) {
		t.Errorf("error %v", err)
	}
}

func TestMaxFaulty(t *testing.T) {
	for n, f := range map[int]int{1: 0, 3: 0, 4: 1, 6: 1, 7: 2, 10: 3, 100: 33} {
		if got := scenario.MaxFaulty(n); got != f {
			t.Errorf("%d of %d", got, n)
		}
	}
}
