package adversary

import (
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/network"
	"minimint/sim/world"
)

// splitter is a member of a federation of four that owns the network too. It takes
// one epoch apart so that two members end the first round of the agreement on its
// own proposal with different estimates and the third does not end it, and then it
// is silent, and helps nobody to catch up. Whatever was said arrives; who is in a
// later round must answer those who are not. The coin of that round is fixed, and
// the schedule depends on it.
//
//	at    what the three others, a, b and c, are shown
//	0     the epoch begins; nothing of b reaches c, and no vote of ours
//	300   a and b put in 0 for us; now they see our proposal, and c our Ready
//	      too: it delivers, and puts in 1
//	500   what b said reaches c, so that it relays 0 and says AUX(0); b hears
//	      nothing more of c
//	600   we say AUX(0) to a, which goes on with 0
//	700   we say BVAL(1) to b, which has bit 1 first; it is heard of no more
//	900   b hears c, sees both bits, and goes on with the coin, which is 1
//	1500  all links are free
//
// If it was absent from the last outcomes, that coin is 0: then a decides 0, and b
// goes on with 0. Who has decided must answer too.
type splitter struct {
	*world.Corrupt
	absent  bool
	target  messages.Epoch
	begun   time.Duration
	value   *frames.Value
	a, b, c messages.PeerID
}

// attacked is the epoch, or one soon after. By then the member has taken part for long
// enough that the coin of the first round is 1.
const attacked = 8

// quiet is how long a packet travels where nothing is held.
const quiet = 5 * time.Millisecond

// splitting makes a splitter of the first member. In federations of another size it
// only is a member that does not take part in one epoch.
func splitting(cfg *world.Config, members ...messages.PeerID) { split(cfg, false, members) }

// splittingAbsent makes one that was absent.
func splittingAbsent(cfg *world.Config, members ...messages.PeerID) { split(cfg, true, members) }

func split(cfg *world.Config, absent bool, members []messages.PeerID) {
	s := &splitter{target: attacked, absent: absent}
	s.a, s.b, s.c = outsider(cfg.Nodes, members, 0), outsider(cfg.Nodes, members, 1), outsider(cfg.Nodes, members, 2)
	for i, id := range members {
		cfg.Faulty = append(cfg.Faulty, world.Faulty{Peer: id, Adversary: func(c *world.Corrupt) world.Adversary {
			if i > 0 {
				return mask{Corrupt: c, say: framesOnly}
			}
			s.Corrupt = c
			return mask{Corrupt: c, say: framesOnly, change: s.change, hear: s.hear}
		}})
	}
	if cfg.Nodes == 4 {
		cfg.Network.Schedule = s.schedule
	}
}

// hear begins when it hears of the epoch.
func (s *splitter) hear(_ messages.PeerID, m proto.Message) {
	f, ok := world.Frame(m)
	if !ok || s.begun > 0 || f.Epoch < s.target || len(f.Statements) == 0 {
		return
	}
	s.target, s.begun = f.Epoch, s.Now()
	say := func(at time.Duration, to messages.PeerID, said func() []frames.Statement) {
		s.After(at*time.Millisecond, func() {
			s.Say(to, world.Message(frames.Frame{Era: f.Era, Epoch: f.Epoch, Statements: said()}))
		})
	}
	for _, to := range []messages.PeerID{s.a, s.b, s.c} {
		say(300, to, func() []frames.Statement {
			if s.value == nil {
				return nil
			}
			root := s.Slot(f.Epoch, s.Self).Root(s.value.Payload)
			said := []frames.Statement{*s.value}
			if to != s.b {
				said = append(said, frames.Echo{Proposer: s.Self, Root: root}, frames.Ready{Proposer: s.Self, Root: root})
			}
			return said
		})
	}
	say(600, s.a, func() []frames.Statement { return []frames.Statement{frames.Aux{Proposer: s.Self}} })
	say(700, s.b, func() []frames.Statement { return []frames.Statement{frames.BVal{Proposer: s.Self, Bit: true}} })
}

// change keeps back what the node would say itself.
func (s *splitter) change(to messages.PeerID, e messages.Epoch, said frames.Statement) []frames.Statement {
	own := said.Slot() == s.Self
	switch {
	case e < s.target && own && s.absent:
		return nil
	case e != s.target || s.begun == 0 && !own:
		return []frames.Statement{said}
	}
	switch x := said.(type) {
	case frames.Value:
		if x.Proposer == s.Self {
			s.value = &x
			return nil
		}
	case frames.Input, frames.BVal, frames.Aux, frames.Conf, frames.Term, frames.CoinShare:
		if to == s.c {
			return nil
		}
	default:
	}
	if own {
		return nil
	}
	return []frames.Statement{said}
}

// schedule holds what the table says.
func (s *splitter) schedule(p network.Packet) time.Duration {
	if s.begun == 0 {
		return quiet
	}
	at := p.Now - s.begun
	until := time.Duration(0)
	is := func(from, to messages.PeerID) bool { return p.From == int(from) && p.To == int(to) }
	switch {
	case is(s.b, s.c) && at < 490*time.Millisecond:
		until = 500 * time.Millisecond
	case is(s.c, s.b) && at >= 490*time.Millisecond && at < 900*time.Millisecond:
		until = 900 * time.Millisecond
	case (is(s.b, s.c) || is(s.b, s.a)) && at >= 650*time.Millisecond && at < 1500*time.Millisecond:
		until = 1500 * time.Millisecond
	}
	return max(until-at, quiet)
}
