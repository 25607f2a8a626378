package adversary

import (
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/stub"
	"minimint/sim/world"
)

// noCiphertext proposes what is no ciphertext of its slot: in turn something short,
// something random, and the ciphertext of another epoch.
func noCiphertext(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		return mask{propose: func(e messages.Epoch, _ []byte) []byte {
			switch e % 3 {
			case 0:
				return []byte("no ciphertext")
			case 1:
				b := sealed(c, e, nil)
				b[0] ^= 1
				return b
			default:
				return sealed(c, e+1, nil)
			}
		}}
	}
}

// unopenable proposes what everybody finds valid and nobody can open, and gives a
// wrong share of it, so that members that try with different shares might come to
// different ends.
func unopenable(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		return mask{
			propose: func(e messages.Epoch, _ []byte) []byte { return stub.SealBroken(c.Slot(e, c.Self).Label()) },
			change: func(_ messages.PeerID, _ messages.Epoch, s frames.Statement) []frames.Statement {
				if share, ok := s.(frames.DecryptionShare); ok && share.Proposer == c.Self {
					share.Share = spoilt(0, share.Share)
					s = share
				}
				return []frames.Statement{s}
			},
		}
	}
}
