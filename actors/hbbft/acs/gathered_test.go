package acs_test

import (
	"fmt"
	"iter"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/acs"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// twins are one member twice: one takes statements as they come gathered, the
// other takes each of them apart.
type twins struct {
	n              int
	gathered, each *acs.Subset
	steps          [2]acs.Step
}

func (w *twins) join(of int, step acs.Step) {
	w.steps[of].Join(step.Say, step.Faults)
	w.steps[of].Outputs = append(w.steps[of].Outputs, step.Outputs...)
}

func (w *twins) all(steps iter.Seq[acs.Step]) {
	for step := range steps {
		w.join(0, step)
	}
}

// both tells both something that is not said gathered.
func (w *twins) both(call func(*acs.Subset) acs.Step) {
	w.join(0, call(w.gathered))
	w.join(1, call(w.each))
}

func (w *twins) one(from messages.PeerID, s frames.Statement) { w.join(1, w.each.Handle(from, s)) }

// proposal returns one of two proposals of a member, with its root.
func proposal(j messages.PeerID, other bool) (frames.Value, messages.Digest) {
	slot := epoch
	slot.Proposer = j
	payload := []byte(fmt.Sprint("of ", j, other))
	root := slot.Root(payload)
	return frames.Value{Proposer: j, Payload: payload, Signature: hbbfttest.Signer{Member: j}.Sign(slot.Signed(root))}, root
}

// say draws something that another member says, to both.
func (w *twins) say(t *rapid.T) {
	from := messages.PeerID(rapid.IntRange(1, w.n-1).Draw(t, "from"))
	// Most of it is about most proposers, so that quorums come about; some is about nobody.
	var slots frames.Slots
	var list []messages.PeerID
	for j := range messages.PeerID(w.n + 1) {
		if int(j) < w.n && rapid.IntRange(0, 4).Draw(t, "about") > 0 || int(j) == w.n && rapid.IntRange(0, 30).Draw(t, "nobody") == 0 {
			slots.Add(j)
			list = append(list, j)
		}
	}
	rare := func(name string) bool { return rapid.IntRange(0, 7).Draw(t, name) == 0 }
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 0:
		v, _ := proposal(from, rare("other"))
		w.both(func(s *acs.Subset) acs.Step { return s.Handle(from, v) })
	case 1:
		var echoes []frames.Echo
		for _, j := range list {
			_, root := proposal(j, rare("other"))
			echoes = append(echoes, frames.Echo{Proposer: j, Root: root})
			w.one(from, echoes[len(echoes)-1])
		}
		w.all(w.gathered.HandleEchoes(from, echoes))
	case 2:
		var readys []frames.Ready
		for _, j := range list {
			_, root := proposal(j, rare("other"))
			readys = append(readys, frames.Ready{Proposer: j, Root: root})
			w.one(from, readys[len(readys)-1])
		}
		w.all(w.gathered.HandleReadys(from, readys))
	case 3: // what is never gathered, in between
		j := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "proposer"))
		var s frames.Statement = frames.Conf{Proposer: j, Round: 2, Bits: 3}
		if rare("share") {
			slot := epoch
			slot.Proposer = j
			s = frames.CoinShare{Proposer: j, Round: 2, Share: hbbfttest.Coin{Member: from, Slot: slot}.Share(2)}
		}
		w.both(func(s2 *acs.Subset) acs.Step { return s2.Handle(from, s) })
	default:
		v := frames.Votes{Kind: frames.VoteKind(rapid.IntRange(0, 5).Draw(t, "kind")), Bit: !rare("zero"), Slots: slots}
		if v.Kind > frames.VoteTerm && rare("later") {
			v.Round = uint32(rapid.SampledFrom([]int{1, 2, 3, 5, 20}).Draw(t, "round"))
		}
		for _, j := range list {
			w.one(from, v.About(j))
		}
		w.all(w.gathered.HandleVotes(from, &v))
	}
}

// TestGatheredIsOneByOne: in whatever order, by whomever and how often statements come
// gathered, what the member says, outputs and blames is what it would say,
// output and blame if they came one by one, in the same order; and so is its state.
func TestGatheredIsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 10).Draw(t, "n")
		absent := messages.PeerID(rapid.IntRange(0, n-1).Draw(t, "absent"))
		w := &twins{n: n, gathered: newWorld(n, absent).nodes[0], each: newWorld(n, absent).nodes[0]}
		if rapid.Bool().Draw(t, "restarted") {
			v, root := proposal(1, false)
			own := []frames.Statement{v, frames.Echo{Proposer: 1, Root: root}, frames.Input{Proposer: 1, Bit: true}, frames.Aux{Proposer: 1, Bit: true}}
			own = own[:rapid.SampledFrom([]int{2, 4}).Draw(t, "own")]
			w.both(func(s *acs.Subset) acs.Step { return s.Restore(own) })
		}
		opens := rapid.IntRange(0, 10).Draw(t, "opens")
		for i := range rapid.IntRange(0, 12*n).Draw(t, "messages") {
			switch {
			case i == opens:
				w.both((*acs.Subset).Open)
				w.both(func(s *acs.Subset) acs.Step { return s.Propose([]byte("mine")) })
			case rapid.IntRange(0, 20).Draw(t, "tick") == 0:
				w.both((*acs.Subset).Tick)
			default:
				w.say(t)
			}
			if !reflect.DeepEqual(w.steps[0], w.steps[1]) {
				t.Fatalf("gathered: %+v\none by one: %+v", w.steps[0], w.steps[1])
			}
			if a, b := w.gathered.String(), w.each.String(); a != b {
				t.Fatalf("gathered:\n%s\none by one:\n%s", a, b)
			}
			if a, b := texts(w.gathered.Lacks()), texts(w.each.Lacks()); a != b {
				t.Fatalf("gathered lacks %s\none by one lacks %s", a, b)
			}
			if a, b := w.gathered.Missed(), w.each.Missed(); !reflect.DeepEqual(a, b) {
				t.Fatalf("gathered missed %v, one by one %v", a, b)
			}
		}
	})
}

func texts(list []protocol.Lack) string {
	text := ""
	for _, l := range list {
		text += fmt.Sprintf("%s (%d %d %d); ", l, l.Proposer, l.Round, l.Need)
	}
	return text
}
