package adversary

import (
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/sim/world"
)

// lateness is by how much a slow member is late: longer than any wait for something
// that need not come.
const lateness = 20 * time.Minute

// slowness does everything right, much too late.
func slowness(int) func(*world.Corrupt) mask {
	return func(c *world.Corrupt) mask {
		return mask{say: func(to messages.PeerID, m proto.Message) []proto.Message {
			c.After(lateness, func() { c.Say(to, m) })
			return nil
		}}
	}
}
