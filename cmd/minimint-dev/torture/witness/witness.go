// Package witness compares what the members of a federation say, write to their
// logs and leave behind, and reports what cannot be true at once. It is told facts
// and touches nothing, so every check of it is shown to fail in a test.
//
//	commits      every member's log tells epoch and state hash of each commit:
//	             equal epochs have equal states, no epoch is committed twice or
//	             left out, and a member starts where it was
//	outcomes     the outcomes in members' stores are equal, and their state hash is
//	             that of the last commit (and of the whole state)
//	money        assets equal liabilities at every member
//	accusations  nobody counts a fault of anybody: all are honest
//	log          no warning, error, or panic in any log, save what is said to be
//	             harmless
package witness

import (
	"fmt"
	"sync"

	"minimint/cmd/minimint-dev/torture/autopsy"
	"minimint/messages"
	"minimint/messages/wire"
)

// harmless are warnings that say nothing about the member.
var harmless = map[string]bool{
	"bitcoin node":        true, // the chain actor found btcd busy
	"epochs do not go on": true, // too many were killed
}

// A Witness collects facts. Its methods may be called from any goroutine.
type Witness struct {
	report func(check, text string)

	mu       sync.Mutex
	members  []member
	commits  map[messages.Epoch]commit
	outcomes map[messages.Epoch]finding
	newest   messages.Epoch // one more than the newest commit of anybody
}

// member is what is known of one.
type member struct {
	// next is the first epoch that it is not known to have committed.
	next  messages.Epoch
	noise int // lines that were reported
}

// commit is the state after an epoch, and who said so first.
type commit struct {
	state  string
	member int
}

// finding is the digest of an outcome, and in whose store it was.
type finding struct {
	digest messages.Digest
	member int
}

// New returns a witness of a federation. report is told of everything that is
// wrong, under the name of the check.
func New(members int, report func(check, text string)) *Witness {
	return &Witness{
		report: report, members: make([]member, members),
		commits: map[messages.Epoch]commit{}, outcomes: map[messages.Epoch]finding{},
	}
}

// Newest is one more than the newest epoch that anybody is known to have
// committed.
func (w *Witness) Newest() messages.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest
}

// Next is one more than the newest epoch that a member is known to have
// committed.
func (w *Witness) Next(m int) messages.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.members[m].next
}

// Unexamined is the first epoch whose outcome was found in nobody's store.
func (w *Witness) Unexamined() messages.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return messages.Epoch(len(w.outcomes))
}

// committed takes the word of a member that it has committed the epochs from one to
// another in one commit: more than one if others gave them to it.
func (w *Witness) committed(m int, from, epoch messages.Epoch, state string) {
	at := &w.members[m]
	if from != at.next {
		w.report("commits", fmt.Sprintf("member %d commits epoch %d where %d is due", m, from, at.next))
	}
	at.next = max(at.next, epoch+1)
	w.newest = max(w.newest, at.next)
	w.agrees(m, epoch, state)
}

// agrees compares a state with what others said.
func (w *Witness) agrees(m int, epoch messages.Epoch, state string) {
	before, ok := w.commits[epoch]
	switch {
	case !ok:
		w.commits[epoch] = commit{state: state, member: m}
	case before.state != state:
		w.report("commits", fmt.Sprintf("after epoch %d member %d has state %s and member %d has state %s", epoch, before.member, before.state, m, state))
	}
}

// latest is where a member may be that made one commit more than it had the time to
// write to its log: of one epoch, or of those that others have.
func (w *Witness) latest(m int) messages.Epoch { return max(w.members[m].next, w.newest) + 1 }

// started takes the word of a member where it goes on after a start.
func (w *Witness) started(m int, epoch messages.Epoch) {
	at := &w.members[m]
	if epoch < at.next || epoch > w.latest(m) {
		w.report("commits", fmt.Sprintf("member %d had committed the epochs before %d and starts at %d", m, at.next, epoch))
	}
	at.next = max(at.next, epoch)
}

// Remains takes what was found in a member's files.
func (w *Witness) Remains(m int, from messages.Epoch, r autopsy.Remains) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := &w.members[m]
	if r.Next < at.next || r.Next > w.latest(m) {
		w.report("outcomes", fmt.Sprintf("member %d had committed the epochs before %d, and its store ends before %d", m, at.next, r.Next))
	}
	for i, digest := range r.Outcomes {
		epoch := from + messages.Epoch(i)
		before, ok := w.outcomes[epoch]
		switch {
		case !ok:
			w.outcomes[epoch] = finding{digest: digest, member: m}
		case before.digest != digest:
			w.report("outcomes", fmt.Sprintf("of epoch %d member %d holds outcome %s and member %d holds outcome %s", epoch, before.member, before.digest, m, digest))
		}
	}
	if r.Next > 0 {
		w.agrees(m, r.Next-1, r.State.String())
	}
	if r.Whole != (messages.Digest{}) && r.Whole != r.State {
		w.report("outcomes", fmt.Sprintf("member %d keeps state hash %s, but its state has %s", m, r.State, r.Whole))
	}
	for _, id := range r.Lost {
		w.report("acknowledged", fmt.Sprintf("member %d has acknowledged transaction %s, and left nothing of it behind", m, id))
	}
}

// Info takes what a member says of itself.
func (w *Witness) Info(m int, info *wire.Info) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if info.GetAssetsMsat() != info.GetLiabilitiesMsat() {
		w.report("money", fmt.Sprintf("member %d: assets of %d msat, liabilities of %d msat", m, info.GetAssetsMsat(), info.GetLiabilitiesMsat()))
	}
	for _, p := range info.GetPeers() {
		if p.GetFaults() > 0 {
			w.report("accusations", fmt.Sprintf("member %d counts %d faults of member %d", m, p.GetFaults(), p.GetMember()))
		}
	}
	if next := messages.Epoch(info.GetNextEpoch()); next > 0 {
		w.agrees(m, next-1, fmt.Sprintf("%x", info.GetStateHash()))
	}
}
