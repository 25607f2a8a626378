package world_test

import (
	"testing"
	"time"

	"minimint/sim/check"
	"minimint/sim/world"
)

// H40: the original kept epochs in memory only, so a restarted node began at epoch 0 while the
// others were at k, and never came back. Here one comes back with what it has, after a power
// failure, and with nothing at all, while the others go on; each time it takes part again, and
// in the end the others need it.
func TestH40RestartedMemberRejoins(t *testing.T) {
	cfg := config(40)
	cfg.Watch = []func(*world.World) world.Observer{check.Agreement, check.Blameless, check.Conservation, check.Health}
	w := world.New(cfg)
	nothing := w.Node(1).Backup()
	w.RunUntil(time.Minute, func() bool { return w.Node(1).Next() >= 3 })
	for i, end := range []func(){w.Node(1).Kill, w.Node(1).PowerFailure, func() { w.Node(1).RestoreBackup(nothing) }} {
		end()
		away := w.Node(0).Next()
		w.RunUntil(time.Minute, func() bool { return w.Node(0).Next() >= away+15 })
		w.Node(1).Restart()
		back := w.Node(0).Next()
		if !w.RunUntil(20*time.Second, func() bool { return w.Node(1).Next() >= back+10 }) {
			t.Fatalf("return %d: it is at epoch %d, the others at %d", i, w.Node(1).Next(), w.Node(0).Next())
		}
	}
	w.Run(15 * time.Second) // until it has heard of all others, and its silence is over
	w.Node(3).Kill()
	alone := w.Node(0).Next()
	if !w.RunUntil(20*time.Second, func() bool { return w.Node(1).Next() >= alone+5 }) {
		t.Errorf("without node 3 they stay at %d: %s", w.Node(0).Next(), w.Node(0).Stall().Text)
	}
	w.Heal()
	verify(t, w)
}
