package world_test

import (
	"testing"
	"time"

	"minimint/messages"
	"minimint/sim/check"
	"minimint/sim/world"
)

// A node is restored from a backup, journal and state together, while the federation is
// at work: from some epochs ago, and from a moment in which it had not said yet what it
// says in the open epoch. No honest node blames it, and it takes part again. What it
// acknowledged in between it cannot know, so nothing is promised of that.
func TestRestoredFromBackup(t *testing.T) {
	for seed := range uint64(3) {
		cfg := config(seed)
		cfg.Watch = []func(*world.World) world.Observer{check.Agreement, check.Blameless, check.Conservation, check.Health}
		if seed%2 == 0 {
			cfg.Sync = 2 * time.Millisecond
		}
		w := world.New(cfg)
		victim := w.Node(int(seed % 4))
		w.RunUntil(time.Minute, func() bool { return victim.Next() >= 3 })
		long := victim.Backup()
		restored := messages.Epoch(0)
		for i := range 6 {
			w.Run(time.Duration(w.Rand("backup").IntN(300)) * time.Millisecond)
			now := victim.Backup()
			w.Run(time.Duration(1+7*i) * time.Millisecond)
			restored = victim.Next()
			if i == 3 {
				now = long
			}
			victim.RestoreBackup(now)
			victim.Restart()
			w.Run(3 * time.Second)
		}
		if !w.RunUntil(20*time.Second, func() bool { return victim.Next() > restored+5 }) {
			t.Errorf("seed %d: it is at epoch %d, having been at %d", seed, victim.Next(), restored)
		}
		verify(t, w)
	}
}
