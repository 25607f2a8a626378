package honeybadger_test

import (
	"time"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// missing leads member 0 to ask member 1 for a proposal that the liar sent to
// everybody else.
func (s *stage) missing() {
	s.open()
	s.hear(others, s.echo(liar, "a"))
	s.expect("tells 1 Pull(3, a)", 2, s.ready(liar, "a"))
}

// second lets a second pass, in which peers that were asked had their time.
func (s *stage) second() honeybadger.Step {
	s.now = s.now.Add(time.Second)
	return s.take(s.core.Tick(s.now))
}

func unsigned(v frames.Value) frames.Value {
	v.Signature = [64]byte{1}
	return v
}

// sheetOfBroadcast are the entries about reliable broadcast.
var sheetOfBroadcast = []scene{
	{"Value/dropped/the same again", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.value(liar, "a"))
		s.expect(nothing, liar, s.value(liar, "a"))
		s.expect(nothing, 1, s.value(liar, "a")) // an answer that came late
	}},
	{"Value/dropped/after two roots were shown", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.value(liar, "a"), s.value(liar, "b"))
		s.expect(nothing, liar, s.value(liar, "c"))
		s.expect(nothing, liar, s.value(liar, "b"))
	}},
	{"Value/dropped/after four were looked at", func(s *stage) {
		s.open()
		for range 4 {
			s.expect("blames 3 for bad-proposer-signature of 2/3 by [Value(3, a)]", liar, unsigned(s.value(liar, "a")))
		}
		s.expect(nothing, liar, unsigned(s.value(liar, "a")))
		s.expect(nothing, liar, s.value(liar, "a"))
		// Its proposal can still be had from those that echoed it.
		s.hear(correct, s.echo(liar, "a"), s.ready(liar, "a"))
		s.expect("stores Value(3, a); says Echo(3, a); says Input(3, true)", 1, s.value(liar, "a"))
	}},
	{"Value/blamed/from another member than the proposer", func(s *stage) {
		s.open()
		s.expect("blames 1 for value-from-non-proposer of 2/3 by [Value(3, a)]", 1, s.value(liar, "a"))
		s.expect("blames 3 for value-from-non-proposer of 2/1 by [Value(1, a)]", liar, unsigned(s.value(1, "a")))
	}},
	{"Value/blamed/a bad signature", func(s *stage) {
		s.open()
		v := s.value(liar, "a")
		v.Signature = s.value(liar, "b").Signature
		s.expect("blames 3 for bad-proposer-signature of 2/3 by [Value(3, a)]", liar, v)
	}},
	{"Value/blamed/too long", func(s *stage) {
		s.open()
		s.expectBare("blames 3 for oversize of 2/3 by []", liar, s.signed(liar, make([]byte, frames.MaxPayload+1)))
	}},
	{"Value/blamed/a second root", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.value(liar, "a"))
		s.expect("blames 3 for two-roots of 2/3 by [Value(3, a), Value(3, b)]", liar, s.value(liar, "b"))
		s.expect("tells 1 Value(3, a)", 1, s.pull(liar, "a")) // the first one stands
	}},
	{"Value/blamed/a second root that another member has", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.value(liar, "a"))
		s.hear(correct, s.echo(liar, "b"))
		s.hear([]messages.PeerID{1}, s.ready(liar, "b"))
		s.expect("says Ready(3, b); tells 1 Pull(3, b)", 2, s.ready(liar, "b"))
		s.expect("says Input(3, true); blames 3 for two-roots of 2/3 by [Value(3, a), Value(3, b)]", 1, s.value(liar, "b"))
	}},
	{"Value/counts/the first", func(s *stage) {
		s.open()
		s.expect("stores Value(3, a); says Echo(3, a)", liar, s.value(liar, "a"))
		s.expect("tells 1 Value(3, a)", 1, s.pull(liar, "a"))
	}},
	{"Value/counts/a proposal of full length", func(s *stage) {
		s.open()
		v := s.signed(liar, make([]byte, frames.MaxPayload))
		s.root(liar, v.Payload, "long")
		s.expect("stores Value(3, long); says Echo(3, long)", liar, v)
	}},
	{"Echo/dropped/the same root again", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.echo(1, "a"))
		s.expect(nothing, liar, s.echo(1, "a"))
	}},
	{"Echo/blamed/a second root", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.echo(1, "a"))
		s.expect("blames 3 for two-echoes of 2/1 by [Echo(1, a), Echo(1, b)]", liar, s.echo(1, "b"))
		s.hear([]messages.PeerID{1}, s.echo(1, "b"))
		s.expect(kept, 2, s.echo(1, "b")) // and the second one did not count
	}},
	{"Echo/counts/n−f of them", func(s *stage) {
		s.open()
		s.expect(kept, 1, s.echo(1, "a"))
		s.expect(kept, 2, s.echo(1, "a"))
		s.expect("says Ready(1, a)", liar, s.echo(1, "a"))
	}},
	{"Echo/counts/all N deliver", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{1}, s.value(1, "a"), s.echo(1, "a"))
		s.expect("says Ready(1, a)", 2, s.echo(1, "a"))
		s.expect("says Input(1, true)", liar, s.echo(1, "a"))
	}},
	{"Ready/dropped/the same root again", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.ready(1, "a"))
		s.expect(nothing, liar, s.ready(1, "a"))
	}},
	{"Ready/blamed/a second root", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{liar}, s.ready(1, "a"))
		s.expect("blames 3 for two-readys of 2/1 by [Ready(1, a), Ready(1, b)]", liar, s.ready(1, "b"))
		s.expect(kept, 2, s.ready(1, "b")) // and the second one did not count
	}},
	{"Ready/counts/f+1 of them", func(s *stage) {
		s.open()
		s.expect(kept, 1, s.ready(1, "a"))
		s.expect("says Ready(1, a)", 2, s.ready(1, "a"))
	}},
	{"Ready/counts/2f+1 deliver", func(s *stage) {
		s.open()
		s.hear([]messages.PeerID{1}, s.value(1, "a"), s.ready(1, "a"))
		s.expect("says Ready(1, a); says Input(1, true)", 2, s.ready(1, "a"))
		s.expect(kept, liar, s.ready(1, "a")) // delivered once
	}},
	{"Pull/dropped/what we do not hold", func(s *stage) {
		s.open()
		s.expect(nothing, liar, s.pull(1, "a"))
		s.expect(nothing, liar, s.pull(0, "another"))
	}},
	{"Pull/dropped/the second on a link", func(s *stage) {
		s.open()
		s.expect("tells 3 Value(0, mine)", liar, s.pull(0, "mine"))
		s.expect(nothing, liar, s.pull(0, "mine"))
		s.take(s.core.Resync(liar))
		s.expect("tells 3 Value(0, mine)", liar, s.pull(0, "mine"))
	}},
	{"Pull/counts/the first", func(s *stage) {
		s.open()
		s.expect("tells 1 Value(0, mine)", 1, s.pull(0, "mine"))
		s.expect("tells 3 Value(0, mine)", liar, s.pull(0, "mine"))
	}},
	{"answer to a pull/dropped/that may have been asked for before a restart", func(s *stage) {
		s.members[0].history = make([]honeybadger.Outcome, 2)
		s.open()
		s.reboot()
		s.committed(2)
		s.expect(nothing, 1, s.value(liar, "a"))
	}},
	{"answer to a pull/blamed/not asked", func(s *stage) {
		s.open()
		s.expect("blames 2 for value-from-non-proposer of 2/1 by [Value(1, a)]", 2, s.value(1, "a"))
	}},
	{"answer to a pull/blamed/a bad signature, and others are asked", func(s *stage) {
		s.missing()
		s.second()
		s.expect("blames 1 for bad-proposer-signature of 2/3 by [Value(3, a)]", 1, unsigned(s.value(liar, "a")))
		s.expect("blames 1 for value-from-non-proposer of 2/3 by [Value(3, a)]", 1, s.value(liar, "a"))
		s.expectDoing("tells 2 Pull(3, a)", s.second)
		s.expectDoing("tells 3 Pull(3, a)", s.second)
		s.expectDoing("tells 1 Pull(3, a)", s.second)
		s.expect("stores Value(3, a); says Echo(3, a); says Input(3, true)", 2, s.value(liar, "a"))
		s.expectDoing(kept, s.second) // nobody is asked any more
	}},
	{"answer to a pull/counts/the first", func(s *stage) {
		s.missing()
		s.expect("stores Value(3, a); says Echo(3, a); says Input(3, true)", 1, s.value(liar, "a"))
	}},
}
