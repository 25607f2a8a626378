package market_test

import (
	"bytes"
	"testing"
	"time"

	"minimint/actors/mutant"
	"minimint/sim/check"
	"minimint/sim/check/checktest"
	"minimint/sim/market"
	"minimint/sim/market/gateways"
	"minimint/sim/sched"
	"minimint/sim/world"
)

func habits() market.Habits {
	return market.Habits{Pause: 500 * time.Millisecond, Deposits: 2, Sats: 60_000, Regrets: 0.2, Lightning: 0.5, Swindles: 0.2}
}

// story is a market in trouble, and healed.
func story(trace *sched.Trace) (*world.World, *market.Market) {
	w := world.New(world.Config{Nodes: 1, Seed: 1, Market: true, Watch: check.All(), Trace: trace})
	m := market.New(w, market.Config{People: 3, Habits: habits(), Gateways: 1, NodeTrouble: 0.1, Loss: 0.1})
	w.Run(8 * time.Second)
	m.Person(1).PowerFailure()
	m.Person(2).Kill()
	w.Run(time.Second)
	m.Heal()
	m.Person(0).FailDiskAt(5)
	w.Run(2 * time.Second)
	w.Settle(2 * time.Minute)
	return w, m
}

// One seed gives one run, line by line.
func TestPeople(t *testing.T) {
	var first, second bytes.Buffer
	story(sched.NewTrace(&first))
	w, m := story(sched.NewTrace(&second))
	a, b := bytes.Split(first.Bytes(), []byte("\n")), bytes.Split(second.Bytes(), []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			t.Fatalf("line %d: %s, then %s", i, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d lines, then %d", len(a), len(b))
	}
	for _, v := range w.Violations() {
		t.Error(v)
	}
	t.Logf("%d epochs, %v, %d steps\n%s", w.Node(0).Next(), w.Now(), w.Loop().Steps(), m)
}

// recovery is the time to come to rest: contracts that wait for their end need most of it.
const recovery = 2 * time.Minute

// invoices is a small market of people who only care about invoices.
func invoices(seed uint64, change func(*market.Config)) (*world.World, *market.Market) {
	cfg := market.Config{
		People: 2, Gateways: 1, Blocks: time.Second,
		Habits: market.Habits{Pause: 500 * time.Millisecond, Deposits: 1, Sats: 200_000, Lightning: 1, Patient: true},
	}
	change(&cfg)
	w := world.New(world.Config{Nodes: 1, Seed: seed, Market: true, Watch: check.All()})
	m := market.New(w, cfg)
	w.RunUntil(time.Minute, m.Listed)
	w.Run(3 * time.Second)
	w.Settle(recovery)
	return w, m
}

// An attack is on a rule, without which a kind of harm comes about.
type attack struct {
	name    string
	change  func(*market.Config)
	without mutant.Rule
	harm    string
}

// twisted has the gateway be faulty in one way.
func twisted(name string) func(*market.Config) {
	twist, ok := gateways.FindTwist(name)
	if !ok {
		panic("no twist " + name)
	}
	return func(c *market.Config) { c.Twists = []gateways.Twist{twist} }
}

// swindlers know one trick to cheat gateways, whose nodes are slow.
func swindlers(trick string) func(*market.Config) {
	return func(c *market.Config) {
		c.People, c.Habits.Swindles, c.Habits.Trick, c.NodeTrouble = 1, 1, trick, 0.3
		c.Habits.Pause = 150 * time.Millisecond
	}
}

// unreliable nodes lose many answers.
func unreliable(c *market.Config) {
	c.NodeTrouble, c.People, c.Habits.Pause = 0.4, 1, 150*time.Millisecond
}

var attacks = []attack{
	{"takes no payments", twisted("takes no payments"), mutant.RefundAtExpiry, "liveness"},
	{"says at once that it has paid", twisted("says at once that it has paid"), mutant.PreimageFits, "payments"},
	{"shows worthless offers", twisted("shows worthless offers"), mutant.WorthlessReturned, "liveness"},
	{"contracts that end too soon", swindlers("too soon"), mutant.TimeToClaim, "gateways"},
	{"answers that are lost", unreliable, mutant.OnlyNodeEnds, "gateways"},
}

// Without the rule that an attack is on somebody loses, and with it nobody.
func TestAttacks(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			checktest.Attack{
				Without: func(t *testing.T) { mutant.Remove(t, a.without) }, Harm: a.harm,
				Play: func(seed uint64) []world.Violation {
					w, m := invoices(seed, a.change)
					t.Logf("seed %d: %v: %s", seed, w.Now(), m.Tally())
					return w.Violations()
				},
			}.Test(t)
		})
	}
}

// With all rules in force nobody loses anything, whatever gateways do, and their users,
// and the Lightning nodes.
func TestFaultyGateways(t *testing.T) {
	w, m := invoices(1, func(c *market.Config) {
		c.People, c.NodeTrouble, c.Loss, c.Habits.Swindles = 3, 0.2, 0.1, 0.3
		c.Twists = append(gateways.Twists(), gateways.Twist{})
		c.Gateways = len(c.Twists)
	})
	w.Settle(3 * time.Minute)
	for _, v := range w.Violations() {
		if v.Rule != "liveness" || v.At > 2*time.Minute { // it had too little time at first
			t.Error(v)
		}
	}
	t.Log(m.Tally())
}
