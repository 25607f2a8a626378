package hbbft_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"minimint/messages"
	"minimint/messages/frames"
)

// H45, V16: the original, and its successor for a while, forgot at a crash what they
// had said in the open epoch, and said something else after it. Here a member's power
// fails at every change of its disk, one after the other. Each time it comes back with
// what was durable, contradicts nothing that anybody heard, and its work gets in.
func TestV16CrashAtEveryJournalWrite(t *testing.T) {
	f := newFederation(t, 4)
	for _, nd := range f.nodes {
		nd.boot()
	}
	victim := f.nodes[1]
	deaths := 0
	for change := 1; change <= 14; change++ { // an epoch seldom needs more
		victim.disk.StopAt(change)
		what, other := fmt.Sprintf("from the victim, %d", change), fmt.Sprintf("from another, %d", change)
		victim.give(what)
		f.nodes[3].give(other)
		f.await([]int{0, 2, 3}, other)
		if f.diesBefore(victim, what) {
			deaths++
		}
		victim.halt()
		victim.disk.Crash(uint64(change))
		victim.boot()
		f.await(all, what, other)
		f.contradicted(victim.self)
	}
	if deaths < 4 {
		t.Errorf("it died %d times", deaths)
	}
}

// diesBefore waits until a node has given up or has committed its work, and reports
// which.
func (f *federation) diesBefore(nd *node, what string) bool {
	ticker := time.NewTicker(2 * time.Millisecond) // a clock that runs fast
	defer ticker.Stop()
	for !nd.has(what) {
		select {
		case <-ticker.C:
			f.now = f.now.Add(time.Second / 4)
			for _, nd := range f.nodes {
				nd.tick(f.now)
			}
		case <-f.exits:
			return true
		}
	}
	return false
}

// contradicted fails the test if a node was ever heard to say two different things
// about one place.
func (f *federation) contradicted(by messages.PeerID) {
	f.t.Helper()
	first := map[string]frames.Statement{}
	for _, h := range f.said(by) {
		for _, s := range h.frame.Statements {
			at := place(h.frame.Epoch, s)
			if before, ok := first[at]; ok && !reflect.DeepEqual(before, s) {
				f.t.Fatalf("member %d says of %s: %.60s, then %.60s", by, at, fmt.Sprint(before), fmt.Sprint(s))
			}
			first[at] = s
		}
	}
}

// place names what a correct member says only one thing about. Either bit can be
// supported in a round.
func place(epoch messages.Epoch, s frames.Statement) string {
	round := any("")
	switch s := s.(type) {
	case frames.BVal:
		round = fmt.Sprint(s.Round, s.Bit)
	case frames.Aux:
		round = s.Round
	case frames.Conf:
		round = s.Round
	case frames.CoinShare:
		round = s.Round
	case frames.Value, frames.Echo, frames.Ready, frames.Pull, frames.Input, frames.Term, frames.DecryptionShare:
	}
	return fmt.Sprintf("epoch %d, proposer %d, %T %v", epoch, s.Slot(), s, round)
}
