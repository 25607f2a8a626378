package honeybadger_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
)

// TestSizes: every size of federation commits what its members propose, also
// the small ones with f = 0.
func TestSizes(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 10, 16} {
		w := newWorld(t, n).start()
		for i := range messages.PeerID(n) {
			w.work(i, fmt.Sprintf("from %d", i))
		}
		for range 4 * n {
			w.settle()
			w.tick(time.Second)
		}
		history := w.agreed(t.Fatalf)
		if len(history) == 0 {
			t.Fatalf("n=%d: no epoch", n)
		}
		for i, m := range w.members {
			if len(m.work) != 0 {
				t.Errorf("n=%d: work of %d is left after %d epochs", n, i, len(history))
			}
		}
		w.faultless(t.Fatalf)
	}
}

func honeybadgerEncryption(t *rapid.T) honeybadger.Encryption {
	return honeybadger.Encryption(rapid.Uint64Range(0, 2).Draw(t, "encryption"))
}
