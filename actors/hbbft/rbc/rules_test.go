package rbc_test

import (
	"fmt"
	"strings"
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/rbc"
	"minimint/messages"
	"minimint/messages/frames"
)

// A stage is member 0 of a federation whose last member is the proposer, and a
// faulty one. The test speaks for everybody else.
type stage struct {
	*world
	t *testing.T
	b *rbc.Broadcast
}

func newStage(t *testing.T, n int) *stage {
	s := &stage{world: newWorld(n, messages.PeerID(n-1)), t: t}
	s.b = s.nodes[0]
	s.b.Open()
	return s
}

// hears says what comes of a statement of each of some members, in order.
func (s *stage) hears(want string, st frames.Statement, from ...messages.PeerID) {
	s.t.Helper()
	var all rbc.Step
	for _, peer := range from {
		step := s.b.Handle(peer, st)
		all.Join(step.Say, step.Faults)
		all.Outputs = append(all.Outputs, step.Outputs...)
	}
	s.is(want, all)
}

func (s *stage) is(want string, step rbc.Step) {
	s.t.Helper()
	var lines []string
	for _, say := range step.Say {
		text := hbbfttest.Text(say.Statement)
		for _, payload := range []string{"a", "b", "c"} {
			text = strings.ReplaceAll(text, s.root(payload).String()[:6], payload)
		}
		if say.To != nil {
			text += " to " + say.To.String()
		}
		lines = append(lines, text)
	}
	for _, f := range step.Faults {
		lines = append(lines, fmt.Sprintf("%s by %d", f.Kind, f.Peer))
	}
	for _, payload := range step.Outputs {
		lines = append(lines, fmt.Sprintf("delivers %s", payload))
	}
	if got := strings.Join(lines, ", "); got != want {
		s.t.Errorf("%s; want %s", got, want)
	}
}

func (s *stage) echo(payload string) frames.Echo {
	return frames.Echo{Proposer: s.proposer, Root: s.root(payload)}
}

func (s *stage) ready(payload string) frames.Ready {
	return frames.Ready{Proposer: s.proposer, Root: s.root(payload)}
}

func (s *stage) pull(payload string) frames.Pull {
	return frames.Pull{Proposer: s.proposer, Root: s.root(payload)}
}

// rules are the scenes that need every clause of a rule: for each clause there is
// one in which it alone decides.
var rules = map[string]func(s *stage){
	"ready: n−f echoes, and n−f−1 are not enough": func(s *stage) {
		s.hears("", s.echo("a"), 1, 2)
		s.hears("Ready(3, a)", s.echo("a"), 3)
	},
	"ready: f+1 readys, and f are not enough": func(s *stage) {
		s.hears("", s.ready("a"), 1)
		s.hears("Ready(3, a)", s.ready("a"), 2)
	},
	"ready: for one root only": func(s *stage) {
		s.hears("Ready(3, a)", s.echo("a"), 1, 2, 3)
		s.hears("", s.ready("b"), 1, 2, 3) // more than f lie
	},
	"deliver: 2f+1 readys, and 2f are not enough": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("", s.ready("a"), 1)
		s.hears("Ready(3, a), delivers a", s.ready("a"), 2) // with its own
		s.hears("", s.ready("a"), 3)
	},
	"deliver: all N echoes, and N−1 are not enough": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("Ready(3, a)", s.echo("a"), 1, 2)
		s.hears("delivers a", s.echo("a"), 3)
	},
	"deliver: what is held, not what was": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("Ready(3, b)", s.echo("b"), 1, 2, 3)
		s.hears("Pull(3, b) to 1", s.ready("b"), 1)
		s.hears("", s.ready("b"), 2, 3)
		s.hears("two-roots by 3, delivers b", s.value("b"), 1)
	},
	"held: gives way to a root that f+1 are ready for": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("Ready(3, b)", s.echo("b"), 1, 2, 3)
		s.hears("Pull(3, b) to 1", s.ready("b"), 2)
		s.hears("two-roots by 3", s.value("b"), 1)
		s.hears("Value(3, \"b\") to 2", s.pull("b"), 2)
		s.hears("delivers b", s.ready("b"), 1)
	},
	"held: gives way to no root that f are ready for": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("", s.ready("b"), 3)
		s.hears("two-roots by 3", s.value("b"), 3)
		s.hears("", s.pull("b"), 1)
		s.hears("Value(3, \"a\") to 1", s.pull("a"), 1)
	},
	"value: the same bytes with another signature": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		v := s.value("a")
		v.Signature[0]++
		s.hears("bad-proposer-signature by 3", v, 3)
	},
	"value: other bytes with the same signature": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		v := s.value("a")
		v.Payload = []byte("b")
		s.hears("bad-proposer-signature by 3", v, 3)
	},
	"value: a second signature of one root is no second root": func(s *stage) {
		cfg := s.config(0)
		cfg.Verifier = anySignature{}
		s.b = rbc.New(cfg)
		s.b.Open()
		s.hears("Echo(3, a)", s.value("a"), 3)
		v := s.value("a")
		v.Signature[0]++
		s.hears("", v, 3)
	},
	"pull: nobody who echoed another root, or nothing": func(s *stage) {
		s.hears("", s.echo("b"), 1)
		s.hears("", s.echo("a"), 3)
		s.hears("Ready(3, a), Pull(3, a) to 3", s.ready("a"), 1, 2)
		s.is("Pull(3, a) to 3", s.b.Tick())
		s.hears("", s.echo("a"), 2)
		s.is("Pull(3, a) to 2", s.b.Tick())
	},
	"pull: on an echo that comes after the readys": func(s *stage) {
		s.hears("Ready(3, a)", s.ready("a"), 1, 2)
		s.is("", s.b.Tick())
		s.hears("Pull(3, a) to 2", s.echo("a"), 2)
	},
	"pull: goes on while another root is held": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("Ready(3, b)", s.echo("b"), 1, 2, 3)
		s.hears("Pull(3, b) to 1", s.ready("b"), 2)
		s.is("Pull(3, b) to 2", s.b.Tick())
		s.is("Pull(3, b) to 3", s.b.Tick())
		s.is("Pull(3, b) to 1", s.b.Tick())
	},
	"pull: is put again when the link of the asked comes up": func(s *stage) {
		s.is("", s.b.LinkUp(1))
		s.hears("Ready(3, a)", s.echo("a"), 1, 2, 3)
		s.is("", s.b.LinkUp(1))
		s.hears("Pull(3, a) to 1", s.ready("a"), 2)
		s.is("Pull(3, a) to 1", s.b.LinkUp(1))
		s.is("", s.b.LinkUp(2))
		s.hears("Echo(3, a), delivers a", s.value("a"), 1)
		s.is("", s.b.LinkUp(1))
		s.is("", s.b.Tick())
	},
	"pull: is no question before there is one": func(s *stage) {
		for peer := range messages.PeerID(3) {
			s.is("", s.b.LinkUp(peer+1))
		}
		s.is("", s.b.Tick())
	},
	"pull: one answer to one question": func(s *stage) {
		s.hears("Ready(3, a)", s.echo("a"), 1, 2, 3)
		s.hears("Pull(3, a) to 1", s.ready("a"), 2)
		v := s.value("a")
		v.Signature[0]++
		s.hears("bad-proposer-signature by 1, value-from-non-proposer by 1", v, 1, 1)
		s.hears("value-from-non-proposer by 2", v, 2)
	},
	"answer: nothing where nothing is held": func(s *stage) {
		s.hears("", frames.Pull{Proposer: s.proposer}, 1)
		s.hears("", s.pull("a"), 1)
	},
	"answer: once until the link comes up again": func(s *stage) {
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("", s.pull("b"), 1)
		s.hears("Value(3, \"a\") to 1", s.pull("a"), 1, 1)
		s.b.LinkUp(2)
		s.hears("", s.pull("a"), 1)
		s.b.LinkUp(1)
		s.hears("Value(3, \"a\") to 1, Value(3, \"a\") to 2", s.pull("a"), 1, 2)
	},
	"restore: a ready counts, and so does an echo": func(s *stage) {
		s.restored(s.value("a"), s.echo("a"), s.ready("a"))
		s.hears("", s.ready("a"), 1)
		s.hears("delivers a", s.ready("a"), 2)
		s.restored(s.value("a"), s.echo("a"))
		s.hears("Ready(3, a)", s.echo("a"), 1, 2)
		s.hears("delivers a", s.echo("a"), 3)
	},
	"restore: without the proposal, it is pulled": func(s *stage) {
		s.restored(s.ready("a"))
		s.hears("", s.echo("a"), 1)
		s.hears("Pull(3, a) to 1", s.ready("a"), 2)
	},
	"restore: with a ready alone, it still echoes": func(s *stage) {
		s.restored(s.ready("a"))
		s.hears("Echo(3, a)", s.value("a"), 3)
		s.hears("delivers a", s.ready("a"), 1, 2)
	},
}

// restored makes the member anew, with a journal.
func (s *stage) restored(own ...frames.Statement) {
	s.t.Helper()
	s.b = rbc.New(s.config(0))
	s.is("", s.b.Restore(own))
	s.b.Open()
}

type anySignature struct{}

func (anySignature) Verify(messages.PeerID, messages.Digest, [64]byte) bool { return true }

func TestRules(t *testing.T) {
	for name, play := range rules {
		t.Run(name, func(t *testing.T) { play(newStage(t, 4)) })
	}
}

// TestNoQuestion: where nothing was asked, nobody's link brings a question, not
// that of the member that would be asked first either.
func TestNoQuestion(t *testing.T) {
	s := newStage(t, 4)
	b := rbc.New(s.config(1))
	for _, peer := range []messages.PeerID{0, 2, 3} {
		s.is("", b.LinkUp(peer))
	}
	s.is("", b.Tick())
}

// TestTwoRootsOnce: a proposer that signs many is shown to have signed two,
// whoever has the others.
func TestTwoRootsOnce(t *testing.T) {
	s := newStage(t, 7)
	s.hears("Echo(6, a)", s.value("a"), 6)
	s.hears("two-roots by 6", s.value("b"), 6)
	s.hears("", s.value("c"), 6)
	s.hears("Ready(6, c)", s.echo("c"), 1, 2, 3, 4, 5)
	s.hears("Pull(6, c) to 1", s.ready("c"), 2, 3)
	s.hears("", s.value("c"), 1)
	s.hears("delivers c", s.ready("c"), 4, 5)
}

// TestQuorumsApart: where n is not 3f+1, echoes are counted to n−f and readys to
// 2f+1.
func TestQuorumsApart(t *testing.T) {
	s := newStage(t, 6) // f = 1
	s.hears("Echo(5, a)", s.value("a"), 5)
	s.hears("", s.echo("a"), 1, 2, 3)
	s.hears("Ready(5, a)", s.echo("a"), 4)
	s.hears("", s.ready("a"), 1)
	s.hears("delivers a", s.ready("a"), 2)
}
