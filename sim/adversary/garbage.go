package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/wire"
	"minimint/sim/world"
)

// garbage sends frames that are none, and frames that speak of members, rounds and
// votes that there cannot be.
func garbage(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		begun := newEpochs()
		return mask{hear: func(from messages.PeerID, m proto.Message) {
			f, ok := world.Frame(m)
			if !ok || !begun.first(f) {
				return
			}
			noise := make([]byte, 1+c.Rand.IntN(100))
			for i := range noise {
				noise[i] = byte(c.Rand.Uint32())
			}
			c.Say(from, &wire.PeerFrame{Frame: noise})
			nobody := messages.PeerID(n + c.Rand.IntN(messages.MaxPeers-n))
			everybody(c, n, frames.Frame{Era: f.Era, Epoch: f.Epoch, Statements: []frames.Statement{
				frames.Echo{Proposer: nobody},
				frames.Input{Proposer: nobody},
				frames.DecryptionShare{Proposer: nobody, Share: noise},
				frames.BVal{Proposer: 0, Round: 1 << 31},
				frames.Conf{Proposer: 0, Round: 0, Bits: 1},
				frames.CoinShare{Proposer: 0, Round: 2, Share: noise[:1]},
				frames.CoinShare{Proposer: 0, Round: 0, Share: noise},
				frames.Value{Proposer: from, Payload: noise},
				frames.Value{Proposer: c.Self, Payload: noise},
			}})
		}}
	}
}
