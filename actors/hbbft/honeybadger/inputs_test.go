package honeybadger_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// The scenes here are about what the caller tells a core, clause by clause.
var inputs = map[string]func(s *stage){
	"a contribution/is wanted once": func(s *stage) {
		s.expectDoing("wants a contribution to 2", func() honeybadger.Step { return s.core.Work() })
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Work() })
		s.expectDoing("wants a contribution to 2", s.core.Repeat)
		s.expect(kept, 1, s.echo(1, "a"))
	},
	"a contribution/is not taken twice": func(s *stage) {
		s.open()
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Propose(2, s.sealed(0, "another")) })
		s.expectDoing(kept, s.core.Repeat) // nothing is wanted
	},
	"a contribution/is taken in the open epoch only": func(s *stage) {
		propose := func(epoch messages.Epoch) func() honeybadger.Step {
			return func() honeybadger.Step { return s.core.Propose(epoch, s.sealed(0, "mine")) }
		}
		s.hear([]messages.PeerID{1}, s.echo(1, "a")) // there is state of the epoch
		s.expectDoing(nothing, propose(2))           // nobody has opened it
		s.take(s.core.Work())
		for _, epoch := range []messages.Epoch{0, 1, 3, 4, 1 << 40, 1<<64 - 1} {
			s.expectDoing(nothing, propose(epoch))
		}
		s.expectDoing("says Value(0, mine); says Echo(0, mine)", propose(2))
	},
	"a contribution/is not wanted where the outcome is there": func(s *stage) {
		s.withoutUs()
		s.take(s.core.Work())
		for _, peer := range correct {
			s.expectDoing(kept, func() honeybadger.Step { return s.core.Handle(peer, frames.Frame{Epoch: 4, Next: 4}) })
		}
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Propose(4, s.sealed(0, "mine")) })
	},
	"a contribution/is not taken where the outcome is there": func(s *stage) {
		s.take(s.core.Work()) // it is wanted, and takes its time
		s.others()
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Propose(2, s.sealed(0, "mine")) })
		s.expectDoing(`outcome 2: 1="a" 2="b" 3="c"`, s.core.Repeat)
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Work() })
	},
	"work/opens an epoch that there is state of": func(s *stage) {
		s.hear([]messages.PeerID{1}, s.echo(1, "a"))
		s.expectDoing("wants a contribution to 2", func() honeybadger.Step { return s.core.Work() })
	},
	"work/ends with the epoch": func(s *stage) {
		s.take(s.core.Work())
		s.expectDoing("is at 3", func() honeybadger.Step { return s.core.Committed(3, honeybadger.Absence{Known: true}) })
		s.expectDoing("wants a contribution to 3", func() honeybadger.Step { return s.core.Work() })
	},
	"an outcome/is handed out once, and again for who asks": func(s *stage) {
		s.withoutUs()
		s.expect(nothing, liar, s.pull(1, "b"))
		s.expectDoing(`outcome 4: 1="a" 2="b" 3="c"`, s.core.Repeat)
		s.expectDoing(`outcome 4: 1="a" 2="b" 3="c"`, func() honeybadger.Step { return s.core.Committed(4) })
		s.expectDoing("is at 5", func() honeybadger.Step { return s.core.Committed(5) })
		s.expectDoing(nothing, s.core.Repeat)
	},
	"a tick/moves pulls on once in PullPatience": func(s *stage) {
		s.missing()
		tick := func(d time.Duration) func() honeybadger.Step {
			return func() honeybadger.Step { s.now = s.now.Add(d); return s.take(s.core.Tick(s.now)) }
		}
		s.take(s.core.Tick(s.now))
		s.expectDoing(kept, tick(honeybadger.PullPatience/2))
		s.expectDoing("tells 2 Pull(3, a)", tick(honeybadger.PullPatience/2))
		s.expectDoing(kept, tick(honeybadger.PullPatience/4))
		s.expectDoing(kept, tick(honeybadger.PullPatience/4))
		s.expectDoing(kept, tick(-time.Hour)) // the clock was set back
		s.expectDoing(kept, tick(honeybadger.PullPatience/4))
		s.expectDoing("tells 3 Pull(3, a)", tick(honeybadger.PullPatience/4))
		s.expectDoing("tells 1 Pull(3, a)", tick(time.Hour))
	},
	"a tick/gives a burst of credit at most": func(s *stage) {
		hello := func() honeybadger.Step { return s.core.Handle(liar, frames.Frame{Epoch: 2, Next: 2, Again: true}) }
		s.take(s.core.Tick(s.now))
		for range honeybadger.Burst {
			s.expectDoing("greets 3", hello)
		}
		s.take(s.core.Tick(s.now.Add(-time.Hour)))
		s.expectDoing(kept, hello)
		s.expectDoing("greets 3", func() honeybadger.Step { return s.core.Tick(s.now.Add(time.Hour)) })
		s.take(s.core.Tick(s.now.Add(2 * time.Hour)))
		for range honeybadger.Burst {
			s.expectDoing("greets 3", hello)
		}
		s.expectDoing(kept, hello)
		s.expectDoing("greets 3", func() honeybadger.Step { return s.core.Tick(s.now.Add(2*time.Hour + time.Second)) })
		s.expectDoing(kept, hello)
		s.expectDoing("greets 3", func() honeybadger.Step { return s.core.Tick(s.now.Add(1<<63 - 1)) }) // three centuries
		s.expectDoing("greets 3", hello)
	},
	"a tick/gives a burst of starts at most": func(s *stage) {
		start := func() {
			s.expect("stores Value(3, a); says Echo(3, a); "+fmt.Sprintf("wants a contribution to %d", s.epoch), liar, s.value(liar, "a"))
			s.committed(s.epoch + 1)
		}
		s.take(s.core.Tick(s.now))
		start()
		later := s.now.Add(1<<63 - 1).Add(1<<63 - 1) // as clocks that are set wrong may show
		s.take(s.core.Tick(later))
		for range honeybadger.Burst {
			start()
		}
		s.expect(kept, liar, s.value(liar, "a"))
		s.expectDoing("stores Value(3, a); says Echo(3, a); "+fmt.Sprintf("wants a contribution to %d", s.epoch),
			func() honeybadger.Step { return s.take(s.core.Tick(later.Add(time.Second))) })
		s.committed(s.epoch + 1)
		s.expect(kept, liar, s.value(liar, "a"))
	},
	"a tick/tells who lacks the last outcome, after a while, once": func(s *stage) {
		s.take(s.core.Tick(s.now))
		s.epoch, s.next = 3, 3
		s.take(s.core.Committed(3, nobody))
		says := func(peer, next messages.Epoch) {
			s.take(s.core.Handle(messages.PeerID(peer), frames.Frame{Epoch: next, Next: next}))
		}
		behind := func(want ...honeybadger.Notice) {
			s.t.Helper()
			if got := s.second().Behind; !slices.Equal(got, want) {
				s.t.Errorf("behind: %v, want %v", got, want)
			}
		}
		says(1, 3)
		says(3, 2)
		behind() // 2 is not over: it may get there itself
		says(2, 3)
		behind(honeybadger.Notice{Peer: 3, Epoch: 2})
		behind()
		s.take(s.core.Resync(3))
		says(3, 2)
		behind(honeybadger.Notice{Peer: 3, Epoch: 2})
		says(3, 3)
		behind()
	},
	"a tick/tells nobody who lacks more, or while more is under way": func(s *stage) {
		s.take(s.core.Tick(s.now))
		s.take(s.core.Committed(3, nobody))
		s.take(s.core.Committed(4, nobody))
		for _, peer := range correct {
			s.take(s.core.Handle(peer, frames.Frame{Epoch: 4, Next: 4}))
		}
		s.take(s.core.Handle(3, frames.Frame{Epoch: 2, Next: 2})) // it learns so from our Next, and asks
		if got := append(s.second().Behind, s.second().Behind...); len(got) > 0 {
			s.t.Errorf("behind by two: %v", got)
		}
		s.take(s.core.Handle(3, frames.Frame{Epoch: 3, Next: 3}))
		s.take(s.core.Committed(5, nobody))
		if got := append(s.second().Behind, s.second().Behind...); len(got) > 0 {
			s.t.Errorf("while the last is not over: %v", got)
		}
	},
	"a tick/counts from when the epoch was over": func(s *stage) {
		s.take(s.core.Tick(s.now))
		s.take(s.core.Committed(3, nobody))
		for _, peer := range correct {
			s.take(s.core.Handle(peer, frames.Frame{Epoch: 3, Next: 3}))
		}
		half := func() []honeybadger.Notice {
			s.now = s.now.Add(honeybadger.PullPatience / 2)
			return s.take(s.core.Tick(s.now)).Behind
		}
		hello := func(next messages.Epoch) { s.take(s.core.Handle(3, frames.Frame{Epoch: next, Next: next})) }
		hello(2)
		first := half()
		hello(3) // it is there
		s.take(s.core.Committed(4, nobody))
		for _, peer := range correct {
			s.take(s.core.Handle(peer, frames.Frame{Epoch: 4, Next: 4}))
		}
		between := half()
		hello(3)
		if all := slices.Concat(first, between); len(all) > 0 {
			s.t.Errorf("too early: %v", all)
		}
		if got := half(); !slices.Equal(got, []honeybadger.Notice{{Peer: 3, Epoch: 3}}) {
			s.t.Errorf("behind: %v", got)
		}
	},
	"where peers are/takes nobody beyond its own outcomes": func(s *stage) {
		for _, peer := range others {
			s.take(s.core.Handle(peer, frames.Frame{Epoch: 7, Next: 7}))
		}
		if p := s.core.Position(); p.Next != 2 || p.Certified != 2 {
			s.t.Errorf("at %+v", p)
		}
		s.take(s.core.Work())
		s.expectDoing("says Value(0, mine); says Echo(0, mine)", func() honeybadger.Step { return s.core.Propose(2, s.sealed(0, "mine")) })
	},
	"a state/that went back is told who has more": func(s *stage) {
		s.take(s.core.Handle(3, frames.Frame{Epoch: 1, Next: 3}))
		s.take(s.core.Committed(3, nobody))
		s.expectDoing("3 is ahead at 3", func() honeybadger.Step { return s.core.Committed(2) })
	},
	"a link/makes notices count again": func(s *stage) {
		ahead := func() honeybadger.Step { return s.core.Handle(liar, frames.Frame{Epoch: 7, Next: 7}) }
		s.expectDoing("3 is ahead at 7", ahead)
		s.expectDoing(nothing, ahead)
		s.take(s.core.Resync(liar))
		s.expectDoing("3 is ahead at 7", ahead)
	},
	"a position/is not left for what is known already": func(s *stage) {
		before := dump(s.core)
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Committed(2) })
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Committed(2, honeybadger.Absence{}, honeybadger.Absence{}) })
		if dump(s.core) != before {
			s.t.Error("something changed")
		}
	},
	"a frame/of another era is told sixteen times": func(s *stage) {
		for _, epoch := range []messages.Epoch{3, 4} {
			told := 0
			for range 100 {
				told += len(s.take(s.core.Handle(liar, frames.Frame{Era: 1})).Faults)
			}
			if told != honeybadger.MaxFaults {
				s.t.Errorf("%d faults", told)
			}
			s.take(s.core.Committed(epoch, nobody))
		}
	},
	"a frame/of an epoch to come is asked for when it counts": func(s *stage) {
		s.epoch = 5
		s.hear([]messages.PeerID{1}, s.echo(1, "a"))
		s.expectDoing("is at 3", func() honeybadger.Step { return s.core.Committed(3, nobody) })
		s.expectDoing("is at 4; asks 1 to repeat", func() honeybadger.Step { return s.core.Committed(4, nobody) })
		s.expectDoing("is at 5", func() honeybadger.Step { return s.core.Committed(5, nobody) })
	},
	"a frame/of the next epoch comes before one of this": func(s *stage) {
		s.epoch = 3
		s.hear(others, s.echo(1, "a"))
		s.epoch = 2
		s.expect(kept, 1, s.echo(1, "a"))
		s.expect(kept, 2, s.echo(1, "a"))
		s.expect("says Ready(1, a)", liar, s.echo(1, "a"))
		s.expectDoing("wants a contribution to 2", func() honeybadger.Step { return s.core.Work() })
	},
	"a frame/that says nothing makes nothing": func(s *stage) {
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Handle(liar, frames.Frame{Epoch: 2, Next: 2}) })
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Handle(liar, frames.Frame{Epoch: 3, Next: 2}) })
	},
	"an answer/nobody asked for, in epochs that were open at a restart": func(s *stage) {
		s.members[0].history = make([]honeybadger.Outcome, 2)
		s.reboot()
		s.committed(2)
		for _, epoch := range []messages.Epoch{2, 3} {
			s.epoch = epoch
			s.hear([]messages.PeerID{1}, s.echo(1, "a"))
			s.expect(nothing, 1, s.value(liar, "a"))
		}
		s.committed(3)
		s.epoch = 4
		s.expect("blames 1 for value-from-non-proposer of 4/3 by [Value(3, a)]", 1, s.value(liar, "a"))
	},
}

// withoutUs has the others end epoch 4 in a way in which member 0 hears of all and
// may not open it: it does not know yet that epochs 2 and 3 are over.
func (s *stage) withoutUs() {
	s.take(s.core.Committed(4, honeybadger.Absence{Known: true}, honeybadger.Absence{Known: true}, honeybadger.Absence{Known: true}))
	s.epoch = 4
	s.others()
}

// others are the other members, who end the epoch among themselves.
func (s *stage) others() {
	contents := []string{"", "a", "b", "c"}
	for _, j := range others {
		s.hear([]messages.PeerID{j}, s.value(j, contents[j]))
		s.hear(others, s.echo(j, contents[j]), s.ready(j, contents[j]), frames.Term{Proposer: j, Bit: true})
	}
	s.hear(others, frames.Term{Proposer: 0})
	for _, j := range others {
		s.hear([]messages.PeerID{1}, s.decrypts(1, j, contents[j]))
	}
}

func TestInputs(t *testing.T) {
	for name, play := range inputs {
		t.Run(name, func(t *testing.T) { play(newStage(t)) })
	}
}

// TestAlone: a federation of one member has its outcome with its contribution.
func TestAlone(t *testing.T) {
	w := newWorld(t, 1)
	core, _ := honeybadger.New(w.config(0), honeybadger.Position{}, nil)
	if step := core.Work(); !slices.Equal(step.Wanted, []messages.Epoch{0}) {
		t.Fatalf("%+v", step)
	}
	step := core.Propose(0, hbbfttest.Seal(w.slot(0, 0).Label(), []byte("x")))
	if len(step.Outcomes) != 1 || outcomeText(step.Outcomes[0]) != `outcome 0: 0="x"` {
		t.Errorf("outcomes %v", step.Outcomes)
	}
}

// TestJoin: a joined step asks for all that both asked for, in order.
func TestJoin(t *testing.T) {
	var one, two honeybadger.Step
	for i, s := range []*honeybadger.Step{&one, &two} {
		e, p := messages.Epoch(i), messages.PeerID(i)
		*s = honeybadger.Step{
			Records: []honeybadger.Record{{Epoch: e}}, Sends: []honeybadger.Send{{Epoch: e}}, Outcomes: []honeybadger.Outcome{{Epoch: e}},
			Wanted: []messages.Epoch{e}, Behind: []honeybadger.Notice{{Peer: p}}, Ahead: []honeybadger.Notice{{Epoch: e}}, Faults: []protocol.Fault{{Peer: p}}, Resets: []messages.PeerID{p},
		}
	}
	both := one
	both.Join(two)
	first, second, joined := reflect.ValueOf(one), reflect.ValueOf(two), reflect.ValueOf(both)
	for i := range joined.NumField() {
		list := joined.Field(i)
		if list.Len() != 2 || !reflect.DeepEqual(list.Index(0).Interface(), first.Field(i).Index(0).Interface()) ||
			!reflect.DeepEqual(list.Index(1).Interface(), second.Field(i).Index(0).Interface()) {
			t.Errorf("%s: %v", joined.Type().Field(i).Name, list)
		}
		var only honeybadger.Step
		if !only.Empty() {
			t.Error("the zero step is not empty")
		}
		reflect.ValueOf(&only).Elem().Field(i).Set(first.Field(i))
		if only.Empty() {
			t.Errorf("a step with %s is empty", joined.Type().Field(i).Name)
		}
	}
}
