package honeybadger_test

import (
	"fmt"
	"testing"
	"time"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
)

// H42: the original dropped what came more than three epochs ahead, and nobody said it
// again: a slow member was lost. Here members 1 to 3 agree on six epochs of which member 0
// hears nothing but that they are over, say their votes on the next one, and then member
// 3 dies. Without member 0 there is no quorum, and nobody says anything new: it gets the
// outcomes from others, and asks for what it dropped.
func TestH42SlowMemberIsToldAgain(t *testing.T) {
	w := newWorld(t, 4).start()
	toSlow := func(p packet) bool { return p.to == 0 }
	for round := range 6 {
		for i := messages.PeerID(1); i < 4; i++ {
			w.work(i, fmt.Sprintf("%d of %d", round, i))
		}
		for len(w.queue) > 0 {
			w.drop(toSlow)
			if len(w.queue) > 0 {
				w.deliver(0)
			}
		}
		w.tick(time.Second)
	}
	w.drop(toSlow)
	if len(w.members[1].history) < 6 || len(w.members[0].history) > 2 {
		t.Fatalf("they have %d outcomes, the slow member %d", len(w.members[1].history), len(w.members[0].history))
	}
	w.kill(3)
	w.work(1, "last of 1")
	w.work(2, "last of 2")
	w.settle() // the slow member hears all of it, too early
	for range 20 {
		w.tick(time.Second)
		w.settle()
	}
	for i, m := range w.members[:3] {
		if n := len(w.members[1].history); len(m.history) != n || len(m.work) > 0 {
			t.Errorf("member %d has %d outcomes of %d, and work %q", i, len(m.history), n, m.work)
		}
	}
	w.faultless(t.Errorf)
	w.agreed(t.Errorf)
}

// H43: the first message of the next epoch could complete it, and a member then proposed for
// the epoch after before it had worked off that one: what it owed was not in its
// proposal, and it was banned for that. Here nobody is asked for a contribution before the
// outcome is committed, whatever has arrived by then.
func TestH43NothingIsProposedBeforeTheCommit(t *testing.T) {
	s := newStage(t)
	s.take(s.core.Work())
	s.expectDoing("says Value(0, mine); says Echo(0, mine)", func() honeybadger.Step { return s.core.Propose(2, s.sealed(0, "mine")) })
	s.others()
	for s.epoch = 3; s.epoch <= 4; s.epoch++ {
		s.members[0].wanted = 0
		for _, step := range []honeybadger.Step{
			s.hear(others, s.value(1, "a"), s.echo(1, "a"), s.ready(1, "a")), s.take(s.core.Work()), s.second(),
		} {
			if len(step.Wanted) > 0 {
				t.Errorf("while 2 is not committed a contribution to %v is wanted", step.Wanted)
			}
		}
		if step := s.take(s.core.Propose(s.epoch, s.sealed(0, "early"))); !step.Empty() {
			t.Errorf("a contribution to %d is taken", s.epoch)
		}
	}
	step := s.take(s.core.Committed(3, nobody))
	step.Join(s.take(s.core.Work()))
	if len(step.Wanted) != 1 || step.Wanted[0] != 3 {
		t.Errorf("after the commit %v are wanted", step.Wanted)
	}
}

// H44: an outcome that was complete while the member was busy with another epoch was thrown
// away. Here it is kept, and handed out when its turn has come.
func TestH44OutcomeThatCameEarlyIsHandedOut(t *testing.T) {
	s := newStage(t)
	s.epoch = 3
	s.others()
	s.epoch = 2
	s.take(s.core.Repeat())
	s.others()
	s.expectDoing(`outcome 2: 1="a" 2="b" 3="c"`, s.core.Repeat)
	s.expectDoing(`is at 3; outcome 3: 1="a" 2="b" 3="c"`, func() honeybadger.Step { return s.core.Committed(3, nobody) })
}
