package rbc

import (
	"minimint/actors/mutant"
	"minimint/messages"
)

// CountEcho takes an Echo of another member if it is its first and nothing follows
// from it but that it was said. Otherwise it does nothing and returns false: the
// Echo is for [Broadcast.Handle] then. So are few of them; of a hundred that come,
// those that complete a quorum.
func (b *Broadcast) CountEcho(from messages.PeerID, root messages.Digest) bool {
	at, ok := b.echoes.countable(from, root)
	if !ok {
		return false
	}
	echoes := b.echoes.roots[at].count + 1
	enough, _ := b.thresholds()
	switch {
	case !b.readied && echoes >= enough, !b.delivered && echoes == b.cfg.Quorum.N:
		return false
	case !b.pull.asking && (b.held == nil || b.heldRoot != root) && b.readys.count(root) >= b.cfg.Quorum.Some():
		return false // the first that can be asked for what is lacking
	}
	b.echoes.take(from, at)
	return true
}

// CountReady is the same for a Ready.
func (b *Broadcast) CountReady(from messages.PeerID, root messages.Digest) bool {
	at, ok := b.readys.countable(from, root)
	if !ok {
		return false
	}
	readys := b.readys.roots[at].count + 1
	_, amplify := b.thresholds()
	switch {
	case !b.readied && readys >= amplify, !b.delivered && readys >= b.cfg.Quorum.Strong():
		return false
	case !b.pull.asking && (b.held == nil || b.heldRoot != root) && readys >= b.cfg.Quorum.Some():
		return false
	}
	b.readys.take(from, at)
	return true
}

// countable returns the place of a root, if it is not new, as the first vote of a
// sender.
func (t *tally) countable(from messages.PeerID, root messages.Digest) (at int, ok bool) {
	if t.votes[from] > 0 || mutant.Removed(mutant.VotesPerRoot) {
		return 0, false
	}
	at = t.find(root)
	return at, at >= 0
}

// take counts a vote for the root in that place.
func (t *tally) take(from messages.PeerID, at int) {
	t.votes[from] = uint8(at + 1) // there are at most as many roots as members, 255
	t.roots[at].count++
}
