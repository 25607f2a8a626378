package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// twoFaced are members that have two faces each by itself; see colluding.
func twoFaced(cfg *world.Config, members ...messages.PeerID) {
	for _, id := range members {
		colluding(cfg, id)
	}
}

// facing is what a member with two faces says of a slot with two proposals. A
// victim hears that it stands by the second, a believer that it stands by the
// first, and the others hear of neither; all hear that the slot is accepted. If
// fewer echoes were enough, one member would deliver what the others never can.
func (o *other) facing(c *world.Corrupt, to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
	switch x := s.(type) {
	case frames.Echo, frames.Ready:
		if to != o.victim && to != o.believer {
			return nil
		}
	case frames.Input:
		x.Bit = true
		s = x
	case frames.BVal:
		x.Bit = true
		s = x
	case frames.Aux:
		x.Bit = true
		s = x
	default:
	}
	if to == o.victim {
		s = o.instead(c, e, s)
	}
	return []frames.Statement{s}
}

// distorted names another root to half of the members.
func distorted(to messages.PeerID, s frames.Statement) []frames.Statement {
	if to%2 == 1 {
		switch x := s.(type) {
		case frames.Echo:
			x.Root[0] ^= 1
			s = x
		case frames.Ready:
			x.Root[0] ^= 1
			s = x
		default:
		}
	}
	return []frames.Statement{s}
}

// framesOnly lets nothing pass but what belongs to HBBFT.
func framesOnly(_ messages.PeerID, m proto.Message) []proto.Message {
	if _, ok := world.Frame(m); !ok {
		return nil
	}
	return []proto.Message{m}
}
