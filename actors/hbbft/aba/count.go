package aba

import (
	"minimint/messages"
	"minimint/messages/frames"
)

// Count takes one of the votes that another member sent together, the one about our
// proposer, if it is of round 0 and nothing follows from it but that it was cast.
// Otherwise it does nothing and returns false: the vote is for [Agreement.Handle]
// then. Nearly all that members say to each other is counted here, since a
// count that has not reached its threshold, or has left it behind, asks for nothing.
//
// It takes what Handle would take without saying or doing anything, and no more;
// what matters is that it makes no statement of each vote and looks at no
// other round.
func (a *Agreement) Count(from messages.PeerID, v *frames.Votes) bool {
	if v.Round > 0 || len(a.votes.rounds) == 0 || !a.decided && a.round > 0 {
		return false
	}
	first, bit := a.votes.rounds[0], index(v.Bit)
	switch v.Kind {
	case frames.VoteInput:
		if a.votes.inputs.of(from) != 0 || !a.decided && a.votes.inputs[bit].count()+1 == a.cfg.Quorum.N {
			return false
		}
		if !first.bval[bit].has(from) {
			if a.answers(bit, from) {
				return false
			}
			first.bval[bit].add(from)
		}
		a.votes.inputs[bit].add(from)
	case frames.VoteBVal:
		if first.bval[bit].has(from) || a.answers(bit, from) {
			return false
		}
		first.bval[bit].add(from)
	case frames.VoteAux:
		if first.aux.of(from) != 0 || a.ends(from) {
			return false
		}
		first.aux[bit].add(from)
	case frames.VoteTerm:
		if a.votes.terms.of(from) != 0 || len(a.votes.rounds) > 1 || a.answers(bit, from) || a.ends(from) ||
			!a.decided && a.votes.terms[bit].count()+1 >= a.deciding() {
			return false
		}
		a.votes.terms[bit].add(from)
	default:
		return false
	}
	a.begun = true
	return true
}

// answers reports whether one more member behind a bit may make us answer with
// our BVAL, or put the bit into bin; see relay.
func (a *Agreement) answers(bit int, more messages.PeerID) bool {
	behind := a.votes.rounds[0].bval[bit].or(a.votes.terms[bit])
	said := behind.has(a.cfg.Self)
	behind.add(more)
	count := behind.count()
	return !said && count >= a.cfg.Quorum.Some() || !a.votes.rounds[0].bin.Has(bothBits[bit]) && count >= a.cfg.Quorum.Strong()
}

// ends reports whether an AUX of one more member, or a TERM, which stands for one,
// may end the round.
func (a *Agreement) ends(more messages.PeerID) bool {
	if a.decided {
		return false
	}
	aux, terms := &a.votes.rounds[0].aux, &a.votes.terms
	voted := aux[0].or(aux[1]).or(terms[0]).or(terms[1])
	voted.add(more)
	return voted.count() >= a.enough()
}
