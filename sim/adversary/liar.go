package adversary

import (
	"minimint/messages"
	"minimint/messages/wire"
	"minimint/sim/world"
)

// lying are members that do their part among themselves and tell clients the opposite
// of what became of their transactions.
func lying(cfg *world.Config, members ...messages.PeerID) {
	for _, id := range members {
		cfg.Faulty = append(cfg.Faulty, world.Faulty{
			Peer: id, Twist: opposite,
			Adversary: func(c *world.Corrupt) world.Adversary { return mask{Corrupt: c} },
		})
	}
}

// opposite turns what a client is told about a transaction around.
func opposite(reply *wire.ClientReply) {
	status := reply.GetStatus()
	switch {
	case status.GetAccepted() != nil:
		status.Accepted, status.Rejected = nil, &wire.Refusal{Code: uint32(messages.RejectNoteSpent), Final: true, Text: "a lie"}
	case status.GetRejected() != nil:
		status.Accepted, status.Rejected = &wire.Decided{}, nil
	}
}
