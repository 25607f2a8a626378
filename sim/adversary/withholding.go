package adversary

import (
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// withholding takes part in everything and gives no share of anything.
func withholding(int) func(*world.Corrupt) mask {
	return func(*world.Corrupt) mask {
		return mask{change: func(_ messages.PeerID, _ messages.Epoch, s frames.Statement) []frames.Statement {
			switch s.(type) {
			case frames.CoinShare, frames.DecryptionShare:
				return nil
			default:
				return []frames.Statement{s}
			}
		}}
	}
}
