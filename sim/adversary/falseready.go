package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// falseReady is ready, first of all, for proposals that do not exist, and echoes
// none that do.
func falseReady(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		begun := newEpochs()
		return mask{
			hear: func(_ messages.PeerID, m proto.Message) {
				f, ok := world.Frame(m)
				if !ok || !begun.first(f) {
					return
				}
				lie := frames.Frame{Era: f.Era, Epoch: f.Epoch}
				for j := range messages.PeerID(n) {
					lie.Statements = append(lie.Statements, frames.Ready{Proposer: j, Root: messages.Digest{0xbad % 256, byte(j)}})
				}
				everybody(c, n, lie)
			},
			change: func(_ messages.PeerID, _ messages.Epoch, s frames.Statement) []frames.Statement {
				switch s.(type) {
				case frames.Echo, frames.Ready:
					return nil
				default:
					return []frames.Statement{s}
				}
			},
		}
	}
}
