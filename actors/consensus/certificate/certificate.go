// Package certificate makes epoch certificates out of members' shares, and finds
// out who signs something else. It is pure.
//
// A member signs the statement about an epoch when the epoch is durable in its
// store, never before, and the statement follows from the store alone, so it can
// never sign two. Shares go to all members. n−f equal ones make a certificate,
// which proves the epoch and all before it to anybody: so only the newest epochs
// matter, and nothing is kept of the others but what is in the store.
//
// # Who answers for what
//
//	equal to our statement     combined first and checked once; only if that fails the liars
//	                           are looked for (BadOutcomeShare), and for a while their shares
//	                           are checked before they are used
//	other than our statement   checked at once; a wrong share is BadOutcomeShare. f+1 right
//	                           ones, or one certificate, mean that it is we who are wrong:
//	                           among them is a correct member. See Divergence.
//	two statements of one      both are checked; if both shares are right the member signed
//	member about one epoch     twice: TwoOutcomes, with evidence for everybody
//
// # Bounds
//
// Of each member one share is kept for each of [Window] epochs. A member can make
// us check two shares for each epoch, and one certificate for each tick, whatever
// it sends.
//
// # Repetition
//
// There is no queue. What was lost is repaired when a link comes up (see
// Repeat) and when the newest epoch stays without a certificate: then our share is
// sent again, ever more rarely, with the wish to be answered.
package certificate

import (
	"fmt"

	"minimint/messages"
	"minimint/messages/statement"
)

const (
	// Window is for how many epochs shares are kept: the next one, the one after
	// it, and the newest that are committed.
	Window = 8
	// early is how many epochs beyond those that are committed a share may be of.
	early = 2
	// Suspicion is for how many epochs the shares of a member that gave a wrong
	// one are checked before they are used.
	Suspicion = 64
)

// muted is for how many ticks no certificate of a member is checked that gave a
// wrong one.
const muted = 600

// The first wait for a certificate before the share is sent again, and the
// longest, in ticks.
const (
	firstWait = 10
	lastWait  = 640
)

// A Kind names a fault.
type Kind string

// The faults. No correct member causes one.
const (
	WrongEra        Kind = "WrongEra"
	BadOutcomeShare Kind = "BadOutcomeShare"
	BadCertificate  Kind = "BadCertificate"
	TwoOutcomes     Kind = "TwoOutcomes"
)

// A Fault says that a member did what no correct one does.
type Fault struct {
	Peer  messages.PeerID
	Kind  Kind
	Epoch messages.Epoch
}

// String returns one stable line without the member.
func (f Fault) String() string { return fmt.Sprintf("%s in epoch %d", f.Kind, f.Epoch) }

// A Divergence proves that this member is wrong about an epoch: f+1 members
// signed something else than it has committed.
type Divergence struct {
	Own       statement.Statement
	Shares    []statement.Share      // of f+1 members; or
	Certified *statement.Certificate // what n−f signed
}

// A Step is what every call asks of the caller.
type Step struct {
	// Share is for all members, nil if there is none; with Again they should
	// answer it.
	Share *statement.Share
	Again bool
	// Certificate is new and to be kept, nil if there is none.
	Certificate *statement.Certificate
	// Proven is not zero if a valid certificate shows that the epochs below it
	// are agreed on, beyond what is committed here.
	Proven     messages.Epoch
	Faults     []Fault
	Evidence   []statement.Contradiction
	Divergence *Divergence
}

// Config is fixed for the life of a Collector.
type Config struct {
	Era     messages.Era
	Self    messages.PeerID
	Members int
	Key     statement.Signer // of certificates, with this member's secret
}

// A Collector holds the shares of the newest epochs. Make one with [New].
type Collector struct {
	cfg       Config
	some      int            // f+1
	live      int            // n−f
	next      messages.Epoch // the first epoch that is not committed
	certified messages.Epoch // epochs below are proven by a certificate
	newest    *statement.Certificate
	proven    messages.Epoch
	own       [Window]*statement.Statement // by epoch modulo Window
	peers     []peer                       // by PeerID
	halted    bool
	spent     bool // a certificate was made in this tick
	waited    int  // ticks without the certificate of the newest epoch
	wait      int
}

// peer is what one member said.
type peer struct {
	slots   [Window]slot   // by epoch modulo Window
	suspect messages.Epoch // its shares are checked for epochs below
	credit  int            // certificates of it that are checked in this tick
	mute    int            // ticks during which none is, after a wrong one
	answers int            // how often it is answered in this tick
}

// slot is one member's share for one epoch.
type slot struct {
	epoch    messages.Epoch
	share    *statement.Share // nil if there is none
	verified bool
	bad      bool // it gave a wrong one; no other is taken
	twice    bool // it contradicted itself, or tried to
}

// New returns the state of a member that has committed the epochs before next, of
// which recent are the statements of the newest, ascending; newest is the newest
// certificate that it has, nil if none.
func New(cfg Config, next messages.Epoch, recent []statement.Statement, newest *statement.Certificate) *Collector {
	f := (cfg.Members - 1) / 3
	c := &Collector{cfg: cfg, some: f + 1, live: cfg.Members - f, next: next, newest: newest, peers: make([]peer, cfg.Members), wait: firstWait}
	if newest != nil {
		c.certified = newest.Statement.Epoch + 1
	}
	for _, s := range recent {
		if s.Epoch >= c.oldest() && s.Epoch < next {
			c.own[s.Epoch%Window] = &s
		}
	}
	if newest := c.ownOf(next - 1); newest != nil && next > c.certified {
		c.sign(*newest)
	}
	c.refill()
	return c
}

// oldest is the first epoch of the window.
func (c *Collector) oldest() messages.Epoch { return c.next - min(c.next, Window-early) }

// inWindow reports whether shares for an epoch are looked at.
func (c *Collector) inWindow(e messages.Epoch) bool { return e >= c.oldest() && e < c.next+early }

// ownOf returns what this member has to say about an epoch, nil if it has
// forgotten or not committed it.
func (c *Collector) ownOf(e messages.Epoch) *statement.Statement {
	if s := c.own[e%Window]; s != nil && s.Epoch == e && e < c.next {
		return s
	}
	return nil
}

// slotOf returns a member's place for an epoch of the window; what is there of an
// older one goes.
func (c *Collector) slotOf(from messages.PeerID, e messages.Epoch) *slot {
	s := &c.peers[from].slots[e%Window]
	if s.epoch != e {
		*s = slot{epoch: e}
	}
	return s
}

// Certified returns the first epoch that no certificate proves here.
func (c *Collector) Certified() messages.Epoch { return c.certified }

// Newest returns the newest certificate, nil if there is none.
func (c *Collector) Newest() *statement.Certificate { return c.newest }

// Committed says that an epoch is durable, the next one after all before it, and
// signs its statement, unless a certificate has proven it already.
func (c *Collector) Committed(s statement.Statement) Step {
	if s.Epoch != c.next || s.Era != c.cfg.Era {
		panic(fmt.Sprintf("certificate: epoch %d of era %d after the epochs before %d of era %d", s.Epoch, s.Era, c.next, c.cfg.Era))
	}
	c.next++
	c.own[s.Epoch%Window] = &s
	var step Step
	if s.Epoch >= c.certified {
		step.Share = c.sign(s)
	}
	if c.halted {
		return Step{}
	}
	for id := range c.peers {
		if c.judge(&step, messages.PeerID(id), s.Epoch); step.Divergence != nil {
			return step
		}
	}
	c.combine(&step, s.Epoch)
	return step
}

// Learned says that an epoch is durable that a certificate has proven, which came
// with it or will: it needs no signature of ours.
func (c *Collector) Learned(s statement.Statement) {
	c.certified = max(c.certified, s.Epoch+1)
	c.Committed(s)
}

// Beyond returns the members that signed epochs which are not committed here.
func (c *Collector) Beyond() []messages.PeerID {
	var list []messages.PeerID
	for id := range c.peers {
		for e := c.next; e < c.next+early; e++ {
			if s := c.slotOf(messages.PeerID(id), e); s.share != nil {
				list = append(list, messages.PeerID(id))
				break
			}
		}
	}
	return list
}

// Prove takes a valid certificate, of an epoch that may not be committed yet.
func (c *Collector) Prove(by statement.Certificate) {
	if c.newest != nil && by.Statement.Epoch <= c.newest.Statement.Epoch {
		return
	}
	c.certified, c.newest = max(c.certified, by.Statement.Epoch+1), &by
	c.waited, c.wait = 0, firstWait
}

func (c *Collector) sign(s statement.Statement) *statement.Share {
	share := statement.Share{Statement: s, Member: c.cfg.Self, Signature: c.cfg.Key.Sign(s)}
	*c.slotOf(c.cfg.Self, s.Epoch) = slot{epoch: s.Epoch, share: &share, verified: true}
	return &share
}

// Repeat returns what a member that may have lost everything is told: our shares
// of the newest epochs, and the newest certificate.
func (c *Collector) Repeat() (shares []statement.Share, newest *statement.Certificate) {
	for e := max(c.oldest(), c.certified); e < c.next; e++ {
		if s := c.slotOf(c.cfg.Self, e); s.share != nil {
			shares = append(shares, *s.share)
		}
	}
	return shares, c.newest
}

// Answer returns what a member is told that asked about an epoch: our newest
// certificate if that proves the epoch, else our share, else nothing. Each member
// is answered once in a tick.
func (c *Collector) Answer(to messages.PeerID, about messages.Epoch) (*statement.Share, *statement.Certificate) {
	if c.halted || c.peers[to].answers == 0 || !c.inWindow(about) && about >= c.certified {
		return nil, nil
	}
	c.peers[to].answers--
	if c.newest != nil && about <= c.newest.Statement.Epoch {
		return nil, c.newest
	}
	if !c.inWindow(about) {
		return nil, nil
	}
	return c.slotOf(c.cfg.Self, about).share, nil
}

// Tick lets time pass.
func (c *Collector) Tick() Step {
	c.refill()
	if c.halted {
		return Step{}
	}
	var step Step
	c.spent = false
	for e := c.next; e > max(c.oldest(), c.certified) && !c.spent; e-- {
		c.combine(&step, e-1)
	}
	if c.certified >= c.next {
		return step
	}
	if c.waited++; c.waited >= c.wait {
		c.waited, c.wait = 0, min(2*c.wait, lastWait)
		step.Share, step.Again = c.slotOf(c.cfg.Self, c.next-1).share, true
	}
	return step
}

func (c *Collector) refill() {
	for i := range c.peers {
		p := &c.peers[i]
		p.mute = max(p.mute-1, 0)
		p.credit, p.answers = 1, 1
		if p.mute > 0 {
			p.credit = 0
		}
	}
}
