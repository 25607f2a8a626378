package market_test

import (
	"bytes"
	"testing"
	"time"

	"minimint/sim/check"
	"minimint/sim/market"
	"minimint/sim/sched"
	"minimint/sim/world"
)

func habits() market.Habits {
	return market.Habits{Pause: 500 * time.Millisecond, Deposits: 2, Sats: 60_000, Regrets: 0.2, Swindles: 0.5}
}

// story is a market in trouble, and healed.
func story(trace *sched.Trace) (*world.World, *market.Market) {
	w := world.New(world.Config{Nodes: 4, Seed: 1, Market: true, Watch: check.All(), Trace: trace})
	m := market.New(w, market.Config{People: 3, Habits: habits()})
	w.Run(6 * time.Second)
	m.Person(1).PowerFailure()
	m.Person(2).Kill()
	w.Run(time.Second)
	m.Heal()
	m.Person(0).FailDiskAt(5)
	w.Run(3 * time.Second)
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

func TestGateways(t *testing.T) {
	w := world.New(world.Config{Nodes: 4, Seed: 1, Market: true, Watch: check.All()})
	m := market.New(w, market.Config{People: 3, Habits: habits(), Gateways: 2})
	w.Run(20 * time.Second)
	w.Settle(4 * time.Minute)
	for _, v := range w.Violations() {
		t.Error(v)
	}
	t.Logf("%d epochs, %v, %d steps\n%s", w.Node(0).Next(), w.Now(), w.Loop().Steps(), m)
}
