package consensus_test

import (
	"testing"

	"minimint/messages"
	"minimint/messages/faulttest"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
)

// TestEveryFault raises every fault of a member that the processor tells.
func TestEveryFault(t *testing.T) {
	by := func(do func(n *node, peer messages.PeerID)) func(t *testing.T) string {
		return func(t *testing.T) string {
			n := started(t, 4)
			for peer := messages.PeerID(1); peer < 4 && len(n.faults) == 0; peer++ {
				if do(n, peer); len(n.faults) > 0 && n.faults[0] != peer {
					t.Fatalf("faults of %v, when %d spoke: %q", n.faults, peer, n.texts)
				}
			}
			n.alive()
			if len(n.texts) != 1 {
				t.Fatalf("faults of %v: %q", n.faults, n.texts)
			}
			return n.texts[0]
		}
	}
	// ahead says that all others are, and have forgotten what is before oldest.
	ahead := func(n *node, oldest messages.Epoch) {
		for peer := messages.PeerID(1); peer < 4; peer++ {
			n.tell(toconsensus.PeerAhead{Peer: peer, Epoch: 100})
		}
		for range 30 { // whoever is asked
			for peer := messages.PeerID(1); peer < 4 && oldest > 0; peer++ {
				n.tell(toconsensus.HeadersServed{Peer: peer, Oldest: oldest, Next: 100})
			}
			n.tick(1)
		}
	}
	foreign := func(n *node, peer messages.PeerID) {
		s := statement.Statement{Era: 1}
		n.tell(toconsensus.ShareTold{Peer: peer, Share: n.keys.Share(int(peer), s)})
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"text":       by(foreign),
		"f.String()": by(foreign),
		"f.Text": by(func(n *node, peer messages.PeerID) {
			parts := make([]outcome.Contribution, peer+1)
			parts[peer] = items("bad")
			n.agree(parts...)
		}),
		"f.Text (2)": by(func(n *node, peer messages.PeerID) {
			ahead(n, 0)
			other := n.keys.Certify(statement.Statement{Epoch: 7})
			n.tell(toconsensus.HeadersServed{Peer: peer, Next: 100, Proof: statement.Proof{
				Headers: make([]statement.Header, 3), Signature: other.Signature,
			}})
		}),
		"fault": by(func(n *node, peer messages.PeerID) {
			ahead(n, 50)
			n.tell(toconsensus.SnapshotServed{Peer: peer, Body: []byte("a state")})
		}),
	}, "p.fault", "p.note")
}
