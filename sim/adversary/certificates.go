package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/wire"
	"minimint/sim/world"
)

// bogusOutcomes signs that an epoch led to another state than it did: in turn
// instead of the truth, beside it, with a signature of something else, and as a
// certificate that nobody signed.
func bogusOutcomes(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		return mask{say: func(to messages.PeerID, m proto.Message) []proto.Message {
			said, ok := m.(*wire.OutcomeShare)
			if !ok {
				return []proto.Message{m}
			}
			share, err := statement.ReadShare(c.Self, said.GetStatement(), said.GetShare())
			if err != nil {
				panic("adversary: own share: " + err.Error())
			}
			lie := share.Statement
			lie.Header.State[0] ^= 1
			foreign := lie
			foreign.Era++
			signed := func(s, of statement.Statement) proto.Message {
				return &wire.OutcomeShare{Statement: s.Wire(), Share: c.Crypto.Certificates.Sign(of)}
			}
			switch lie.Epoch % 4 {
			case 0:
				return []proto.Message{signed(lie, lie)}
			case 1:
				return []proto.Message{m, signed(lie, lie)}
			case 2:
				return []proto.Message{signed(lie, share.Statement), signed(foreign, foreign)}
			default:
				return []proto.Message{m, statement.Certificate{Statement: lie, Signature: share.Signature}.Wire()}
			}
		}}
	}
}
