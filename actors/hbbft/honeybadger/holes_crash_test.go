package honeybadger_test

import (
	"fmt"
	"testing"
	"time"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// settled goes on until members 0 to 2 have nothing left to propose, and reports
// whether they get there.
func (w *world) settled() bool {
	for range 50 {
		w.settle()
		w.tick(time.Second)
		busy := false
		for _, m := range w.members {
			busy = busy || m.core != nil && len(m.work) > 0
		}
		if !busy && len(w.queue) == 0 {
			return true
		}
	}
	return false
}

// takenBack boots member 3, which was away or worse, and fails the test unless what
// it proposes gets in and nobody blames it for anything.
func (w *world) takenBack(t *testing.T) {
	t.Helper()
	for _, m := range w.members {
		m.faults = nil
	}
	w.members[3].faulty = false
	w.revive(3)
	w.work(3, "0 of 3")
	if !w.settled() {
		t.Fatalf("its work does not get in; member 0 has %d outcomes", len(w.members[0].history))
	}
	for i, m := range w.members {
		if len(m.faults) > 0 {
			t.Errorf("member %d blames it: %v", i, m.faults)
		}
	}
	last := w.members[0].history[len(w.members[0].history)-1]
	for _, c := range last.Contributions {
		if c.Peer == 3 && string(c.Payload) == "0 of 3" {
			return
		}
	}
	t.Errorf("%s", outcomeText(last))
}

// H50: the original banned for ever whoever did not deliver in time, so that honest
// members that were slow were lost. Silence is no fault here, however long it lasts.
func TestH50SilentMemberIsTakenBack(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true // it is not there
	w.start()
	for round := range 12 {
		for i := range messages.PeerID(3) {
			w.work(i, fmt.Sprintf("%d of %d", round, i))
		}
		if !w.settled() {
			t.Fatalf("round %d does not end", round)
		}
	}
	for i, m := range w.members {
		if len(m.faults) > 0 {
			t.Errorf("member %d blames %v", i, m.faults)
		}
	}
	w.takenBack(t)
}

// H50: the original's bans were local, without proof and for ever. Here a fault is told
// with what shows it, and the member that was at fault counts in the next epoch as
// any other.
func TestH50FaultsEndWithTheirEpoch(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true
	w.start()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	slot := w.slot(0, 3)
	for i := range messages.PeerID(3) {
		var lies []frames.Statement
		for _, what := range []string{"a", "b"} { // two proposals, signed
			payload := hbbfttest.Seal(slot.Label(), []byte(what))
			lies = append(lies, frames.Value{
				Proposer: 3, Payload: payload, Signature: hbbfttest.Signer{Member: 3}.Sign(slot.Signed(slot.Root(payload))),
			}, frames.Echo{Proposer: 1, Root: slot.Root(payload)}, frames.Input{Proposer: 2, Bit: what == "a"})
		}
		for n := range 3 * honeybadger.MaxFaults { // and a flood of nonsense
			lies = append(lies, frames.Echo{Proposer: messages.PeerID(4 + n)})
		}
		w.do(i, w.members[i].core.Handle(3, frames.Frame{Statements: lies}))
	}
	if !w.settled() {
		t.Fatal("the epoch does not end")
	}
	for i, m := range w.members[:3] {
		if len(m.faults) < 4 {
			t.Errorf("member %d has seen %v", i, m.faults)
		}
		for _, f := range m.faults {
			if f.Peer != 3 || f.Epoch != 0 || len(f.Evidence) == 0 && f.Kind != protocol.Flooding {
				t.Errorf("member %d blames %s with %d statements", i, f, len(f.Evidence))
			}
		}
	}
	w.takenBack(t)
}
