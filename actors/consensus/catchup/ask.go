package catchup

import (
	"minimint/messages"
	"minimint/messages/topeer"
)

// Ask returns the questions to send now. Each peer has one question open at a time.
func (p *Peers) Ask() []Ask {
	p.wantHeaders()
	p.wantOutcomes()
	var asks []Ask
	for i := range p.peers {
		if q := p.peers[i].asked; q != nil && !q.sent {
			q.sent, q.wait = true, patience<<p.peers[i].slow
			asks = append(asks, q.ask)
		}
	}
	return asks
}

// Tick is Ask as time passes.
func (p *Peers) Tick() []Ask {
	if p.stalled++; p.stalled%hopeless == 0 {
		// Perhaps peers have forgotten meanwhile what they said they have.
		p.chain, p.held = nil, 0
		p.forgetOpinions()
	}
	for i := range p.peers {
		o := &p.peers[i]
		o.rest = max(o.rest-1, 0)
		if o.asked == nil {
			continue
		}
		if o.asked.wait--; o.asked.wait <= 0 {
			if o.asked.ask.Count == 0 {
				p.widen()
			}
			o.asked, o.rest, o.slow = nil, silence, min(o.slow+1, slowest)
		}
	}
	return p.Ask()
}

// widen asks more peers for headers at once: one, then f+1, then all.
func (p *Peers) widen() {
	if p.opinions < p.some {
		p.opinions = p.some
	} else {
		p.opinions = len(p.peers)
	}
}

// Probe returns questions to all peers that have not said where they are: for a
// member that begins.
func (p *Peers) Probe() []Ask {
	for i := range p.peers {
		if o := &p.peers[i]; messages.PeerID(i) != p.cfg.Self && !o.told && o.asked == nil {
			o.asked = &question{ask: Ask{Peer: messages.PeerID(i), From: p.end()}}
		}
	}
	return p.Ask()
}

// ProbeDue reports, at a tick, whether to probe again.
func (p *Peers) ProbeDue() bool { return p.stalled%probeWait == 1 }

// able reports whether a peer may be asked for something about an epoch.
func (p *Peers) able(id int, e messages.Epoch) bool {
	o := &p.peers[id]
	return messages.PeerID(id) != p.cfg.Self && o.asked == nil && o.rest == 0 && o.claim > e && o.oldest <= e
}

// rotate visits the peers, each time beginning with another one.
func (p *Peers) rotate(visit func(id int) (more bool)) {
	first := p.turn
	for i := range p.peers {
		if id := (first + i) % len(p.peers); !visit(id) {
			p.turn = (id + 1) % len(p.peers)
			return
		}
	}
}

// wantHeaders makes questions for headers, if there is more to believe and room for
// it.
func (p *Peers) wantHeaders() {
	end := p.end()
	if !p.more(end) || len(p.chain)+topeer.MaxHeaders > MaxBelieved {
		return
	}
	open, waiting := 0, false
	for i := range p.peers {
		o := &p.peers[i]
		asked := o.asked != nil && o.asked.ask.Count == 0
		if waiting = waiting || asked; asked || o.opinion != nil {
			open++
		}
	}
	if open >= p.opinions && !waiting {
		p.widen() // they do not agree
	}
	if open >= p.opinions {
		return
	}
	p.rotate(func(id int) bool {
		if p.able(id, end) && p.peers[id].opinion == nil {
			p.peers[id].asked = &question{ask: Ask{Peer: messages.PeerID(id), From: end}}
			open++
		}
		return open < p.opinions
	})
}

// wantOutcomes makes questions for outcomes that are believed in and not here.
func (p *Peers) wantOutcomes() {
	open := make([]bool, len(p.chain))
	asked := 0
	for i := range p.peers {
		q := p.peers[i].asked
		if q == nil || q.ask.Count == 0 {
			continue
		}
		asked++
		for k := range q.ask.Count {
			if at := uint64(q.ask.From) + uint64(k) - uint64(p.next); at < uint64(len(open)) {
				open[at] = true
			}
		}
	}
	for at := 0; at < len(p.chain) && asked < MaxAsked; {
		count := 0
		for at+count < len(p.chain) && count < topeer.MaxOutcomes && p.chain[at+count].Outcome == nil && !open[at+count] {
			count++
		}
		if count > 0 {
			if p.held >= MaxHeld && at > 0 {
				return
			}
			if !p.assign(p.next+messages.Epoch(at), count) {
				return
			}
			asked++
		}
		at += max(count, 1)
	}
}

// assign gives a range of epochs to a peer, and reports false if there is none.
func (p *Peers) assign(from messages.Epoch, count int) bool {
	found := false
	p.rotate(func(id int) bool {
		if found = p.able(id, from); found {
			p.peers[id].asked = &question{ask: Ask{Peer: messages.PeerID(id), From: from, Count: count}}
		}
		return !found
	})
	return found
}
