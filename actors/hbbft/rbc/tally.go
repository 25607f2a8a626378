package rbc

import (
	"minimint/actors/mutant"
	"minimint/messages"
)

// A tally counts one root per sender, the first. Its size depends on the number
// of members and on nothing that they send; as long as nobody lies it is a byte for
// each and one root.
type tally struct {
	votes []uint8     // by sender: the place of its root in roots, plus one; 0: none yet
	roots []rootCount // those that somebody voted for: one, unless somebody lies
}

// rootCount is how many senders voted for a root.
type rootCount struct {
	root  messages.Digest
	count int
}

func newTally(n int) tally { return tally{votes: make([]uint8, n)} }

// add counts a vote and returns the sender's first root, and whether this is it.
func (t *tally) add(from messages.PeerID, root messages.Digest) (first messages.Digest, fresh bool) {
	if at := t.votes[from]; at > 0 {
		return t.roots[at-1].root, false
	}
	at := t.find(root)
	if at < 0 {
		at = len(t.roots)
		t.roots = append(t.roots, rootCount{root: root})
	}
	t.take(from, at)
	return root, true
}

// find returns the place of a root, -1 if nobody voted for it.
func (t *tally) find(root messages.Digest) int {
	for i := range t.roots {
		if t.roots[i].root == root {
			return i
		}
	}
	return -1
}

// count returns how many senders voted for root.
func (t *tally) count(root messages.Digest) int {
	if mutant.Removed(mutant.VotesPerRoot) {
		return t.total()
	}
	if at := t.find(root); at >= 0 {
		return t.roots[at].count
	}
	return 0
}

// voted reports whether a sender has voted, and votedFor whether for root.
func (t *tally) voted(from messages.PeerID) bool { return t.votes[from] > 0 }

func (t *tally) votedFor(from messages.PeerID, root messages.Digest) bool {
	at := t.votes[from]
	return at > 0 && t.roots[at-1].root == root
}

func (t *tally) total() int {
	n := 0
	for _, c := range t.roots {
		n += c.count
	}
	return n
}
