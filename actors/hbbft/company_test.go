package hbbft_test

import (
	"sync"
	"testing"
	"time"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/messages/tohbbft"
)

// byHand is a timer that a test lets run out.
type byHand struct {
	mu  sync.Mutex
	due []func()
}

// After implements spawn.Timer.
func (b *byHand) After(_ time.Duration, fn func()) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = append(b.due, fn)
	return func() {}
}

// expire runs what is due and returns how much that was.
func (b *byHand) expire() int {
	b.mu.Lock()
	due := b.due
	b.due = nil
	b.mu.Unlock()
	for _, fn := range due {
		fn()
	}
	return len(due)
}

// TestWhatCanWait: what can wait is held back until the timer runs out, and is said then
// though nothing else happens; or it goes along with what cannot wait. The other members
// only listen here, so nothing happens but what the test does.
func TestWhatCanWait(t *testing.T) {
	f := newFederation(t, 4)
	timer, member := &byHand{}, f.nodes[0]
	member.config.Timer = timer
	member.boot()
	for _, peer := range f.nodes[1:] {
		member.tell(tohbbft.PeerFrame{From: peer.self, Frame: frames.Frame{Heard: 1}}) // nothing: so it may speak
	}
	f.settle()
	commit := func(epoch messages.Epoch) {
		member.agreed(outcome.Outcome{Epoch: epoch})
		f.settle()
		if told := f.nodes[1].lastOf(0).Next; told != epoch {
			t.Errorf("it tells at once that it is at %d, and was at %d", told, epoch)
		}
	}
	told := func(next messages.Epoch) {
		f.settle()
		for _, peer := range f.nodes[1:] {
			if told := peer.lastOf(0).Next; told != next {
				t.Errorf("it tells member %d that it is at %d, it is at %d", peer.self, told, next)
			}
		}
	}
	timer.expire()
	f.settle()

	commit(0)
	if n := timer.expire(); n != 1 {
		t.Errorf("%d timers ran", n)
	}
	told(1)
	if n := timer.expire(); n != 0 {
		t.Errorf("%d timers run for nothing", n)
	}

	commit(1)
	member.tell(tohbbft.PeerUp{Peer: 3})
	told(2)
}

// TestWaitingHoldsUpNothing: an epoch in which all take part ends although what can wait
// at one member waits for ever.
func TestWaitingHoldsUpNothing(t *testing.T) {
	f := newFederation(t, 4)
	f.nodes[0].config.Timer = &byHand{}
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[1].give("for all")
	f.await(all, "for all")
}
