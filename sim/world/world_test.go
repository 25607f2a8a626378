package world_test

import (
	"bytes"
	"testing"
	"time"

	"minimint/sim/check"
	"minimint/sim/workload"
	"minimint/sim/world"
)

func config(seed uint64) world.Config {
	return world.Config{
		Nodes: 4, Seed: seed, Users: 6, Habits: workload.Habits{Pause: 200 * time.Millisecond, Cheats: 0.1},
		Blocks: 3 * time.Second, Revive: time.Second, Watch: check.All(), Fingerprint: true,
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
	t.Logf("%d epochs, %d steps, %+v, %v", w.Next(0), w.Loop().Steps(), w.Net().Stats(), w.Now())
	if w.Next(0) < 10 {
		t.Errorf("%d epochs", w.Next(0))
	}
}

// One seed gives one run, line by line, with crashes and partitions in it.
func TestSameSeedSameTrace(t *testing.T) {
	run := func() string {
		var out bytes.Buffer
		cfg := config(7)
		cfg.Trace = &out
		w := world.New(cfg)
		w.Run(2 * time.Second)
		w.PowerFailure(1)
		w.Run(time.Second)
		w.Restart(1)
		w.FailDiskAt(2, 40)
		w.Run(time.Second)
		w.Partition([]int{0, 1}, []int{2, 3})
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
