package aba

import (
	"minimint/messages"
	"minimint/messages/frames"
)

// A Board holds what members said about all proposers of an epoch in INPUT, TERM and
// round 0, which is nearly all that is ever said. The agreements of the epoch keep
// these votes here, side by side in the order of proposers, and [Board.Count]
// counts those from which nothing follows without a look at their agreement: of the
// votes of a hundred members about a proposer, five or so complete a quorum.
type Board struct {
	inputs, terms, bval, aux []ballot // by proposer
	quiet                    []quiet  // by proposer
}

// NewBoard returns an empty board of n members.
func NewBoard(n int) *Board {
	ballots := make([]ballot, 4*n)
	return &Board{
		inputs: ballots[:n], terms: ballots[n : 2*n], bval: ballots[2*n : 3*n], aux: ballots[3*n:], quiet: make([]quiet, n),
	}
}

// quiet says up to how many votes nothing follows from one more, in the state of an
// agreement. It is 0 where the agreement must see every vote, and loud where nothing
// ever follows. An agreement says so anew whenever it has done something; in
// between votes only grow.
type quiet struct {
	behind [2]uint8 // members behind a bit of round 0, by BVAL or TERM
	voted  uint8    // members with an AUX of round 0 or a TERM
	inputs uint8    // members with the same INPUT
	terms  uint8    // members with the same TERM
}

// never is a count that no votes exceed.
const never = messages.MaxPeers

// Count takes one of the votes that a member other than ourselves sent together, if
// nothing follows from it but that it was cast, and is then exactly
// [Agreement.Handle] of it. Otherwise it does nothing and returns false: the vote is for
// Handle, as are all of later rounds. The caller has checked that the proposer
// is one of the n.
func (b *Board) Count(from, proposer messages.PeerID, v *frames.Votes) bool {
	if v.Round > 0 {
		return false
	}
	bit, quiet := index(v.Bit), b.quiet[proposer]
	inputs, terms, bval, aux := &b.inputs[proposer], &b.terms[proposer], &b.bval[proposer], &b.aux[proposer]
	switch v.Kind {
	case frames.VoteInput:
		if inputs.cast(from) || inputs[bit].with(from).count() > int(quiet.inputs) ||
			!bval[bit].has(from) && bval[bit].or(terms[bit]).with(from).count() > int(quiet.behind[bit]) {
			return false
		}
		inputs[bit].add(from)
		bval[bit].add(from)
	case frames.VoteBVal:
		if bval[bit].has(from) || bval[bit].or(terms[bit]).with(from).count() > int(quiet.behind[bit]) {
			return false
		}
		bval[bit].add(from)
	case frames.VoteAux:
		if aux.cast(from) || quiet.voted < never && voted(aux, terms).with(from).count() > int(quiet.voted) {
			return false
		}
		aux[bit].add(from)
	case frames.VoteTerm:
		if terms.cast(from) || terms[bit].with(from).count() > int(quiet.terms) ||
			bval[bit].or(terms[bit]).with(from).count() > int(quiet.behind[bit]) ||
			quiet.voted < never && voted(aux, terms).with(from).count() > int(quiet.voted) {
			return false
		}
		terms[bit].add(from)
	default:
		return false
	}
	return true
}

// voted returns the members with an AUX, or a TERM which may stand for one.
func voted(aux, terms *ballot) peers { return aux[0].or(aux[1]).or(terms[0]).or(terms[1]) }

// post says on the board what the agreement waits for: the thresholds of relay, of
// within for the present round, and of settled.
func (a *Agreement) post() {
	at := &a.cfg.Board.quiet[a.cfg.Proposer]
	*at = quiet{}
	if len(a.votes.rounds) == 0 || !a.decided && a.round > 0 {
		return
	}
	first, q := a.votes.rounds[0], a.cfg.Quorum
	for b, bit := range bothBits {
		switch behind := first.bval[b].or(a.votes.terms[b]); {
		case !behind.has(a.cfg.Self):
			at.behind[b] = uint8(q.Some() - 1)
		case !first.bin.Has(bit):
			at.behind[b] = uint8(q.Strong() - 1)
		default:
			at.behind[b] = never
		}
	}
	at.voted, at.inputs, at.terms = never, never, never
	if !a.decided {
		at.voted, at.inputs, at.terms = uint8(a.enough()-1), uint8(q.N-1), uint8(a.deciding()-1)
	}
	if len(a.votes.rounds) > 1 {
		at.terms = 0 // a TERM counts in every round
	}
}
