package adversary

import (
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/world"
)

// greedy decides what happens next, and looks into everything that could. It keeps
// one member apart: the rest hear each other before that one, which hears one of
// them last of all, and everybody hears first what suits. All that is under way
// arrives in the end, link by link in its order: more no network can do.
//
// Its own member hears and is heard before all. It proposes when others have put in
// 0 for it, and then votes 1 before the one that is kept apart and 0 before the
// rest, before whom alone it supports the others' proposals.
type greedy struct {
	own         messages.PeerID
	apart, mute messages.PeerID // who is kept apart, and whom that one hears last
	worth       map[*link.Envelope]int
}

// scheming gives the world to a greedy scheduler, with a member of its own.
func scheming(cfg *world.Config, members ...messages.PeerID) {
	g := greedy{own: members[0], mute: outsider(cfg.Nodes, members, 0), apart: outsider(cfg.Nodes, members, 1), worth: map[*link.Envelope]int{}}
	cfg.Network.Delay = func(_ *rand.Rand, from, to int) time.Duration { return g.delay(from, to) }
	cfg.Pick = g.pick
	for i, id := range members {
		cfg.Faulty = append(cfg.Faulty, world.Faulty{Peer: id, Adversary: func(c *world.Corrupt) world.Adversary {
			if i > 0 {
				return mask{Corrupt: c}
			}
			return g.member(c, cfg.Nodes)
		}})
	}
}

// delay is how long a packet travels. Members may wait a moment before they speak, and
// then time passes whatever is ready.
func (g *greedy) delay(from, to int) time.Duration {
	switch {
	case from == int(g.mute) && to == int(g.apart):
		return 60 * time.Millisecond
	case from == int(g.apart) && to != int(g.own):
		return 10 * time.Millisecond
	default:
		return 0
	}
}

// pick implements sched.Picker.
func (g *greedy) pick(ready []sched.Task) int {
	best, most := 0, -1<<30
	for i, task := range ready {
		a, ok := task.(*network.Arrival)
		if !ok {
			return i // what has arrived is dealt with first
		}
		if worth := g.of(a.Packet()); worth > most {
			best, most = i, worth
		}
	}
	return best
}

// of is how well a packet keeps members apart.
func (g *greedy) of(p network.Packet) int {
	sum := 0
	switch {
	case p.From == int(g.mute) && p.To == int(g.apart):
		sum = -1 << 20
	case p.From == int(g.own) || p.To == int(g.own):
		sum = 1 << 10
	case p.From != int(g.apart) && p.To != int(g.apart):
		sum = 1 << 9
	}
	for _, e := range p.Envelopes {
		worth, known := g.worth[e]
		if !known {
			if f, ok := world.Open(e); ok {
				worth = g.frame(f, messages.PeerID(p.To))
			}
			g.worth[e] = worth
		}
		sum += worth
	}
	return sum
}

// frame counts what suits its receiver.
func (g *greedy) frame(f frames.Frame, to messages.PeerID) int {
	sum := 0
	for _, s := range f.Statements {
		bit := false
		switch s := s.(type) {
		case frames.Input:
			bit = s.Bit
		case frames.BVal:
			bit = s.Bit
		case frames.Aux:
			bit = s.Bit
		default:
			continue
		}
		if s.Slot() == g.own && bit == (to == g.apart) {
			sum++
		}
	}
	return sum
}

// every is in which epochs it lies. In the others it takes part, since of who does not
// the first fixed coin is 0, and the rest would decide at once.
const every = 4

// member is the greedy one's own.
func (g *greedy) member(c *world.Corrupt, n int) world.Adversary {
	proposals, lied := map[messages.Epoch]frames.Value{}, newEpochs()
	return mask{
		Corrupt: c,
		say: func(_ messages.PeerID, m proto.Message) []proto.Message {
			if f, ok := world.Frame(m); ok {
				f.Next = 0 // no epoch is over because of us
				m = world.Message(f)
			}
			return []proto.Message{m}
		},
		hear: func(_ messages.PeerID, m proto.Message) {
			f, ok := world.Frame(m)
			v, proposed := proposals[f.Epoch]
			if !ok || !proposed || !against(f, c.Self) || !lied.first(f) {
				return
			}
			delete(proposals, f.Epoch-16)
			for to := range messages.PeerID(n) {
				if to != c.Self {
					c.Say(to, world.Message(frames.Frame{Era: f.Era, Epoch: f.Epoch, Statements: g.lies(c, f.Epoch, v, to)}))
				}
			}
		},
		change: func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
			if e%every != every-1 {
				return []frames.Statement{s}
			}
			if v, ok := s.(frames.Value); ok && v.Proposer == c.Self {
				proposals[e] = v
			}
			switch s.(type) {
			case frames.Input, frames.BVal, frames.Aux, frames.Term:
				if to == g.apart {
					return nil
				}
			default:
			}
			if _, share := s.(frames.DecryptionShare); s.Slot() == c.Self && !share {
				return nil
			}
			return []frames.Statement{s}
		},
	}
}

// against reports whether somebody puts in 0 for a proposer.
func against(f frames.Frame, proposer messages.PeerID) bool {
	for _, s := range f.Statements {
		if in, ok := s.(frames.Input); ok && in.Proposer == proposer && !in.Bit {
			return true
		}
	}
	return false
}

// lies are what the member says of its own slot.
func (g *greedy) lies(c *world.Corrupt, e messages.Epoch, v frames.Value, to messages.PeerID) []frames.Statement {
	root, bit := c.Slot(e, c.Self).Root(v.Payload), to == g.apart
	said := []frames.Statement{
		v,
		frames.Echo{Proposer: c.Self, Root: root},
		frames.Ready{Proposer: c.Self, Root: root},
		frames.Input{Proposer: c.Self, Bit: bit},
		frames.Aux{Proposer: c.Self, Bit: bit},
	}
	if share, ok := shareOf(c, e, v); ok && to == g.apart {
		said = append(said, share) // it can end the epoch with us alone
	}
	if to != g.apart {
		said = append(said, frames.BVal{Proposer: c.Self, Round: 1}, frames.Aux{Proposer: c.Self, Round: 1})
	}
	if to != g.apart && to != g.mute { // it has to answer 1, or the one apart is alone
		said = append(said, frames.BVal{Proposer: c.Self, Bit: true})
	}
	return said
}
