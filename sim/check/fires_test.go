package check_test

import (
	"strings"
	"testing"
	"time"

	"minimint/actors/consensus/history"
	"minimint/actors/mutant"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/sim/adversary"
	"minimint/sim/check"
	"minimint/sim/check/checktest"
	"minimint/sim/workload"
	"minimint/sim/world"
	"minimint/storage"
	"minimint/storage/memory"
)

// agreed is a commit whose store holds an outcome.
func agreed(t *testing.T, parts ...outcome.Member) world.Commit {
	t.Helper()
	c := commit(0, 0, 1, 1)
	store := memory.New()
	err := store.Update(func(tx storage.Tx) error {
		history.WriteEpoch(tx, statement.Statement{}, outcome.Outcome{Contributions: parts}.Encode())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Store = store
	return c
}

func TestValidity(t *testing.T) {
	w, o := watched(check.Validity)
	o.Committed(agreed(t, outcome.Member{Peer: 0, Contribution: []byte{1}}, outcome.Member{Peer: 2}, outcome.Member{Peer: 3, Contribution: []byte{2}}))
	checktest.Expect(t, w, "epoch 0 has 1 bytes of node 0, which", "epoch 0 has 0 bytes of node 2, which")

	w, o = watched(check.Validity)
	o.Committed(agreed(t, outcome.Member{Peer: 3}))
	checktest.Expect(t, w, "epoch 0 has 1 contributions of 4 members")
}

func TestTotality(t *testing.T) {
	w, o := watched(check.Totality)
	o.Committed(commit(3, 7, 1, 1)) // may say what it likes
	o.Quiet()
	checktest.Expect(t, w)
	o.Committed(commit(1, 0, 1, 1))
	o.Quiet()
	checktest.Expect(t, w, "node 1 committed epoch 0, node 0 has", "node 1 committed", "node 1 committed")
}

func TestBoundsOfFaults(t *testing.T) {
	w, o := watched(check.Bounds)
	blame := func(times int) {
		for range times {
			o.Blamed(world.Blame{Node: 0, Peer: 3, Kind: "two-echoes"})
			o.Blamed(world.Blame{Node: 0, Peer: 3, Kind: "a sentence of another actor"})
			o.Blamed(world.Blame{Node: 3, Peer: 0, Kind: "two-echoes"})
		}
	}
	blame(check.MaxFaults)
	o.Committed(commit(0, 0, 1, 1))
	blame(check.MaxFaults)
	checktest.Expect(t, w)
	blame(2)
	checktest.Expect(t, w, "bounds: node 0 tells of more than 128 faults of node 3")
}

// busy is a world with users and one rule.
func busy(rule func(*world.World) world.Observer) (*world.World, world.Observer) {
	var o world.Observer
	w := world.New(world.Config{
		Nodes: 4, Seed: 1, Load: world.Load{Users: 3, Habits: workload.Habits{Pause: 100 * time.Millisecond, Cheats: 1}},
		Watch: []func(*world.World) world.Observer{func(w *world.World) world.Observer { o = rule(w); return o }},
	})
	return w, o
}

// violated runs a world until a rule does not hold.
func violated(t *testing.T, w *world.World, look func()) string {
	t.Helper()
	if !w.RunUntil(3*time.Second, func() bool { look(); return len(w.Violations()) > 0 }) {
		t.Fatal("no violation")
	}
	return w.Violations()[0].Rule
}

func TestBoundsOfMessages(t *testing.T) {
	w, _ := busy(check.Tight)
	violated(t, w, func() {})
	var texts []string
	for _, v := range w.Violations() {
		texts = append(texts, v.Text)
	}
	if len(texts) != 2 {
		t.Errorf("too much is sent, and waits: %q", texts)
	}
}

// In the middle of an epoch somebody waits for its certificate.
func TestWaiting(t *testing.T) {
	w, o := busy(check.Waiting)
	if rule := violated(t, w, o.Quiet); rule != "waiting" {
		t.Error(rule)
	}
}

// In a partition everybody waits for those on the other side.
func TestWaitingForOthers(t *testing.T) {
	w, o := busy(check.Waiting)
	w.RunUntil(time.Minute, func() bool { return w.Node(0).Next() >= 3 })
	w.Net().Partition([]int{0, 1}, []int{2, 3})
	w.Run(6 * time.Second)
	o.Quiet()
	stalled := 0
	for _, v := range w.Violations() {
		if strings.Contains(v.Text, "waits for") {
			stalled++
		}
	}
	if stalled != 4 {
		t.Errorf("%d stalls in %v", stalled, w.Violations())
	}
}

func TestDoubleSpend(t *testing.T) {
	mutant.Remove(t, mutant.SpendOnce)
	w, _ := busy(check.DoubleSpend)
	if rule := violated(t, w, func() {}); rule != "double spend" {
		t.Error(rule)
	}
}

func TestBacking(t *testing.T) {
	mutant.Remove(t, mutant.BlockAgreed)
	forger, ok := adversary.Find("peg-in forgery")
	if !ok {
		t.Fatal("no forger")
	}
	for seed := range uint64(checktest.Seeds) { // the forger's contribution must get in, in one of a few epochs
		cfg := world.Config{Nodes: 4, Seed: seed, Watch: []func(*world.World) world.Observer{check.Backing}, Load: world.Load{Users: 1}}
		forger.Join(&cfg, 3)
		w := world.New(cfg)
		w.Run(3 * time.Second)
		for _, v := range w.Violations() {
			if v.Rule != "backing" {
				t.Error(v)
			}
			return
		}
	}
	t.Error("no violation")
}
