package certificate

import (
	"fmt"

	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/statement"
)

// Heard takes a share that its member sent.
func (c *Collector) Heard(from messages.PeerID, share statement.Share) Step {
	c.check(from)
	if share.Member != from {
		panic(fmt.Sprintf("certificate: share of member %d from %d", share.Member, from))
	}
	var step Step
	e := share.Statement.Epoch
	if share.Statement.Era != c.cfg.Era {
		step.fault(from, WrongEra, e)
		return step
	}
	if c.halted || !c.inWindow(e) {
		return step
	}
	s := c.slotOf(from, e)
	switch {
	case s.bad:
		return step
	case s.share == nil:
		s.share = &share
	case s.share.Statement != share.Statement:
		c.contradict(&step, from, s, share)
	default:
		return step // a repetition
	}
	if e < c.next {
		if c.judge(&step, from, e); step.Divergence == nil {
			c.combine(&step, e)
		}
	}
	return step
}

func (c *Collector) check(from messages.PeerID) {
	if from == c.cfg.Self || int(from) >= c.cfg.Members {
		panic(fmt.Sprintf("certificate: message from %d at member %d of %d", from, c.cfg.Self, c.cfg.Members))
	}
}

func (s *Step) fault(peer messages.PeerID, kind Kind, epoch messages.Epoch) {
	s.Faults = append(s.Faults, Fault{Peer: peer, Kind: kind, Epoch: epoch})
}

// contradict takes a second statement of a member about one epoch. Once for each
// epoch both shares are checked, so it costs no more however many there are.
func (c *Collector) contradict(step *Step, from messages.PeerID, s *slot, other statement.Share) {
	if s.twice {
		return
	}
	s.twice = true
	first, second := s.verified || c.cfg.Key.ValidShare(*s.share), c.cfg.Key.ValidShare(other)
	switch {
	case first && second:
		s.verified = true
		step.fault(from, TwoOutcomes, s.epoch)
		step.Evidence = append(step.Evidence, statement.Contradiction{Member: from, One: *s.share, Other: other})
		return
	case first:
		s.verified = true
	case second:
		s.share, s.verified = &other, true
	default:
		s.share, s.bad = nil, true
	}
	c.blame(step, from, s.epoch)
}

// blame is for a wrong share.
func (c *Collector) blame(step *Step, from messages.PeerID, e messages.Epoch) {
	c.peers[from].suspect = e + Suspicion
	step.fault(from, BadOutcomeShare, e)
}

// judge compares a member's share with what this member has committed. Shares on
// our own statement are only checked if their member is a suspect.
func (c *Collector) judge(step *Step, from messages.PeerID, e messages.Epoch) {
	s, own := c.slotOf(from, e), c.ownOf(e)
	if own == nil || s.share == nil {
		return
	}
	same := s.share.Statement == *own
	if !s.verified && (!same || c.peers[from].suspect > e) {
		if !c.cfg.Key.ValidShare(*s.share) {
			s.share, s.bad = nil, true
			c.blame(step, from, e)
			return
		}
		s.verified = true
	}
	if !same {
		c.doubt(step, e, *own)
	}
}

// doubt looks whether f+1 members say something else than this member.
func (c *Collector) doubt(step *Step, e messages.Epoch, own statement.Statement) {
	var others []statement.Share
	for id := range c.peers {
		if s := c.slotOf(messages.PeerID(id), e); s.share != nil && s.verified && s.share.Statement != own {
			others = append(others, *s.share)
		}
	}
	if len(others) >= c.some || len(others) > 0 && mutant.Removed(mutant.DoubtAtSome) {
		c.halted = true
		step.Divergence = &Divergence{Own: own, Shares: others}
	}
}

// combine makes the certificate of an epoch, if there are shares enough. It is
// checked once as a whole. Under load one is made in each tick, since the next one
// proves the same.
func (c *Collector) combine(step *Step, e messages.Epoch) {
	own := c.ownOf(e)
	if own == nil || e < c.certified || c.spent {
		return
	}
	held := make([]*statement.Share, 0, len(c.peers))
	for id := range c.peers {
		if s := c.slotOf(messages.PeerID(id), e); s.share != nil && s.share.Statement == *own {
			held = append(held, s.share)
		}
	}
	if len(held) < c.live {
		return
	}
	shares := make([]statement.Share, len(held))
	for i, s := range held {
		shares[i] = *s
	}
	signature, liars, ok := c.cfg.Key.Combine(shares)
	for _, from := range liars {
		s := c.slotOf(from, e)
		s.share, s.bad = nil, true
		c.blame(step, from, e)
	}
	if !ok {
		return // those that come now complete it
	}
	c.spent = true
	made := statement.Certificate{Statement: *own, Signature: signature}
	c.Prove(made)
	step.Certificate = &made
}

// HeardCertificate takes a certificate that a member sent. One in a tick is
// checked for each member, and none that says nothing new.
func (c *Collector) HeardCertificate(from messages.PeerID, cert statement.Certificate) Step {
	c.check(from)
	var step Step
	e := cert.Statement.Epoch
	if cert.Statement.Era != c.cfg.Era {
		step.fault(from, WrongEra, e)
		return step
	}
	own := c.ownOf(e)
	switch {
	case c.halted, e < c.oldest(), own != nil && *own == cert.Statement && e < c.certified, own == nil && e < c.proven, own == nil && e < c.next:
		return step
	case c.peers[from].credit == 0:
		return step
	}
	c.peers[from].credit--
	switch {
	case !c.cfg.Key.Valid(cert):
		c.peers[from].mute = muted
		step.fault(from, BadCertificate, e)
	case own == nil:
		c.proven = e + 1
		step.Proven = e + 1
	case *own == cert.Statement:
		c.Prove(cert)
		step.Certificate = &cert
	default:
		c.halted = true
		step.Divergence = &Divergence{Own: *own, Certified: &cert}
	}
	return step
}

// Attest returns what makes others believe our statement about an epoch: its
// certificate, or the shares of f+1 members, each of which is checked once; nil if
// there is neither.
func (c *Collector) Attest(e messages.Epoch) (*statement.Attested, Step) {
	if c.newest != nil && c.newest.Statement.Epoch == e {
		a := c.newest.Attested()
		return &a, Step{}
	}
	own := c.ownOf(e)
	if own == nil || c.halted || !c.inWindow(e) {
		return nil, Step{}
	}
	var step Step
	a := &statement.Attested{Statement: *own}
	for i := range c.peers {
		id := messages.PeerID(i)
		s := c.slotOf(id, e)
		switch {
		case len(a.Shares) == c.some || s.share == nil || s.share.Statement != *own:
		case s.verified || c.cfg.Key.ValidShare(*s.share):
			s.verified = true
			a.Shares = append(a.Shares, *s.share)
		default:
			s.share, s.bad = nil, true
			c.blame(&step, id, e)
		}
	}
	if len(a.Shares) < c.some {
		return nil, step
	}
	return a, step
}
