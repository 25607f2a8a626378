package aba

import (
	"fmt"

	"minimint/actors/hbbft/protocol"
	"minimint/messages/frames"
)

// Restore tells a fresh Agreement what this member said before a crash: its
// own statements to everybody, in the order in which they were made, up to
// where the journal ends. The Agreement counts them as said, so it can
// contradict none, and says none of them again: the caller sends the journal
// to peers. It starts over from round 0 with what peers say again, since what
// they had said is in no journal of ours. Coin shares may be left out of the
// journal: they come out the same.
//
// The Step holds the decision if the journal does. Restore panics if something
// was said or heard before, or if the statements are about another proposer or
// contradict each other: then this is not the journal of a correct member.
func (a *Agreement) Restore(said []frames.Statement) protocol.Step[bool] {
	if a.begun {
		panic("aba: Restore after the agreement has begun")
	}
	a.begun = true
	for _, s := range said {
		prior := a.votes.prior(a.cfg.Self, s)
		if s.Slot() != a.cfg.Proposer || a.cfg.invalid(s) != "" || prior != nil && !same(prior, s) {
			panic(fmt.Sprintf("aba: journal of member %d on proposer %d cannot go on with %T%+v",
				a.cfg.Self, a.cfg.Proposer, s, s))
		}
		a.votes.record(a.cfg.Self, s)
	}
	if bits := a.votes.terms.of(a.cfg.Self); bits != 0 {
		a.round = uint32(max(len(a.votes.rounds), 1) - 1)
		a.decide(bits.Has(true))
	}
	for q := range a.votes.rounds {
		a.relay(uint32(q))
	}
	a.progress()
	return a.take()
}
