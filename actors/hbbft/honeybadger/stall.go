package honeybadger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
)

// StallAfter is how long there may be work without a commit before that counts as a
// stall.
const StallAfter = 3 * time.Second

// AskAfter is how often, in a stall, members that are waited for are asked to say again
// what they said. Nothing should be lost on a link that stays up; if it was, this
// heals it.
const AskAfter = 10 * time.Second

// A link is reset if nothing came over it for quietAfter in a stall, and at most
// every resetAfter.
const (
	quietAfter = 10 * time.Second
	resetAfter = 30 * time.Second
)

// maxLacks bounds how much a stall tells in words.
const maxLacks = 6

// A Stall is the lack of progress while there is work.
type Stall struct {
	Epoch messages.Epoch // that is not committed here
	For   time.Duration
	Lacks []protocol.Lack
}

// Stalled returns what this member waits for if there has been work without a commit
// for [StallAfter], else nil.
func (c *Core) Stalled() *Stall {
	if c.stuck < StallAfter {
		return nil
	}
	return &Stall{Epoch: c.position.Next, For: c.stuck, Lacks: c.Lacks()}
}

// unstick lets time pass, and does what may help in a stall. Members are asked, and
// links reset; what was said stands.
func (c *Core) unstick(passed time.Duration) Step {
	for i := range c.peers {
		c.peers[i].quiet += passed
		c.peers[i].link += passed
	}
	if c.stuck += min(passed, time.Second); !c.pending() { // a member that slept has not waited
		c.stuck = 0
	}
	s := c.Stalled()
	if s == nil {
		c.asked = 0
		return Step{}
	}
	var step Step
	again := c.stuck-c.asked >= AskAfter
	if again {
		c.asked = c.stuck
	}
	for _, id := range s.Members() {
		if id == c.cfg.Self {
			continue
		}
		if again {
			step.Sends = append(step.Sends, c.hello(id, true))
		}
		if p := &c.peers[id]; min(p.quiet, c.stuck) >= quietAfter && p.link >= resetAfter {
			p.link = 0
			step.Resets = append(step.Resets, id)
		}
	}
	return step
}

// pending reports whether an outcome of Next is to be expected.
func (c *Core) pending() bool {
	e := find(c.epochs, c.position.Next)
	return c.work || e != nil && (e.opened || e.subset.Held() >= c.quorum.Some()) || len(c.peers.beyond(c.position.Next)) >= c.quorum.Some()
}

// Lacks says what the epoch Next waits for. It changes nothing.
func (c *Core) Lacks() []protocol.Lack {
	next := c.position.Next
	if ahead := c.peers.beyond(next); len(ahead) >= c.quorum.Some() {
		lack := protocol.Lack{Of: protocol.Outcome, Need: 1}
		for _, n := range ahead {
			lack.From = append(lack.From, n.Peer)
		}
		return []protocol.Lack{lack}
	}
	e := find(c.epochs, next)
	switch {
	case !c.takesPart(next):
		return []protocol.Lack{{Of: protocol.Silence}}
	case e != nil && e.outcome != nil:
		return []protocol.Lack{{Of: protocol.Commit}}
	case next-c.position.Certified > Lookback && (e == nil || !e.opened):
		return []protocol.Lack{c.unlocated()}
	case e == nil || !e.opened:
		return nil
	case !e.proposed && !e.subset.Proposed():
		return append([]protocol.Lack{{Of: protocol.Contribution}}, e.lacks()...)
	}
	return e.lacks()
}

// unlocated says who has not said that it has the outcome of the oldest open epoch.
func (c *Core) unlocated() protocol.Lack {
	from := protocol.Missing(len(c.peers), func(p messages.PeerID) bool {
		return p == c.cfg.Self || c.peers[p].next > c.position.Certified
	})
	need := c.quorum.Live() - (c.quorum.N - len(from))
	return protocol.Lack{Of: protocol.Position, Need: min(max(need, 1), len(from)), From: from}
}

func (e *epoch) lacks() []protocol.Lack {
	list := e.subset.Lacks()
	if e.set != nil {
		for _, d := range e.decryptions {
			list = append(list, d.Lacks()...)
		}
	}
	return list
}

// Members returns those that are waited for, ascending.
func (s *Stall) Members() []messages.PeerID {
	var list []messages.PeerID
	for _, l := range s.Lacks {
		list = append(list, l.From...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// String returns one line: what is lacking, of whom, and about how many proposers if
// about more than one.
func (s *Stall) String() string {
	type group struct {
		text  string
		count int
	}
	var groups []group
	for _, l := range s.Lacks {
		text := l.String()
		if i := slices.IndexFunc(groups, func(g group) bool { return g.text == text }); i >= 0 {
			groups[i].count++
		} else {
			groups = append(groups, group{text, 1})
		}
	}
	var parts []string
	for i, g := range groups {
		if i == maxLacks {
			parts = append(parts, fmt.Sprintf("and %d more", len(groups)-i))
			break
		}
		if g.count > 1 {
			g.text += fmt.Sprintf(" (%d times)", g.count)
		}
		parts = append(parts, g.text)
	}
	if len(parts) == 0 {
		parts = []string{"nothing that it could name"}
	}
	return fmt.Sprintf("epoch %d waits for %s", s.Epoch, strings.Join(parts, "; "))
}
