package tdec

import (
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
)

// Lacks says whose shares could open the proposal: nothing before it is released and
// after it is opened.
func (d *Decryption) Lacks() []protocol.Lack {
	if d.phase != opening {
		return nil
	}
	from := protocol.Missing(len(d.shares), func(p messages.PeerID) bool { return d.shares[p] != nil })
	if len(from) == 0 {
		return nil
	}
	good := 0
	for p, share := range d.shares {
		if share != nil && !d.liar[p] && !d.distrusted(messages.PeerID(p)) {
			good++
		}
	}
	need := min(max(d.cfg.Quorum.Some()-good, 1), len(from))
	return []protocol.Lack{{Of: protocol.DecryptionShare, Proposer: d.cfg.Slot.Proposer, Need: need, From: from}}
}
