package aba_test

import (
	"slices"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/messages"
	"minimint/messages/frames"
)

// The scripts show the rules; the tests here show clauses of them that no script
// needs.

// TestRestoreStandsWhereItWas: a member that had decided follows others from the
// last round that its journal speaks about.
func TestRestoreStandsWhereItWas(t *testing.T) {
	for name, c := range map[string]struct {
		journal []frames.Statement
		round   uint32
	}{
		"decided by TERM alone": {[]frames.Statement{frames.Term{Proposer: subject}}, 0},
		"in round 0":            {[]frames.Statement{frames.Input{Proposer: subject}, frames.Term{Proposer: subject}}, 0},
		"in round 2":            {[]frames.Statement{frames.BVal{Proposer: subject, Round: 2}, frames.Term{Proposer: subject}}, 2},
	} {
		net := newNetwork(setup{n: 4, faulty: 3})
		net.perform(0, net.nodes[0].Restore(c.journal))
		if got := net.nodes[0].Round(); got != c.round {
			t.Errorf("%s: round %d", name, got)
		}
		net.hand(1, 0, frames.BVal{Proposer: subject, Round: c.round + aba.Window, Bit: true})
		net.hand(1, 0, frames.BVal{Proposer: subject, Round: c.round + aba.Window + 1, Bit: true})
		if rounds, _, _ := net.nodes[0].Held(); rounds != int(c.round)+aba.Window+1 {
			t.Errorf("%s: %d rounds are kept", name, rounds)
		}
	}
}

// TestRestoreGoesOn: where no member may be faulty, what a member said itself is
// enough to go on after a restart, before it hears anything.
func TestRestoreGoesOn(t *testing.T) {
	net := newNetwork(setup{n: 3, faulty: 2})
	step := net.nodes[0].Restore([]frames.Statement{frames.Input{Proposer: subject, Bit: true}})
	if len(step.Say) != 1 || step.Say[0].Statement != (frames.Aux{Proposer: subject, Bit: true}) {
		t.Errorf("says %v", step.Say)
	}
	net = newNetwork(setup{n: 1})
	step = net.nodes[0].Restore([]frames.Statement{frames.Input{Proposer: subject, Bit: true}})
	if !slices.Equal(step.Outputs, []bool{true}) {
		t.Errorf("alone: puts out %v", step.Outputs)
	}
}

// TestRestoreIsFirst: a journal comes before anything else, and once.
func TestRestoreIsFirst(t *testing.T) {
	for name, before := range map[string]func(a *aba.Agreement){
		"heard":    func(a *aba.Agreement) { a.Handle(1, frames.Term{Proposer: subject}) },
		"put in":   func(a *aba.Agreement) { a.Input(true) },
		"restored": func(a *aba.Agreement) { a.Restore(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			node := newNetwork(setup{n: 4, faulty: 3}).nodes[0]
			before(node)
			mustPanic(t, func() { node.Restore(nil) })
		})
	}
}

// TestFollowsTheNearest: a member that decided moves to the highest round that f+1
// peers have reached, and not further, in whatever order it hears of them.
func TestFollowsTheNearest(t *testing.T) {
	for _, rounds := range [][]uint32{{5, 12, 9, 7}, {12, 9, 7, 5}, {7, 5, 9, 12}, {9, 12, 5, 7}} {
		net := newNetwork(setup{n: 10, faulty: 9})
		for from := range messages.PeerID(4) {
			net.hand(from+1, 0, frames.Term{Proposer: subject, Bit: true})
		}
		for i, round := range rounds {
			net.hand(messages.PeerID(i)+5, 0, frames.BVal{Proposer: subject, Round: round})
		}
		if got := net.nodes[0].Round(); got != 5 { // four peers, the last of them in 5
			t.Errorf("heard of %v: in round %d", rounds, got)
		}
		net.hand(9, 0, frames.BVal{Proposer: subject, Round: 16})
		if got := net.nodes[0].Round(); got != 7 {
			t.Errorf("heard of %v and 16: in round %d", rounds, got)
		}
	}
}
