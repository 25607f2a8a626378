package world_test

import (
	"testing"
	"time"

	"minimint/messages"
	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/world"
)

// blackout lets the power of all machines fail whenever a member is the first to have
// committed an epoch.
type blackout struct {
	world.Ignore
	w    *world.World
	last messages.Epoch
}

func (b *blackout) Committed(c world.Commit) {
	if c.Epoch < b.last+3 || b.w.Now() > 12*time.Second {
		return
	}
	b.last = c.Epoch
	b.w.After(0, func() {
		for i := range b.w.Nodes() {
			b.w.Node(i).PowerFailure()
		}
		b.w.After(time.Second, b.w.Heal)
	})
}

// blackouts runs a world in which the power of all machines fails again and again.
func blackouts(seed uint64, unsynced bool) *world.World {
	cfg := config(seed)
	cfg.Unsynced, cfg.Sync = unsynced, 2*time.Millisecond
	cfg.Network.Delay = network.Uniform(5*time.Millisecond, 40*time.Millisecond)
	cfg.Watch = append(check.All(), func(w *world.World) world.Observer { return &blackout{w: w} })
	w := world.New(cfg)
	w.Run(15 * time.Second)
	w.Heal()
	return w
}

// TestJournalSync: one member has an outcome, the others only what they said for it, and
// all machines lose power. What was said has reached the disks, so all agree afterwards
// and nobody has contradicted itself.
func TestJournalSync(t *testing.T) {
	for seed := range uint64(4) {
		w := blackouts(seed, false)
		verify(t, w)
		if w.Node(0).Next() < 12 {
			t.Errorf("seed %d: %d epochs", seed, w.Node(0).Next())
		}
	}
}

// TestWithoutJournalSync: where the configuration leaves the sync out, one of a few worlds
// shows what it is for. What peers remember does not help, since they lose it too.
func TestWithoutJournalSync(t *testing.T) {
	for seed := range uint64(40) {
		for _, v := range blackouts(seed, true).Violations() {
			if v.Rule == "agreement" || v.Rule == "blameless" {
				t.Logf("seed %d: %v", seed, v)
				return
			}
		}
	}
	t.Error("without the sync of the journal nobody contradicts itself, and all agree")
}

// TestUnsyncedMemberListens: what the configuration promises without the sync. As long as
// one machine at a time loses power, the others remember what its member said, and it
// contradicts nothing.
func TestUnsyncedMemberListens(t *testing.T) {
	for seed := range uint64(2) {
		cfg := config(seed)
		cfg.Unsynced, cfg.Sync = true, 2*time.Millisecond
		cfg.Network.Delay = network.Uniform(5*time.Millisecond, 40*time.Millisecond)
		w := world.New(cfg)
		victim := w.Node(int(seed) % 4)
		for range 4 {
			w.Run(2*time.Second + time.Duration(w.Rand("power").IntN(300))*time.Millisecond)
			victim.PowerFailure()
			w.Run(100 * time.Millisecond)
			victim.Restart()
			w.Run(6 * time.Second) // until it takes part again: it counts as faulty meanwhile
		}
		verify(t, w)
	}
}
