package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/sim/world"
)

// silence says nothing, ever: whoever waits for all members waits for ever.
func silence(int) func(*world.Corrupt) mask {
	return func(*world.Corrupt) mask {
		return mask{say: func(messages.PeerID, proto.Message) []proto.Message { return nil }}
	}
}
