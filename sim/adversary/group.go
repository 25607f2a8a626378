package adversary

import (
	"slices"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// colluding are several members that act as one: the first has two proposals, one
// for a victim, and all of them stand by each before whom it suits: together they
// are as many as there may be. Of the others' proposals each echoes roots that do
// not exist, and none helps anybody to catch up.
func colluding(cfg *world.Config, members ...messages.PeerID) {
	leader := &other{victim: outsider(cfg.Nodes, members, 0), believer: outsider(cfg.Nodes, members, 1)}
	for i, id := range members {
		cfg.Faulty = append(cfg.Faulty, world.Faulty{Peer: id, Adversary: func(c *world.Corrupt) world.Adversary {
			if i == 0 {
				leader.Corrupt, leader.values = c, nil
			}
			return mask{Corrupt: c, say: framesOnly, change: func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
				switch {
				case leader.Corrupt == nil:
					return nil
				case s.Slot() == members[0]:
					return leader.facing(c, to, e, s)
				}
				return distorted(to, s)
			}}
		}})
	}
}

// outsider is the i-th member that is none of those, counted around; every
// federation has one.
func outsider(n int, members []messages.PeerID, i int) messages.PeerID {
	var honest []messages.PeerID
	for id := range messages.PeerID(n) {
		if !slices.Contains(members, id) {
			honest = append(honest, id)
		}
	}
	return honest[i%len(honest)]
}
