package check_test

import (
	"testing"
	"time"

	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/sim/check"
	"minimint/sim/check/checktest"
	"minimint/sim/workload"
	"minimint/sim/world"
	"minimint/storage/memory"
)

// watched is a world that has not begun, with one rule; the last node is faulty.
func watched(rule func(*world.World) world.Observer) (*world.World, world.Observer) {
	var o world.Observer
	w := world.New(world.Config{Nodes: 4, Seed: 1, Faulty: []world.Faulty{{Peer: 3}}, Watch: []func(*world.World) world.Observer{
		func(w *world.World) world.Observer { o = rule(w); return o },
	}})
	return w, o
}

func commit(node int, epoch messages.Epoch, outcome, state byte) world.Commit {
	return world.Commit{Node: node, Honest: node != 3, Epoch: epoch, Outcome: messages.Digest{outcome}, State: messages.Digest{state}, Store: memory.New()}
}

func TestAgreement(t *testing.T) {
	w, o := watched(check.Agreement)
	o.Committed(commit(0, 0, 1, 1))
	o.Committed(commit(1, 0, 1, 1))
	o.Committed(commit(3, 0, 2, 2)) // may do what it likes
	checktest.Expect(t, w)
	o.Committed(commit(2, 0, 1, 2))
	checktest.Expect(t, w, "agreement: epoch 0: node 2")
	o.Committed(commit(0, 2, 1, 1))
	checktest.Expect(t, w, "epoch 0", "node 0 commits epoch 2, due is 1")
}

func TestBlameless(t *testing.T) {
	w, o := watched(check.Blameless)
	o.Blamed(world.Blame{Node: 0, Peer: 3, Kind: "two echoes"})
	o.Blamed(world.Blame{Node: 3, Peer: 0, Kind: "slander"})
	checktest.Expect(t, w)
	o.Blamed(world.Blame{Node: 0, Peer: 1, Kind: "two echoes"})
	checktest.Expect(t, w, "blameless: node 0 blames node 1: two echoes")
}

func TestConservation(t *testing.T) {
	w, o := watched(check.Conservation)
	c := commit(0, 0, 1, 1)
	c.Totals = transition.Totals{Assets: 5, Liabilities: 5}
	o.Committed(c)
	checktest.Expect(t, w)
	c.Totals.Liabilities = 4
	o.Committed(c)
	checktest.Expect(t, w, "conservation: epoch 0 at node 0: assets of 5")
}

func TestFinality(t *testing.T) {
	tx, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{workload.Deposit([16]byte{1}, 5)}, Fee: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, o := watched(check.Finality)
	o.Acknowledged(world.Promise{Node: 3, Tx: tx})
	o.Decided(world.Decision{Promise: world.Promise{Node: 3, Tx: tx}, Accepted: true})
	o.Quiet()
	checktest.Expect(t, w)
	o.Acknowledged(world.Promise{Node: 1, Tx: tx})
	o.Quiet()
	checktest.Expect(t, w, "node 1 acknowledged", "node 1 acknowledged", "node 1 acknowledged")

	w, o = watched(check.Finality)
	o.Decided(world.Decision{Promise: world.Promise{Node: 2, Tx: tx}, Accepted: true})
	o.Quiet()
	checktest.Expect(t, w, "node 2 said", "node 2 said", "node 2 said")
}

func TestHealth(t *testing.T) {
	w, o := watched(check.Health)
	o.Failed(world.Failure{Node: 3, Actor: "hbbft", Reason: "faulty"})
	o.Failed(world.Failure{Node: 0, Actor: "hbbft", Reason: "disk", Planned: true})
	checktest.Expect(t, w)
	o.Failed(world.Failure{Node: 0, Actor: "hbbft", Reason: "a bug", Decision: spawn.Exited})
	checktest.Expect(t, w, "health: node 0, actor hbbft: a bug (exit)")
}

// Every rule is among all of them.
func TestAll(t *testing.T) {
	if n := len(check.All()); n != 12 {
		t.Errorf("%d rules", n)
	}
}

// What a node acknowledged after a backup was made, and before it was put in place, binds
// nobody; its earlier and later word does, and so does that of others.
func TestFinalityAfterBackup(t *testing.T) {
	tx, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{workload.Deposit([16]byte{1}, 5)}, Fee: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[time.Duration]int{time.Second: 3, 3 * time.Second: 0, 5 * time.Second: 3} {
		w, o := watched(check.Finality)
		w.After(when, func() { o.Acknowledged(world.Promise{Node: 1, Tx: tx}) })
		w.Run(2 * time.Second)
		b := w.Node(1).Backup()
		w.Run(2 * time.Second)
		w.Node(1).RestoreBackup(b)
		w.Run(2 * time.Second)
		o.Quiet()
		if n := len(w.Violations()); n != want {
			t.Errorf("acknowledged after %v: %d violations, want %d", when, n, want)
		}
		o.Acknowledged(world.Promise{Node: 0, Tx: tx})
		o.Quiet()
		if n := len(w.Violations()); n != want+3 {
			t.Errorf("acknowledged by another as well: %d violations, want %d", n, want+3)
		}
	}
}
