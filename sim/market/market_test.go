package market_test

import (
	"testing"
	"time"

	"minimint/sim/check"
	"minimint/sim/market"
	"minimint/sim/world"
)

func habits() market.Habits {
	return market.Habits{Pause: 500 * time.Millisecond, Deposits: 2, Sats: 60_000, Regrets: 0.2}
}

func TestPeople(t *testing.T) {
	w := world.New(world.Config{Nodes: 4, Seed: 1, Market: true, Watch: check.All()})
	m := market.New(w, market.Config{People: 3, Habits: habits()})
	w.Run(6 * time.Second)
	m.Person(1).PowerFailure()
	m.Person(2).Kill()
	w.Run(time.Second)
	m.Heal()
	m.Person(0).FailDiskAt(5)
	w.Run(3 * time.Second)
	w.Settle(2 * time.Minute)
	for _, v := range w.Violations() {
		t.Error(v)
	}
	t.Logf("%d epochs, %v, %d steps\n%s", w.Node(0).Next(), w.Now(), w.Loop().Steps(), m)
}
