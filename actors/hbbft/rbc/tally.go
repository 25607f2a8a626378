package rbc

import (
	"slices"

	"minimint/actors/mutant"
	"minimint/messages"
)

// A tally counts one root per sender, the first. Its size depends on the number
// of members and on nothing that they send.
type tally struct {
	votes []messages.Digest // by sender
	voted []bool
	roots []rootCount // those that somebody voted for: one, unless somebody lies
}

// rootCount is how many senders voted for a root.
type rootCount struct {
	root  messages.Digest
	count int
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
	at := slices.IndexFunc(t.roots, func(c rootCount) bool { return c.root == root })
	if at < 0 {
		at = len(t.roots)
		t.roots = append(t.roots, rootCount{root: root})
	}
	t.roots[at].count++
	return root, true
}

// count returns how many senders voted for root.
func (t *tally) count(root messages.Digest) int {
	if mutant.Removed(mutant.VotesPerRoot) {
		return t.total()
	}
	for _, c := range t.roots {
		if c.root == root {
			return c.count
		}
	}
	return 0
}

func (t *tally) total() int {
	n := 0
	for _, c := range t.roots {
		n += c.count
	}
	return n
}
