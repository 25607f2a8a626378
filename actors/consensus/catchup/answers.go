package catchup

import (
	"bytes"
	"fmt"

	"minimint/actors/mutant"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
)

// Headers takes what a peer served. It returns faults, and, if a valid certificate
// shows that the epoch before Next was another one than this member has
// committed, that certificate: then this member is wrong.
func (p *Peers) Headers(m toconsensus.HeadersServed) (faults []Fault, against *statement.Certificate) {
	o := &p.peers[m.Peer]
	q := o.asked
	if q == nil || q.ask.Count != 0 || q.ask.From != m.Proof.From {
		return nil, nil
	}
	p.answered(m.Peer)
	o.told, o.oldest = true, m.Oldest
	p.Ahead(m.Peer, m.Next)
	if m.Proof.From != p.end() || len(m.Proof.Headers) == 0 {
		if m.Oldest <= m.Proof.From && len(m.Proof.Headers) == 0 {
			o.rest = silence
		}
		return nil, nil
	}
	if cert, ok := m.Proof.Certificate(p.cfg.Federation, p.cfg.Era); ok {
		return p.proof(m, cert)
	}
	if m.Proof.Previous != p.endLink() {
		o.rest = silence
		return nil, nil
	}
	o.opinion = p.entries(m.Proof)
	p.opinions = max(p.opinions, p.some)
	return p.agreement(), nil
}

// answered ends a question.
func (p *Peers) answered(id messages.PeerID) {
	p.peers[id].asked, p.peers[id].slow = nil, 0
}

// entries turns headers that continue the chain into entries of it.
func (p *Peers) entries(proof statement.Proof) []entry {
	list := proof.Statements(p.cfg.Federation, p.cfg.Era)
	out := make([]entry, len(list))
	for i, s := range list {
		out[i].Statement = s
		if i > 0 {
			out[i-1].link = s.Previous
		}
	}
	out[len(out)-1].link = list[len(list)-1].Link(p.cfg.Federation)
	return out
}

// proof believes headers that end with a certificate, if that is valid.
func (p *Peers) proof(m toconsensus.HeadersServed, cert statement.Certificate) ([]Fault, *statement.Certificate) {
	if !p.cfg.Key.Valid(cert) && !mutant.Removed(mutant.CertificateValid) {
		return p.lied(m.Peer, "served headers with a wrong certificate up to epoch %d", cert.Statement.Epoch), nil
	}
	p.Proven(m.Peer, cert.Statement.Epoch+1)
	if m.Proof.Previous != p.endLink() {
		if len(p.chain) == 0 {
			return nil, &cert // n−f members do not know the epoch that we have
		}
		p.chain, p.held = nil, 0 // it was not certified, and was wrong
		p.forgetOpinions()
		return nil, nil
	}
	list := p.entries(m.Proof)
	for i := range list {
		list[i].Proven = true
	}
	list[len(list)-1].Certificate = &cert
	p.believe(list)
	return nil, nil
}

func (p *Peers) believe(list []entry) {
	p.chain = append(p.chain, list...)
	p.stalled = 0
	p.forgetOpinions()
}

// lied is for what no correct member serves.
func (p *Peers) lied(by messages.PeerID, format string, args ...any) []Fault {
	p.peers[by].rest, p.peers[by].opinion = disgrace, nil
	return []Fault{{Peer: by, Text: fmt.Sprintf(format, args...)}}
}

// agreement believes headers as far as f+1 peers gave the same.
func (p *Peers) agreement() []Fault {
	var agreed []entry
	for i := range p.peers {
		for length := len(p.peers[i].opinion); length > len(agreed); length-- {
			if p.support(p.peers[i].opinion[length-1]) >= p.some {
				agreed = p.peers[i].opinion[:length]
			}
		}
	}
	if len(agreed) == 0 {
		return nil
	}
	var faults []Fault
	for i := range p.peers {
		theirs := p.peers[i].opinion
		if n := min(len(theirs), len(agreed)); n > 0 && theirs[n-1].link != agreed[n-1].link {
			faults = append(faults, p.lied(messages.PeerID(i), "served wrong headers from epoch %d on", p.end())...)
		}
	}
	p.believe(agreed)
	return faults
}

// support counts the peers whose headers contain an epoch, with all before it.
func (p *Peers) support(e entry) int {
	at, count := uint64(e.Statement.Epoch-p.end()), 0
	for i := range p.peers {
		if list := p.peers[i].opinion; at < uint64(len(list)) && list[at].link == e.link {
			count++
		}
	}
	return count
}

// Outcomes takes what a peer served, and returns faults.
func (p *Peers) Outcomes(m toconsensus.OutcomesServed) []Fault {
	o := &p.peers[m.Peer]
	q := o.asked
	if q == nil || q.ask.Count == 0 || q.ask.From != m.From || len(m.Outcomes) > q.ask.Count {
		return nil
	}
	o.told, o.oldest = true, max(o.oldest, m.Oldest)
	if m.Part != nil {
		return p.part(m, q)
	}
	p.answered(m.Peer)
	for i, b := range m.Outcomes {
		if fault := p.take(m.Peer, m.From+messages.Epoch(i), b); fault != nil {
			return fault
		}
	}
	if len(m.Outcomes) == 0 {
		o.rest = silence
	}
	return nil
}

// take keeps an outcome if it is the one that is believed in.
func (p *Peers) take(from messages.PeerID, e messages.Epoch, b []byte) []Fault {
	at := uint64(e) - uint64(p.next)
	if e < p.next || at >= uint64(len(p.chain)) || p.chain[at].Outcome != nil {
		return nil
	}
	if domain.Hash(domain.Outcome, p.cfg.Federation[:], b) != p.chain[at].Statement.Header.Outcome {
		return p.lied(from, "served a wrong outcome of epoch %d", e)
	}
	p.chain[at].Outcome = b
	p.held += len(b)
	p.stalled = 0
	return nil
}

// part puts the parts of an outcome together, each of which is asked for.
func (p *Peers) part(m toconsensus.OutcomesServed, q *question) []Fault {
	if m.Offset != q.ask.Offset {
		return nil
	}
	o := &p.peers[m.Peer]
	if len(m.Part) < topeer.PieceBytes && !m.Last || len(q.part)+len(m.Part) > p.maxOutcome() {
		o.asked = nil
		return p.lied(m.Peer, "served an outcome of epoch %d that does not end", m.From)
	}
	q.part = append(q.part, m.Part...)
	if m.Last {
		p.answered(m.Peer)
		return p.take(m.Peer, m.From, bytes.Clone(q.part))
	}
	q.ask.Offset, q.sent = uint64(len(q.part)), false
	p.stalled = 0
	return nil
}
