package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// voteSplitting says 0 to half of the members and 1 to the others, of every
// proposer and in every kind of vote, and then the opposite too; of its own proposal
// it begins with the last word.
func voteSplitting(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		begun := newEpochs()
		return mask{
			hear: func(_ messages.PeerID, m proto.Message) {
				f, ok := world.Frame(m)
				if !ok || !begun.first(f) {
					return
				}
				for to := range messages.PeerID(n) {
					if to == c.Self {
						continue
					}
					lie := frames.Frame{Era: f.Era, Epoch: f.Epoch}
					for j := range messages.PeerID(n) {
						if j == c.Self {
							lie.Statements = append(lie.Statements, frames.Term{Proposer: j, Bit: to%2 == 1})
						}
						for i := range 2 { // of the first round whose coin is tossed
							share := c.Crypto.Core.Coin(c.Slot(f.Epoch, j)).Share(uint32(2 + 3*i))
							lie.Statements = append(lie.Statements, frames.Conf{Proposer: j, Round: 2, Bits: frames.BitSet(i + 1)}, frames.CoinShare{Proposer: j, Round: 2, Share: share})
						}
					}
					c.Say(to, world.Message(lie))
				}
			},
			change: func(to messages.PeerID, _ messages.Epoch, s frames.Statement) []frames.Statement {
				bit := to%2 == 1
				switch s := s.(type) {
				case frames.Input:
					return []frames.Statement{frames.Input{Proposer: s.Proposer, Bit: bit}, frames.Input{Proposer: s.Proposer, Bit: !bit}}
				case frames.BVal:
					return []frames.Statement{frames.BVal{Proposer: s.Proposer, Round: s.Round, Bit: bit}, frames.BVal{Proposer: s.Proposer, Round: s.Round, Bit: !bit}}
				case frames.Aux:
					return []frames.Statement{frames.Aux{Proposer: s.Proposer, Round: s.Round, Bit: bit}, frames.Aux{Proposer: s.Proposer, Round: s.Round, Bit: !bit}}
				case frames.Conf:
					return []frames.Statement{
						frames.Conf{Proposer: s.Proposer, Round: s.Round, Bits: frames.SetOf(bit)}, frames.Conf{Proposer: s.Proposer, Round: s.Round, Bits: frames.SetOf(!bit)},
					}
				case frames.Term:
					return []frames.Statement{frames.Term{Proposer: s.Proposer, Bit: !bit}}
				default:
					return []frames.Statement{s}
				}
			},
		}
	}
}
