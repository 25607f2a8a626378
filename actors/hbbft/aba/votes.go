package aba

import (
	"slices"

	"minimint/actors/hbbft/protocol"
	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// votes is what everybody said, ourselves included: that we are among the
// senders is what "sent" means in the papers. Its size depends on the number
// of members and of rounds, and not on how much anybody says.
type votes struct {
	n      int
	rounds []*round // by number, as long as needed
	inputs *ballot
	terms  *ballot
	first  [2]*ballot // BVAL and AUX of round 0
}

// round is what was said about one round.
type round struct {
	bval *ballot // both bits of a member are legal
	aux  *ballot // one bit of a member
	conf ballot  // by element: who sent {0,1} is in both sets
	bin  frames.BitSet
	// first is the bit that joined bin first, where bin is not empty.
	first bool
	// cand is the union of CONF when N-F of them allowed it; 0 before that, and
	// always in rounds with a fixed coin.
	cand   frames.BitSet
	shares [][]byte // by member; nil while there are none, and when the coin is known
	liars  peers    // whose share was proven invalid
}

// at returns round q, which the caller has checked to be within the window or
// knows from our own statements.
func (v *votes) at(q uint32) *round {
	for uint64(len(v.rounds)) <= uint64(q) {
		rd := &round{bval: v.first[0], aux: v.first[1]}
		if len(v.rounds) > 0 {
			votes := new([2]ballot)
			rd.bval, rd.aux = &votes[0], &votes[1]
		}
		v.rounds = append(v.rounds, rd)
	}
	return v.rounds[q]
}

// prior returns what a member said in the place of this statement: nil if
// nothing, else the same or a statement that contradicts it.
func (v *votes) prior(from messages.PeerID, statement frames.Statement) frames.Statement {
	switch s := statement.(type) {
	case frames.Input:
		if bits := v.inputs.of(from); bits != 0 {
			return frames.Input{Proposer: s.Proposer, Bit: bits.Has(true)}
		}
	case frames.BVal:
		if v.at(s.Round).bval.of(from).Has(s.Bit) {
			return s
		}
	case frames.Aux:
		if bits := v.at(s.Round).aux.of(from); bits != 0 {
			return frames.Aux{Proposer: s.Proposer, Round: s.Round, Bit: bits.Has(true)}
		}
	case frames.Conf:
		if bits := v.at(s.Round).conf.of(from); bits != 0 {
			return frames.Conf{Proposer: s.Proposer, Round: s.Round, Bits: bits}
		}
	case frames.Term:
		if bits := v.terms.of(from); bits != 0 {
			return frames.Term{Proposer: s.Proposer, Bit: bits.Has(true)}
		}
	case frames.CoinShare:
		if share := v.at(s.Round).shareOf(from); share != nil {
			return frames.CoinShare{Proposer: s.Proposer, Round: s.Round, Share: share}
		}
	default: // not of this protocol
	}
	return nil
}

// same reports whether two statements of one kind in one place are equal.
func same(s, t frames.Statement) bool {
	share, ok := s.(frames.CoinShare)
	if !ok {
		return s == t
	}
	other, ok := t.(frames.CoinShare)
	return ok && slices.Equal(share.Share, other.Share)
}

// contradiction names the fault of saying this after something else.
func contradiction(statement frames.Statement) protocol.FaultKind {
	switch statement.(type) {
	case frames.Input:
		return protocol.TwoInputs
	case frames.Aux:
		return protocol.TwoAux
	case frames.Conf:
		return protocol.TwoConf
	case frames.Term:
		return protocol.TwoTerms
	default:
		return protocol.TwoCoinShares
	}
}

// record counts a statement for its sender. The caller has checked that it is
// in place and contradicts nothing.
func (v *votes) record(from messages.PeerID, statement frames.Statement) {
	switch s := statement.(type) {
	case frames.Input:
		v.inputs.add(from, frames.SetOf(s.Bit))
		v.at(0).bval.add(from, frames.SetOf(s.Bit))
	case frames.BVal:
		v.at(s.Round).bval.add(from, frames.SetOf(s.Bit))
	case frames.Aux:
		v.at(s.Round).aux.add(from, frames.SetOf(s.Bit))
	case frames.Conf:
		v.at(s.Round).conf.add(from, s.Bits)
	case frames.Term:
		v.terms.add(from, frames.SetOf(s.Bit))
	case frames.CoinShare:
		rd := v.at(s.Round)
		if rd.shares == nil {
			rd.shares = make([][]byte, v.n)
		}
		// A copy, since the share may lie in the bytes of a whole frame.
		rd.shares[from] = slices.Clone(s.Share)
	case frames.Value, frames.Echo, frames.Ready, frames.Pull, frames.DecryptionShare:
		panic("aba: recording a statement of another protocol")
	}
}

// settled returns a bit that is decided whatever happened in rounds: F+1 TERM,
// of which one is from a correct member, or the inputs of all N, among which
// are all correct ones, so that by validity nothing else can be decided.
func (a *Agreement) settled() (bit, ok bool) {
	for b, bit := range bothBits {
		if a.votes.terms[b].count() >= a.deciding() || a.votes.inputs[b].count() == a.cfg.Quorum.N {
			return bit, true
		}
	}
	return false, false
}

// deciding is how many TERM decide.
func (a *Agreement) deciding() int {
	if mutant.Removed(mutant.TermsAtSome) {
		return 1
	}
	return a.cfg.Quorum.Some()
}

// within returns the union of the votes (the round's AUX or CONF) that lie within
// bin, or nothing before live distinct members cast such a vote. A TERM stands
// for the vote of a member without one.
func (rd *round) within(votes, terms ballot, live int) frames.BitSet {
	for b := range votes {
		terms[b] = terms[b].minus(votes[1-b])
	}
	var counted peers
	for b := range votes {
		votes[b] = votes[b].or(terms[b])
		counted = counted.or(votes[b])
	}
	for b, bit := range bothBits {
		if !rd.bin.Has(bit) {
			counted = counted.minus(votes[b])
		}
	}
	if counted.count() < live {
		return 0
	}
	var bits frames.BitSet
	for b, bit := range bothBits {
		if votes[b].and(counted) != (peers{}) {
			bits |= frames.SetOf(bit)
		}
	}
	return bits
}

// shareOf returns the coin share of a member, or nil.
func (rd *round) shareOf(peer messages.PeerID) []byte {
	if rd.shares == nil {
		return nil
	}
	return rd.shares[peer]
}
