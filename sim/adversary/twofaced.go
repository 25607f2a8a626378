package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// twoFaces proposes one thing to a victim and another to the rest, echoes each
// before whom it suits, and votes for its own proposal, come what may: if fewer
// echoes were enough, one member would deliver what the others never can. Of the
// proposals of others it echoes roots that do not exist to half of the members. It
// helps nobody to catch up.
func twoFaces(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		o := other{Corrupt: c}
		victim, believer := neighbour(c, n, 1), neighbour(c, n, 2)
		return mask{say: framesOnly, change: func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
			if s.Slot() != c.Self {
				return []frames.Statement{distorted(to, s)}
			}
			switch s := s.(type) {
			case frames.Echo, frames.Ready:
				if to != victim && to != believer {
					return nil
				}
			case frames.Input:
				s.Bit = true
				return []frames.Statement{s}
			case frames.BVal:
				s.Bit = true
				return []frames.Statement{s}
			case frames.Aux:
				s.Bit = true
				return []frames.Statement{s}
			default:
			}
			if to == victim {
				s = o.instead(e, s)
			}
			return []frames.Statement{s}
		}}
	}
}

// framesOnly lets nothing pass but what belongs to HBBFT.
func framesOnly(_ messages.PeerID, m proto.Message) []proto.Message {
	if _, ok := world.Frame(m); !ok {
		return nil
	}
	return []proto.Message{m}
}

// neighbour is a member that this one has chosen.
func neighbour(c *world.Corrupt, n, distance int) messages.PeerID {
	return messages.PeerID((int(c.Self) + distance) % n)
}

// distorted names another root to half of the members.
func distorted(to messages.PeerID, s frames.Statement) frames.Statement {
	if to%2 == 0 {
		return s
	}
	switch s := s.(type) {
	case frames.Echo:
		s.Root[0] ^= 1
		return s
	case frames.Ready:
		s.Root[0] ^= 1
		return s
	default:
		return s
	}
}
