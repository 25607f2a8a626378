package consensus_test

import (
	"testing"
	"time"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/statehash"
)

// H45: the original wrote an epoch in three batches without a marker or a flush,
// so a crash between them left half of it, and the member diverged.
func TestH45HalfAppliedEpoch(t *testing.T) {
	h := newHalfway(t)
	writes := 0
	for h.dies(func(s *memory.Store) { s.FailWrite(writes + 1) }) {
		writes++
	}
	if writes < 8 {
		t.Errorf("an epoch of %d writes shows little", writes)
	}
	commits := 0
	for h.dies(func(s *memory.Store) { s.LoseCommit(commits + 1) }) {
		h.dies(func(s *memory.Store) { s.KeepCommit(commits + 1) })
		commits++
	}
	if commits == 0 {
		t.Error("an epoch without a commit")
	}
}

// halfway is two epochs, and where a member stands that applied them without any
// failure. The second holds all that an epoch can write.
type halfway struct {
	*testing.T
	epochs []outcome.Outcome
	stands [3]history.Position // by epochs applied
}

// once is accepted and twice refused: they are one deposit.
var once, twice = consensustest.Deposit('d', 2, 100), consensustest.Deposit('d', 2, 50)

func newHalfway(t *testing.T) *halfway {
	h := &halfway{T: t, epochs: []outcome.Outcome{
		made(0, txs(consensustest.Deposit('d', 1, 100))),
		made(1, txs(once, twice), txs(consensustest.Deposit('g', 3, 7)), items("open")),
	}}
	n := started(t, 4)
	for i, o := range h.epochs {
		n.tell(toconsensus.Agreed{Outcome: o})
		h.stands[i+1] = n.position()
	}
	return h
}

// dies applies the second epoch to a store that fails as planned, restarts the
// member, holds what it finds against where others stand, and applies the epoch
// again. It reports whether the store failed at all.
func (h *halfway) dies(plan func(*memory.Store)) bool {
	h.Helper()
	n := started(h.T, 4)
	n.tell(toconsensus.Agreed{Outcome: h.epochs[0]})
	n.tell(toconsensus.Subscribe{})
	n.user.Take()
	plan(n.store)
	n.tell(toconsensus.Agreed{Outcome: h.epochs[1]})
	_, err := n.store.View()
	if told := n.user.Take(); err != nil && len(told) != 0 {
		h.Errorf("an epoch that may not be there was announced: %+v", told)
	}
	for range 2 {
		n.stage.Pass(time.Second) // its supervisor tries once more and gives up
	}
	n.stage.Exits = nil
	n.restart(1)
	h.whole(n)
	n.tell(toconsensus.Agreed{Outcome: h.epochs[1]})
	if n.position() != h.stands[2] {
		h.Errorf("after the epoch was handed over again: at %d, or in another state than others", n.position().Next)
	}
	n.alive()
	return err != nil
}

// whole fails the test unless the store holds all of the second epoch or nothing
// of it.
func (h *halfway) whole(n *node) {
	h.Helper()
	n.read(func(r storage.Reader) {
		p := history.ReadPosition(r)
		if p.Next != 1 && p.Next != 2 || p != h.stands[p.Next] || p.State != statehash.Compute(r) {
			h.Errorf("at epoch %d, in a state that nobody else is in", p.Next)
		}
		_, agreed := history.FindOutcome(r, 1, n.members)
		_, accepted := transition.FindAccepted(r, once.ID())
		_, refused := refusals.Find(r, twice.WitnessID())
		if there := p.Next == 2; agreed != there || accepted != there || refused != there {
			h.Errorf("at epoch %d: outcome %t, accepted %t, refused %t", p.Next, agreed, accepted, refused)
		}
	})
}

// H61: the original kept the losers of a conflict in its pool: their status went
// from refused to accepted, perhaps after the client had spent its money anew.
func TestH61RefusedLeavesThePool(t *testing.T) {
	n := started(t, 4)
	good, rival := consensustest.Deposit('d', 1, 100), consensustest.Deposit('d', 1, 99)
	early := consensustest.Deposit('g', 2, 5)
	n.accepted(good)
	n.accepted(rival)
	n.agree(txs(good, rival, early), txs(rival)) // another member proposes one of them too
	for _, when := range []string{"after the epoch", "after a restart"} {
		if pooled := n.pooled(); len(pooled) != 0 {
			t.Errorf("%s: %d pooled", when, len(pooled))
		}
		if r := n.refused(rival); r.Code != messages.RejectPegInClaimed || !r.Final {
			t.Errorf("%s: the loser is refused with %v", when, r)
		}
		n.read(func(r storage.Reader) {
			if refusal, ok := refusals.Find(r, early.WitnessID()); !ok || refusal.Rejection.Final {
				t.Errorf("%s: what may pass later is refused with %+v", when, refusal)
			}
		})
		n.restart(2)
	}
}

// H66: the original answered whoever submitted an accepted transaction again with
// a panic. It is acknowledged, and has no effect.
func TestH66ResubmissionOfAcceptedIsAcknowledged(t *testing.T) {
	n := started(t, 4)
	tx := consensustest.Deposit('d', 1, 100)
	n.accepted(tx)
	n.agree(txs(tx), txs(tx), txs(tx)) // by three proposers: applied once, and nobody's fault
	for range transition.Remembered {  // who contributed is part of the state
		n.agree(txs(tx), txs(tx), txs(tx))
	}
	state := n.position().State
	for epoch := range 3 {
		n.accepted(tx)
		if len(n.pooled()) != 0 {
			t.Error("it is pooled again")
		}
		n.agree(txs(tx), txs(tx), txs(tx))
		if n.position().State != state || len(n.faults) != 0 {
			t.Errorf("epoch %d: it has an effect, or faults of %v", epoch+1, n.faults)
		}
		n.restart(1)
	}
	n.alive()
}
