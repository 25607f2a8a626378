// Package catchup decides whom a member that missed epochs asks for them, and
// which answers it believes. It is pure.
//
// First come headers (package statement): a member asks one peer for the chain
// from its own position on, and believes a piece of it if a certificate ends it,
// with one check of a signature for up to two thousand epochs. A piece without a
// certificate is believed as far as f+1 peers gave the same: one of those is
// correct, and correct members never differ. That is what brings a member through
// epochs that n−f members have not signed, because a faulty one does not sign or
// because they need this very member's share.
//
// Then come the outcomes that the headers name, from several peers at once, many
// in an answer; one that is too long for a message comes in parts, each asked for.
// Every outcome is checked against its header when it comes, so a wrong one names
// its sender, and nothing has to be fetched twice.
//
// # Bounds
//
// That a peer is ahead is believed on f+1 claims, or on a certificate. Only what
// was asked for is looked at. What is kept are [MaxBelieved] headers, MaxHeld bytes
// of outcomes plus one answer for each question that is open (MaxAsked), and of
// each peer one answer without a certificate. Peers that are silent rest for a
// while, those that lied for longer.
package catchup

import (
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/topeer"
)

// The bounds.
const (
	// MaxBelieved is how many epochs ahead of the store headers are kept.
	MaxBelieved = 2 * topeer.MaxHeaders
	// MaxHeld is from how many bytes of outcomes on only the next one is asked for.
	MaxHeld = 16 << 20
	// MaxAsked is how many peers are asked for outcomes at once.
	MaxAsked = 8
)

// How long things take, in ticks.
const (
	patience  = 20  // for an answer; twice as long after each time that it was not enough
	silence   = 30  // a peer that did not answer, or had nothing, is left alone
	disgrace  = 300 // one that lied
	hopeless  = 50  // without progress
	probeWait = 10  // between questions to peers that have not said where they are
)

// slowest bounds how often patience is doubled.
const slowest = 4

// Config is fixed for the life of a Peers.
type Config struct {
	Federation messages.FederationID
	Era        messages.Era
	Self       messages.PeerID
	Members    int
	Key        statement.Key // of certificates
}

// Peers knows what the other members say about epochs that this one lacks. Make
// one with [New].
type Peers struct {
	cfg      Config
	some     int             // f+1
	next     messages.Epoch  // the first epoch that is lacking
	previous messages.Digest // link of the epoch before it
	chain    []entry         // epochs from next on that are believed
	held     int             // bytes of outcomes in chain
	peers    []peer          // by PeerID
	proven   messages.Epoch  // a certificate says that there are outcomes before it
	opinions int             // how many unproven answers are wanted: 1, f+1, all
	turn     int             // whom to ask first
	stalled  int             // ticks without progress
}

// entry is an epoch that is believed, perhaps with its outcome.
type entry struct {
	Believed
	link messages.Digest
}

// Believed is an epoch that this member lacks, with what it agreed on.
type Believed struct {
	Statement statement.Statement
	Outcome   []byte // canonical; nil while it is lacking
	// Proven says that a certificate of this epoch or a later one was seen; else
	// f+1 peers said the same.
	Proven bool
	// Certificate is that of this epoch, nil if there is none here.
	Certificate *statement.Certificate
}

// peer is what one of them said, and what it was asked.
type peer struct {
	claim  messages.Epoch // it says that it has the outcomes of all epochs before
	oldest messages.Epoch // it says that it has forgotten those before
	told   bool           // it has said where it is
	rest   int            // ticks during which it is not asked
	slow   int            // how often it did not answer in time
	asked  *question
	// opinion are links of epochs from the end of the chain on that it gave
	// without a certificate, with their statements.
	opinion []entry
}

// question is what a peer was asked and has not answered.
type question struct {
	ask  Ask
	sent bool
	wait int    // ticks until it is given up
	part []byte // of the outcome of ask.From
}

// Ask is a question for one peer: for headers from From on, or, if Count is not 0,
// for outcomes.
type Ask struct {
	Peer   messages.PeerID
	From   messages.Epoch
	Count  int
	Offset uint64
}

// A Fault says that a peer did what no correct member does.
type Fault struct {
	Peer messages.PeerID
	Text string
}

// New returns the state of a member whose first lacking epoch is next; previous is
// the link of the epoch before.
func New(cfg Config, next messages.Epoch, previous messages.Digest) *Peers {
	return &Peers{cfg: cfg, some: (cfg.Members-1)/3 + 1, next: next, previous: previous, peers: make([]peer, cfg.Members), opinions: 1}
}

// Ahead notes that a peer claims to have the outcomes of all epochs before epoch.
func (p *Peers) Ahead(from messages.PeerID, epoch messages.Epoch) {
	p.peers[from].claim = max(p.peers[from].claim, epoch)
}

// Proven notes that a certificate shows that there are outcomes of all epochs
// before epoch, and that a peer has it.
func (p *Peers) Proven(from messages.PeerID, epoch messages.Epoch) {
	p.Ahead(from, epoch)
	p.proven = max(p.proven, epoch)
}

// Up notes that the link to a peer came up: what it was asked may be lost.
func (p *Peers) Up(id messages.PeerID) {
	o := &p.peers[id]
	if o.asked = nil; o.rest <= silence {
		o.rest = 0
	}
}

// end is the first epoch that nothing is believed about.
func (p *Peers) end() messages.Epoch { return p.next + messages.Epoch(len(p.chain)) }

// endLink is the link of the epoch before end.
func (p *Peers) endLink() messages.Digest {
	if len(p.chain) == 0 {
		return p.previous
	}
	return p.chain[len(p.chain)-1].link
}

// more reports whether there are outcomes from an epoch on: a certificate or f+1
// peers say so, of whom one is correct.
func (p *Peers) more(e messages.Epoch) bool {
	ahead := 0
	for i := range p.peers {
		if p.peers[i].claim > e {
			ahead++
		}
	}
	return p.proven > e || ahead >= p.some
}

// Ready returns epochs that may be applied, from the next one on: at most limit of
// them and size bytes of outcomes together, but at least one if there is one.
func (p *Peers) Ready(limit, size int) []Believed {
	var list []Believed
	for i := range p.chain {
		e := &p.chain[i]
		if size -= len(e.Outcome); e.Outcome == nil || len(list) == limit || len(list) > 0 && size < 0 {
			break
		}
		list = append(list, e.Believed)
	}
	return list
}

// Expected returns what a certificate says about an epoch that this member lacks,
// nil if there is none.
func (p *Peers) Expected(e messages.Epoch) *Believed {
	if at := uint64(e) - uint64(p.next); e >= p.next && at < uint64(len(p.chain)) && p.chain[at].Proven {
		return &p.chain[at].Believed
	}
	return nil
}

// Advance says that this member now has the outcomes of all epochs before next, and
// the link of the last of them.
func (p *Peers) Advance(next messages.Epoch, previous messages.Digest) {
	if next <= p.next {
		return
	}
	passed := min(uint64(next-p.next), uint64(len(p.chain)))
	// What was agreed on without our help may come before its headers do, but never
	// against them; if it does, everything is asked for anew.
	agrees := passed == uint64(next-p.next) && p.chain[passed-1].link == previous
	rest := p.chain[passed:]
	if !agrees {
		rest = nil
	}
	p.next, p.previous, p.chain, p.held, p.stalled = next, previous, slices.Clone(rest), 0, 0
	for _, e := range p.chain {
		p.held += len(e.Outcome)
	}
	for i := range p.peers {
		if q := p.peers[i].asked; q != nil && q.ask.Count > 0 && q.ask.From+messages.Epoch(q.ask.Count) <= next {
			p.peers[i].asked = nil
		}
	}
	if !agrees {
		p.forgetOpinions()
	}
}

func (p *Peers) forgetOpinions() {
	for i := range p.peers {
		p.peers[i].opinion = nil
	}
	p.opinions = 1
}

// Lacking reports whether outcomes are known to be missing.
func (p *Peers) Lacking() bool { return len(p.chain) > 0 || p.more(p.next) }

// Located reports whether a member that has lost its data knows where the others
// are and lacks nothing of it: n−f others have said so, itself being one of the f.
func (p *Peers) Located() bool {
	told, beyond := 0, false
	for i := range p.peers {
		if o := &p.peers[i]; o.told {
			told++
			beyond = beyond || o.claim > p.next
		}
	}
	n := p.cfg.Members
	return told >= min(n-(n-1)/3, n-1) && !p.Lacking() && (!beyond || p.stalled >= hopeless)
}

// Pruned returns the peers to ask for a snapshot, and false unless outcomes are
// missing that f+1 peers have forgotten and nobody else serves.
func (p *Peers) Pruned() ([]messages.PeerID, bool) {
	if len(p.chain) > 0 && p.chain[0].Outcome != nil || !p.more(p.next) {
		return nil, false
	}
	forgot, serves := 0, false
	var list []messages.PeerID
	for i := range p.peers {
		o := &p.peers[(i+p.turn)%len(p.peers)]
		if o.claim <= p.next {
			continue
		}
		list = append(list, messages.PeerID((i+p.turn)%len(p.peers)))
		if o.told && o.oldest > p.next {
			forgot++
		} else {
			serves = serves || o.told
		}
	}
	return list, forgot >= p.some && (!serves || p.stalled >= hopeless)
}

// String returns one stable line.
func (p *Peers) String() string {
	return fmt.Sprintf("next %d believed %d held %d proven %d", p.next, len(p.chain), p.held, p.proven)
}

// maxOutcome bounds an outcome, in bytes.
func (p *Peers) maxOutcome() int { return outcome.MaxSize(p.cfg.Members) }
