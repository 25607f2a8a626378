package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/sim/world"
)

// How much a replaying member remembers of what it said, and how much of it it says
// again with everything that it says.
const (
	remembered = 64
	again      = 8
)

// replay says again what it said in the last epochs, all the time, and begs to be
// told everything again.
func replay(n int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		past := make([][]proto.Message, n)
		return mask{say: func(to messages.PeerID, m proto.Message) []proto.Message {
			said := []proto.Message{m}
			for range min(again, len(past[to])) {
				old := past[to][c.Rand.IntN(len(past[to]))]
				if f, ok := world.Frame(old); ok {
					f.Again = true
					old = world.Message(f)
				}
				said = append(said, old)
			}
			if past[to] = append(past[to], m); len(past[to]) > remembered {
				past[to] = past[to][1:]
			}
			return said
		}}
	}
}
