package hbbft_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/messages/tohbbft"
	"minimint/storage/disk"
)

// backup is all that a node keeps, at some time.
type backup struct {
	disk  *disk.Memory
	store []outcome.Outcome
}

func (nd *node) backup() backup {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	return backup{nd.disk.Clone(), slices.Clone(nd.store)}
}

// restore puts a backup in the place of what a node has, which does not run.
func (nd *node) restore(b backup) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	nd.disk, nd.store, nd.work = b.disk.Clone(), slices.Clone(b.store), nil
	nd.config.Disk = nd.disk
}

// mute cuts what members say to others, or lets them be heard again.
func (f *federation) mute(mute bool, members ...int) {
	for _, m := range members {
		for _, peer := range f.nodes {
			if peer.self != messages.PeerID(m) {
				f.nodes[m].setLink(peer.self, !mute)
			}
		}
	}
	if !mute {
		for _, m := range members {
			for _, peer := range f.nodes {
				if peer.self != messages.PeerID(m) {
					f.nodes[m].tell(tohbbft.PeerUp{Peer: peer.self})
				}
			}
		}
	}
}

// awaitSaid lets time pass until a node has been heard to say something that fits.
func (f *federation) awaitSaid(by messages.PeerID, fits func(messages.Epoch, frames.Statement) bool) {
	f.t.Helper()
	for range 10_000 {
		for _, h := range f.said(by) {
			if slices.ContainsFunc(h.frame.Statements, func(s frames.Statement) bool { return fits(h.frame.Epoch, s) }) {
				return
			}
		}
		f.settle()
		f.now = f.now.Add(time.Second / 4)
		for _, nd := range f.nodes {
			nd.tick(f.now)
		}
	}
	f.t.Fatalf("member %d does not say it", by)
}

// TestRestoredInTheSameEpoch: journal and state come from one backup that was made
// before the member proposed in the open epoch; another proposal would convict it. It
// listens until that epoch, and the next, are over.
func TestRestoredInTheSameEpoch(t *testing.T) { restoredInTheSameEpoch(t) }

// TestOneWitnessIsEnough: the same where one member alone has heard the proposal. It cannot
// be believed about counts, but the proposal is signed.
func TestOneWitnessIsEnough(t *testing.T) { restoredInTheSameEpoch(t, 0, 1) }

func restoredInTheSameEpoch(t *testing.T, deaf ...messages.PeerID) {
	f := newFederationThatRan(t)
	victim := f.nodes[3]
	old := victim.backup()
	next := victim.where().Next

	f.mute(true, 0, 1, 2)
	for _, peer := range deaf {
		victim.setLink(peer, false)
	}
	victim.give("forgotten")
	f.awaitSaid(3, func(e messages.Epoch, s frames.Statement) bool {
		_, ok := s.(frames.Value)
		return ok && e == next && s.Slot() == 3
	})
	f.settle()
	victim.halt()
	victim.restore(old)
	f.mute(false, 0, 1, 2)
	victim.boot()
	victim.give("instead")
	for i := range 3 {
		f.nodes[i].give(fmt.Sprint("after ", i))
	}
	f.await(all, "after 0", "after 1", "after 2", "instead")
	f.settle()
	f.contradicted(3)

	victim.halt() // what it said since is in a journal that is the newest again
	victim.boot()
	victim.give("again")
	f.await(all, "again")
	f.contradicted(3)
}

// TestWitnessThatRestarts: the only one that heard the proposal, and echoed it, restarts before
// the other comes back, so that it counts what it heard by its last mark and has no core
// yet; its journal holds the proposal. The others did not hear it.
func TestWitnessThatRestarts(t *testing.T) {
	f := newFederationThatRan(t)
	victim := f.nodes[3]
	old := victim.backup()
	next := victim.where().Next

	victim.setLink(0, false)
	victim.setLink(1, false)
	victim.give("forgotten")
	f.awaitSaid(2, func(e messages.Epoch, s frames.Statement) bool {
		_, ok := s.(frames.Echo)
		return ok && e == next && s.Slot() == 3
	})
	f.settle()
	for _, nd := range f.nodes {
		nd.halt()
	}
	victim.restore(old)
	for _, nd := range f.nodes {
		nd.boot()
	}
	victim.give("instead")
	f.nodes[0].give("after 0")
	f.nodes[1].give("after 1")
	f.await(all, "after 0", "after 1", "instead")
	f.settle()
	f.contradicted(3)
}

// TestRestoredFromLongAgo: the same with a backup from many epochs before.
func TestRestoredFromLongAgo(t *testing.T) {
	f := newFederationThatRan(t)
	victim := f.nodes[3]
	old := victim.backup()
	for i := range 5 {
		victim.give(fmt.Sprint("work ", i))
		f.await(all, fmt.Sprint("work ", i))
	}
	f.settle()
	victim.halt()
	next := f.nodes[0].where().Next
	victim.restore(old)
	f.forget()
	victim.boot()
	f.nodes[0].give("first")
	f.await(all, "first")
	f.nodes[0].give("second")
	f.await(all, "second")
	victim.give("last")
	f.await(all, "last")
	for _, h := range f.said(3) {
		for _, s := range h.frame.Statements {
			if v, ok := s.(frames.Value); h.frame.Epoch < next+2 && (!ok || v.Proposer == 3) { // it may remind others of theirs
				t.Errorf("the others were at %d; it says in epoch %d: %v", next, h.frame.Epoch, s)
			}
		}
	}
}

// TestOneLiarSilencesNobody: a peer that alone claims to have heard more does not keep
// a member from speaking.
func TestOneLiarSilencesNobody(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes[:3] {
		nd.boot()
	}
	f.nodes[0].give("before")
	f.await(all[:3], "before")
	f.nodes[1].halt()
	f.nodes[1].boot()
	f.nodes[1].tell(tohbbft.PeerFrame{From: 3, Frame: frames.Frame{Heard: ^uint64(0)}})
	f.nodes[1].give("after")
	f.await(all[:3], "after") // three of four are what it takes
}

// TestListenersAreNotKeptBusy: whoever asks a listener at its every answer is answered a few
// times, and then once a second.
func TestListenersAreNotKeptBusy(t *testing.T) {
	f := newFederation(t, 4)
	f.nodes[0].boot()
	f.settle()
	f.forget()
	answers := func() int {
		for range 100 {
			f.nodes[0].tell(tohbbft.PeerFrame{From: 3, Frame: frames.Frame{Again: true, Heard: 1}})
		}
		f.settle()
		defer f.forget()
		return len(slices.DeleteFunc(f.nodes[3].heard, func(h heard) bool { return h.frame.Again }))
	}
	if n := answers(); n != honeybadger.Burst {
		t.Errorf("answered %d times", n)
	}
	for range 20 { // five seconds
		f.now = f.now.Add(time.Second / 4)
		f.nodes[0].tick(f.now)
	}
	if n := answers(); n != 5 {
		t.Errorf("answered %d times in five seconds", n)
	}
}

// TestNothingIsSaidBeforeOthersAreHeard: with fewer than n−f there could not be progress
// anyway, and those that are missing may be the ones that remember.
func TestNothingIsSaidBeforeOthersAreHeard(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes[:2] {
		nd.boot()
	}
	f.nodes[0].give("first")
	for range 12 {
		f.settle()
		f.now = f.now.Add(time.Second)
		for _, nd := range f.nodes {
			nd.tick(f.now)
		}
	}
	for _, h := range f.said(0) {
		if len(h.frame.Statements) > 0 {
			t.Errorf("it says %v", h.frame.Statements)
		}
	}
	f.nodes[2].boot()
	f.await(all[:3], "first")
}

// TestLateRecall: those that remember were not there when the member began to speak. It
// stops when enough of them are, and goes on where it can have said nothing.
func TestLateRecall(t *testing.T) {
	f := newFederationThatRan(t)
	victim := f.nodes[3]
	for round := range 2 {
		claim := func(from messages.PeerID) {
			victim.tell(tohbbft.PeerFrame{From: from, Frame: frames.Frame{Said: 1, Heard: 1 << (20 + round)}})
		}
		claim(0)
		victim.give(fmt.Sprint("one alone changes nothing, ", round))
		f.await(all, fmt.Sprint("one alone changes nothing, ", round))
		f.settle()
		f.forget()
		next := victim.where().Next
		wait := make(halt)
		f.as.Root.Send(victim.actor, wait)
		victim.tell(tohbbft.PeerUp{Peer: 0}) // something to say, which is then never said
		claim(1)
		close(wait)
		f.settle()
		victim.give(fmt.Sprint("back ", round))
		for i := range 3 {
			f.nodes[0].give(fmt.Sprint("after ", i, round))
			f.await(all, fmt.Sprint("after ", i, round))
		}
		f.await(all, fmt.Sprint("back ", round))
		for _, h := range f.said(3) {
			if len(h.frame.Statements) > 0 && h.frame.Epoch < next+2 {
				t.Errorf("at %d it says in epoch %d: %v", next, h.frame.Epoch, h.frame.Statements)
			}
		}
		victim.mu.Lock()
		victim.lost = false // its processor was started again
		victim.mu.Unlock()
		victim.tell(victim.where())
	}
}

// TestTrustedJournal: more than f members were restored from backups and listen, so that
// nothing goes on. Their operators' word lets them speak.
func TestTrustedJournal(t *testing.T) {
	f := newFederationThatRan(t)
	old := []backup{f.nodes[1].backup(), f.nodes[2].backup()}
	f.nodes[0].give("since")
	f.await(all, "since")
	f.settle()
	for i, nd := range f.nodes[1:3] {
		nd.halt()
		nd.restore(old[i])
		nd.boot()
	}
	f.nodes[0].give("stuck")
	for range 12 {
		f.settle()
		f.now = f.now.Add(time.Second)
		for _, nd := range f.nodes {
			nd.tick(f.now)
		}
	}
	if f.nodes[0].has("stuck") {
		t.Error("two members agree on something")
	}
	for _, nd := range f.nodes[1:3] {
		nd.halt()
		nd.config.TrustJournal = true
		nd.boot()
	}
	f.await(all, "stuck")
}
