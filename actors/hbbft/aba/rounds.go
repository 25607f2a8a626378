package aba

import (
	"minimint/actors/hbbft/protocol"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// fixedCoin returns the coin of round q if it needs no shares.
func (c *Config) fixedCoin(q uint32) (coin, fixed bool) {
	switch q % 3 {
	case 0:
		return !c.Absent, true
	case 1:
		return c.Absent, true
	default:
		return false, false
	}
}

// react does what a new statement asks for.
func (a *Agreement) react(statement frames.Statement) {
	switch s := statement.(type) {
	case frames.Input:
		a.relay(0)
	case frames.BVal:
		a.relay(s.Round)
	case frames.Term:
		// It may decide, and then no BVAL for the same bit is due. It counts as
		// BVAL in every round; one that is not there yet has no other BVAL, and
		// in it F TERM alone do nothing.
		a.progress()
		for q := range a.votes.rounds {
			a.relay(uint32(q))
		}
	default: // the others ask for nothing of their own
	}
	a.progress()
}

// relay does in round q what BVAL asks for, however we stand to that round: it
// answers F+1 members with our own BVAL, and lets 2F+1 put a bit into bin.
// A bit that we said TERM for needs no BVAL: the TERM is one.
func (a *Agreement) relay(q uint32) {
	rd := a.votes.at(q)
	terms := a.without.standing(*a.votes.terms)
	for b, bit := range bothBits {
		behind := rd.bval[b].or(terms[b])
		if behind.count() >= a.cfg.Quorum.Some() && !behind.has(a.cfg.Self) && a.without.relay(a, q) {
			a.say(frames.BVal{Proposer: a.cfg.Proposer, Round: q, Bit: bit})
			behind.add(a.cfg.Self)
		}
		if behind.count() >= a.cfg.Quorum.Strong() && !rd.bin.Has(bit) {
			if rd.bin == 0 {
				rd.first = bit
			}
			rd.bin |= frames.SetOf(bit)
		}
	}
}

// progress decides, or goes through rounds, for as long as what was heard
// allows. A member that decided votes no more: its TERM does.
func (a *Agreement) progress() {
	for !a.decided {
		if bit, ok := a.settled(); ok {
			a.decide(bit)
			return
		}
		cand, coin, ok := a.result(a.votes.at(a.round))
		if !ok {
			return
		}
		a.leave(cand, coin)
	}
}

// result says what the current round asks for, and returns its candidates and
// its coin when both are known.
func (a *Agreement) result(rd *round) (cand frames.BitSet, coin, ok bool) {
	if rd.bin == 0 {
		return 0, false, false
	}
	if rd.aux.of(a.cfg.Self) == 0 {
		a.say(frames.Aux{Proposer: a.cfg.Proposer, Round: a.round, Bit: rd.first})
	}
	terms := a.without.standing(*a.votes.terms)
	if coin, fixed := a.cfg.fixedCoin(a.round); fixed {
		vals := rd.within(*rd.aux, terms, a.enough())
		return vals, coin, vals != 0
	}
	if rd.conf.of(a.cfg.Self) == 0 {
		vals := rd.within(*rd.aux, terms, a.enough())
		if vals == 0 {
			return 0, false, false
		}
		a.say(frames.Conf{Proposer: a.cfg.Proposer, Round: a.round, Bits: vals})
	}
	// The union of CONF, and not our own vals: who learns the coin from a faster
	// member could still steer a late one's vals to the other bit, in every
	// round again. Fixed once, before our share of the coin goes out.
	if rd.cand == 0 {
		rd.cand = rd.within(rd.conf, terms, a.enough())
		if rd.cand != 0 && a.without.confUnion {
			rd.cand = rd.conf.of(a.cfg.Self)
		}
	}
	if rd.cand == 0 {
		return 0, false, false
	}
	coin, ok = a.toss(rd)
	return rd.cand, coin, ok
}

// enough is how many members' AUX or CONF are waited for.
func (a *Agreement) enough() int {
	if mutant.Removed(mutant.VotesOfLive) {
		return a.cfg.Quorum.Some()
	}
	return a.cfg.Quorum.Live()
}

// toss releases our share of the coin, which only a member with fixed
// candidates may do, and returns the coin if F+1 shares give it. Shares are
// combined first; only where that fails does Combine look for liars.
func (a *Agreement) toss(rd *round) (coin, ok bool) {
	if rd.shareOf(a.cfg.Self) == nil {
		a.say(frames.CoinShare{Proposer: a.cfg.Proposer, Round: a.round, Share: a.cfg.Coin.Share(a.round)})
	}
	var held []IndexedShare
	for i, share := range rd.shares {
		if peer := messages.PeerID(i); share != nil && (a.cfg.Distrusted == nil || !a.cfg.Distrusted(peer)) {
			held = append(held, IndexedShare{Peer: peer, Share: share})
		}
	}
	if len(held) < a.cfg.Quorum.Some() {
		return false, false
	}
	coin, liars, ok := a.cfg.Coin.Combine(a.round, held)
	for _, liar := range liars {
		if liar == a.cfg.Self {
			panic("aba: our own coin share is invalid")
		}
		a.blame(liar, protocol.BadCoinShare,
			frames.CoinShare{Proposer: a.cfg.Proposer, Round: a.round, Share: rd.shares[liar]})
		rd.liars.add(liar)
		rd.shares[liar] = nil
	}
	return coin, ok
}

// leave ends the current round: it decides, or enters the next one.
func (a *Agreement) leave(cand frames.BitSet, coin bool) {
	if cand == frames.SetOf(coin) {
		a.decide(coin)
		return
	}
	estimate := coin
	if cand != hasBoth {
		estimate = !coin
	}
	a.votes.at(a.round).shares = nil
	a.round++
	if next := a.votes.at(a.round); !next.bval.of(a.cfg.Self).Has(estimate) {
		a.say(frames.BVal{Proposer: a.cfg.Proposer, Round: a.round, Bit: estimate})
	}
	a.relay(a.round)
}

// decide outputs bit, and says so unless the journal shows that we did.
func (a *Agreement) decide(bit bool) {
	a.decided, a.decision = true, bit
	a.step.Outputs = append(a.step.Outputs, bit)
	if a.votes.terms.of(a.cfg.Self) == 0 {
		a.say(frames.Term{Proposer: a.cfg.Proposer, Bit: bit})
	}
	for _, rd := range a.votes.rounds {
		rd.shares = nil
	}
	a.follow()
}

// follow moves the window of a member that decided, which takes part in no
// round: to the highest round that F+1 peers have spoken about, since a correct
// one is among them and may need our relay. It ends with 2F+1 TERM: F+1 of
// these are from correct members and decide for everybody.
func (a *Agreement) follow() {
	if a.without.aheadRelay {
		return
	}
	if a.decided && a.votes.terms[index(a.decision)].count() < a.cfg.Quorum.Strong() {
		a.round = a.horizon.reached(a.round, a.cfg.Quorum.Some())
	}
}

// say makes a statement to everybody, ourselves included.
func (a *Agreement) say(statement frames.Statement) {
	a.votes.record(a.cfg.Self, statement)
	a.step.Say = append(a.step.Say, protocol.Everybody(statement))
}
