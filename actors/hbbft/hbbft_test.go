package hbbft_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/storage/disk"
)

var all = []int{0, 1, 2, 3}

// TestFederation: four members with real keys agree, go on while one is down,
// and take it in again when it comes back with its journal.
func TestFederation(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	for i, nd := range f.nodes {
		nd.give(fmt.Sprintf("first of %d", i))
	}
	f.await(all, "first of 0", "first of 1", "first of 2", "first of 3")

	f.nodes[2].halt()
	f.nodes[0].give("without 2")
	f.nodes[1].give("also without 2")
	f.await([]int{0, 1, 3}, "without 2", "also without 2")

	f.nodes[2].boot()
	f.nodes[2].give("2 is back")
	f.await(all, "without 2", "2 is back")
}

// TestNothingIsSaidWithoutADisk: what cannot be made durable is never said, and
// the actor gives up.
func TestNothingIsSaidWithoutADisk(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	nd := f.nodes[0]
	f.settle()
	f.forget()
	nd.disk.StopAt(1)
	nd.give("x")
	if who := <-f.exits; who != "hbbft-0" {
		t.Errorf("%s gives up", who)
	}
	f.pass(nd.config.Peers...)
	for _, h := range f.said(0) {
		if len(h.frame.Statements) > 0 {
			t.Errorf("says %v", h.frame.Statements)
		}
	}
}

// TestDiskErrors: an error at any change of the disk ends the process, and the
// next one goes on from the journal, also if the machine was started anew.
func TestDiskErrors(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	nd := f.nodes[1]
	for change := 1; change <= 16; change++ {
		nd.disk.FailOnce(change)
		what := fmt.Sprintf("work %d", change)
		nd.give(what)
		for round, gone := 0, false; !gone; round++ { // it writes in every epoch
			other := fmt.Sprintf("other %d, %d", change, round)
			f.nodes[3].give(other)
			f.await([]int{0, 2, 3}, other)
			select {
			case <-f.exits:
				gone = true
			default:
			}
		}
		nd.halt()
		if change%2 == 0 {
			nd.disk.Crash(uint64(change))
		}
		nd.boot()
		f.await(all, what)
		f.settle()
		if last := f.nodes[0].lastOf(1); last.Next != nd.where().Next {
			t.Errorf("error at change %d: it says that it is at %d, its processor is at %d", change, last.Next, nd.where().Next)
		}
	}
}

// lastOf is the last frame that came from a peer.
func (nd *node) lastOf(peer messages.PeerID) frames.Frame {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	var last frames.Frame
	for _, h := range nd.heard {
		if h.from == peer {
			last = h.frame
		}
	}
	return last
}

// TestLostJournal: a member whose journal is gone says nothing in the epochs in
// which it may have spoken, and takes part again afterwards.
func TestLostJournal(t *testing.T) {
	f := newFederationThatRan(t)

	lost := f.nodes[3]
	lost.halt()
	lost.disk = disk.NewMemory()
	lost.config.Disk = lost.disk
	f.settle() // what the old one said is through
	f.forget()
	next := lost.where().Next
	lost.boot()
	for i := range 4 {
		what := fmt.Sprintf("after, %d", i)
		f.nodes[i%3].give(what)
		f.await(all, what)
	}
	lost.give("I am back")
	f.await(all, "I am back")
	for _, h := range f.said(lost.self) {
		if len(h.frame.Statements) > 0 && h.frame.Epoch < next+2 {
			t.Errorf("without a journal it says in epoch %d, having been at %d: %v", h.frame.Epoch, next, h.frame.Statements)
		}
	}
}

// TestNothingInTheClear: no contribution crosses a link in the clear.
func TestNothingInTheClear(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[0].give("a secret for some time")
	f.await(all, "a secret for some time")
	for _, nd := range f.nodes {
		for _, h := range f.said(nd.self) {
			if bytes.Contains(h.bytes, []byte("a secret for some time")) {
				t.Fatalf("member %d says it in the clear", nd.self)
			}
		}
	}
}

// TestIdle: a federation with nothing to do says nothing, however long.
func TestIdle(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[0].give("work")
	f.await(all, "work")
	f.settle()
	f.forget()
	for range 1000 {
		f.now = f.now.Add(time.Second)
		for _, nd := range f.nodes {
			nd.tick(f.now)
		}
	}
	f.settle()
	for _, nd := range f.nodes {
		if said := f.said(nd.self); said != nil {
			t.Errorf("member %d says %+v", nd.self, said[0])
		}
	}
}
