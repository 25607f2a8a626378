package aba_test

import (
	"slices"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// The tests here, and TestB1SplitByKnownCoin, are named after the list of what
// stopped or filled other implementations; the DESIGN.md above has the list.

// TestB2StuckInTwoRounds: D says BVAL(1) to B and AUX(0) to A and falls silent,
// and everything between A, B and C arrives. Without relaying in rounds that
// were left, A and B wait in round 1 for C, and C waits in round 0, for ever.
func TestB2StuckInTwoRounds(t *testing.T) {
	run := func(without ...string) *network {
		net := newNetwork(setup{n: 4, faulty: 1, without: without})
		s := split{net}
		net.input(memberA, false)
		net.input(memberB, false)
		net.input(memberC, true)
		s.pass(memberC, memberB, "bval", 0, true)
		s.bval(memberB, 0, true)
		s.pass(memberA, memberC, "bval", 0, false)
		s.pass(memberB, memberC, "bval", 0, false)
		s.pass(memberB, memberA, "bval", 0, false)
		s.pass(memberC, memberA, "bval", 0, false)
		s.pass(memberC, memberA, "aux", 0, false)
		s.aux(memberA, 0, false)
		s.pass(memberA, memberB, "bval", 0, false)
		s.pass(memberC, memberB, "bval", 0, false)
		s.pass(memberA, memberB, "aux", 0, false)
		s.pass(memberC, memberB, "aux", 0, false)
		for i, want := range []uint32{1, 1, 0} {
			if got := net.nodes[i].Round(); got != want {
				t.Fatalf("member %d is in round %d, the schedule wants %d", i, got, want)
			}
		}
		net.settle()
		return net
	}
	if net := run("past-relay"); net.disagreement() == "" || len(net.faults) > 0 || net.nodes[memberC].Round() != 0 {
		t.Errorf("without the rule: %v, faults %v", net.nodes, net.faults)
	}
	if why := run().disagreement(); why != "" {
		t.Error(why)
	}
}

// TestC1AuxOfOneSenderCountsOnce: n−f AUX are of n−f members, not two of one.
func TestC1AuxOfOneSenderCountsOnce(t *testing.T) {
	net := newNetwork(setup{n: 4, faulty: 3})
	for _, bit := range bothBits {
		for from := range messages.PeerID(2) {
			net.hand(from+1, 0, frames.BVal{Proposer: subject, Bit: bit})
		}
	}
	net.hand(1, 0, frames.Aux{Proposer: subject, Bit: false})
	net.hand(1, 0, frames.Aux{Proposer: subject, Bit: true})
	if round := net.nodes[0].Round(); round != 0 {
		t.Errorf("AUX of two members end the round")
	}
	net.hand(2, 0, frames.Aux{Proposer: subject, Bit: true})
	if round := net.nodes[0].Round(); round != 1 {
		t.Errorf("AUX of three members do not end the round")
	}
}

var bothBits = [2]bool{false, true}

// TestC2FirstConfStands: a second CONF does not replace the first, and a second
// coin share is called what it is, in rounds to come too.
func TestC2FirstConfStands(t *testing.T) {
	for _, round := range []uint32{2, 5, 14} {
		net := newNetwork(setup{n: 4, faulty: 3})
		net.hand(1, 0, frames.Conf{Proposer: subject, Round: round, Bits: 1})
		net.hand(1, 0, frames.Conf{Proposer: subject, Round: round, Bits: 2})
		net.hand(1, 0, frames.Conf{Proposer: subject, Round: round, Bits: 1})
		if round <= 5 {
			net.hand(1, 0, frames.CoinShare{Proposer: subject, Round: round, Share: coinShare(0, 1, round)})
			net.hand(1, 0, frames.CoinShare{Proposer: subject, Round: round, Share: coinShare(1, 1, round)})
		}
		var kinds []string
		for _, f := range net.faults {
			kinds = append(kinds, string(f.Kind))
		}
		want := []string{"two-conf"}
		if round <= 5 {
			want = append(want, "two-coin-shares")
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("round %d: faults %v, want %v", round, kinds, want)
		}
	}
}

// TestC2SecondConfChangesNothing: the candidates come of the first CONF of a sender,
// though it is blamed for the second one.
func TestC2SecondConfChangesNothing(t *testing.T) {
	seed := seedWith(2, true)
	net := newNetwork(setup{n: 4, faulty: 3, seed: seed})
	net.reachCoin(1, 2)
	for _, from := range []messages.PeerID{1, 2} { // now CONF of both bits count
		net.hand(from, 0, frames.BVal{Proposer: subject, Round: 2, Bit: true})
	}
	net.hand(1, 0, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(seed, 1, 2)})
	net.hand(1, 0, frames.Conf{Proposer: subject, Round: 2, Bits: 1})
	net.hand(1, 0, frames.Conf{Proposer: subject, Round: 2, Bits: 2})
	net.hand(2, 0, frames.Conf{Proposer: subject, Round: 2, Bits: 1})
	if said := net.said[0]; said[len(said)-1] != (frames.BVal{Proposer: subject, Round: 3}) {
		t.Errorf("three CONF of {0} come first, and then it says %+v", said[len(said)-1])
	}
}

// reachCoin has some members lead member 0 to the CONF {0} of round 2, the first one with
// a real coin, in which it waits for the CONF of others.
func (net *network) reachCoin(members ...messages.PeerID) {
	for round, bit := range []bool{false, true, false} {
		for _, from := range members {
			net.hand(from, 0, frames.BVal{Proposer: subject, Round: uint32(round), Bit: bit})
		}
		for _, from := range members {
			net.hand(from, 0, frames.Aux{Proposer: subject, Round: uint32(round), Bit: bit})
		}
	}
}

// TestC3FutureRounds: of a peer that runs ahead, the rounds of the window are
// kept and no more, and it is asked for the rest once we come near.
func TestC3FutureRounds(t *testing.T) {
	net := newNetwork(setup{n: 4, faulty: 3})
	for round := range uint32(1000) {
		net.hand(1, 0, frames.BVal{Proposer: subject, Round: round, Bit: true})
		tossed := round - round%3 + 2
		net.hand(1, 0, frames.Conf{Proposer: subject, Round: tossed, Bits: 3})
		net.hand(1, 0, frames.CoinShare{Proposer: subject, Round: tossed, Share: coinShare(0, 1, tossed)})
	}
	// The figures of the design, since a wider window would be the bug.
	if rounds, shares, _ := net.nodes[0].Held(); rounds > 17 || shares > 2 {
		t.Errorf("%d rounds and %d shares are kept", rounds, shares)
	}
	if len(net.faults) > 0 || !net.nodes[0].Ahead(1) {
		t.Errorf("faults %v, ahead %t", net.faults, net.nodes[0].Ahead(1))
	}
	for _, from := range []messages.PeerID{2, 3} {
		net.hand(from, 0, frames.BVal{Proposer: subject})
		net.hand(from, 0, frames.Aux{Proposer: subject})
	}
	if !slices.Equal(net.asked, []string{"0 asks 1"}) {
		t.Errorf("asked: %v", net.asked)
	}
}

// TestC4TermsCombine: TERM of members that decided in different rounds count
// together, wherever the receiver is.
func TestC4TermsCombine(t *testing.T) {
	net := newNetwork(setup{n: 7, faulty: 6})
	net.hand(1, 0, frames.BVal{Proposer: subject, Round: 12})
	net.hand(1, 0, frames.Term{Proposer: subject, Bit: true})
	net.hand(2, 0, frames.BVal{Proposer: subject, Round: 3})
	net.hand(2, 0, frames.Term{Proposer: subject, Bit: true})
	net.hand(3, 0, frames.Term{Proposer: subject, Bit: true})
	if bit, ok := net.nodes[0].Decision(); !bit || !ok {
		t.Errorf("%v", net.nodes[0])
	}
}

// TestC5LiarsAmongEnough: where enough right shares are there beside wrong ones,
// one combination finds the coin and the liars.
func TestC5LiarsAmongEnough(t *testing.T) {
	coin := &hashCoin{faulty: 1}
	net := newNetwork(setup{n: 4, faulty: 3, coin: func(messages.PeerID) aba.Coin { return coin }})
	net.hand(1, 0, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(7, 1, 2)})
	net.hand(2, 0, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(0, 2, 2)})
	net.reachCoin(1, 2)
	for _, from := range []messages.PeerID{1, 2} {
		net.hand(from, 0, frames.Conf{Proposer: subject, Round: 2, Bits: 1})
	}
	if _, decided := net.nodes[0].Decision(); coin.combined != 1 || len(net.faults) != 1 || !decided && net.nodes[0].Round() != 3 {
		t.Errorf("combined %d times, faults %v: %v", coin.combined, net.faults, net.nodes[0])
	}
}

// TestDistrusted: shares of a member that gave wrong ones elsewhere are not
// combined, right or wrong, and it is not blamed for them.
func TestDistrusted(t *testing.T) {
	coin := &hashCoin{faulty: 1}
	node := aba.New(aba.Config{
		Quorum: protocol.NewQuorum(4), Epoch: 7, Proposer: subject, Coin: coin,
		Distrusted: func(p messages.PeerID) bool { return p == 3 },
	})
	say := func(from messages.PeerID, st frames.Statement) protocol.Step[bool] { return node.Handle(from, st) }
	say(3, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(0, 3, 2)})
	for round, bit := range []bool{false, true, false} {
		for _, from := range []messages.PeerID{1, 2} {
			say(from, frames.BVal{Proposer: subject, Round: uint32(round), Bit: bit})
		}
		for _, from := range []messages.PeerID{1, 2} {
			say(from, frames.Aux{Proposer: subject, Round: uint32(round), Bit: bit})
		}
	}
	for _, from := range []messages.PeerID{1, 2} {
		say(from, frames.Conf{Proposer: subject, Round: 2, Bits: 1})
	}
	if coin.combined != 0 || node.Round() != 2 {
		t.Fatalf("combined %d times: %v", coin.combined, node)
	}
	step := say(1, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(0, 1, 2)})
	if coin.combined != 1 || len(step.Faults) > 0 || len(step.Say) != 1 {
		t.Errorf("combined %d times: %+v", coin.combined, step)
	}
}

// TestC5SharesAreCombinedOnce: a member that floods with shares of coins makes
// another combine once, and search for liars once.
func TestC5SharesAreCombinedOnce(t *testing.T) {
	coin := &hashCoin{faulty: 2}
	net := newNetwork(setup{n: 7, faulty: 6, coin: func(messages.PeerID) aba.Coin { return coin }})
	others := []messages.PeerID{1, 2, 3, 4}
	net.reachCoin(others...)
	for _, from := range others {
		net.hand(from, 0, frames.Conf{Proposer: subject, Round: 2, Bits: 1})
	}
	flood := func() {
		for i := range uint64(1000) {
			for _, from := range []messages.PeerID{5, 6} {
				net.hand(from, 0, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(1+i, from, 2)})
				net.hand(from, 0, frames.BVal{Proposer: subject, Bit: true})
			}
		}
	}
	flood()
	if coin.combined != 1 {
		t.Errorf("combined %d times for two liars and one right share", coin.combined)
	}
	net.hand(1, 0, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(0, 1, 2)})
	net.hand(2, 0, frames.CoinShare{Proposer: subject, Round: 2, Share: coinShare(0, 2, 2)})
	flood()
	if _, decided := net.nodes[0].Decision(); coin.combined != 2 || !decided && net.nodes[0].Round() == 2 {
		t.Errorf("combined %d times for one coin: %v", coin.combined, net.nodes[0])
	}
}
