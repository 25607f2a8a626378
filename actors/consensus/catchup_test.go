package consensus_test

import (
	"reflect"
	"slices"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/storage"
	"minimint/storage/statehash"
)

// history makes outcomes of consecutive epochs, from 0 on.
func history0(n int) []outcome.Outcome {
	var out []outcome.Outcome
	for e := range n {
		out = append(out, made(messages.Epoch(e), txs(consensustest.Deposit('d', uint64(e), 1))))
	}
	return out
}

func (n *node) ahead(epoch messages.Epoch, peers ...messages.PeerID) {
	for _, p := range peers {
		n.tell(toconsensus.PeerAhead{Peer: p, Epoch: epoch})
	}
}

func (n *node) served(by messages.PeerID, outcomes ...outcome.Outcome) {
	n.tell(toconsensus.OutcomesServed{Peer: by, Outcomes: outcomes})
}

func asked(from messages.Epoch, peers ...int) map[int]messages.Epoch {
	m := map[int]messages.Epoch{}
	for _, p := range peers {
		m[p] = from
	}
	return m
}

func (n *node) expectAsked(what string, want map[int]messages.Epoch) {
	n.Helper()
	if got := n.peerAsked(); !reflect.DeepEqual(got, want) {
		n.Errorf("%s: asked %v, want %v", what, got, want)
	}
}

// A member that lacks epochs believes f+1 equal answers, tells HBBFT and
// subscribers, and goes on until it lacks nothing.
func TestCatchUp(t *testing.T) {
	n := started(t, 4)
	past := history0(5)
	n.tell(toconsensus.Subscribe{})
	n.ahead(5, 1)
	n.expectAsked("one claim", asked(0))
	n.ahead(5, 2)
	n.expectAsked("f+1 claims", asked(0, 1, 2))
	n.served(1, past[:3]...)
	n.expectAsked("one answer", asked(0))
	if n.position().Next != 0 {
		t.Fatal("believed one peer")
	}
	n.hbbft.Take()
	n.served(2, past[:2]...)
	if n.position().Next != 2 || n.commits != 2 {
		t.Fatalf("next %d after %d commits", n.position().Next, n.commits)
	}
	if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(told) != 1 || told[0].Next != 2 {
		t.Errorf("HBBFT was told %+v", told)
	}
	if got := n.user.Take(); !reflect.DeepEqual(got, []any{toconsensus.EpochCommitted{Epoch: 0}, toconsensus.EpochCommitted{Epoch: 1}}) {
		t.Errorf("the subscriber got %+v", got)
	}
	n.expectAsked("goes on with who said nothing about the next", asked(2, 2))
	n.served(2, past[2:]...)
	n.expectAsked("the other has said all that it knew", asked(3, 1))
	n.served(1, past[3:]...)
	if n.position().Next != 5 || len(n.faults) != 0 {
		t.Fatalf("next %d, faults of %v", n.position().Next, n.faults)
	}
	n.tick(20)
	n.expectAsked("nothing is lacking", asked(0))
	n.read(func(r storage.Reader) {
		if history.ReadPosition(r).State != statehash.Compute(r) {
			t.Error("wrong state hash")
		}
	})
}

// Progress resumes by ticks, also if those that were asked first are silent or
// lie; and f liars together are not believed.
func TestCatchUpWithLiars(t *testing.T) {
	n := started(t, 7)
	past := history0(3)
	lie := made(0, txs(consensustest.Deposit('d', 99, 1)))
	n.ahead(3, 1, 2, 3, 4)
	n.expectAsked("f+1 are asked", asked(0, 1, 2, 3))
	n.served(1, lie)
	n.served(2, lie)
	n.served(1, lie)
	n.served(1, made(1))
	if n.position().Next != 0 {
		t.Fatal("f liars are believed")
	}
	n.tick(3)
	n.expectAsked("too early", asked(0))
	n.tick(1)
	n.expectAsked("all that have not answered", asked(0, 3, 4))
	n.served(3, past...)
	n.served(4, past...)
	n.tick(4)
	n.expectAsked("everybody has answered", asked(0))
	n.served(5, past...) // by itself
	if n.position().Next != 3 {
		t.Fatalf("next %d", n.position().Next)
	}
	slices.Sort(n.faults)
	if !slices.Equal(n.faults, []messages.PeerID{1, 2}) {
		t.Errorf("faults of %v", n.faults)
	}
}

// Claims of f peers keep nobody busy, however absurd.
func TestAbsurdClaims(t *testing.T) {
	n := started(t, 4)
	n.ahead(^messages.Epoch(0), 3)
	n.served(3, made(^messages.Epoch(0)))
	n.served(3, made(1<<40), made(1<<40+1))
	n.served(3, made(2), made(1))
	n.served(3)
	n.tick(20)
	n.expectAsked("one liar", asked(0))
	if !slices.Equal(n.faults, []messages.PeerID{3}) { // epoch 1 after epoch 2
		t.Errorf("faults of %v", n.faults)
	}
	n.agree()
	n.expectAsked("the next epoch", asked(0))
	n.alive()
}

// What HBBFT agreed on meanwhile is not asked for, and what peers served of it
// does not matter any more.
func TestAgreementOvertakesCatchUp(t *testing.T) {
	n := started(t, 4)
	past := history0(4)
	n.ahead(4, 1, 2)
	n.served(1, past[0], past[1], past[2])
	n.served(2, past[0], past[1], past[2])
	if n.position().Next != 3 {
		t.Fatalf("next %d", n.position().Next)
	}
	n.peerAsked()
	n.tell(toconsensus.Agreed{Outcome: past[3]})
	n.served(1, past[3])
	n.tick(20)
	n.expectAsked("nothing is lacking", asked(0))
	if n.commits != 4 || len(n.faults) != 0 {
		t.Errorf("%d commits, faults of %v", n.commits, n.faults)
	}
}

// After a restart of the processor HBBFT does not say again who is ahead: the
// processor looks itself, once.
func TestLooksAroundAfterRestart(t *testing.T) {
	n := started(t, 4)
	n.agree()
	n.restart(1)
	n.tick(1)
	n.expectAsked("after a restart", asked(1, 1, 2, 3))
	n.tick(20)
	n.expectAsked("later", asked(0))
	past := history0(3)
	n.served(1, past[1:]...)
	n.served(2, past[1:]...)
	if n.position().Next != 3 {
		t.Errorf("next %d", n.position().Next)
	}
}

func TestServesOutcomes(t *testing.T) {
	n := started(t, 4)
	past := history0(topeer.MaxOutcomes + 3)
	for _, o := range past {
		n.tell(toconsensus.Agreed{Outcome: o})
	}
	want := func(from messages.Epoch) []messages.Epoch {
		n.tell(toconsensus.OutcomesWanted{Peer: 2, From: from})
		var epochs []messages.Epoch
		for _, m := range consensustest.Of[topeer.ServeOutcomes](n.peers[2].Take()) {
			for _, b := range m.Outcomes {
				o, err := outcome.Decode(b, 4)
				if err != nil {
					t.Fatal(err)
				}
				epochs = append(epochs, o.Epoch)
			}
		}
		n.tick(1)
		return epochs
	}
	n.peers[2].Take()
	if got := want(0); len(got) != topeer.MaxOutcomes || got[0] != 0 || got[len(got)-1] != topeer.MaxOutcomes-1 {
		t.Errorf("from 0: %v", got)
	}
	if got := want(topeer.MaxOutcomes); !slices.Equal(got, []messages.Epoch{64, 65, 66}) {
		t.Errorf("from the end: %v", got)
	}
	for _, from := range []messages.Epoch{topeer.MaxOutcomes + 3, 1 << 40, ^messages.Epoch(0)} {
		if got := want(from); len(got) != 0 {
			t.Errorf("from %d: %v", from, got)
		}
	}
}

// An answer is bounded in bytes, but contains one outcome at least.
func TestServesBoundedBytes(t *testing.T) {
	n := started(t, 4)
	id := uint64(0)
	large := func() outcome.Contribution { // 128 KiB
		id++
		filler := make([]byte, 63<<10)
		return txs(consensustest.Build([][]byte{consensustest.Input('d', id, 2)}, consensustest.Output(id, 1, filler...), consensustest.Output(id, 1, filler...)))
	}
	n.agree(large(), large())
	n.agree(large(), large())
	n.agree(large(), large(), large(), large())
	n.agree(large(), large(), large(), large())
	for from, want := range []int{2, 1, 1, 1} { // outcomes of 256, 256, 512 and 512 KiB
		n.peers[1].Take()
		n.tick(1)
		n.tell(toconsensus.OutcomesWanted{Peer: 1, From: messages.Epoch(from)})
		got := consensustest.Of[topeer.ServeOutcomes](n.peers[1].Take())
		if len(got) != 1 || len(got[0].Outcomes) != want {
			t.Errorf("from %d: %d answers", from, len(got))
		}
	}
}

// A peer that asks and asks is answered at the pace of ticks, and delays nobody.
func TestRequestsAreBounded(t *testing.T) {
	n := started(t, 4)
	n.agree()
	n.agree()
	n.peers[1].Take()
	for range 1000 {
		n.tell(toconsensus.OutcomesWanted{Peer: 1, From: 0})
	}
	n.tell(toconsensus.OutcomesWanted{Peer: 1, From: 1})
	served := len(consensustest.Of[topeer.ServeOutcomes](n.peers[1].Take()))
	if served != 4 {
		t.Errorf("%d answers at once", served)
	}
	n.tell(toconsensus.OutcomesWanted{Peer: 2, From: 0})
	if got := consensustest.Of[topeer.ServeOutcomes](n.peers[2].Take()); len(got) != 1 {
		t.Errorf("another peer got %d answers", len(got))
	}
	n.tick(1)
	if got := consensustest.Of[topeer.ServeOutcomes](n.peers[1].Take()); len(got) != 1 || len(got[0].Outcomes) != 1 {
		t.Errorf("the tick served %+v", got)
	}
	n.tick(1)
	if got := consensustest.Of[topeer.ServeOutcomes](n.peers[1].Take()); len(got) != 0 {
		t.Errorf("nobody asks, served %d", len(got))
	}
}

// A federation of one member needs nobody.
func TestSoloFederation(t *testing.T) {
	n := started(t, 1)
	n.accepted(consensustest.Deposit('d', 1, 100))
	n.agree(n.contribution())
	n.tell(toconsensus.OutcomesWanted{Peer: 0, From: 0})
	n.ahead(9, 0)
	n.served(0)
	n.tick(20)
	n.restart(1)
	n.tick(20)
	if n.position().Next != 1 {
		t.Errorf("next %d", n.position().Next)
	}
	n.alive()
}
