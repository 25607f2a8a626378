// Package catchup decides whom a member that missed epochs asks for their
// outcomes, and which answers it believes. It is pure.
//
// An outcome is believed as soon as f+1 peers gave equal ones: one of those is
// correct, and correct members never have different outcomes for an epoch. That
// a peer is ahead is believed when f+1 say so. So f liars can neither make a
// member believe anything nor keep it busy, and since of each peer only one
// answer is kept, and none is looked at that brings nothing, they cost bounded
// memory and no work.
package catchup

import (
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/outcome"
)

// retryTicks is how many ticks pass before more peers are asked.
const retryTicks = 4

// Peers knows what the other members say about epochs that this one lacks. Make
// one with [New].
type Peers struct {
	federation messages.FederationID
	some       int            // f+1
	next       messages.Epoch // the first epoch that is lacking
	peers      []peer         // by PeerID
	wait       int            // ticks until peers are asked again
	// wide is set when f+1 peers were asked and did not do: then all are asked,
	// until nothing is lacking.
	wide bool
}

// peer is what one of them said.
type peer struct {
	claim  messages.Epoch // it says that it has the outcomes of all epochs before
	answer []opinion      // on consecutive epochs, the first of which is next
}

// opinion is what a peer says that an epoch agreed on.
type opinion struct {
	digest  messages.Digest
	outcome outcome.Outcome
}

// New returns the state of a member of a federation of n; next is the first
// epoch that it lacks.
func New(federation messages.FederationID, n int, next messages.Epoch) *Peers {
	return &Peers{federation: federation, some: (n-1)/3 + 1, next: next, peers: make([]peer, n)}
}

// Ahead notes that a peer claims to have the outcomes of all epochs before epoch.
func (p *Peers) Ahead(from messages.PeerID, epoch messages.Epoch) {
	p.peers[from].claim = max(p.peers[from].claim, epoch)
}

// Served notes what a peer served: outcomes of consecutive epochs, ascending.
// What it served earlier stays as long as that says something about the next
// epoch. It returns the text of a fault, or "".
func (p *Peers) Served(from messages.PeerID, outcomes []outcome.Outcome) string {
	for i, o := range outcomes {
		if uint64(o.Epoch) != uint64(outcomes[0].Epoch)+uint64(i) {
			return fmt.Sprintf("served epoch %d after epoch %d", o.Epoch, outcomes[i-1].Epoch)
		}
	}
	if len(outcomes) == 0 {
		return ""
	}
	p.Ahead(from, outcomes[len(outcomes)-1].Epoch+1)
	useful := outcomes[min(uint64(len(outcomes)), uint64(p.next-min(p.next, outcomes[0].Epoch))):]
	if len(p.peers[from].answer) > 0 || len(useful) == 0 || useful[0].Epoch != p.next {
		return ""
	}
	for i, o := range useful {
		p.peers[from].answer = append(p.peers[from].answer, p.opinion(i, o))
	}
	return ""
}

// opinion returns o as an opinion on the epoch that is i beyond the next. Equal
// opinions share their memory.
func (p *Peers) opinion(i int, o outcome.Outcome) opinion {
	digest := o.Digest(p.federation)
	for _, other := range p.peers {
		if i < len(other.answer) && other.answer[i].digest == digest {
			return other.answer[i]
		}
	}
	return opinion{digest: digest, outcome: o}
}

// Believed returns the outcome of the next epoch, and false unless f+1 peers
// served it. Whoever served another one is a liar.
func (p *Peers) Believed() (o outcome.Outcome, liars []messages.PeerID, ok bool) {
	for _, candidate := range p.peers {
		if len(candidate.answer) == 0 {
			continue
		}
		votes := 0
		liars = nil
		for id, other := range p.peers {
			switch {
			case len(other.answer) == 0:
			case other.answer[0].digest == candidate.answer[0].digest:
				votes++
			default:
				liars = append(liars, messages.PeerID(id))
			}
		}
		if votes >= p.some {
			return candidate.answer[0].outcome, liars, true
		}
	}
	return outcome.Outcome{}, nil, false
}

// Advance says that this member now has the outcomes of all epochs before next.
func (p *Peers) Advance(next messages.Epoch) {
	if next <= p.next {
		return
	}
	passed := uint64(next - p.next)
	for i := range p.peers {
		a := &p.peers[i].answer
		*a = slices.Clone((*a)[min(passed, uint64(len(*a))):]) // lets go of the others
	}
	p.next, p.wait = next, 0
}

// behind reports whether f+1 peers claim an outcome that this member lacks, so
// that at least one correct member has it.
func (p *Peers) behind() bool {
	ahead := 0
	for _, other := range p.peers {
		if other.claim > p.next {
			ahead++
		}
	}
	return ahead >= p.some
}

// Ask returns the peers to ask for outcomes from the next epoch on; none if this
// member is not behind, or waits for answers. It begins with f+1 of those that
// are ahead, others each time.
func (p *Peers) Ask() []messages.PeerID {
	if !p.behind() {
		p.wide, p.wait = false, 0
		return nil
	}
	if p.wait > 0 {
		return nil
	}
	p.wait = retryTicks
	var asked []messages.PeerID
	for i := range p.peers {
		id := (uint64(p.next)%uint64(len(p.peers)) + uint64(i)) % uint64(len(p.peers))
		if other := p.peers[id]; other.claim > p.next && len(other.answer) == 0 && (p.wide || len(asked) < p.some) {
			asked = append(asked, messages.PeerID(id))
		}
	}
	return asked
}

// All returns every peer, for a member that does not know what they told it
// before it restarted.
func (p *Peers) All() []messages.PeerID {
	all := make([]messages.PeerID, len(p.peers))
	for i := range all {
		all[i] = messages.PeerID(i)
	}
	return all
}

// Tick is Ask as time passes.
func (p *Peers) Tick() []messages.PeerID {
	if p.wait > 0 {
		if p.wait--; p.wait > 0 {
			return nil
		}
		p.wide = true
	}
	return p.Ask()
}
