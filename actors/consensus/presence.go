package consensus

import (
	"slices"

	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/tohbbft"
	"minimint/storage"
)

// where says to HBBFT where a member is that has committed the epochs before next,
// and who was absent, as a function of that state: so all members run the same
// schedule of coins.
func where(r storage.Reader, next messages.Epoch, members int) tohbbft.EpochCommitted {
	recent := transition.Contributors(r)
	return tohbbft.EpochCommitted{Next: next, Absent: absent(recent, 0, members), AbsentBefore: absent(recent, 1, members)}
}

// absent returns by PeerID who contributed to neither of two outcomes of which the
// newer has an age; nil unless there are two.
func absent(recent [][]messages.PeerID, age, members int) []bool {
	if len(recent) < age+2 {
		return nil
	}
	out := make([]bool, members)
	for i := range out {
		id := messages.PeerID(i)
		out[i] = !slices.Contains(recent[age], id) && !slices.Contains(recent[age+1], id)
	}
	return out
}
