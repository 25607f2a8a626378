package measure

import (
	"google.golang.org/protobuf/encoding/protowire"

	"minimint/messages"
)

// Numbers of fields of minimint.frames.Frame. A test holds them against the
// codec of package frames.
const (
	frameEpoch  = 2
	frameValues = 4
)

// peek reads from the payload of a wire.PeerFrame, whose only field is the
// frame, which epoch it is about and whether it holds a proposal. A decoded frame
// would say the same, at a hundred times the cost.
func peek(payload []byte) (epoch messages.Epoch, proposes bool) {
	_, kind, n := protowire.ConsumeTag(payload)
	if n < 0 || kind != protowire.BytesType {
		return 0, false
	}
	frame, n := protowire.ConsumeBytes(payload[n:])
	if n < 0 {
		return 0, false
	}
	return peekFrame(frame)
}

// peekFrame is peek for the frame itself. Fields come in the order of their
// numbers, so what follows the first proposal does not matter.
func peekFrame(frame []byte) (epoch messages.Epoch, proposes bool) {
	for len(frame) > 0 {
		number, kind, n := protowire.ConsumeTag(frame)
		if n < 0 || number > frameValues {
			return epoch, false
		}
		frame = frame[n:]
		if number == frameValues {
			return epoch, true
		}
		if number == frameEpoch {
			v, _ := protowire.ConsumeVarint(frame)
			epoch = messages.Epoch(v)
		}
		if n = protowire.ConsumeFieldValue(number, kind, frame); n < 0 {
			return epoch, false
		}
		frame = frame[n:]
	}
	return epoch, false
}
