package adversary

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/wire"
	"minimint/sim/world"
)

// falseHistory tells members that were away another past than there was: headers of
// another state under the signature of the true ones, and outcomes that are not
// those of the headers.
func falseHistory(int) func(*world.Corrupt) mask {
	return func(*world.Corrupt) mask {
		return mask{say: func(_ messages.PeerID, m proto.Message) []proto.Message {
			switch m := m.(type) {
			case *wire.HeadersReply:
				lie := proto.CloneOf(m)
				for _, h := range lie.GetHeaders() {
					h.State = flipped(h.GetState())
				}
				return []proto.Message{lie}
			case *wire.OutcomesReply:
				lie := proto.CloneOf(m)
				for i, b := range lie.GetOutcomes() {
					lie.Outcomes[i] = flipped(b)
				}
				return []proto.Message{lie}
			case *wire.SnapshotReply:
				lie := proto.CloneOf(m)
				lie.Body = flipped(lie.GetBody())
				return []proto.Message{lie}
			default:
				return []proto.Message{m}
			}
		}}
	}
}

// flipped changes the last byte.
func flipped(b []byte) []byte {
	b = slices.Clone(b)
	if len(b) > 0 {
		b[len(b)-1] ^= 1
	}
	return b
}
