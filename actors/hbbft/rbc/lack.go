package rbc

import (
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
)

// Lacks says what keeps the proposal from being delivered: nothing if it is.
func (b *Broadcast) Lacks() []protocol.Lack {
	q, p := b.cfg.Quorum, b.cfg.Slot.Proposer
	lack := func(of protocol.LackKind, need int, t *tally) []protocol.Lack {
		from := protocol.Missing(q.N, t.voted)
		if len(from) == 0 {
			return nil // all have voted, for different roots: the proposer lies
		}
		return []protocol.Lack{{Of: of, Proposer: p, Need: min(max(need, 1), len(from)), From: from}}
	}
	switch {
	case b.delivered:
		return nil
	case b.lacking():
		return []protocol.Lack{{Of: protocol.Proposal, Proposer: p, Need: 1, From: []messages.PeerID{b.pull.target}}}
	case b.held == nil:
		return []protocol.Lack{{Of: protocol.Proposal, Proposer: p, Need: 1, From: []messages.PeerID{p}}}
	case !b.readied:
		return lack(protocol.EchoVote, q.Live()-b.echoes.count(b.heldRoot), &b.echoes)
	}
	return lack(protocol.ReadyVote, q.Strong()-b.readys.count(b.heldRoot), &b.readys)
}
