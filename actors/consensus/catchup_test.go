package consensus_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/topeer"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/statehash"
)

// teacher is a member that has applied outcomes; sign says which epochs it has
// certificates of.
func teacher(t *testing.T, members int, outcomes []outcome.Outcome, sign func(messages.Epoch) bool) *node {
	t.Helper()
	n := started(t, members)
	for _, o := range outcomes {
		n.tell(toconsensus.Agreed{Outcome: o})
	}
	n.certify(sign)
	return n
}

// certify gives a member certificates of what it has committed.
func (n *node) certify(sign func(messages.Epoch) bool) {
	n.stage.Stop(n.pid)
	next := n.position().Next
	err := n.store.Update(func(tx storage.Tx) error {
		for e := range next {
			if s, ok := history.FindStatement(tx, e); ok && sign(e) {
				history.WriteCertificate(tx, n.keys.Certify(s))
			}
		}
		return nil
	})
	if err != nil {
		n.Fatal(err)
	}
	n.start()
	n.tick(1)
	n.peersUp()
	n.drain()
}

func all(messages.Epoch) bool   { return true }
func never(messages.Epoch) bool { return false }

// drain forgets what was sent to peers.
func (n *node) drain() {
	for _, p := range n.peers {
		if p != nil {
			p.Take()
		}
	}
}

// peersUp opens the links to all peers.
func (n *node) peersUp() {
	for i, p := range n.peers {
		if p != nil {
			n.tell(toconsensus.PeerUp{Peer: messages.PeerID(i)})
		}
	}
}

// past makes outcomes of consecutive epochs, from 0 on.
func past(n int) []outcome.Outcome {
	var out []outcome.Outcome
	for e := range n {
		out = append(out, made(messages.Epoch(e), txs(consensustest.Deposit('d', uint64(e)+1, 1))))
	}
	return out
}

func (n *node) ahead(epoch messages.Epoch, peers ...messages.PeerID) {
	for _, p := range peers {
		n.tell(toconsensus.PeerAhead{Peer: p, Epoch: epoch})
	}
}

// questions returns what peers were asked since the last look.
func (n *node) questions() map[int]topeer.Message {
	asked := map[int]topeer.Message{}
	for i, p := range n.peers {
		if p == nil {
			continue
		}
		for _, m := range p.Take() {
			switch m := m.(type) {
			case topeer.AskHeaders:
				asked[i] = m
			case topeer.AskOutcomes:
				asked[i] = m
			case topeer.AskSnapshot:
				asked[i] = m
			}
		}
	}
	return asked
}

// answer has a teacher answer what a peer was asked; change may make a lie of it.
func (n *node) answer(by *node, id int, question topeer.Message, change func(toconsensus.Message) toconsensus.Message) {
	n.Helper()
	const asker = 1
	switch m := any(question).(type) {
	case topeer.AskHeaders:
		by.tell(toconsensus.HeadersWanted{Peer: asker, From: m.From})
	case topeer.AskOutcomes:
		by.tell(toconsensus.OutcomesWanted{Peer: asker, From: m.From, Count: m.Count, Offset: m.Offset})
	case topeer.AskSnapshot:
		by.tell(toconsensus.SnapshotWanted{Peer: asker, First: m.First, Epoch: m.Epoch, After: m.After, Skip: m.Skip, Offset: m.Offset})
	}
	by.tick(4)
	for _, m := range by.peers[asker].Take() {
		var reply toconsensus.Message
		switch m := m.(type) {
		case topeer.ServeHeaders:
			reply = toconsensus.HeadersServed{Peer: messages.PeerID(id), Proof: m.Proof, Oldest: m.Oldest, Next: m.Next}
		case topeer.ServeOutcomes:
			reply = toconsensus.OutcomesServed{Peer: messages.PeerID(id), From: m.From, Oldest: m.Oldest, Outcomes: m.Outcomes, Part: m.Part, Offset: m.Offset, Last: m.Last}
		case topeer.ServeSnapshot:
			reply = toconsensus.SnapshotServed{Peer: messages.PeerID(id), Attested: m.Attested, Epoch: m.Epoch, Offset: m.Offset, Body: m.Body}
		}
		if reply != nil && change != nil {
			reply = change(reply)
		}
		if reply != nil {
			n.tell(reply)
		}
	}
}

// learn lets peers answer from a teacher's store until nothing is asked any more;
// it returns how many questions they answered. Others are silent.
func (n *node) learn(by *node, peers ...int) (answered int) {
	n.Helper()
	for range 1000 {
		asked := n.questions()
		if len(asked) == 0 {
			return answered
		}
		for _, id := range peers {
			if q := asked[id]; q != nil {
				n.answer(by, id, q, nil)
				answered++
			}
		}
	}
	n.Fatalf("it asks for ever")
	return answered
}

func (n *node) expectState(by *node) {
	n.Helper()
	if n.position() != by.position() {
		n.Fatalf("at epoch %d, the teacher at %d, or states differ", n.position().Next, by.position().Next)
	}
	n.read(func(r storage.Reader) {
		if p := history.ReadPosition(r); p.State != statehash.Compute(r) {
			n.Errorf("wrong state hash")
		}
	})
}

// One peer that shows a certificate is enough; everything behind it is one commit,
// and HBBFT and subscribers hear of it.
func TestCatchUpByCertificate(t *testing.T) {
	by := teacher(t, 4, past(100), func(e messages.Epoch) bool { return e == 99 })
	n := started(t, 4)
	n.tell(toconsensus.Subscribe{})
	n.ahead(100, 1)
	if got := n.questions(); len(got) != 0 {
		t.Fatalf("one claim, asked %v", got)
	}
	n.ahead(100, 2)
	n.hbbft.Take()
	for range 4 {
		asked := n.questions()
		for id, q := range asked {
			n.answer(by, id, q, nil)
		}
	}
	n.expectState(by)
	if n.commits > 1 {
		t.Errorf("%d commits", n.commits)
	}
	if told := consensustest.Of[tohbbft.EpochCommitted](n.hbbft.Take()); len(told) != 1 || told[0].Next != 100 {
		t.Errorf("HBBFT was told %+v", told)
	}
	if got := n.user.Take(); len(got) != 1 || got[0] != (toconsensus.EpochCommitted{Epoch: 99}) {
		t.Errorf("the subscriber got %+v", got)
	}
	n.tick(30)
	if n.certified() != 100 || len(n.faults) != 0 || len(n.questions()) != 0 {
		t.Errorf("certified %d, faults of %v", n.certified(), n.faults)
	}
}

// Without certificates f+1 equal answers are believed, one is not.
func TestCatchUpByEqualAnswers(t *testing.T) {
	by := teacher(t, 4, past(5), never)
	n := started(t, 4)
	n.ahead(5, 1, 2)
	n.learn(by, 1)
	n.tick(100)
	n.learn(by, 1)
	if n.position().Next != 0 {
		t.Fatal("believed one peer")
	}
	for range 10 {
		n.tick(40)
		n.learn(by, 1, 2)
	}
	n.expectState(by)
	if len(n.faults) != 0 {
		t.Errorf("faults of %v", n.faults)
	}
}

// Members that lie in any answer are found out, asked no more, and stop nobody.
func TestCatchUpWithLiars(t *testing.T) {
	by := teacher(t, 7, past(30), func(e messages.Epoch) bool { return e%10 == 9 })
	lies := map[string]func(toconsensus.Message) toconsensus.Message{
		"another outcome": func(m toconsensus.Message) toconsensus.Message {
			if s, ok := m.(toconsensus.OutcomesServed); ok {
				s.Outcomes[0] = made(0, txs(consensustest.Deposit('d', 77, 1))).Encode()
				return s
			}
			return m
		},
		"another header": func(m toconsensus.Message) toconsensus.Message {
			if s, ok := m.(toconsensus.HeadersServed); ok {
				s.Proof.Headers = slices.Clone(s.Proof.Headers)
				s.Proof.Headers[3].Outcome[0] ^= 1
				return s
			}
			return m
		},
		"another state": func(m toconsensus.Message) toconsensus.Message {
			if s, ok := m.(toconsensus.HeadersServed); ok {
				s.Proof.Headers = slices.Clone(s.Proof.Headers)
				s.Proof.Headers[len(s.Proof.Headers)-1].State[0] ^= 1
				return s
			}
			return m
		},
	}
	for name, lie := range lies {
		n := started(t, 7)
		n.ahead(30, 1, 2, 3)
		for range 40 {
			for id, q := range n.questions() {
				if id < 3 {
					n.answer(by, id, q, lie)
				} else {
					n.answer(by, id, q, nil)
				}
			}
			n.tick(10)
		}
		n.expectState(by)
		slices.Sort(n.faults)
		if len(n.faults) == 0 || slices.ContainsFunc(n.faults, func(id messages.PeerID) bool { return id > 2 }) {
			t.Errorf("%s: faults of %v", name, n.faults)
		}
		n.alive()
	}
}

// If a certificate shows that this member has another past, it stops.
func TestCatchUpAgainstOwnPast(t *testing.T) {
	by := teacher(t, 4, past(9), all)
	n := started(t, 4)
	n.agree(txs(consensustest.Deposit('d', 50, 1)))
	n.tick(10)
	n.questions()
	n.ahead(9, 1, 2)
	n.learn(by, 1, 2, 3)
	if a, rings := n.alarm(); !rings || a.Certified == nil {
		t.Errorf("alarm %t", rings)
	}
}

// What HBBFT agreed on is compared with what others have signed, if that came first.
func TestAgreementAgainstACertificate(t *testing.T) {
	for _, same := range []bool{true, false} {
		outcomes := past(3)
		by := teacher(t, 4, outcomes, all)
		n := started(t, 4)
		n.ahead(3, 1, 2)
		for id, q := range n.questions() {
			n.answer(by, id, q, nil) // headers
		}
		o := outcomes[0]
		if !same {
			o = made(0, txs(consensustest.Deposit('d', 50, 1)))
		}
		n.tell(toconsensus.Agreed{Outcome: o})
		if _, rings := n.alarm(); rings == same || (n.position().Next == 1) != same {
			t.Errorf("same %t: alarm %t at %d", same, rings, n.position().Next)
		}
	}
}

// A member that computes another state from certified outcomes than was signed stops
// before it commits it.
func TestCatchUpToAnotherState(t *testing.T) {
	by := teacher(t, 4, past(9), all)
	n := started(t, 4)
	n.tell(toconsensus.Agreed{Outcome: past(1)[0]})
	n.twist()
	n.peersUp()
	n.drain()
	n.ahead(9, 1, 2)
	n.learn(by, 1, 2, 3)
	a, rings := n.alarm()
	if !rings || n.position().Next != 1 || a.Epoch != 1 || a.Certified == nil || !n.keys.Valid(*a.Certified) {
		t.Errorf("alarm %t %v at %d", rings, a, n.position().Next)
	}
	if n.certified() != 0 {
		t.Errorf("certified are %d epochs", n.certified())
	}
}

// Claims of f peers keep nobody busy, however absurd, and what was not asked for is
// not looked at.
func TestAbsurdClaims(t *testing.T) {
	by := teacher(t, 4, past(5), all)
	n := started(t, 4)
	n.ahead(^messages.Epoch(0), 3)
	n.tell(toconsensus.OutcomesServed{Peer: 3, From: ^messages.Epoch(0), Outcomes: [][]byte{nil, nil}})
	n.answer(by, 3, topeer.AskHeaders{From: 0}, nil)
	n.answer(by, 3, topeer.AskOutcomes{From: 0, Count: 5}, nil)
	n.answer(by, 3, topeer.AskSnapshot{First: true}, nil)
	n.tick(20)
	if got := n.questions(); len(got) != 0 || n.position().Next != 0 {
		t.Errorf("asked %v, at %d", got, n.position().Next)
	}
	n.agree()
	n.alive()
}

// What HBBFT agreed on meanwhile is not asked for.
func TestAgreementOvertakesCatchUp(t *testing.T) {
	outcomes := past(4)
	by := teacher(t, 4, outcomes, all)
	n := started(t, 4)
	n.ahead(4, 1, 2)
	for id, q := range n.questions() {
		n.answer(by, id, q, nil)
	}
	for _, o := range outcomes {
		n.tell(toconsensus.Agreed{Outcome: o})
	}
	n.learn(by, 1, 2, 3)
	n.tick(40)
	n.expectState(by)
	if got := n.questions(); len(got) != 0 || len(n.faults) != 0 || n.commits > 5 {
		t.Errorf("asked %v, %d commits, faults of %v", got, n.commits, n.faults)
	}
}

// After a restart of the processor HBBFT does not say again who is ahead: the
// processor looks itself, once.
func TestLooksAroundAfterRestart(t *testing.T) {
	by := teacher(t, 4, past(3), all)
	n := started(t, 4)
	n.tell(toconsensus.Agreed{Outcome: past(1)[0]})
	n.restart(1)
	n.questions()
	n.tick(1)
	asked := n.questions()
	for id, q := range asked {
		if q != (topeer.AskHeaders{From: 1}) {
			t.Errorf("%d was asked %v", id, q)
		}
		n.answer(by, id, q, nil)
	}
	if len(asked) != 3 {
		t.Errorf("asked %v", asked)
	}
	n.learn(by, 1, 2, 3)
	n.expectState(by)
}

// An answer is bounded in number and bytes, a longer outcome comes in parts.
func TestServesBoundedAnswers(t *testing.T) {
	n := started(t, 12)
	id := uint64(0)
	large := func() outcome.Contribution { // 128 KiB
		id++
		filler := make([]byte, 63<<10)
		return txs(consensustest.Build([][]byte{consensustest.Input('d', id, 2)}, consensustest.Output(id, 1, filler...), consensustest.Output(id, 1, filler...)))
	}
	var many []outcome.Contribution
	for range 10 {
		many = append(many, large())
	}
	n.agree(large(), large())
	n.agree(large(), large())
	n.agree(large(), large(), large(), large())
	n.agree(many...)
	for e, want := range []struct {
		outcomes int
		part     bool
	}{{2, false}, {2, false}, {1, false}, {0, true}, {0, false}} {
		n.peers[1].Take()
		n.tick(1)
		n.tell(toconsensus.OutcomesWanted{Peer: 1, From: messages.Epoch(e), Count: 100})
		got := consensustest.Of[topeer.ServeOutcomes](n.peers[1].Take())
		if len(got) != 1 || len(got[0].Outcomes) != want.outcomes || (got[0].Part != nil) != want.part || len(got[0].Part) > topeer.PieceBytes {
			t.Errorf("from %d: %d answers", e, len(got))
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
		n.tell(toconsensus.OutcomesWanted{Peer: 1, From: 0, Count: 9})
	}
	n.tell(toconsensus.OutcomesWanted{Peer: 1, From: 1, Count: 9})
	served := len(consensustest.Of[topeer.ServeOutcomes](n.peers[1].Take()))
	if served != 4 {
		t.Errorf("%d answers at once", served)
	}
	n.tell(toconsensus.HeadersWanted{Peer: 2})
	if got := consensustest.Of[topeer.ServeHeaders](n.peers[2].Take()); len(got) != 1 {
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
	n.tick(20)
	n.past.Lost = true
	n.restart(1)
	n.tick(20)
	if n.position().Next != 1 || n.certified() != 1 {
		t.Errorf("next %d, certified %d", n.position().Next, n.certified())
	}
	n.alive()
}

// A member that missed epochs gets them from the others through real peer actors:
// few and many, and with outcomes that no link carries at once.
func TestCatchUpThroughPeers(t *testing.T) {
	for _, lacking := range []int{1, 3, 4, 100} {
		t.Run(fmt.Sprint(lacking), func(t *testing.T) {
			h := newHouse(t, 4, nil)
			h.tick(1)
			h.agree(h.small(), first(4)...)
			h.tick(1)
			h.link(3, false)
			for range lacking {
				h.agree(h.small(), 0, 1, 2)
			}
			h.tick(3)
			h.link(3, true)
			h.tick(20)
			h.same(first(4)...)
			for i, n := range h.nodes {
				if len(n.faults) != 0 || n.certified() != n.position().Next {
					t.Errorf("member %d: faults of %v, certified %d", i, n.faults, n.certified())
				}
			}
		})
	}
}

// A member that is ten thousand epochs behind has more headers and outcomes to ask
// for than are held at once.
func TestTenThousandEpochsBehind(t *testing.T) {
	const epochs = 10_000
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	g := generator{node: newNode(t, stage, 4), contribution: func(messages.Epoch) outcome.Contribution { return items() }}
	g.store = g.node.store
	g.apply(epochs)
	h := newHouse(t, 4, func(n *node) {
		if n.self < 3 {
			n.store = g.node.store.Clone()
		}
	})
	h.agreed = make([]outcome.Outcome, epochs)
	h.tick(40)
	h.same(first(4)...)
	for i, n := range h.nodes {
		if len(n.faults) != 0 || n.certified() != epochs {
			t.Errorf("member %d: faults of %v, certified %d", i, n.faults, n.certified())
		}
	}
	h.agree(h.small(), first(4)...)
	h.same(first(4)...)
}

// Outcomes of more than 8 MB arrive, in parts; a liar among those that serve them
// costs an attempt.
func TestHugeOutcomes(t *testing.T) {
	const members = 70
	outcomes := past(3)
	id := uint64(1000)
	filler := make([]byte, 63<<10)
	var parts []outcome.Contribution
	for range members {
		id++
		parts = append(parts, txs(consensustest.Build([][]byte{consensustest.Input('d', id, 2)}, consensustest.Output(id, 1, filler...), consensustest.Output(id, 1, filler...))))
	}
	outcomes = append(outcomes, made(3, parts...))
	if size := len(outcomes[3].Encode()); size < 8<<20 {
		t.Fatalf("only %d bytes", size)
	}
	by := teacher(t, members, outcomes, func(e messages.Epoch) bool { return e == 3 })
	n := started(t, members)
	for i := range messages.PeerID(24) {
		n.ahead(4, i+1)
	}
	spoiled := 0
	for range 60 {
		for id, q := range n.questions() {
			n.answer(by, id, q, func(m toconsensus.Message) toconsensus.Message {
				if s, ok := m.(toconsensus.OutcomesServed); ok && s.Part != nil && s.Last && spoiled == 0 {
					spoiled = id
					s.Part[7] ^= 1
					return s
				}
				return m
			})
		}
		n.tick(1)
	}
	n.expectState(by)
	if !slices.Equal(n.faults, []messages.PeerID{messages.PeerID(spoiled)}) {
		t.Errorf("faults of %v, spoiled by %d", n.faults, spoiled)
	}
}

// Members that do not answer cost time and nothing else.
func TestCatchUpBesideSilentPeers(t *testing.T) {
	h := newHouse(t, 7, nil)
	h.tick(1)
	h.link(6, false)
	for range 40 {
		h.agree(h.small(), first(6)...)
	}
	h.tick(2)
	h.tamper = func(from, _ int, m proto.Message) proto.Message {
		switch m.(type) {
		case *wire.HeadersReply, *wire.OutcomesReply:
			if from < 2 {
				return nil
			}
		}
		return m
	}
	h.link(6, true)
	h.tick(100)
	h.same(first(7)...)
}

// Shares of f+1 members for an epoch that is lacking are a reason to ask for it, also
// when they come long after the last commit: a member that was cut off is told again
// and again, and may hear it late.
func TestAsksForWhatOthersHaveSignedLate(t *testing.T) {
	n := started(t, 4)
	n.tick(40)
	n.questions() // where others are
	s := statement.Statement{Epoch: 0, Header: statement.Header{Size: 1}}
	for _, id := range []int{1, 2} {
		n.tell(toconsensus.ShareTold{Peer: messages.PeerID(id), Share: n.keys.Share(id, s)})
	}
	asked := 0
	for range 20 {
		n.tick(1)
		for _, q := range n.questions() {
			if q == (topeer.AskHeaders{From: 0}) {
				asked++
			}
		}
	}
	if asked == 0 {
		t.Error("never asks")
	}
}
