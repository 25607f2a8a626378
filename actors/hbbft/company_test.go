package hbbft_test

import (
	"sync"
	"testing"
	"time"
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

// TestWhatCanWait: what can wait is held back until the timer runs out, is said then
// though nothing else happens, and never holds up an epoch in which all take part. If
// something else is to be said meanwhile it goes along, so one more try may be needed.
func TestWhatCanWait(t *testing.T) {
	for range 50 {
		if heldBack(t) {
			return
		}
	}
	t.Error("member 0 told at once where it is, each time")
}

func heldBack(t *testing.T) bool {
	f := newFederation(t, 4)
	timer := &byHand{}
	f.nodes[0].config.Timer = timer
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[1].give("for all")
	f.await(all, "for all")
	f.settle()
	next := f.nodes[0].where().Next
	if f.nodes[1].lastOf(0).Next >= next {
		return false
	}
	if n := timer.expire(); n != 1 {
		t.Errorf("%d timers ran", n)
	}
	f.settle()
	if told := f.nodes[1].lastOf(0).Next; told != next {
		t.Errorf("member 0 tells that it is at %d, it is at %d", told, next)
	}
	if n := timer.expire(); n != 0 {
		t.Errorf("%d timers run for nothing", n)
	}
	return true
}
