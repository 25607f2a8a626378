package world_test

import (
	"bytes"
	"testing"
	"time"

	"minimint/sim/check"
	"minimint/sim/sched"
	"minimint/sim/workload"
	"minimint/sim/world"
)

func config(seed uint64) world.Config {
	return world.Config{
		Nodes: 4, Seed: seed, Revive: time.Second, Watch: check.All(), Trace: sched.NewTrace(nil),
		Load: world.Load{Users: 6, Blocks: 3 * time.Second, Habits: workload.Habits{Pause: 200 * time.Millisecond, Cheats: 0.1}},
	}
}

func verify(t *testing.T, w *world.World) {
	t.Helper()
	w.Settle(2 * time.Minute)
	for _, v := range w.Violations() {
		t.Error(v)
	}
}

func TestHonestFederation(t *testing.T) {
	w := world.New(config(1))
	w.Run(10 * time.Second)
	verify(t, w)
	t.Logf("%d epochs, %d steps, %+v, %v", w.Node(0).Next(), w.Loop().Steps(), w.Net().Stats(), w.Now())
	if w.Node(0).Next() < 10 {
		t.Errorf("%d epochs", w.Node(0).Next())
	}
}

// One seed gives one run, line by line, with crashes and partitions in it.
func TestSameSeedSameTrace(t *testing.T) {
	run := func() string {
		var out bytes.Buffer
		cfg := config(7)
		cfg.Trace = sched.NewTrace(&out)
		w := world.New(cfg)
		w.Run(2 * time.Second)
		w.Node(1).PowerFailure()
		w.Run(time.Second)
		w.Node(1).Restart()
		w.Node(2).FailDiskAt(40)
		w.Run(time.Second)
		w.Net().Partition([]int{0, 1}, []int{2, 3})
		w.Run(2 * time.Second)
		w.Heal()
		w.Run(time.Second)
		verify(t, w)
		return out.String()
	}
	a, b := bytes.Split([]byte(run()), []byte("\n")), bytes.Split([]byte(run()), []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			t.Fatalf("line %d: %s, then %s", i, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d lines, then %d", len(a), len(b))
	}
	t.Logf("%d lines", len(a))
}

// The whole software: real cryptography, and users with the client that ships.
func TestWallets(t *testing.T) {
	cfg := config(3)
	cfg.Real, cfg.Load.Users, cfg.Load.Wallets = true, 1, 2
	cfg.Load.Blocks, cfg.Load.Habits.Pause = time.Second, 700*time.Millisecond
	w := world.New(cfg)
	w.Run(7 * time.Second)
	w.Wallets()[0].Kill()
	w.Run(time.Second)
	w.Wallets()[0].Start()
	w.Run(3 * time.Second)
	verify(t, w)
	for i, x := range w.Wallets() {
		sure, doubtful := x.Holdings()
		t.Logf("wallet %d holds %v and %v", i, sure, doubtful)
	}
	t.Logf("%d epochs, %v", w.Node(0).Next(), w.Now())
}
