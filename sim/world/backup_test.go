package world_test

import (
	"testing"
	"time"

	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/sim/world"
)

// restored is a world in which a node is restored from a backup again and again while the
// federation is at work, journal and state together: from some epochs ago, and from a
// moment in which it had not said yet what it says in the open epoch.
func restored(t *testing.T, seed uint64) *world.World {
	t.Helper()
	cfg := config(seed)
	if seed%2 == 0 {
		cfg.Sync = 2 * time.Millisecond
	}
	w := world.New(cfg)
	victim := w.Node(int(seed % 4))
	w.RunUntil(time.Minute, func() bool { return victim.Next() >= 3 })
	long := victim.Backup()
	before := messages.Epoch(0)
	for i := range 6 {
		w.Run(time.Duration(w.Rand("backup").IntN(300)) * time.Millisecond)
		now := victim.Backup()
		w.Run(time.Duration(1+7*i) * time.Millisecond)
		before = victim.Next()
		if i == 3 {
			now = long
		}
		victim.RestoreBackup(now)
		victim.Restart()
		w.Run(3 * time.Second)
	}
	if !w.RunUntil(20*time.Second, func() bool { return victim.Next() > before+5 }) {
		t.Errorf("seed %d: it is at epoch %d, having been at %d", seed, victim.Next(), before)
	}
	return w
}

// No honest node blames who was restored, and it takes part again. What it acknowledged in
// between it cannot know, so nothing is promised of that.
func TestRestoredFromBackup(t *testing.T) {
	for seed := range uint64(3) {
		w := restored(t, seed)
		verify(t, w)
	}
}

// Without what its peers remember it contradicts itself.
func TestRestoredWithoutPeers(t *testing.T) {
	mutant.Remove(t, mutant.PeersRemember)
	for seed := uint64(4); seed < 24; seed++ { // those before are lucky
		w := restored(t, seed)
		for _, v := range w.Violations() {
			if v.Rule == "blameless" {
				t.Logf("seed %d: %v", seed, v)
				return
			}
		}
	}
	t.Error("who forgot what it said contradicts nothing")
}

// The journal alone is replaced, by one from before and by none; the member keeps silent
// until it cannot contradict itself, and then has a part again.
func TestRestoredJournal(t *testing.T) {
	cfg := config(5)
	w := world.New(cfg)
	victim := w.Node(2)
	none := victim.Backup()
	w.RunUntil(time.Minute, func() bool { return victim.Next() >= 3 })
	old := victim.Backup()
	for _, b := range []world.Backup{old, none} {
		w.Run(2 * time.Second)
		at := victim.Next()
		victim.RestoreJournal(b)
		if victim.Next() != at {
			t.Errorf("it is at epoch %d and was at %d", victim.Next(), at)
		}
		victim.Restart()
		w.Run(5 * time.Second)
	}
	w.Node(3).Kill() // the others need it
	alone := w.Node(0).Next()
	if !w.RunUntil(20*time.Second, func() bool { return w.Node(0).Next() >= alone+5 }) {
		t.Errorf("without node 3 they stay at %d: %s", w.Node(0).Next(), w.Node(0).Stall().Text)
	}
	w.Heal()
	verify(t, w)
}

// A member that lost its journal in an idle federation asks for the epochs in which it must
// keep silent, with nothing to propose itself. Otherwise it would be silent until somebody
// has work, and if another one is away then, there would be too few.
func TestSilenceEndsInAnIdleFederation(t *testing.T) {
	w := world.New(config(6))
	w.Run(3 * time.Second)
	w.Rest()
	silent, other := w.Node(2), w.Node(0)
	none := world.New(config(6)).Node(2).Backup()
	w.Run(3 * time.Minute)
	idle := other.Next()
	if w.Run(10 * time.Second); other.Next() != idle {
		t.Fatalf("epochs %d to %d where there is no work", idle, other.Next())
	}
	silent.RestoreJournal(none)
	silent.Restart()
	w.Run(15 * time.Second)
	if got := other.Next(); got < idle+2 || got > idle+3 {
		t.Errorf("from epoch %d to %d, want the two of silence", idle, got)
	}
	w.Node(3).Kill()
	at := other.Next()
	w.Chain().Mine(1)
	if !w.RunUntil(20*time.Second, func() bool { return silent.Next() > at && other.Next() > at }) {
		t.Errorf("three of four do not get beyond %d: %s", at, other.Stall().Text)
	}
	w.Heal()
	verify(t, w)
}
