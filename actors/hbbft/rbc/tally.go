package rbc

import (
	"minimint/actors/mutant"
	"minimint/messages"
)

// A tally counts one root per sender, the first. Its size depends on the number
// of members and on nothing that they send; as long as nobody lies it is a byte for
// each and one root, which lie on the board of the epoch.
type tally struct {
	*poll
	proposer messages.PeerID
	more     []rootCount // roots that differ from the first
}

// rootCount is how many senders voted for a root.
type rootCount struct {
	root  messages.Digest
	count int
}

// add counts a vote and returns the sender's first root, and whether this is it.
func (t *tally) add(from messages.PeerID, root messages.Digest) (first messages.Digest, fresh bool) {
	vote := t.vote(from, t.proposer)
	if *vote > 0 {
		return t.at(int(*vote) - 1).root, false
	}
	at := t.find(root)
	if at < 0 {
		if at = t.roots(); at == 0 {
			t.first[t.proposer].root = root
		} else {
			t.more = append(t.more, rootCount{root: root})
		}
	}
	*vote = uint8(at + 1) // there are at most as many roots as members, 255
	t.at(at).count++
	return root, true
}

// roots is how many roots somebody voted for: one, unless somebody lies.
func (t *tally) roots() int {
	if t.first[t.proposer].count == 0 {
		return 0
	}
	return 1 + len(t.more)
}

// at returns the root in one place, in the order of their first votes.
func (t *tally) at(place int) *rootCount {
	if place == 0 {
		return &t.first[t.proposer]
	}
	return &t.more[place-1]
}

// find returns the place of a root, -1 if nobody voted for it.
func (t *tally) find(root messages.Digest) int {
	for i := range t.roots() {
		if t.at(i).root == root {
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
		return t.at(at).count
	}
	return 0
}

// voted reports whether a sender has voted, and votedFor whether for root.
func (t *tally) voted(from messages.PeerID) bool { return *t.vote(from, t.proposer) > 0 }

func (t *tally) votedFor(from messages.PeerID, root messages.Digest) bool {
	vote := *t.vote(from, t.proposer)
	return vote > 0 && t.at(int(vote)-1).root == root
}

func (t *tally) total() int {
	n := 0
	for i := range t.roots() {
		n += t.at(i).count
	}
	return n
}
