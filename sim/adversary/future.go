package adversary

import (
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

// pause is how long it takes a member to lie again: two that each find new epochs in what
// the other says would answer each other for ever, in no time.
const pause = time.Millisecond

// otherEpochs votes in epochs that are long over and in others that are far away,
// in another era too, and claims to have seen their ends.
func otherEpochs(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		begun, last := newEpochs(), -pause
		return mask{hear: func(_ messages.PeerID, m proto.Message) {
			f, ok := world.Frame(m)
			if !ok || c.Now()-last < pause || !begun.first(f) {
				return
			}
			last = c.Now()
			for _, e := range []messages.Epoch{0, f.Epoch / 2, f.Epoch + 2, f.Epoch + 100, 1 << 63, ^messages.Epoch(0)} {
				everybody(c, n, frames.Frame{Era: f.Era, Epoch: e, Next: e, Statements: votes(n)})
			}
			everybody(c, n, frames.Frame{Era: f.Era + 1, Epoch: f.Epoch, Statements: votes(n)})
		}}
	}
}

// votes say something about every proposer.
func votes(n int) []frames.Statement {
	var said []frames.Statement
	for j := range messages.PeerID(n) {
		said = append(said, frames.Echo{Proposer: j}, frames.Input{Proposer: j, Bit: true})
	}
	return said
}
