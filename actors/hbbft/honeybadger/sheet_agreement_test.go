package honeybadger_test

import (
	"math"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/messages"
	"minimint/messages/frames"
)

// subject is the proposer that scenes of agreement are about.
const subject messages.PeerID = 1

func input(bit bool) frames.Input { return frames.Input{Proposer: subject, Bit: bit} }
func bval(round uint32, bit bool) frames.BVal {
	return frames.BVal{Proposer: subject, Round: round, Bit: bit}
}

func aux(round uint32, bit bool) frames.Aux {
	return frames.Aux{Proposer: subject, Round: round, Bit: bit}
}

func conf(round uint32, bits frames.BitSet) frames.Conf {
	return frames.Conf{Proposer: subject, Round: round, Bits: bits}
}
func term(bit bool) frames.Term { return frames.Term{Proposer: subject, Bit: bit} }

func (s *stage) share(of messages.PeerID, round uint32) frames.CoinShare {
	return frames.CoinShare{Proposer: subject, Round: round, Share: s.coinShare(of, subject, round)}
}

// wrong is a well-formed coin share that is not the right one.
func (s *stage) wrong(of messages.PeerID, round uint32) frames.CoinShare {
	share := s.share(of, round)
	share.Share = append([]byte{share.Share[0] + 1}, share.Share[1:]...)
	s.name(share.Share, 16, "wrong")
	return share
}

// coinShare is the right share of a member of the coin about j.
func (s *stage) coinShare(of, j messages.PeerID, round uint32) []byte {
	share := hbbfttest.Coin{Member: of, Slot: s.slot(s.epoch, j)}.Share(round)
	s.name(share, 16, "coin of "+of.String())
	return share
}

// coin is how the coin of a round falls.
func (s *stage) coin(round uint32) bool {
	bit, _, _ := hbbfttest.Coin{Slot: s.slot(s.epoch, subject)}.Combine(round, nil)
	return bit
}

// reach takes the agreement to a round, undecided, by votes of the correct
// members that go against the fixed coins.
func (s *stage) reach(round uint32) {
	s.open()
	for r := range round {
		against := r%3 == 1
		s.hear(correct, bval(r, against), aux(r, against))
	}
}

// toss takes the agreement to the real coin of round 2, and everybody's
// candidates to what the coin will show, or to both bits.
func (s *stage) toss(bits frames.BitSet) {
	s.reach(2)
	s.hear(correct, bval(2, s.coin(2)))
	if bits == 3 {
		s.hear(correct, bval(2, !s.coin(2)))
	}
	s.hear(correct, aux(2, s.coin(2)), conf(2, bits))
}

// sheetOfAgreement are the entries about binary agreement.
var sheetOfAgreement = []scene{
	{"BVal/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, bval(0, true), bval(1, true))
		s.expect(nothing, liar, bval(0, true))
		s.expect(nothing, liar, bval(1, true))
	}},
	{"BVal/dropped but noted/beyond the window", func(s *stage) {
		s.open()
		s.expect(kept, liar, bval(aba.Window+1, true))
		s.expect(nothing, liar, bval(aba.Window+1, false))
		s.expect(kept, liar, bval(aba.Rounds-1, true)) // that it is so far ahead
		s.hear(correct, bval(0, false))
		s.hear([]messages.PeerID{1}, aux(0, false))
		s.expect("says BVal(1, r1, false); asks 3 to repeat", 2, aux(0, false))
		s.expect(kept, liar, bval(aba.Window+1, true))
	}},
	{"BVal/blamed/a round that no agreement reaches", func(s *stage) {
		s.open()
		s.expect("blames 3 for malformed of 2/1 by [BVal(1, r1024, true)]", liar, bval(aba.Rounds, true))
		s.expect(nothing, liar, bval(math.MaxUint32, true))
	}},
	{"BVal/counts/both bits of a round", func(s *stage) {
		s.open()
		s.expect(kept, liar, bval(0, true))
		s.expect(kept, liar, bval(0, false))
	}},
	{"BVal/counts/f+1 are answered, and 2f+1 bring AUX", func(s *stage) {
		s.open()
		s.expect(kept, 1, bval(0, true))
		s.expect("says BVal(1, r0, true); says Aux(1, r0, true)", 2, bval(0, true))
		s.expect(kept, 1, bval(0, false))
		s.expect("says BVal(1, r0, false)", 2, bval(0, false)) // no second AUX
	}},
	{"BVal/counts/f+1 in a round that was left", func(s *stage) {
		s.reach(2)
		s.expect(kept, 1, bval(0, true))
		s.expect("says BVal(1, r0, true)", 2, bval(0, true))
	}},
	{"BVal/counts/f+1 in a round that is not reached", func(s *stage) {
		s.open()
		s.expect(kept, 1, bval(aba.Window, true))
		s.expect("says BVal(1, r16, true)", 2, bval(aba.Window, true))
	}},
	{"BVal/counts/f+1 after the decision", func(s *stage) {
		s.open()
		s.hear(correct, term(true))
		s.expect(kept, liar, bval(0, false))
		s.expect("says BVal(1, r0, false)", 2, bval(0, false))
	}},
	{"Input/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, input(true))
		s.expect(nothing, liar, input(true))
		s.expect(nothing, liar, bval(0, true)) // it was one
	}},
	{"Input/blamed/a second bit", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, input(true))
		s.expect("blames 3 for two-inputs of 2/1 by [Input(1, true), Input(1, false)]", liar, input(false))
		s.expect(nothing, liar, input(false)) // once
		s.expect(kept, 2, input(false))       // and the second one did not count
	}},
	{"Input/counts/all N decide", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{1}, s.value(subject, "a"), s.ready(subject, "a"))
		s.hear([]messages.PeerID{2}, s.ready(subject, "a"))
		s.hear(correct, input(true))
		s.expect("says Term(1, true)", liar, input(true))
	}},
	{"Input/counts/as BVAL of round 0", func(s *stage) {
		s.open()
		s.expect(kept, 1, input(false))
		s.expect("says BVal(1, r0, false); says Aux(1, r0, false)", 2, input(false))
	}},
	{"Aux/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, aux(0, true))
		s.expect(nothing, liar, aux(0, true))
	}},
	{"Aux/blamed/a second bit", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, aux(3, true))
		s.expect("blames 3 for two-aux of 2/1 by [Aux(1, r3, true), Aux(1, r3, false)]", liar, aux(3, false))
		s.expect(nothing, liar, aux(3, false)) // once
	}},
	{"Aux/counts/n−f within bin end the round", func(s *stage) {
		s.open()
		s.hear(correct, bval(0, false))
		s.expect(kept, liar, aux(0, true)) // not in bin: does not count
		s.expect(kept, 1, aux(0, false))
		s.expect("says BVal(1, r1, false)", 2, aux(0, false))
	}},
	{"Aux/counts/when its bit joins bin", func(s *stage) {
		s.open()
		s.hear(correct, bval(0, false))
		s.hear([]messages.PeerID{liar}, aux(0, true))
		s.hear([]messages.PeerID{1}, aux(0, false), bval(0, true))
		s.expect("says BVal(1, r0, true); says BVal(1, r1, true)", 2, bval(0, true)) // {0,1}, and the coin is 1
	}},
	{"Conf/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, conf(2, 3))
		s.expect(nothing, liar, conf(2, 3))
	}},
	{"Conf/blamed/a second set", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, conf(2, 1))
		s.expect("blames 3 for two-conf of 2/1 by [Conf(1, r2, 1), Conf(1, r2, 3)]", liar, conf(2, 3))
		s.expect(nothing, liar, conf(2, 2)) // once
	}},
	{"Conf/blamed/an empty set", func(s *stage) {
		s.open()
		s.expectBare("blames 3 for empty-conf of 2/1 by [Conf(1, r2, 0)]", liar, conf(2, 0))
	}},
	{"Conf/blamed/in a round with a fixed coin", func(s *stage) {
		s.open()
		s.expect("blames 3 for malformed of 2/1 by [Conf(1, r1, 1)]", liar, conf(1, 1))
	}},
	{"Conf/blamed/a set of more than bits", func(s *stage) {
		s.open()
		s.expectBare("blames 3 for malformed of 2/1 by [Conf(1, r2, 4)]", liar, conf(2, 4))
	}},
	{"Conf/counts/n−f within bin release the coin share", func(s *stage) {
		s.reach(2)
		s.hear(correct, bval(2, false), aux(2, false))
		s.expect(kept, liar, conf(2, 3)) // not within bin: does not count
		s.expect(kept, 1, conf(2, 1))
		s.coinShare(0, subject, 2)
		s.expect("says CoinShare(1, r2, coin of 0)", 2, conf(2, 1))
	}},
	{"Term/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, term(true))
		s.expect(nothing, liar, term(true))
	}},
	{"Term/blamed/a second bit", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, term(true))
		s.expect("blames 3 for two-terms of 2/1 by [Term(1, true), Term(1, false)]", liar, term(false))
		s.expect(nothing, liar, term(false)) // once
		s.expect(kept, 2, term(false))       // and the second one did not count
	}},
	{"Term/counts/f+1 decide", func(s *stage) {
		s.reach(2)
		s.expect(kept, 1, term(true))
		s.expect("says Term(1, true)", liar, term(true))
	}},
	{"Term/counts/for BVAL and AUX of every round", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, term(false))
		s.expect("says BVal(1, r0, false); says Aux(1, r0, false)", 1, bval(0, false))
		s.expect("says BVal(1, r1, false)", 1, aux(0, false))
	}},
	{"coin share/dropped/a repeat", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.share(liar, 2))
		s.expect(nothing, liar, s.share(liar, 2))
	}},
	{"coin share/dropped/the coin is known", func(s *stage) {
		s.toss(3)
		s.hear([]messages.PeerID{1}, s.share(1, 2))
		s.expect(nothing, liar, s.share(liar, 2))
		s.expect(nothing, 1, s.wrong(1, 2))
	}},
	{"coin share/dropped/after the decision", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.share(liar, 2))
		s.hear(correct, term(true))
		s.expect(nothing, liar, s.share(liar, 2))
		s.expect(nothing, liar, s.share(liar, 5))
	}},
	{"coin share/dropped/the second try of a liar", func(s *stage) {
		s.toss(3)
		s.hear([]messages.PeerID{liar}, s.wrong(liar, 2))
		s.expect(nothing, liar, s.share(liar, 2))
		s.expect(nothing, liar, s.wrong(liar, 2))
	}},
	{"coin share/dropped but noted/more than two coins ahead", func(s *stage) {
		s.open()
		s.expect(kept, liar, s.share(liar, 2))
		s.expect(kept, liar, s.share(liar, 5))
		s.expect(kept, liar, s.share(liar, 8))
		s.expect(nothing, liar, s.wrong(liar, 8)) // it holds nothing
	}},
	{"coin share/blamed/other bytes", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.share(liar, 2))
		s.expect("blames 3 for two-coin-shares of 2/1 by [CoinShare(1, r2, coin of 3), CoinShare(1, r2, wrong)]", liar, s.wrong(liar, 2))
		s.expect(nothing, liar, s.wrong(liar, 2)) // once
	}},
	{"coin share/blamed/of another length", func(s *stage) {
		s.open()
		s.expect("blames 3 for bad-coin-share of 2/1 by [CoinShare(1, r2, 01)]", liar, frames.CoinShare{Proposer: subject, Round: 2, Share: []byte{1}})
	}},
	{"coin share/blamed/in a round with a fixed coin", func(s *stage) {
		s.open()
		s.expect("blames 3 for unexpected-share of 2/1 by [CoinShare(1, r3, coin of 3)]", liar, s.share(liar, 3))
	}},
	{"coin share/blamed/proven invalid", func(s *stage) {
		s.toss(3)
		s.expect("blames 3 for bad-coin-share of 2/1 by [CoinShare(1, r2, wrong)]", liar, s.wrong(liar, 2))
	}},
	{"coin share/blamed/of another slot", func(s *stage) {
		s.toss(3)
		share := frames.CoinShare{Proposer: subject, Round: 2, Share: s.coinShare(liar, 2, 2)}
		s.expect("blames 3 for bad-coin-share of 2/1 by [CoinShare(1, r2, coin of 3)]", liar, share)
	}},
	{"coin share/kept and not used/of one that gave a wrong one", func(s *stage) {
		s.toss(3)
		s.hear([]messages.PeerID{liar}, s.wrong(liar, 2))
		s.expect(kept, liar, frames.CoinShare{Proposer: 2, Round: 2, Share: s.coinShare(liar, 2, 2)})
		for round, bit := range []bool{false, true, s.coin(2)} {
			s.hear(correct, frames.BVal{Proposer: 2, Round: uint32(round), Bit: bit}, frames.Aux{Proposer: 2, Round: uint32(round), Bit: bit})
		}
		s.hear([]messages.PeerID{1}, frames.Conf{Proposer: 2, Round: 2, Bits: frames.SetOf(s.coin(2))})
		s.coinShare(0, 2, 2)
		s.expect("says CoinShare(2, r2, coin of 0)", 2, frames.Conf{Proposer: 2, Round: 2, Bits: frames.SetOf(s.coin(2))})
	}},
	{"coin share/counts/f+1 end the round", func(s *stage) {
		s.toss(frames.SetOf(s.coin(2)))
		s.expect("says "+s.textOf(term(s.coin(2))), liar, s.share(liar, 2))
	}},
	{"coin share/counts/before our candidates are fixed, and is not used", func(s *stage) {
		s.reach(2)
		s.hear(correct, bval(2, s.coin(2)), bval(2, !s.coin(2)), aux(2, s.coin(2)))
		s.expect(kept, liar, s.share(liar, 2))
		s.expect(kept, 2, s.share(2, 2)) // f+1 shares: others know the coin by now
		s.hear([]messages.PeerID{1}, conf(2, 3))
		s.coinShare(0, subject, 2)
		s.expect("says CoinShare(1, r2, coin of 0); "+"says "+s.textOf(bval(3, s.coin(2))), 2, conf(2, 3))
	}},
}
