package honeybadger_test

import (
	"fmt"
	"time"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// The members that keep to the protocol unless a scene says otherwise, and the
// one that does what the scene is about.
var (
	correct = []messages.PeerID{1, 2}
	others  = []messages.PeerID{1, 2, 3}
)

const liar messages.PeerID = 3

// committed takes everybody to an epoch: those before it are over.
func (s *stage) committed(next messages.Epoch) honeybadger.Step {
	step := s.take(s.core.Committed(next, honeybadger.Absence{Known: true}, honeybadger.Absence{Known: true}))
	for _, peer := range others {
		step.Join(s.take(s.core.Handle(peer, frames.Frame{Epoch: next, Next: next})))
	}
	s.epoch, s.next = next, next
	return step
}

// oneOfEach is a statement of every kind, as a correct member may make it, about
// the proposal of j.
func (s *stage) oneOfEach(j messages.PeerID) []frames.Statement {
	return []frames.Statement{
		s.value(j, "a"),
		s.echo(j, "a"),
		s.ready(j, "a"),
		s.pull(j, "a"),
		frames.Input{Proposer: j, Bit: true},
		frames.BVal{Proposer: j, Bit: true},
		frames.Aux{Proposer: j, Bit: true},
		frames.Conf{Proposer: j, Round: 2, Bits: 3},
		frames.Term{Proposer: j, Bit: true},
		frames.CoinShare{Proposer: j, Round: 2, Share: s.coinShare(liar, j, 2)},
		frames.DecryptionShare{Proposer: j, Share: s.right(liar, j, "a")},
	}
}

// sheetOfFrames are the entries about any statement.
var sheetOfFrames = []scene{
	{"any/dropped/an epoch that is over", func(s *stage) {
		s.open()
		s.epoch = 1
		for _, st := range s.oneOfEach(liar) {
			s.expect(nothing, liar, st)
		}
	}},
	{"any/dropped/an exact repeat", func(s *stage) {
		s.open()
		for _, st := range s.oneOfEach(liar) {
			s.hear([]messages.PeerID{liar}, st)
			s.expect(nothing, liar, st)
		}
	}},
	{"any/dropped but noted/an epoch beyond the next", func(s *stage) {
		s.open()
		s.epoch = 4
		s.expect(kept, liar, s.value(liar, "a"))
		for _, st := range s.oneOfEach(liar) {
			s.expect(nothing, liar, st)
		}
		s.epoch = 3
		s.expectDoing("is at 3; asks 3 to repeat", func() honeybadger.Step { return s.core.Committed(3, honeybadger.Absence{Known: true}) })
	}},
	{"any/blamed/another era", func(s *stage) {
		s.open()
		s.expectDoing("blames 3 for wrong-context of 2/0 by []", func() honeybadger.Step {
			return s.take(s.core.Handle(liar, frames.Frame{Era: 1, Epoch: 2, Next: 9, Again: true, Statements: s.oneOfEach(liar)}))
		})
	}},
	{"any/blamed/another federation", func(s *stage) {
		s.open()
		slot := s.slot(2, liar)
		slot.Federation[0]++
		v := s.value(liar, "a")
		v.Signature = hbbfttest.Signer{Member: liar}.Sign(slot.Signed(slot.Root(v.Payload)))
		s.expect("blames 3 for bad-proposer-signature of 2/3 by [Value(3, a)]", liar, v)
	}},
	{"any/blamed/a proposer that does not exist", func(s *stage) {
		s.open()
		for _, st := range s.oneOfEach(4) {
			s.expect(fmt.Sprintf("blames 1 for unknown-proposer of 2/4 by [%s]", s.textOf(st)), 1, st)
		}
		s.expect("blames 2 for unknown-proposer of 2/254 by [Term(254, true)]", 2, frames.Term{Proposer: messages.MaxPeers - 1, Bit: true})
	}},
	{"any/blamed/the sixteenth fault of an epoch", func(s *stage) {
		s.open()
		unknown := "blames 3 for unknown-proposer of 2/4 by [Term(4, true)]"
		for range honeybadger.MaxFaults - 1 {
			s.expect(unknown, liar, frames.Term{Proposer: 4, Bit: true})
		}
		s.expect("blames 3 for flooding of 2/4 by []", liar, frames.Term{Proposer: 4, Bit: true})
		s.expect(kept, liar, frames.Term{Proposer: 4, Bit: true}) // counted
		s.epoch = 3
		s.expect("blames 3 for unknown-proposer of 3/4 by [Term(4, true)]", liar, frames.Term{Proposer: 4, Bit: true})
	}},
	{"any/blamed/what convicts, after the sixteenth fault", func(s *stage) {
		s.open()
		for range 100 {
			s.hear([]messages.PeerID{liar}, frames.Term{Proposer: 4, Bit: true})
		}
		s.hear([]messages.PeerID{liar}, s.value(liar, "a"))
		s.expect("blames 3 for two-roots of 2/3 by [Value(3, a), Value(3, b)]", liar, s.value(liar, "b"))
	}},
	{"any/counts/the next epoch", func(s *stage) {
		s.open()
		s.epoch = 3
		s.expect(kept, liar, s.value(liar, "a"))
		s.expectDoing("stores Value(3, a); is at 3; says Echo(3, a); wants a contribution to 3", func() honeybadger.Step {
			return s.core.Committed(3, honeybadger.Absence{Known: true})
		})
	}},
	{"any/counts/a committed epoch that is not over", func(s *stage) {
		s.open()
		s.take(s.core.Committed(3, honeybadger.Absence{Known: true}))
		s.hear(correct, s.echo(1, "a"))
		s.expect("says Ready(1, a)", liar, s.echo(1, "a"))
	}},
	{"where a peer is/dropped/that it went back", func(s *stage) {
		s.open()
		s.next = 1
		s.expectDoing(nothing, func() honeybadger.Step { return s.core.Handle(1, frames.Frame{Epoch: 2, Next: 1}) })
	}},
	{"where a peer is/counts/n−f say that an epoch is over", func(s *stage) {
		s.open()
		s.take(s.core.Committed(3, honeybadger.Absence{Known: true}))
		s.take(s.core.Handle(1, frames.Frame{Epoch: 3, Next: 3}))
		s.hear([]messages.PeerID{1}, s.echo(1, "a"))
		s.take(s.core.Handle(2, frames.Frame{Epoch: 3, Next: 3}))
		s.expect(nothing, 1, s.echo(2, "a"))
	}},
	{"where a peer is/counts/further than our epoch gets us", func(s *stage) {
		s.open()
		hello := func(next messages.Epoch) func() honeybadger.Step {
			return func() honeybadger.Step { return s.core.Handle(liar, frames.Frame{Epoch: next, Next: next}) }
		}
		s.expectDoing(kept, hello(3)) // the outcome of 2 comes by itself
		s.expectDoing("3 is ahead at 7", hello(7))
		s.expectDoing(nothing, hello(7))
	}},
	{"ask to repeat/counts/once a second, five at once", func(s *stage) {
		s.open()
		ask := func() honeybadger.Step { return s.core.Handle(liar, frames.Frame{Epoch: 2, Next: 2, Again: true}) }
		all := "greets 3; tells 3 Value(0, mine); tells 3 Echo(0, mine)"
		s.take(s.core.Tick(time.Unix(1, 0)))
		for range honeybadger.Burst {
			s.expectDoing(all, ask)
		}
		s.expectDoing(kept, ask) // owed
		s.expectDoing(nothing, ask)
		s.expectDoing(all, func() honeybadger.Step { return s.core.Tick(time.Unix(2, 0)) })
	}},
	{"a call/counts/of a member with credit", func(s *stage) {
		s.expectDoing("wants a contribution to 2", s.call(2))
		s.expectDoing(nothing, s.call(2))
	}},
	{"a call/dropped/for another epoch", func(s *stage) {
		s.take(s.core.Handle(liar, frames.Frame{Epoch: 2, Next: 2}))
		for _, epoch := range []messages.Epoch{0, 1, 3, 4, 1 << 63} {
			s.expectDoing(nothing, s.call(epoch))
		}
	}},
	{"a call/dropped/without credit", func(s *stage) {
		s.take(s.core.Tick(time.Unix(1, 0)))
		for range honeybadger.Burst {
			s.expectDoing(fmt.Sprintf("wants a contribution to %d", s.epoch), s.call(s.epoch))
			s.committed(s.epoch + 1)
		}
		s.expectDoing(kept, s.call(s.epoch)) // owed
		s.expectDoing(nothing, s.call(s.epoch))
		s.expectDoing(fmt.Sprintf("wants a contribution to %d", s.epoch), func() honeybadger.Step { return s.take(s.core.Tick(time.Unix(2, 0))) })
		s.committed(s.epoch + 1)
		s.expectDoing(kept, func() honeybadger.Step { return s.take(s.core.Tick(time.Unix(9, 0))) }) // that was for the epoch before
	}},
	{"an epoch/counts/one proposal of a member with credit opens it", func(s *stage) {
		s.expect("stores Value(3, a); says Echo(3, a); wants a contribution to 2", liar, s.value(liar, "a"))
	}},
	{"an epoch/dropped/one proposal of a member without credit", func(s *stage) {
		for range honeybadger.Burst {
			s.hear([]messages.PeerID{liar}, s.value(liar, "a"))
			s.committed(s.epoch + 1)
		}
		s.expect(kept, liar, s.value(liar, "a"))
		// f+1 proposals need none.
		s.expect("stores Value(1, a); stores Value(3, a); says Echo(1, a); says Echo(3, a); "+
			fmt.Sprintf("wants a contribution to %d", s.epoch), 1, s.value(1, "a"))
	}},
}

// call has the liar ask for an epoch.
func (s *stage) call(epoch messages.Epoch) func() honeybadger.Step {
	return func() honeybadger.Step {
		return s.take(s.core.Handle(liar, frames.Frame{Epoch: epoch, Next: s.epoch, Calls: true}))
	}
}
