package rbc

import (
	"minimint/actors/mutant"
	"minimint/messages"
)

// A Board holds what members echoed and are ready for, of all proposers of an epoch.
// The broadcasts of the epoch keep their votes here, side by side in the order
// of proposers, and [Board.CountEcho] and [Board.CountReady] count those from which
// nothing follows without a look at their broadcast.
type Board struct{ echoes, readys poll }

// A poll is one of the two questions about all proposers.
type poll struct {
	n     int
	votes []uint8     // by sender and then proposer: the place of its root in the tally, plus one; 0: none yet
	first []rootCount // by proposer: the root that somebody voted for first
	// quiet says, by proposer, up to how many votes for that root nothing follows from
	// one more, in the state of the broadcast, which says so anew whenever it has done
	// something. In between votes only grow.
	quiet []uint8
}

// NewBoard returns an empty board of n members.
func NewBoard(n int) *Board { return &Board{echoes: newPoll(n), readys: newPoll(n)} }

func newPoll(n int) poll {
	return poll{n: n, votes: make([]uint8, n*n), first: make([]rootCount, n), quiet: make([]uint8, n)}
}

func (p *poll) vote(from, proposer messages.PeerID) *uint8 {
	return &p.votes[int(from)*p.n+int(proposer)]
}

// CountEcho takes an Echo of a member other than ourselves, if it is its first, names
// the root that others named first, and nothing follows from it but that it was said;
// then it is exactly [Broadcast.Handle] of it. Otherwise it does nothing and returns
// false: the Echo is for Handle. Of a hundred that come about a proposer those are
// for Handle that come first and that complete a quorum. The caller has checked that
// the proposer is one of the n.
func (b *Board) CountEcho(from, proposer messages.PeerID, root *messages.Digest) bool {
	return b.echoes.take(from, proposer, root)
}

// CountReady is the same for a Ready.
func (b *Board) CountReady(from, proposer messages.PeerID, root *messages.Digest) bool {
	return b.readys.take(from, proposer, root)
}

func (p *poll) take(from, proposer messages.PeerID, root *messages.Digest) bool {
	vote, first := p.vote(from, proposer), &p.first[proposer]
	if *vote > 0 || first.count >= int(p.quiet[proposer]) || first.root != *root {
		return false
	}
	*vote = 1
	first.count++
	return true
}

// post says on the board what the broadcast waits for: the thresholds of advance.
func (b *Broadcast) post() {
	p := b.cfg.Slot.Proposer
	b.echoes.quiet[p], b.readys.quiet[p] = 0, 0
	if mutant.Removed(mutant.VotesPerRoot) {
		return
	}
	echoes, readys := messages.MaxPeers, messages.MaxPeers
	if enough, amplify := b.thresholds(); !b.readied {
		echoes, readys = enough-1, amplify-1
	}
	if !b.delivered {
		echoes, readys = min(echoes, b.cfg.Quorum.N-1), min(readys, b.cfg.Quorum.Strong()-1)
	}
	// Whoever does not know yet whom to ask for a proposal looks at every vote.
	if !b.pull.asking && !b.holds(b.readys.first[p].root) {
		readys = min(readys, b.cfg.Quorum.Some()-1)
	}
	if root := b.echoes.first[p].root; !b.pull.asking && !b.holds(root) && b.readys.count(root) >= b.cfg.Quorum.Some() {
		echoes = 0
	}
	b.echoes.quiet[p], b.readys.quiet[p] = uint8(echoes), uint8(readys)
}

func (b *Broadcast) holds(root messages.Digest) bool { return b.held != nil && b.heldRoot == root }
