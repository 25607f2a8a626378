package aba

import "minimint/actors/mutant"

// rules names the rules that a test can take away, to show that a schedule
// hangs without them. The zero value, all rules in force, is the only one that
// exists outside the tests of this package.
type rules struct {
	pastRelay    bool // relay in rounds that we have left
	decidedRelay bool // relay after deciding, in rounds up to our own
	aheadRelay   bool // relay in rounds that we have not reached, and follow to them
	confUnion    bool // candidates are the union of CONF, not our own
	termVotes    bool // TERM counts as the sender's votes in every round
}

// relay reports whether the rules let an agreement relay in round q.
func (w *rules) relay(a *Agreement, q uint32) bool {
	past := (w.pastRelay || mutant.Removed(mutant.PastRelay)) && q < a.round
	decided := (w.decidedRelay || mutant.Removed(mutant.DecidedRelay)) && a.decided && q <= a.round
	ahead := w.aheadRelay && q > a.round
	return !past && !decided && !ahead
}

// standing returns the TERM that count as votes in every round.
func (w *rules) standing(terms ballot) ballot {
	if w.termVotes {
		return ballot{}
	}
	return terms
}
