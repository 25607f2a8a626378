package rbc

import (
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// A pull asks echoers of a root for the proposal, one at a time. At least n−2f
// of them are correct once f+1 members are ready for the root, so going round
// finds one. One whole proposal per question and peer is all that a liar can
// make this member look at.
type pull struct {
	root   messages.Digest
	asking bool
	asked  []bool // by peer: it owes an answer
	target messages.PeerID
}

func newPull(n int) pull { return pull{asked: make([]bool, n)} }

// answer reports whether a Value of this peer is the answer to a question.
func (p *pull) answer(from messages.PeerID) bool {
	owed := p.asked[from]
	p.asked[from] = false
	return owed
}

// ask puts the question to the next echoer after the last one asked, if any.
func (b *Broadcast) ask() []protocol.Say {
	n := messages.PeerID(b.cfg.Quorum.N)
	start := b.pull.target
	if !b.pull.asking {
		start = b.cfg.Self // members start at different peers
	}
	for i := range n {
		peer := (start + 1 + i) % n
		if peer != b.cfg.Self && b.echoes.votedFor(peer, b.pull.root) {
			return []protocol.Say{b.askPeer(peer)}
		}
	}
	return nil
}

func (b *Broadcast) askPeer(peer messages.PeerID) protocol.Say {
	b.pull.asking, b.pull.target, b.pull.asked[peer] = true, peer, true
	return protocol.Only(peer, frames.Pull{Proposer: b.cfg.Slot.Proposer, Root: b.pull.root})
}

func (b *Broadcast) lacking() bool {
	return b.pull.asking && (b.held == nil || b.heldRoot != b.pull.root)
}

// Tick says that the peer that was asked had its time: the next one is asked.
func (b *Broadcast) Tick() Step {
	if !b.lacking() {
		return Step{}
	}
	return Step{Say: b.ask()}
}

// LinkUp says that a peer may have lost what was said to it alone: an open
// question is put again, and a Pull of the peer is answered again.
func (b *Broadcast) LinkUp(peer messages.PeerID) Step {
	b.answered[peer] = false
	if !b.lacking() || b.pull.target != peer {
		return Step{}
	}
	return Step{Say: []protocol.Say{b.askPeer(peer)}}
}
