package protocol_test

import (
	"testing"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
)

// TestSlotsAreDistinct: what is hashed for one purpose in one slot is hashed for
// no other purpose or slot.
func TestSlotsAreDistinct(t *testing.T) {
	slots := []protocol.Slot{
		{},
		{Federation: messages.Digest{1}},
		{Era: 1},
		{Epoch: 1},
		{Epoch: 1 << 40},
		{Proposer: 1},
		{Proposer: 254},
		{Era: 1, Epoch: 1},
		{Epoch: 1, Proposer: 1},
	}
	seen := map[messages.Digest]string{}
	for _, s := range slots {
		for name, digest := range map[string]messages.Digest{
			"root": s.Root(nil), "root of x": s.Root([]byte("x")), "signed": s.Signed(messages.Digest{}), "signed x": s.Signed(messages.Digest{1}),
			"label": s.Label(), "coin 0": s.CoinName(0), "coin 1": s.CoinName(1),
		} {
			if before, ok := seen[digest]; ok {
				t.Errorf("%s of %+v is also %s", name, s, before)
			}
			seen[digest] = name
		}
	}
}

// TestQuorum fixes the sizes, which differ from each other where n is not 3f+1.
func TestQuorum(t *testing.T) {
	for n, want := range map[int][4]int{
		1: {0, 1, 1, 1}, 2: {0, 2, 1, 1}, 3: {0, 3, 1, 1}, 4: {1, 3, 2, 3}, 5: {1, 4, 2, 3}, 6: {1, 5, 2, 3}, 7: {2, 5, 3, 5}, 10: {3, 7, 4, 7}, 100: {33, 67, 34, 67},
	} {
		q := protocol.NewQuorum(n)
		if got := [4]int{q.F, q.Live(), q.Some(), q.Strong()}; got != want {
			t.Errorf("n=%d: f, n-f, f+1, 2f+1 = %v, want %v", n, got, want)
		}
	}
	for _, n := range []int{0, -1, messages.MaxPeers + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("n=%d: no panic", n)
				}
			}()
			protocol.NewQuorum(n)
		}()
	}
}
