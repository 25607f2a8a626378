package aba_test

import (
	"fmt"
	"testing"

	"minimint/messages"
	"minimint/messages/frames"
)

// TestLacks: at every phase of a round with a real coin, an agreement names what it waits
// for and who may bring it.
func TestLacks(t *testing.T) {
	net := newNetwork(setup{n: 4, faulty: 3})
	a := net.nodes[0]
	expect := func(want string) {
		t.Helper()
		if got := fmt.Sprint(a.Lacks()); got != want {
			t.Errorf("lacks %s, want %s", got, want)
		}
	}
	expect("[]") // it waits for its input, which is not its business
	a.Input(true)
	for round := range uint32(3) {
		expect("[vote of 2 of the members 1, 2 and 3]")
		for from := messages.PeerID(1); from <= 3; from++ {
			for _, bit := range []bool{false, true} {
				net.hand(from, 0, frames.BVal{Proposer: subject, Round: round, Bit: bit})
			}
		}
		expect("[aux of 2 of the members 1, 2 and 3]")
		net.hand(1, 0, frames.Aux{Proposer: subject, Round: round})
		expect("[aux of 1 of the members 2 and 3]")
		net.hand(2, 0, frames.Aux{Proposer: subject, Round: round, Bit: true})
	}
	expect("[conf of 2 of the members 1, 2 and 3]")
	net.hand(3, 0, frames.Term{Proposer: subject, Bit: true}) // stands for its vote
	expect("[conf of 1 of the members 1 and 2]")
	net.hand(2, 0, frames.Conf{Proposer: subject, Round: 2, Bits: 3})
	expect("[coin share of 1 of the members 1, 2 and 3]")
	net.hand(2, 0, frames.Term{Proposer: subject, Bit: true})
	expect("[]") // decided
}
