package adversary

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/wire"
	"minimint/sim/world"
)

// badShares gives shares of coins, decryptions and certificates that are none: to
// half of the members of the right form, and the right ones afterwards, to the
// others not even that.
func badShares(int) func(*world.Corrupt) mask {
	return func(*world.Corrupt) mask {
		return mask{
			change: func(to messages.PeerID, _ messages.Epoch, s frames.Statement) []frames.Statement {
				switch x := s.(type) {
				case frames.CoinShare:
					x.Share = spoilt(to, x.Share)
					return []frames.Statement{x, s}
				case frames.DecryptionShare:
					x.Share = spoilt(to, x.Share)
					return []frames.Statement{x, s}
				default:
					return []frames.Statement{s}
				}
			},
			say: func(to messages.PeerID, m proto.Message) []proto.Message {
				if share, ok := m.(*wire.OutcomeShare); ok {
					return []proto.Message{&wire.OutcomeShare{Statement: share.GetStatement(), Share: spoilt(to, share.GetShare())}}
				}
				return []proto.Message{m}
			},
		}
	}
}

func spoilt(to messages.PeerID, share []byte) []byte {
	if to%2 == 1 {
		return share[:len(share)-1]
	}
	share = slices.Clone(share)
	share[0] ^= 1
	return share
}
