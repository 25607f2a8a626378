package rbc

import (
	"minimint/actors/mutant"
	"minimint/messages"
)

// A tally counts one root per sender, the first. Its size depends on the number
// of members and on nothing that they send.
type tally struct {
	votes []messages.Digest // by sender
	voted []bool
}

func newTally(n int) tally {
	return tally{votes: make([]messages.Digest, n), voted: make([]bool, n)}
}

// add counts a vote and returns the sender's first root, and whether this is it.
func (t *tally) add(from messages.PeerID, root messages.Digest) (first messages.Digest, fresh bool) {
	if t.voted[from] {
		return t.votes[from], false
	}
	t.votes[from], t.voted[from] = root, true
	return root, true
}

// count returns how many senders voted for root.
func (t *tally) count(root messages.Digest) int {
	n := 0
	for i, voted := range t.voted {
		if voted && (t.votes[i] == root || mutant.Removed(mutant.VotesPerRoot)) {
			n++
		}
	}
	return n
}

func (t *tally) total() int {
	n := 0
	for _, voted := range t.voted {
		if voted {
			n++
		}
	}
	return n
}
