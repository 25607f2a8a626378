package honeybadger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// TestFaultsAreBounded: a member that is at fault ten thousand times is told
// MaxFaults times per epoch, the last as flooding.
func TestFaultsAreBounded(t *testing.T) {
	w := newWorld(t, 4).start()
	for i := range 10_000 {
		f := frames.Frame{Statements: []frames.Statement{frames.Echo{Proposer: 200}}}
		if i%2 == 0 {
			f = frames.Frame{Era: 9}
		}
		w.do(0, w.members[0].core.Handle(3, f))
	}
	var flooding int
	for _, f := range w.members[0].faults {
		if f.Kind == protocol.Flooding {
			flooding++
		}
	}
	if got := len(w.members[0].faults); got > 2*honeybadger.MaxFaults || flooding != 1 {
		t.Errorf("%d faults, %d of flooding", got, flooding)
	}
}

// TestStarting: who can start an epoch, and how often.
func TestStarting(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		w := newWorld(t, 4).start()
		w.settle()
		for range 100 {
			w.tick(time.Second)
		}
		if len(w.queue) != 0 || len(w.members[0].history) != 0 {
			t.Errorf("an idle federation says %v", w.queue)
		}
	})
	t.Run("one member alone is served, once a second", func(t *testing.T) {
		w := newWorld(t, 4).start()
		w.tick(time.Second)
		for i := range 20 {
			w.work(1, fmt.Sprintf("%d of 1", i))
		}
		w.settle()
		if got := len(w.agreed(t.Fatalf)); got != honeybadger.Burst {
			t.Errorf("%d epochs at once, want %d", got, honeybadger.Burst)
		}
		for range 3 {
			w.tick(time.Second)
			w.settle()
		}
		if got := len(w.agreed(t.Fatalf)); got != honeybadger.Burst+3 {
			t.Errorf("%d epochs 3 s later, want %d", got, honeybadger.Burst+3)
		}
		w.tick(time.Hour)
		w.settle()
		if got := len(w.agreed(t.Fatalf)); got != 2*honeybadger.Burst+3 {
			t.Errorf("%d epochs an hour later: credit is not bounded", got)
		}
	})
	t.Run("a silent member asks for the epochs that its silence lasts", func(t *testing.T) {
		w := newWorld(t, 4)
		w.members[3].silent = 2
		w.start()
		for range 10 {
			w.settle()
			w.tick(honeybadger.CallAfter)
		}
		if got := len(w.agreed(t.Fatalf)); got != 2 {
			t.Fatalf("%d epochs nobody had work for, want 2", got)
		}
		w.kill(0)
		w.work(1, "of 1")
		w.settle()
		if got := len(w.members[3].history); got != 3 {
			t.Errorf("the member that was silent has %d outcomes, want 3", got)
		}
	})
	t.Run("f+1 members need no credit", func(t *testing.T) {
		w := newWorld(t, 4).start()
		for i := range 20 {
			w.work(1, fmt.Sprintf("%d of 1", i))
			w.work(2, fmt.Sprintf("%d of 2", i))
		}
		w.settle()
		if got := len(w.agreed(t.Fatalf)); got < 20 {
			t.Errorf("%d epochs", got)
		}
	})
	t.Run("no empty epoch after the last", func(t *testing.T) {
		w := newWorld(t, 4).start()
		w.work(1, "0 of 1")
		w.work(2, "0 of 2")
		w.settle()
		for range 20 {
			w.tick(time.Second)
			w.settle()
		}
		for _, o := range w.agreed(t.Fatalf) {
			empty := true
			for _, c := range o.Contributions {
				empty = empty && len(c.Payload) == 0
			}
			if empty {
				t.Errorf("%s", outcomeText(o))
			}
		}
	})
}

// TestLookback: a member opens no epoch while more than Lookback committed ones
// are not over, and goes on when it hears that they are.
func TestLookback(t *testing.T) {
	w := newWorld(t, 4).start()
	for i := range 6 {
		w.work(0, fmt.Sprintf("%d of 0", i))
		w.work(1, fmt.Sprintf("%d of 1", i))
	}
	for len(w.queue) > 0 {
		w.queue[0].frame.Next = 0
		w.deliver(0)
	}
	if got := len(w.members[0].history); got != honeybadger.Lookback+1 {
		t.Fatalf("%d epochs without knowing that one is over, want %d", got, honeybadger.Lookback+1)
	}
	for i := range messages.PeerID(4) {
		for _, p := range w.peers(i) {
			w.do(i, w.members[i].core.Resync(p))
		}
	}
	w.settle()
	if got := len(w.members[0].history); got < 6 {
		t.Errorf("%d epochs in the end", got)
	}
}

// TestStragglerIsHelped: one member has the outcome, everything else that was
// on its way is lost, and the others reach it by the protocol (the state in
// which a federation was stuck whose first committer dropped its votes).
func TestStragglerIsHelped(t *testing.T) {
	w := newWorld(t, 4)
	w.members[3].faulty = true // dead all the time
	w.start()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	for len(w.members[0].history) == 0 {
		at := 0
		for at < len(w.queue) && w.queue[at].to != 0 && len(w.queue) > 0 {
			at++ // member 0 hears everything first
		}
		if at == len(w.queue) {
			at = 0
		}
		w.deliver(at)
	}
	if len(w.members[1].history)+len(w.members[2].history) > 0 {
		t.Fatal("the schedule let others commit too")
	}
	w.queue = nil
	for i := range messages.PeerID(3) {
		for _, p := range w.peers(i) {
			w.do(i, w.members[i].core.Resync(p))
		}
	}
	w.settle()
	if history := w.agreed(t.Fatalf); len(history) == 0 {
		t.Error("the others are stuck")
	}
}

// TestUnknownSchedule: a member that was taken over several epochs takes part
// only where it knows the schedule of coins.
func TestUnknownSchedule(t *testing.T) {
	w := newWorld(t, 4).start()
	core := w.members[0].core
	step := core.Committed(9, honeybadger.Absence{Known: true})
	if len(step.Sends) == 0 {
		t.Error("it tells nobody")
	}
	value := func(epoch messages.Epoch) frames.Frame {
		s := w.slot(epoch, 1)
		payload := hbbfttest.Seal(s.Label(), nil)
		return frames.Frame{Epoch: epoch, Next: epoch, Statements: []frames.Statement{frames.Value{
			Proposer: 1, Payload: payload, Signature: hbbfttest.Signer{Member: 1}.Sign(s.Signed(s.Root(payload))),
		}}}
	}
	if step := core.Handle(1, value(9)); len(step.Records) != 0 {
		t.Errorf("says %v in an epoch whose schedule it does not know", step.Records)
	}
	if step := core.Handle(1, frames.Frame{Epoch: 10, Next: 10}); len(step.Ahead) != 1 {
		t.Errorf("does not ask for the outcome of that epoch: %+v", step)
	}
	core.Committed(10, honeybadger.Absence{Known: true})
	if step := core.Handle(1, value(10)); len(step.Records) == 0 {
		t.Errorf("says nothing in an epoch whose schedule it knows: %s", core)
	}
}

// TestGoesBack: a processor whose state went back is helped forward, and the
// core does not go back with it.
func TestGoesBack(t *testing.T) {
	w := newWorld(t, 4).start()
	core := w.members[0].core
	core.Committed(9, honeybadger.Absence{Known: true}, honeybadger.Absence{Known: true})
	core.Handle(2, frames.Frame{Epoch: 9, Next: 9})
	step := core.Committed(4, honeybadger.Absence{Known: true})
	if len(step.Ahead) != 1 || step.Ahead[0] != (honeybadger.Notice{Peer: 2, Epoch: 9}) || core.Position().Next != 9 {
		t.Errorf("%+v at %d", step, core.Position().Next)
	}
}

// TestAsksForWhatItIgnored: statements of an epoch that is not open yet do not
// count, and are asked for when it is.
func TestAsksForWhatItIgnored(t *testing.T) {
	w := newWorld(t, 4).start()
	core := w.members[0].core
	early := frames.Frame{Epoch: 2, Next: 1, Statements: []frames.Statement{frames.Echo{Proposer: 1}}}
	if step := core.Handle(1, early); !step.Empty() {
		t.Fatalf("%+v", step)
	}
	asked := func(step honeybadger.Step) (peers []messages.PeerID) {
		for _, s := range step.Sends {
			if s.Again {
				peers = append(peers, *s.To)
			}
		}
		return peers
	}
	if got := asked(core.Committed(1)); len(got) != 1 || got[0] != 1 {
		t.Errorf("asks %v", got)
	}
	if got := asked(core.Committed(2)); got != nil {
		t.Errorf("asks %v once more", got)
	}
}

// TestResync: a peer is told again what was said to everybody, and nothing
// else: not what was held for the sake of an Echo, but for its own proposal.
func TestResync(t *testing.T) {
	w := newWorld(t, 4).start()
	for i := range messages.PeerID(4) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	core := w.members[0].core
	isEcho := func(r honeybadger.Record) bool { _, ok := r.Statement.(frames.Echo); return ok }
	for echoes := 0; echoes < 4; echoes = len(slices.DeleteFunc(core.Journal(), func(r honeybadger.Record) bool { return !isEcho(r) })) {
		w.deliver(0)
	}
	said := map[string]int{}
	for _, s := range core.Resync(2).Sends {
		if s.To == nil || *s.To != 2 {
			t.Errorf("%+v is not for 2 alone", s)
		}
		if v, ok := s.Statement.(frames.Value); ok && v.Proposer != 0 && v.Proposer != 2 {
			t.Errorf("says the proposal of %d", v.Proposer)
		}
		said[fmt.Sprintf("%T", s.Statement)]++
	}
	if said["frames.Value"] != 2 || said["frames.Echo"] != 4 || said["<nil>"] != 1 {
		t.Errorf("says %v", said)
	}
}
