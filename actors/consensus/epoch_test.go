package consensus_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/statehash"
)

func TestEpochIsOneCommit(t *testing.T) {
	n := started(t, 4)
	n.tell(toconsensus.Subscribe{})
	good, late := consensustest.Deposit('d', 1, 100), consensustest.Deposit('d', 1, 50)
	parts := []outcome.Contribution{txs(good, late), {}, items("open")}
	n.agree(parts...)
	if n.commits != 1 {
		t.Errorf("%d commits for an epoch", n.commits)
	}
	n.read(func(r storage.Reader) {
		position := history.ReadPosition(r)
		if position.Next != 1 || position.State != statehash.Compute(r) {
			t.Errorf("position %d, or a state hash that is not that of the state", position.Next)
		}
		if o, ok := history.FindOutcome(r, 0, 4); !ok || o.Digest(consensustest.Federation) != made(0, parts...).Digest(consensustest.Federation) {
			t.Errorf("outcome %v %+v", ok, o)
		}
		if a, ok := transition.FindAccepted(r, good.ID()); !ok || a.Epoch != 0 {
			t.Errorf("accepted: %v %+v", ok, a)
		}
		refusal, ok := refusals.Find(r, late.WitnessID())
		if !ok || refusal.Epoch != 0 || refusal.Tx != late.ID() || refusal.Rejection.Code != messages.RejectPegInClaimed || !refusal.Rejection.Final {
			t.Errorf("refusal: %v %+v", ok, refusal)
		}
		if !utf8.ValidString(refusal.Rejection.Text) {
			t.Error("the text of a refusal is cut within a character")
		}
	})
	if got := n.user.Take(); !reflect.DeepEqual(got, []any{toconsensus.EpochCommitted{Epoch: 0}}) {
		t.Errorf("the subscriber got %+v", got)
	}
	n.alive()
}

// Whatever is agreed, the state hash that each commit carries is that of the
// whole replicated state, and nothing local is in it.
func TestStateHashFollowsState(t *testing.T) {
	n := started(t, 1)
	hashes := map[messages.Digest]bool{}
	for i := range uint64(8) {
		n.accepted(consensustest.Deposit('d', 100+i, 1)) // local: must not matter
		n.agree(txs(consensustest.Deposit('d', i/2, 5+i)))
		n.read(func(r storage.Reader) {
			p := history.ReadPosition(r)
			if p.State != statehash.Compute(r) {
				t.Fatalf("epoch %d: wrong state hash", i)
			}
			hashes[p.StateHash()] = true
		})
		n.restart(i)
	}
	// Every second deposit is refused and changes nothing replicated, but the state
	// knows who contributed to the last three outcomes.
	if len(hashes) != 5 {
		t.Errorf("%d different states", len(hashes))
	}
}

// ExactlyOnce: what HBBFT hands over again, or from elsewhere in the order, has
// no effect, and it is told where to go on.
func TestOutcomesAreAppliedOnceInOrder(t *testing.T) {
	n := started(t, 4)
	first, second := made(0, txs(consensustest.Deposit('d', 1, 100))), made(1, txs(consensustest.Deposit('d', 2, 100)))
	for i, step := range []struct {
		o    outcome.Outcome
		next messages.Epoch
	}{{second, 0}, {first, 1}, {first, 1}, {made(7), 1}, {second, 2}, {first, 2}, {second, 2}} {
		n.hbbft.Take()
		n.tell(toconsensus.Agreed{Outcome: step.o})
		told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take())
		if n.position().Next != step.next || len(told) != 1 || told[0].Next != step.next {
			t.Fatalf("step %d: next is %d, told %+v", i, n.position().Next, told)
		}
	}
	if n.commits != 2 {
		t.Errorf("%d commits for 2 epochs", n.commits)
	}
	n.restart(1)
	n.tell(toconsensus.Agreed{Outcome: second})
	if n.commits != 2 || n.position().Next != 2 {
		t.Errorf("handed over again after a restart: %d commits, next %d", n.commits, n.position().Next)
	}
}

// A processor tells HBBFT who was absent as a function of committed outcomes,
// the same before and after a restart.
func TestPresence(t *testing.T) {
	n := started(t, 4)
	var by []outcome.Outcome
	for e, who := range [][]messages.PeerID{{0, 1, 2}, {0, 1, 3}, {0, 1, 3}, {0, 1, 3}} {
		o := outcome.Outcome{Epoch: messages.Epoch(e)}
		for _, id := range who {
			o.Contributions = append(o.Contributions, outcome.Member{Peer: id})
		}
		by = append(by, o)
	}
	none, two := []bool{false, false, false, false}, []bool{false, false, true, false}
	for next, want := range []tohbbft.EpochCommitted{
		{Next: 0}, {Next: 1}, {Next: 2, Absent: none}, {Next: 3, Absent: two, AbsentBefore: none}, {Next: 4, Absent: two, AbsentBefore: two},
	} {
		if next > 0 {
			n.hbbft.Take()
			n.tell(toconsensus.Agreed{Outcome: by[next-1]})
		}
		for _, when := range []string{"after the commit", "after a restart"} {
			told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take())
			if len(told) != 1 || !reflect.DeepEqual(told[0], want) {
				t.Errorf("%s, next %d: told %+v, want %+v", when, next, told, want)
			}
			if when == "after the commit" {
				n.restart(uint64(next))
			}
		}
	}
}

func TestSubscribers(t *testing.T) {
	n := started(t, 1)
	n.tell(toconsensus.Subscribe{})
	if got := n.user.Take(); len(got) != 0 {
		t.Errorf("nothing is committed, got %+v", got)
	}
	n.agree()
	n.agree()
	late := n.stage.Probe(nil)
	for range 3 {
		n.stage.Send(late, n.pid, toconsensus.Subscribe{})
	}
	if got := late.Take(); !reflect.DeepEqual(got, []any{toconsensus.EpochCommitted{Epoch: 1}}) {
		t.Errorf("a new subscriber got %+v", got)
	}
	n.user.Take()
	n.tell(toconsensus.Unsubscribe{})
	n.tell(toconsensus.Unsubscribe{})
	n.agree()
	if got := n.user.Take(); len(got) != 0 {
		t.Errorf("after the end got %+v", got)
	}
	if got := late.Take(); !reflect.DeepEqual(got, []any{toconsensus.EpochCommitted{Epoch: 2}}) {
		t.Errorf("the other got %+v", got)
	}
	// A processor that restarted has forgotten them; they subscribe again.
	n.restart(1)
	n.agree()
	if got := late.Take(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	n.stage.Send(late, n.pid, toconsensus.Subscribe{})
	if got := late.Take(); !reflect.DeepEqual(got, []any{toconsensus.EpochCommitted{Epoch: 3}}) {
		t.Errorf("after the restart got %+v", got)
	}
}

// A liar can get more agreed on than a contribution may hold. It counts as empty,
// here, after a restart and at whoever catches up.
func TestOverlongContribution(t *testing.T) {
	n := started(t, 4)
	tx := consensustest.Deposit('d', 1, 1)
	o := made(0, txs(tx))
	o.Contributions = append(o.Contributions, outcome.Member{Peer: 1, Contribution: make([]byte, 250<<10)})
	n.tell(toconsensus.Agreed{Outcome: o})
	n.restart(1)
	late := started(t, 4)
	late.ahead(1, 2, 3)
	for range 3 {
		for id, q := range late.questions() {
			late.answer(n, id, q, nil)
		}
	}
	if n.position() != late.position() || n.position().Next != 1 {
		t.Errorf("at %d and %d, or in different states", n.position().Next, late.position().Next)
	}
	n.alive()
}

// Faults of members are told; none of them stops anything.
func TestFaultsAreTold(t *testing.T) {
	n := started(t, 4)
	o := made(0, items("bad"), outcome.Contribution{}, items("open", "bad"))
	o.Contributions[1].Contribution = []byte("no contribution")
	n.tell(toconsensus.Agreed{Outcome: o})
	slices.Sort(n.faults)
	if !slices.Equal(n.faults, []messages.PeerID{0, 1, 2}) || n.position().Next != 1 {
		t.Errorf("faults of %v, next %d", n.faults, n.position().Next)
	}
}

// One member's contribution full of nonsense must not fill the log.
func TestLogIsBounded(t *testing.T) {
	n := started(t, 4)
	var flood outcome.Contribution
	for range 1000 {
		flood.Items = append(flood.Items, transaction.Item{Kind: consensustest.Kind, Body: []byte("bad")})
	}
	n.agree(flood, flood, flood, flood)
	if lines := strings.Count(n.stage.Log.String(), "fault in a contribution"); lines == 0 || lines > 8 {
		t.Errorf("%d lines", lines)
	}
	if seen := slices.Compact(slices.Sorted(slices.Values(n.faults))); !slices.Equal(seen, []messages.PeerID{0, 1, 2, 3}) {
		t.Errorf("faults of %v", seen)
	}
}
