package adversary_test

import (
	"testing"
	"time"

	"minimint/internal/mutant"
	"minimint/messages"
	"minimint/sim/adversary"
	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// An attack is an adversary in a small world, the rule that stops it, and what is
// violated without that rule.
type attack struct {
	kind    string
	without mutant.Rule
	harm    string
	nodes   int // 4 if 0
	members []messages.PeerID
	shape   func(*world.Config)
}

var attacks = []attack{
	{kind: "silent", without: mutant.LiveQuorum, harm: "liveness"},
	{kind: "slow", without: mutant.RejectMissing, harm: "liveness"},
	{kind: "equivocating proposer", without: mutant.VotesPerRoot, harm: "agreement"},
	{kind: "two-faced echo", without: mutant.ReadyAtLive, harm: "liveness"},
	{kind: "false ready", without: mutant.AmplifyAtSome, harm: "liveness"},
	{kind: "inconsistent values", without: mutant.AnswerMatches, harm: "agreement"},
	{kind: "share withholding", without: mutant.OpenAtSome, harm: "liveness"},
	{kind: "bad shares", without: mutant.EmptyIfProven, harm: "agreement"},
	{kind: "invalid ciphertext", without: mutant.EmptyIfInvalid, harm: "liveness"},
	{kind: "unopenable ciphertext", without: mutant.EmptyIfUnopenable, harm: "liveness"},
}

// run plays an attack and returns which rules were violated, with a first line each.
func (a attack) run(t *testing.T) map[string]string {
	t.Helper()
	kind, ok := adversary.Find(a.kind)
	if !ok {
		t.Fatalf("no adversary %q", a.kind)
	}
	cfg := world.Config{
		Nodes: max(a.nodes, 4), Seed: 1, Revive: time.Second, Watch: check.All(), Real: kind.Real,
		Load:    world.Load{Users: 4, Habits: workload.Habits{Pause: 200 * time.Millisecond}},
		Network: network.Config{Delay: network.Uniform(5*time.Millisecond, 20*time.Millisecond)},
	}
	if a.members == nil && kind.Members {
		a.members = []messages.PeerID{messages.PeerID(cfg.Nodes - 1)}
	}
	kind.Join(&cfg, a.members...)
	if a.shape != nil {
		a.shape(&cfg)
	}
	w := world.New(cfg)
	w.Run(2 * time.Second)
	w.Settle(4 * time.Minute)
	violated := map[string]string{}
	for _, v := range w.Violations() {
		if violated[v.Rule] == "" {
			violated[v.Rule] = v.String()
		}
	}
	return violated
}

// With all rules in force no adversary does harm; without the rule that it aims at
// each does.
func TestAttacks(t *testing.T) {
	tried := map[string]bool{}
	for _, a := range attacks {
		tried[a.kind] = true
		t.Run(a.kind, func(t *testing.T) {
			for rule, text := range a.run(t) {
				t.Errorf("with all rules: %s: %s", rule, text)
			}
			t.Run("without", func(t *testing.T) {
				mutant.Remove(t, a.without)
				violated := a.run(t)
				if violated[a.harm] == "" {
					t.Errorf("no violation of %s, but %v", a.harm, violated)
				}
				t.Logf("%v", violated)
			})
		})
	}
	for _, k := range adversary.All() {
		if !tried[k.Name] {
			t.Errorf("%s is not tried", k.Name)
		}
	}
}
