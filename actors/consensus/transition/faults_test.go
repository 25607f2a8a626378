package transition_test

import (
	"testing"

	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/faulttest"
	"minimint/messages/outcome"
)

// TestEveryFault raises every fault that the transition knows, by a contribution
// of one member, and sees it told of that member.
func TestEveryFault(t *testing.T) {
	contributes := func(c func(t *testing.T) []byte) func(t *testing.T) string {
		return func(t *testing.T) string {
			s := newStage()
			res := s.apply(t, outcome.Outcome{Contributions: []outcome.Member{{Peer: 2, Contribution: c(t)}}})
			if len(res.Faults) != 1 || res.Faults[0].Peer != 2 {
				t.Fatalf("faults %+v", res.Faults)
			}
			return res.Faults[0].Text
		}
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"contribution cannot be decoded: %v": contributes(func(*testing.T) []byte { return []byte("no contribution") }),
		"item for module %s, which does not exist": contributes(func(*testing.T) []byte {
			return items("nowhere", "put x", "put y").Encode()
		}),
		"%s: %s": contributes(func(*testing.T) []byte { return items("a", "blame x", "blame y").Encode() }),
		"transaction %s fails checks that need no state": contributes(func(t *testing.T) []byte {
			return txs(script(t, 0, "a: bad")).Encode()
		}),
	}, "faults.add")
}

// TestFaultsBeyondTheEighth: of a member's faults in an epoch eight are told, and
// how many more there were.
func TestFaultsBeyondTheEighth(t *testing.T) {
	s := newStage()
	var c outcome.Contribution
	for i := range 20 {
		c.Transactions = append(c.Transactions, script(t, messages.Amount(i), "a: bad"))
	}
	faults := s.run(t, c).Faults
	if len(faults) != 9 || faults[8] != (transition.Fault{Peer: 0, Text: "and 12 more"}) {
		t.Errorf("%+v", faults)
	}
}
