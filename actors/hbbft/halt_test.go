package hbbft_test

import (
	"testing"
	"time"

	"minimint/messages/tohbbft"
)

// TestHalted: a member whose processor has stopped says nothing any more, whatever
// it hears, and however often it fails; the others go on without it.
func TestHalted(t *testing.T) {
	f := newFederationThatRan(t)
	halted := f.nodes[3]
	halted.tell(tohbbft.Halt{})
	f.settle()
	f.forget()
	f.nodes[0].give("after")
	f.await(all[:3], "after")
	halted.tell(tohbbft.PeerUp{Peer: 0})
	halted.tell(tohbbft.WorkPending{})
	halted.tell(halted.where())
	for range 20 {
		f.now = f.now.Add(time.Second)
		halted.tick(f.now)
	}
	f.settle()
	if said := f.said(halted.self); said != nil {
		t.Errorf("it says %+v", said[0].frame)
	}
}

// TestLostAtTheBeginning: a member that has lost everything may have spoken in the
// first epoch, even if nobody has an outcome yet.
func TestLostAtTheBeginning(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes[:3] {
		nd.boot()
	}
	lost := f.nodes[3]
	lost.lost = true
	lost.boot()
	lost.give("too early")
	f.nodes[0].give("first")
	f.await(all, "first")
	f.nodes[0].give("second")
	f.await(all, "second")
	f.await(all, "too early") // in the third
	for _, h := range f.said(lost.self) {
		if len(h.frame.Statements) > 0 && h.frame.Epoch < 2 {
			t.Errorf("it says in epoch %d: %v", h.frame.Epoch, h.frame.Statements)
		}
	}
}
