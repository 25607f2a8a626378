package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// torrent is how many contradictions a flooding member says in an epoch.
const torrent = 300

// flooding fills frames with statements that contradict each other, and with pulls
// of all there is.
func flooding(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		begun := newEpochs()
		return mask{hear: func(_ messages.PeerID, m proto.Message) {
			f, ok := world.Frame(m)
			if !ok || !begun.first(f) {
				return
			}
			flood := frames.Frame{Era: f.Era, Epoch: f.Epoch}
			for i := range torrent {
				j := messages.PeerID(i % n)
				root := messages.Digest{byte(i), byte(i >> 8), 1}
				if f.Epoch%2 == 0 {
					flood.Statements = append(flood.Statements, frames.Echo{Proposer: j, Root: root})
				} else {
					flood.Statements = append(flood.Statements, frames.Ready{Proposer: j, Root: root})
				}
				flood.Statements = append(flood.Statements, frames.Pull{Proposer: j, Root: root})
			}
			for _, part := range frames.Split(flood) {
				everybody(c, n, part)
			}
		}}
	}
}
