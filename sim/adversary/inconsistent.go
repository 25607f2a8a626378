package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// inconsistency proposes to all but one member, and answers that one's question
// for the proposal with another proposal that it signed as well. What inconsistent
// shards are to a broadcast that sends shards, this is to one that sends hashes.
func inconsistency(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		o := other{Corrupt: c}
		victim := messages.PeerID((int(c.Self) + n - 1) % n) // it asks its next neighbour first
		asked := newEpochs()
		return mask{
			hear: func(from messages.PeerID, m proto.Message) {
				if f, ok := world.Frame(m); ok && from == victim {
					for _, s := range f.Statements {
						if pull, ok := s.(frames.Pull); ok && pull.Proposer == c.Self {
							asked.first(f)
						}
					}
				}
			},
			change: func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement {
				if to != victim || s.Slot() != c.Self {
					return []frames.Statement{s}
				}
				switch s.(type) {
				case frames.Value:
					if !asked.seen(e) {
						return nil
					}
					return []frames.Statement{o.instead(c, e, s)}
				case frames.DecryptionShare:
					return []frames.Statement{o.instead(c, e, s)}
				default:
					return []frames.Statement{s}
				}
			},
		}
	}
}
