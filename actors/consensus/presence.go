package consensus

import (
	"fmt"

	"minimint/actors/consensus/history"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/tohbbft"
	"minimint/storage"
)

// remembered is how many outcomes back HBBFT asks.
const remembered = 3

// presence knows who contributed to the newest outcomes. HBBFT needs it, as a
// function of what is committed, so that all members run the same schedule of
// coins.
type presence struct {
	next    messages.Epoch
	members int
	recent  [remembered][]bool // by age: the newest outcome's contributors by PeerID
}

// readPresence reads the outcomes before next back.
func readPresence(r storage.Reader, next messages.Epoch, members int) presence {
	p := presence{next: next - min(next, remembered), members: members}
	for p.next < next {
		o, ok := history.FindOutcome(r, p.next, members)
		if !ok {
			panic(fmt.Sprintf("consensus: outcome of epoch %d is lost, next is %d", p.next, next))
		}
		p.add(o)
	}
	return p
}

// add takes the outcome of the next epoch.
func (p *presence) add(o outcome.Outcome) {
	in := make([]bool, p.members)
	for _, c := range o.Contributions {
		in[c.Peer] = true
	}
	copy(p.recent[1:], p.recent[:])
	p.recent[0] = in
	p.next++
}

// message says where this member is.
func (p *presence) message() tohbbft.EpochCommitted {
	return tohbbft.EpochCommitted{Next: p.next, Absent: absent(p.recent[0], p.recent[1]), AbsentBefore: absent(p.recent[1], p.recent[2])}
}

// absent returns who is in neither of two outcomes, nil unless there are two.
func absent(newer, older []bool) []bool {
	if older == nil {
		return nil
	}
	out := make([]bool, len(newer))
	for i := range out {
		out[i] = !newer[i] && !older[i]
	}
	return out
}
