package peer_test

import (
	"testing"

	"minimint/messages/faulttest"
	"minimint/messages/link"
	"minimint/messages/topeer"
	"minimint/messages/wire"
)

// TestEveryFault raises every fault of a member that its actor knows.
func TestEveryFault(t *testing.T) {
	by := func(sent ...any) func(t *testing.T) string {
		return func(t *testing.T) string {
			r := newRig(t)
			for _, m := range sent {
				r.tell(m)
			}
			if len(r.faults) != 1 {
				t.Fatalf("faults %q", r.faults)
			}
			return r.faults[0]
		}
	}
	faulttest.Check(t, map[string]func(t *testing.T) string{
		"m.String()":  by(&link.Down{Code: link.Code_CODE_SEQUENCE, Ours: true}),
		"frame: ":     by(&wire.PeerFrame{Frame: []byte("no frame")}),
		"err.Error()": by(&wire.SnapshotReply{Body: make([]byte, topeer.PieceBytes+1)}),
	}, "p.fault")
}
