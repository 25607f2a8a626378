package hbbft_test

import (
	"testing"

	"minimint/actors/spawn"
	"minimint/messages/tohbbft"
)

// TestLostWords: the incarnation after one that failed over a word of the processor
// takes that word, since it is not said again.
func TestLostWords(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	f.nodes[0].give("work")
	f.await(all, "work")
	f.settle()
	f.forget()
	nd := f.nodes[3]
	lose := func(word tohbbft.Message) { f.as.Root.Send(nd.actor, &spawn.Lost{Message: word}) }
	lose(tohbbft.WorkPending{})
	f.settle()
	if f.said(nd.self) == nil {
		t.Error("it starts no epoch although there is work")
	}
	committed := nd.where()
	committed.Next++
	lose(committed)
	f.settle()
	if last := f.nodes[0].lastOf(nd.self); last.Next != committed.Next {
		t.Errorf("it says that it is at %d, its processor is at %d", last.Next, committed.Next)
	}
	lose(tohbbft.Halt{})
	f.settle()
	f.forget()
	nd.tell(tohbbft.PeerUp{Peer: 0})
	f.settle()
	if said := f.said(nd.self); said != nil {
		t.Errorf("it says %+v after its end", said[0].frame)
	}
}
