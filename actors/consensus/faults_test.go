package consensus_test

import (
	"testing"

	"minimint/messages"
	"minimint/messages/faulttest"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
)

// TestEveryFault raises every fault of a member that the processor tells.
func TestEveryFault(t *testing.T) {
	by := func(of messages.PeerID, do func(n *node)) func(t *testing.T) string {
		return func(t *testing.T) string {
			n := started(t, 4)
			do(n)
			if len(n.faults) != 1 || n.faults[0] != of {
				t.Fatalf("faults of %v: %q", n.faults, n.texts)
			}
			n.alive()
			return n.texts[0]
		}
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"text": by(2, func(n *node) {
			n.tell(toconsensus.OutcomesServed{Peer: 2, Outcomes: []outcome.Outcome{made(0), made(2)}})
		}),
		"served a wrong outcome of epoch %d": by(3, func(n *node) {
			n.tell(toconsensus.OutcomesServed{Peer: 3, Outcomes: []outcome.Outcome{made(0, items("open"))}})
			n.tell(toconsensus.OutcomesServed{Peer: 1, Outcomes: []outcome.Outcome{made(0)}})
			n.tell(toconsensus.OutcomesServed{Peer: 2, Outcomes: []outcome.Outcome{made(0)}})
		}),
		"f.Text": by(1, func(n *node) { n.agree(outcome.Contribution{}, items("bad")) }),
	}, "p.fault")
}
