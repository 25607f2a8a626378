package adversary_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/sim/adversary"
	"minimint/sim/check"
	"minimint/sim/check/checktest"
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
	settle  time.Duration // at most; 4 minutes if 0
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
	{kind: "bogus certificate shares", without: mutant.DoubtAtSome, harm: "liveness"},
	{kind: "false history", without: mutant.CertificateValid, harm: "liveness", shape: away},
	{kind: "other epochs", without: mutant.EpochWindow, harm: "health"},
	{kind: "replay", without: mutant.AgainCredit, harm: "bounds"},
	{kind: "flooding", without: mutant.FaultLimit, harm: "bounds"},
	{kind: "garbage", without: mutant.KnownProposer, harm: "health"},
	{kind: "vote splitting", without: mutant.TermsAtSome, harm: "agreement"},
	{
		kind: "badly signed twins", without: mutant.VerdictPerForm, harm: "liveness", members: []messages.PeerID{0}, settle: 10 * time.Second,
		shape: func(c *world.Config) { c.Load.Users, c.Load.Habits.Copies = 1, 4 },
	},
	{kind: "colluding group", without: mutant.ReadyAtLive, harm: "liveness", nodes: 7, members: []messages.PeerID{5, 6}, shape: func(c *world.Config) { c.Load.Users, c.Load.Habits.Copies = 2, 3 }},
	{kind: "peg-in forgery", without: mutant.BlockAgreed, harm: "backing"},
	{kind: "item stuffing", without: mutant.OneObservation, harm: "backing", members: []messages.PeerID{0}},
	{kind: "splitting scheduler", without: mutant.PastRelay, harm: "liveness"},
	{kind: "splitting scheduler, absent before", without: mutant.DecidedRelay, harm: "liveness"},
	{kind: "greedy scheduler", without: mutant.VotesOfLive, harm: "agreement"},
	{kind: "lying to clients", without: mutant.AnswersOfSome, harm: "liveness", shape: people, settle: 30 * time.Second},
	{kind: "double spending", without: mutant.SpendOnce, harm: "double spend"},
	{
		kind: "crash and restart", without: mutant.SyncJournal, harm: "blameless", members: []messages.PeerID{0, 1, 2, 3},
		shape: func(c *world.Config) {
			c.Sync, c.Network.Delay = 2*time.Millisecond, network.Uniform(5*time.Millisecond, 40*time.Millisecond)
		},
	},
}

// people use the client and the cryptography that ship.
func people(c *world.Config) {
	c.Real, c.Load.Users, c.Load.Wallets, c.Load.Blocks = true, 0, 2, 200*time.Millisecond
}

// away has honest members be away for a while, one after another.
func away(c *world.Config) {
	c.Watch = append(c.Watch, func(w *world.World) world.Observer {
		for i := range 3 {
			at := time.Duration(600+800*i) * time.Millisecond
			w.After(at, func() { w.Node(i).Kill() })
			w.After(at+500*time.Millisecond, func() { w.Node(i).Restart() })
		}
		return world.Ignore{}
	})
}

// world makes the world of an attack.
func (a attack) world(t *testing.T, seed uint64, watch ...func(*world.World) world.Observer) *world.World {
	t.Helper()
	kind, ok := adversary.Find(a.kind)
	if !ok {
		t.Fatalf("no adversary %q", a.kind)
	}
	cfg := world.Config{
		Nodes: max(a.nodes, 4), Seed: seed, Revive: time.Second, Watch: append(check.All(), watch...),
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
	return world.New(cfg)
}

// play plays an attack and returns what was violated. It ends early when the harm is
// done.
func (a attack) play(t *testing.T, seed uint64) []world.Violation {
	t.Helper()
	w := a.world(t, seed)
	harmed := func() bool {
		return slices.ContainsFunc(w.Violations(), func(v world.Violation) bool { return v.Rule == a.harm })
	}
	if !w.RunUntil(3*time.Second, harmed) {
		w.Settle(cmp.Or(a.settle, 4*time.Minute))
	}
	return w.Violations()
}

// With all rules in force no adversary does harm; without the rule that it aims at
// each does.
func TestAttacks(t *testing.T) {
	tried := map[string]bool{}
	for _, a := range attacks {
		tried[a.kind] = true
		t.Run(a.kind, func(t *testing.T) {
			checktest.Attack{
				Without: func(t *testing.T) { mutant.Remove(t, a.without) }, Harm: a.harm,
				Play: func(seed uint64) []world.Violation { return a.play(t, seed) },
			}.Test(t)
		})
	}
	for _, k := range adversary.All() {
		if !tried[k.Name] {
			t.Errorf("%s is not tried", k.Name)
		}
	}
}
