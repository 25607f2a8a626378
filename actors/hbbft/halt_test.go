package hbbft_test

import (
	"testing"
	"time"

	"minimint/messages/tohbbft"
)

// TestHalted: a member whose processor has stopped says nothing any more, whatever
// it hears, and however often it fails; the others go on without it.
func TestHalted(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[0].give("before")
	f.await(all, "before")
	f.settle()
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
