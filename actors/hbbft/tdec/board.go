package tdec

import (
	"minimint/messages"
	"minimint/messages/frames"
)

// A Board says of all decryptions of an epoch which are finished, and whose shares
// they hold: after F+1 shares of a proposal all others come in vain, two thirds of
// all, and are not worth a look at their decryption.
type Board struct {
	finished frames.Slots
	held     []frames.Slots // by sender: proposers
}

// NewBoard returns an empty board of n members.
func NewBoard(n int) *Board { return &Board{held: make([]frames.Slots, n)} }

// Late reports whether a share of a member comes when the contribution is known, and is
// the first of its sender: then [Decryption.Handle] would not look at it. A second one
// is compared with the first at any time. The caller has checked that the proposer is
// one of the n.
func (b *Board) Late(from messages.PeerID, s frames.DecryptionShare) bool {
	return b.finished.Has(s.Proposer) && !b.held[from].Has(s.Proposer) && len(s.Share) <= frames.MaxShare
}
