package honeybadger_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// lossy delivers everything but what is lost, and lets time pass until members have
// had enough of it to call it a stall. Member 0 does not learn how far others are.
func (w *world) lossy(lost func(packet) bool) {
	w.stuck = true
	defer func() { w.stuck = false }()
	for range 8 {
		for len(w.queue) > 0 {
			w.drop(lost)
			if len(w.queue) == 0 {
				break
			}
			if w.queue[0].to == 0 {
				w.queue[0].frame.Next = 0
			}
			w.deliver(0)
		}
		w.tick(500 * time.Millisecond)
	}
}

// without loses statements of the kinds named that some members say.
func without(from []messages.PeerID, to func(messages.PeerID) bool, kinds ...string) func(packet) bool {
	return func(p packet) bool {
		return slices.Contains(from, p.from) && to(p.to) && slices.ContainsFunc(p.frame.Statements, func(s frames.Statement) bool {
			kind := strings.TrimPrefix(fmt.Sprintf("%T", s), "frames.")
			return len(kinds) == 0 || slices.Contains(kinds, kind)
		})
	}
}

func either(a, b func(packet) bool) func(packet) bool {
	return func(p packet) bool { return a(p) || b(p) }
}

// TestStalledNamesTheCause: member 0 of four waits, and says for what, and for whom.
func TestStalledNamesTheCause(t *testing.T) {
	anybody := func(messages.PeerID) bool { return true }
	me := func(to messages.PeerID) bool { return to == 0 }
	last, two, three := []messages.PeerID{3}, []messages.PeerID{2, 3}, []messages.PeerID{1, 2, 3}
	votes := []string{"Input", "BVal", "Term"}
	for _, c := range []struct {
		name string
		lost func(packet) bool
		tune func(*world)
		want string
	}{
		{
			"everything of two members", without(two, anybody), nil,
			"epoch 0 waits for echo of 1 of the members 2 and 3 (2 times); proposal of member 2; proposal of member 3",
		},
		{
			"proposals of two members", without(two, anybody, "Value"), nil,
			"epoch 0 waits for proposal of member 2; proposal of member 3",
		},
		{
			"echoes of two members", without(two, me, "Echo", "Ready", "Input", "BVal", "Aux", "Term"), nil,
			"epoch 0 waits for echo of 1 of the members 2 and 3 (4 times)",
		},
		{
			"readys of two members, and an echo", either(without(two, me, "Ready", "Input", "BVal", "Aux", "Term"), without(last, me, "Echo")), nil,
			"epoch 0 waits for ready of 1 of the members 2 and 3 (4 times)",
		},
		{"votes of two members", without(two, me, votes...), nil, "epoch 0 waits for vote of 1 of the members 2 and 3 (4 times)"},
		{"AUX of two members", either(without(two, me, "Aux", "Term"), without(last, me, "Input")), nil, "epoch 0 waits for aux of 1 of the members 2 and 3 (4 times)"},
		{"shares of all others", without(three, me, "DecryptionShare"), nil, "epoch 0 waits for decryption share of 1 of the members 1, 2 and 3 (4 times)"},
		{
			"its own contribution", func(packet) bool { return false }, func(w *world) { w.manual = true },
			"epoch 0 waits for its own contribution; proposal of member 0; proposal of member 1; proposal of member 2; proposal of member 3",
		},
	} {
		w := newWorld(t, 4).start()
		if c.tune != nil {
			c.tune(w)
		}
		for i := range messages.PeerID(4) {
			w.work(i, fmt.Sprint("work of ", i))
		}
		w.lossy(c.lost)
		s := w.members[0].core.Stalled()
		if s == nil {
			t.Errorf("%s: no stall", c.name)
		} else if s.String() != c.want || s.For < honeybadger.StallAfter {
			t.Errorf("%s: %s\nwant %s", c.name, s, c.want)
		}
		for range 4 { // what was lost is said again
			for _, p := range w.peers(0) {
				w.do(0, w.members[0].core.Resync(p))
				w.do(p, w.members[p].core.Resync(0))
			}
			for _, a := range two {
				for _, b := range two {
					if a != b {
						w.do(a, w.members[a].core.Resync(b))
					}
				}
				w.do(1, w.members[1].core.Resync(a))
				w.do(a, w.members[a].core.Resync(1))
			}
			w.settle()
			w.tick(time.Second)
		}
		if s := w.members[0].core.Stalled(); s != nil && !w.manual {
			t.Errorf("%s: afterwards %s", c.name, s)
		}
	}
}

// TestStalledBeyondTheEpoch: what keeps an epoch from being begun, or committed, has names too.
func TestStalledBeyondTheEpoch(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*stage)
		want string
	}{
		{"idle", func(*stage) {}, ""},
		{"its own commit", func(s *stage) { s.take(s.core.Work()); s.others() }, "epoch 2 waits for its own commit"},
		{"silence", func(s *stage) {
			cfg := s.config(0)
			cfg.Silent = 5
			s.core, _ = honeybadger.New(cfg, honeybadger.Position{Next: 2, Certified: 2}, nil)
			s.core.Work()
		}, "epoch 2 waits for end of its silence"},
		{"others are ahead", func(s *stage) {
			s.core.Handle(1, frames.Frame{Epoch: 9, Next: 9})
			s.core.Handle(3, frames.Frame{Epoch: 9, Next: 9})
		}, "epoch 2 waits for outcome of 1 of the members 1 and 3"},
		{"others are behind", func(s *stage) {
			s.core, _ = honeybadger.New(s.config(0), honeybadger.Position{Next: 4, Certified: 2, Absences: [4]honeybadger.Absence{nobody, nobody, nobody, nobody}}, nil)
			s.core.Work()
			s.core.Handle(2, frames.Frame{Epoch: 4, Next: 4})
		}, "epoch 4 waits for word that the epoch before last is over of 1 of the members 1 and 3"},
	} {
		s := newStage(t)
		c.make(s)
		for range 10 {
			s.now = s.now.Add(time.Second / 2)
			s.core.Tick(s.now)
		}
		got := ""
		if stall := s.core.Stalled(); stall != nil {
			got = stall.String()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestStallText: much is cut, and the members are listed once.
func TestStallText(t *testing.T) {
	w := newWorld(t, 10).start()
	for i := range messages.PeerID(10) {
		w.work(i, fmt.Sprint("work of ", i))
	}
	w.lossy(without([]messages.PeerID{5, 6, 7, 8, 9}, func(messages.PeerID) bool { return true }))
	s := w.members[0].core.Stalled()
	if s == nil || !strings.HasSuffix(s.String(), "proposal of member 9") || !reflect.DeepEqual(s.Members(), []messages.PeerID{5, 6, 7, 8, 9}) {
		t.Errorf("%v, members %v", s, s.Members())
	}
}

// TestUnstick: in a stall those who are waited for are asked to say again what they
// said, and links over which nothing comes are reset; none of it where all goes well, or
// idle, and no more often than it may help.
func TestUnstick(t *testing.T) {
	s := newStage(t)
	second := func(from ...messages.PeerID) (asked, reset []messages.PeerID) {
		for _, p := range from {
			s.core.Handle(p, frames.Frame{Epoch: 2, Next: 2})
		}
		s.now = s.now.Add(time.Second)
		step := s.core.Tick(s.now)
		for _, send := range step.Sends {
			if send.Again {
				asked = append(asked, *send.To)
			}
		}
		return asked, step.Resets
	}
	for range 60 {
		if asked, reset := second(); asked != nil || reset != nil {
			t.Fatalf("idle: %v are asked, %v reset", asked, reset)
		}
	}
	s.take(s.core.Work())
	s.take(s.core.Propose(2, s.sealed(0, "mine")))
	asked, reset := map[messages.PeerID]int{}, map[messages.PeerID]int{}
	for i := range 64 {
		a, r := second(1)
		for _, p := range a {
			asked[p]++
		}
		for _, p := range r {
			reset[p]++
		}
		if i < 9 && len(a) > 0 || i < 9 && len(r) > 0 {
			t.Errorf("after %d s %v are asked, %v reset", i+1, a, r)
		}
	}
	if want := map[messages.PeerID]int{1: 6, 2: 6, 3: 6}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked are %v", asked)
	}
	if want := map[messages.PeerID]int{2: 2, 3: 2}; !reflect.DeepEqual(reset, want) {
		t.Errorf("reset are %v", reset)
	}
}
