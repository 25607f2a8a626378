package hbbft_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"minimint/actors/hbbft"
)

// stalls remembers what a member says of stalls.
type stalls struct {
	mu   sync.Mutex
	last hbbft.Stall
}

func (s *stalls) told(stall hbbft.Stall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = stall
}

func (s *stalls) get() hbbft.Stall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// TestStallIsTold: while two of four members are away the others say for whom they wait,
// before they have begun as well as in an epoch, and that it is over when it is.
func TestStallIsTold(t *testing.T) {
	f := newFederation(t, 4)
	var seen stalls
	f.nodes[0].config.Stalled = seen.told
	pass := func(seconds int) {
		for range seconds * 4 {
			f.settle()
			f.now = f.now.Add(time.Second / 4)
			for _, nd := range f.nodes {
				nd.tick(f.now)
			}
		}
		f.settle()
	}
	expect := func(want string) {
		t.Helper()
		if got := seen.get(); !strings.Contains(got.Text, want) || (got.For == 0) != (want == "") {
			t.Errorf("stall %+v, want %q", got, want)
		}
	}
	f.nodes[0].boot()
	f.nodes[1].boot()
	pass(2)
	expect("")
	pass(2)
	expect("epoch 0 waits for word of what was heard from this member of 1 of the members 2 and 3")
	f.nodes[2].boot()
	f.nodes[3].boot()
	f.nodes[0].give("first")
	f.await(all, "first")
	pass(1)
	expect("")
	f.nodes[2].halt()
	f.nodes[3].halt()
	f.nodes[0].give("second")
	pass(5)
	expect("of 1 of the members 2 and 3")
	if at := seen.get().Epoch; at != f.nodes[0].where().Next {
		t.Errorf("stall in epoch %d", at)
	}
	f.nodes[3].boot()
	f.await([]int{0, 1, 3}, "second")
	pass(1)
	expect("")
}
