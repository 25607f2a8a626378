package consensus_test

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/peer"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
)

// A member that missed everything catches up through real peer actors from real
// processors, also epochs whose outcome is too long for one message.
func TestCatchUpThroughPeers(t *testing.T) {
	stage := consensustest.NewStage()
	defer stage.Close()
	const members, late = 7, 6
	name := func(of, about int) string { return fmt.Sprintf("peer-%d-%d", of, about) }
	var nodes []*node
	for i := range members {
		n := newNode(t, stage, members)
		n.self = messages.PeerID(i)
		n.addresses = make([]*actor.PID, members)
		for j := range members {
			if j != i {
				n.addresses[j] = stage.System.NewLocalPID(name(i, j))
			}
		}
		n.start()
		nodes = append(nodes, n)
	}
	for i, n := range nodes {
		for j := range members {
			if j == i {
				continue
			}
			stage.SpawnNamed(name(i, j), consensustest.Policy, peer.New(peer.Config{
				Peer: messages.PeerID(j), Members: members, Remote: stage.System.NewLocalPID(name(j, i)), HBBFT: n.hbbft.PID, Consensus: n.pid,
				Linked: func(messages.PeerID, bool) {}, Fault: func(_ messages.PeerID, text string) { t.Errorf("member %d: %s", i, text) },
			}))
		}
	}
	id := uint64(0)
	for epoch := range messages.Epoch(topeer.MaxOutcomes + 20) {
		var parts []outcome.Contribution
		for range members {
			id++
			size := 10
			if epoch%40 == 9 { // 7 × 128 KiB: more than a message carries
				size = 63 << 10
			}
			filler := make([]byte, size)
			parts = append(parts, txs(consensustest.Build([][]byte{consensustest.Input('d', id, 2)}, consensustest.Output(id, 1, filler...), consensustest.Output(id, 1, filler...))))
		}
		o := made(epoch, parts...)
		for _, n := range nodes[:late] {
			n.tell(toconsensus.Agreed{Outcome: o})
		}
	}
	ahead := nodes[0].position()
	for i := range 3 { // f+1 of them say so
		nodes[late].ahead(ahead.Next, messages.PeerID(i))
	}
	for range 200 {
		for _, n := range nodes {
			n.tick(1)
		}
	}
	if got := nodes[late].position(); got != ahead {
		t.Errorf("at epoch %d instead of %d", got.Next, ahead.Next)
	}
	for i, n := range nodes {
		if len(n.faults) != 0 {
			t.Errorf("member %d: faults of %v", i, n.faults)
		}
	}
}
