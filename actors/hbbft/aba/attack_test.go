package aba_test

import (
	"slices"
	"testing"

	"minimint/messages"
	"minimint/messages/frames"
)

// The members of the split: A and B are kept on one side and C on the other by
// D, which also chooses when what arrives.
const (
	memberA messages.PeerID = iota
	memberB
	memberC
	memberD
)

// split keeps a federation of four undecided, round after round, for as long as
// candidates are a member's own AUX: A and B collect {0,1} and so take the coin
// s, while C, which is late, is then shown AUX of 1-s only. It loses nothing:
// at the end of a round all that was said in it has arrived everywhere.
type split struct{ *network }

// bitOf returns the bit of a BVAL (or INPUT) or of an AUX of a round.
func bitOf(statement frames.Statement, round uint32) (kind string, bit, ok bool) {
	switch s := statement.(type) {
	case frames.Input:
		return "bval", s.Bit, round == 0
	case frames.BVal:
		return "bval", s.Bit, s.Round == round
	case frames.Aux:
		return "aux", s.Bit, s.Round == round
	default:
		return "", false, false
	}
}

// pass delivers what lies on a link of one kind, round and bit.
func (net split) pass(from, to messages.PeerID, kind string, round uint32, bit bool) {
	net.deliverIf(func(p packet) bool {
		k, b, ok := bitOf(p.statement, round)
		return p.from == from && p.to == to && ok && k == kind && b == bit
	})
}

// both delivers what lies on a link of one kind and round.
func (net split) both(from, to messages.PeerID, kind string, round uint32) {
	net.pass(from, to, kind, round, false)
	net.pass(from, to, kind, round, true)
}

func (net split) bval(to messages.PeerID, round uint32, bit bool) {
	net.hand(memberD, to, frames.BVal{Proposer: subject, Round: round, Bit: bit})
}

func (net split) aux(to messages.PeerID, round uint32, bit bool) {
	net.hand(memberD, to, frames.Aux{Proposer: subject, Round: round, Bit: bit})
}

// play runs one round, in which A and B estimate v and C the other bit, and
// returns the coin.
func (net split) play(round uint32, v bool) (coin bool) {
	w := !v
	// A says AUX(w), B says AUX(v).
	net.bval(memberA, round, w)
	net.pass(memberC, memberA, "bval", round, w)
	net.bval(memberB, round, v)
	net.pass(memberA, memberB, "bval", round, v)
	// Both see everything, and so have {0,1}.
	for range 2 { // the second time for what the first made them relay
		for _, to := range []messages.PeerID{memberA, memberB} {
			net.both(memberA+memberB-to, to, "bval", round)
			net.both(memberC, to, "bval", round)
			net.bval(to, round, v)
			net.bval(to, round, w)
		}
	}
	net.both(memberA, memberB, "aux", round)
	net.both(memberB, memberA, "aux", round)
	net.aux(memberA, round, w)
	net.aux(memberB, round, v)
	if round%3 == 2 {
		// A and B release their shares, and now D knows the coin.
		for _, to := range []messages.PeerID{memberA, memberB} {
			net.hand(memberD, to, frames.Conf{Proposer: subject, Round: round, Bits: 3})
			net.deliverIf(func(p packet) bool {
				c, ok := p.statement.(frames.Conf)
				return ok && c.Round == round && p.from == memberA+memberB-to && p.to == to
			})
		}
		if !slices.ContainsFunc(net.said[memberA], func(s frames.Statement) bool {
			share, ok := s.(frames.CoinShare)
			return ok && share.Round == round
		}) {
			net.broken = append(net.broken, "D cannot know the coin: A did not release its share")
		}
		coin = coinBit(net.seed, round)
	} else {
		coin = round%3 == 0
	}
	// C is shown the other bit only.
	net.pass(memberA, memberC, "bval", round, !coin)
	net.pass(memberB, memberC, "bval", round, !coin)
	net.bval(memberC, round, !coin)
	net.pass(memberA, memberC, "aux", round, !coin)
	net.pass(memberB, memberC, "aux", round, !coin)
	net.aux(memberC, round, !coin)
	net.finish(round)
	return coin
}

// finish delivers everything that belongs to the round.
func (net split) finish(round uint32) {
	net.deliverIf(func(p packet) bool {
		switch s := p.statement.(type) {
		case frames.Input:
			return true
		case frames.BVal:
			return s.Round <= round
		case frames.Aux:
			return s.Round <= round
		case frames.Conf:
			return s.Round <= round
		case frames.CoinShare:
			return s.Round <= round
		default:
			return true
		}
	})
}

// TestB1SplitByKnownCoin plays the attack for thirty real coins. Without the
// union of CONF nobody ever decides and nobody is blamed. With it the first
// real coin ends the split. Random schedules do not find this.
func TestB1SplitByKnownCoin(t *testing.T) {
	for seed := range uint64(8) {
		broken := split{newNetwork(setup{n: 4, faulty: 1, seed: seed, without: []string{"conf-union"}})}
		rounds := broken.attack(90)
		if rounds != 90 || len(broken.faults) > 0 || len(broken.broken) > 0 {
			t.Errorf("seed %d, without the union of CONF: decided in round %d, faults %v, %v",
				seed, rounds, broken.faults, broken.broken)
		}
		whole := split{newNetwork(setup{n: 4, faulty: 1, seed: seed})}
		if rounds := whole.attack(90); rounds > 5 {
			t.Errorf("seed %d: no decision after %d rounds", seed, rounds)
		}
		whole.settle()
		if why := whole.disagreement(); why != "" {
			t.Errorf("seed %d: %s", seed, why)
		}
		for _, i := range whole.honest() {
			if _, shares, _ := whole.nodes[i].Held(); shares > 0 {
				t.Errorf("seed %d: %d decided and keeps %d shares", seed, i, shares)
			}
		}
	}
}

// attack plays up to limit rounds and returns how many passed without a decision.
func (net split) attack(limit uint32) uint32 {
	v := false
	net.input(memberA, v)
	net.input(memberB, v)
	net.input(memberC, !v)
	for round := range limit {
		for _, i := range net.honest() {
			if _, decided := net.nodes[i].Decision(); decided {
				return round
			}
		}
		v = net.play(round, v)
	}
	return limit
}
