package aba

// Without takes rules away from an agreement. Nothing outside tests can.
func (a *Agreement) Without(names ...string) {
	for _, name := range names {
		switch name {
		case "past-relay":
			a.without.pastRelay = true
		case "decided-relay":
			a.without.decidedRelay = true
		case "ahead-relay":
			a.without.aheadRelay = true
		case "conf-union":
			a.without.confUnion = true
		case "term-votes":
			a.without.termVotes = true
		default:
			panic("no rule " + name)
		}
	}
}

// Round returns the round that the agreement is in.
func (a *Agreement) Round() uint32 { return a.round }

// Held returns the number of rounds and of coin shares that are kept, and the
// memory that the shares hold on to.
func (a *Agreement) Held() (rounds, shares, size int) {
	for _, rd := range a.votes.rounds {
		for _, share := range rd.shares {
			if share != nil {
				shares++
				size += cap(share)
			}
		}
	}
	return len(a.votes.rounds), shares, size
}
