package hbbft_test

import (
	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
)

// link is the peer actor for another node: frames cross it as bytes.
func (nd *node) link(peer *node) actor.ReceiveFunc {
	return func(ctx actor.Context) {
		m, ok := ctx.Message().(tohbbft.Send)
		if !ok {
			return
		}
		nd.mu.Lock()
		up := nd.links[peer.self]
		nd.mu.Unlock()
		if !up {
			return
		}
		b := m.Frame.GetFrame()
		f, err := frames.Decode(b)
		if err != nil {
			nd.fail <- err.Error()
		}
		packed, err := frames.Unpack(b) // as a peer actor does
		if err != nil {
			nd.fail <- err.Error()
		}
		peer.mu.Lock()
		peer.heard = append(peer.heard, heard{nd.self, f, b})
		peer.mu.Unlock()
		peer.tell(tohbbft.PeerFrame{From: nd.self, Frame: packed})
	}
}

// processor commits outcomes and contributes the oldest work.
func (nd *node) processor(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case toconsensus.WantContribution:
		nd.mu.Lock()
		var payload []byte
		if len(nd.work) > 0 {
			payload = []byte(nd.work[0])
		}
		nd.mu.Unlock()
		nd.tell(tohbbft.Contribution{Epoch: m.Epoch, Payload: payload})
	case toconsensus.Agreed:
		nd.agreed(m.Outcome)
	case toconsensus.PeerAhead:
		nd.catchUp(nd.nodes[m.Peer])
	case toconsensus.JournalOutdated:
		for _, peer := range nd.nodes {
			nd.catchUp(peer)
		}
		nd.mu.Lock()
		nd.lost = true
		nd.mu.Unlock()
		nd.tell(nd.where())
	case toconsensus.PeerBehind:
		nd.nodes[m.Peer].catchUp(nd)
	}
}

func (nd *node) agreed(o outcome.Outcome) {
	nd.mu.Lock()
	if int(o.Epoch) == len(nd.store) {
		nd.commit(o)
	}
	nd.mu.Unlock()
	nd.tell(nd.where())
	nd.pending()
}

// commit runs under nd.mu.
func (nd *node) commit(o outcome.Outcome) {
	nd.store = append(nd.store, o)
	for _, c := range o.Contributions {
		if len(nd.work) > 0 && string(c.Contribution) == nd.work[0] {
			nd.work = nd.work[1:]
		}
	}
	nd.outcomes <- committed{nd.self, o}
}

// catchUp takes over what another node has; these processors trust each other.
func (nd *node) catchUp(from *node) {
	from.mu.Lock()
	theirs := from.store
	from.mu.Unlock()
	nd.mu.Lock()
	before := len(nd.store)
	for len(nd.store) < len(theirs) {
		nd.commit(theirs[len(nd.store)])
	}
	grown := len(nd.store) > before
	nd.mu.Unlock()
	if grown {
		nd.tell(nd.where())
		nd.pending()
	}
}

func (nd *node) pending() {
	nd.mu.Lock()
	pending := len(nd.work) > 0
	nd.mu.Unlock()
	if pending {
		nd.tell(tohbbft.WorkPending{})
	}
}

func (nd *node) where() tohbbft.EpochCommitted {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	next := len(nd.store)
	return tohbbft.EpochCommitted{Next: messages.Epoch(next), Absent: nd.absent(next), AbsentBefore: nd.absent(next - 1), Lost: nd.lost}
}

func (nd *node) absent(next int) []bool {
	if next < 2 {
		return nil
	}
	absent := make([]bool, len(nd.nodes))
	for i := range absent {
		absent[i] = true
	}
	for _, o := range nd.store[next-2 : next] {
		for _, c := range o.Contributions {
			absent[c.Peer] = false
		}
	}
	return absent
}
