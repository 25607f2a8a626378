package tdec_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
	"minimint/messages/frames"
)

const proposer = 1

var slot = protocol.Slot{Federation: messages.Digest{9}, Epoch: 5, Proposer: proposer}

func newMember(n int, self messages.PeerID) *tdec.Decryption {
	q := protocol.NewQuorum(n)
	return tdec.New(tdec.Config{
		Quorum: q, Self: self, Slot: slot, Scheme: hbbfttest.Cipher{Member: self, Threshold: q.Some()},
	})
}

func share(b []byte) frames.DecryptionShare {
	return frames.DecryptionShare{Proposer: proposer, Share: b}
}

func release(d *tdec.Decryption, ciphertext []byte) tdec.Step {
	d.Accept(ciphertext)
	return d.Release()
}

// kinds returns the faults of steps as text.
func kinds(steps ...tdec.Step) string {
	var all []string
	for _, s := range steps {
		for _, f := range s.Faults {
			all = append(all, fmt.Sprintf("%d %s", f.Peer, f.Kind))
		}
	}
	return fmt.Sprint(all)
}

// TestFaults goes through the ways in which a share can be wrong, at member 0
// of four.
func TestFaults(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	right := func(m messages.PeerID) frames.DecryptionShare { return share(hbbfttest.ToyShare(m, ciphertext)) }
	for name, c := range map[string]struct {
		run  func(d *tdec.Decryption) []tdec.Step
		want string
	}{
		"a repeat is nothing, before and after the end": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{d.Handle(2, right(2)), d.Handle(2, right(2)), release(d, ciphertext), d.Handle(2, right(2))}
		}, "[]"},
		"a second share, also when it would be right": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{d.Handle(2, share([]byte("x"))), d.Handle(2, right(2))}
		}, "[2 two-decryption-shares]"},
		"a wrong share is blamed once the set is final": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{d.Handle(2, share([]byte("x"))), release(d, ciphertext), d.Handle(3, right(3))}
		}, "[2 bad-decryption-share]"},
		"an empty share is a wrong one": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{release(d, ciphertext), d.Handle(2, share(nil))}
		}, "[2 bad-decryption-share]"},
		"a liar's right share comes too late": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{release(d, ciphertext), d.Handle(2, share([]byte("x"))), d.Handle(2, right(2))}
		}, "[2 bad-decryption-share 2 two-decryption-shares]"},
		"a share for what was not accepted": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{d.Handle(2, right(2)), d.Exclude(), d.Handle(3, right(3)), d.Handle(3, right(3))}
		}, "[2 unexpected-share 3 unexpected-share]"},
		"too long": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{d.Handle(2, share(make([]byte, frames.MaxShare+1)))}
		}, "[2 oversize]"},
		"no ciphertext": {func(d *tdec.Decryption) []tdec.Step {
			return []tdec.Step{release(d, []byte("plain"))}
		}, "[1 bad-ciphertext]"},
	} {
		if got := kinds(c.run(newMember(4, 0))...); got != c.want {
			t.Errorf("%s: faults %s, want %s", name, got, c.want)
		}
	}
}

// TestSharesWaitForTheSet: before the set is final nothing is said and nothing
// opens, whoever else gives shares.
func TestSharesWaitForTheSet(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	d := newMember(4, 0)
	for peer := messages.PeerID(1); peer < 4; peer++ {
		if step := d.Handle(peer, share(hbbfttest.ToyShare(peer, ciphertext))); len(step.Say)+len(step.Outputs) > 0 {
			t.Fatalf("before the set was final: %+v", step)
		}
	}
	d.Accept(ciphertext)
	step := d.Release()
	if len(step.Say) != 1 || len(step.Outputs) != 1 || string(step.Outputs[0]) != "hi" {
		t.Fatalf("release: %+v", step)
	}
}

// TestSharesWaitForRelease: nor do those that come between Accept and Release.
func TestSharesWaitForRelease(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	d := newMember(4, 0)
	d.Accept(ciphertext)
	for peer := messages.PeerID(1); peer < 4; peer++ {
		if step := d.Handle(peer, share(hbbfttest.ToyShare(peer, ciphertext))); len(step.Say)+len(step.Outputs) > 0 {
			t.Fatalf("before the set was final: %+v", step)
		}
	}
	if step := d.Release(); len(step.Outputs) != 1 {
		t.Fatalf("release: %+v", step)
	}
}

// proposals are all that can stand in an accepted slot, and what they
// contribute.
func proposals(label messages.Digest) map[string]struct{ ciphertext, want []byte } {
	other := slot
	other.Proposer++
	return map[string]struct{ ciphertext, want []byte }{
		"valid":           {hbbfttest.Seal(label, []byte("hi")), []byte("hi")},
		"valid and empty": {hbbfttest.Seal(label, nil), nil},
		"not parseable":   {[]byte("hello"), nil},
		"nothing":         {nil, nil},
		"wrong label":     {hbbfttest.Seal(other.Label(), []byte("hi")), nil},
		"never opens":     {hbbfttest.SealBroken(label), nil},
	}
}

// TestOneOutcome: for every kind of proposal, with f liars and shares in any
// order, all correct members end with the same contribution.
func TestOneOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		q := protocol.NewQuorum(n)
		liars := rapid.IntRange(0, q.F).Draw(t, "liars") // the last ones
		cases := proposals(slot.Label())
		names := make([]string, 0, len(cases))
		for name := range cases {
			names = append(names, name)
		}
		slices.Sort(names)
		c := cases[rapid.SampledFrom(names).Draw(t, "proposal")]

		type packet struct {
			from, to messages.PeerID
			s        frames.DecryptionShare
		}
		var queue []packet
		members := make([]*tdec.Decryption, n-liars)
		outputs := make([][][]byte, n)
		do := func(self messages.PeerID, step tdec.Step) {
			outputs[self] = append(outputs[self], step.Outputs...)
			for _, say := range step.Say {
				for to := range messages.PeerID(len(members)) {
					if to != self {
						queue = append(queue, packet{self, to, say.Statement.(frames.DecryptionShare)})
					}
				}
			}
			for _, f := range step.Faults {
				if int(f.Peer) < len(members) && f.Peer != proposer {
					t.Fatalf("correct member blamed: %s", f)
				}
			}
		}
		for i := range members {
			members[i] = newMember(n, messages.PeerID(i))
			for liar := len(members); liar < n; liar++ {
				s := share(rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "lie"))
				queue = append(queue, packet{messages.PeerID(liar), messages.PeerID(i), s})
			}
		}
		released := 0
		for released < len(members) || len(queue) > 0 {
			i := rapid.IntRange(0, len(queue)).Draw(t, "next")
			if i == len(queue) {
				if released < len(members) {
					do(messages.PeerID(released), release(members[released], c.ciphertext))
					released++
				}
				continue
			}
			p := queue[i]
			queue = slices.Delete(queue, i, i+1)
			do(p.to, members[p.to].Handle(p.from, p.s))
		}
		for i, m := range members {
			if len(outputs[i]) != 1 || !bytes.Equal(outputs[i][0], c.want) {
				t.Fatalf("member %d has %q, want %q: %s", i, outputs[i], c.want, m)
			}
		}
	})
}

// TestRestore: a share that stands in the journal is not given again.
func TestRestore(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	d := newMember(4, 0)
	d.Restore(share(hbbfttest.ToyShare(0, ciphertext)))
	if step := release(d, ciphertext); len(step.Say) != 0 {
		t.Fatalf("said again: %+v", step)
	}
	if step := d.Handle(3, share(hbbfttest.ToyShare(3, ciphertext))); len(step.Outputs) != 1 {
		t.Fatalf("own share is lost: %s", d)
	}
}

// TestMisuse: our own mistakes panic.
func TestMisuse(t *testing.T) {
	for name, call := range map[string]func(d *tdec.Decryption){
		"accepted twice":     func(d *tdec.Decryption) { d.Accept(nil); d.Accept(nil) },
		"not accepted":       func(d *tdec.Decryption) { d.Release() },
		"released twice":     func(d *tdec.Decryption) { release(d, nil); d.Release() },
		"accepted, excluded": func(d *tdec.Decryption) { d.Accept(nil); d.Exclude() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call(newMember(4, 0))
		}()
	}
}

// TestLacks: a released proposal names those whose shares may open it.
func TestLacks(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	d := newMember(4, 0)
	expect := func(want string) {
		t.Helper()
		if got := fmt.Sprint(d.Lacks()); got != want {
			t.Errorf("lacks %s, want %s", got, want)
		}
	}
	expect("[]")
	release(d, ciphertext)
	expect("[decryption share of 1 of the members 1, 2 and 3]")
	d.Handle(2, share([]byte("wrong")))
	expect("[decryption share of 1 of the members 1 and 3]")
	d.Handle(3, share(hbbfttest.ToyShare(3, ciphertext)))
	expect("[]")
}

// TestLate: what the board calls late is what the decryption would drop without a word.
func TestLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 7).Draw(t, "n")
		q := protocol.NewQuorum(n)
		board := tdec.NewBoard(n)
		d := tdec.New(tdec.Config{Quorum: q, Slot: slot, Scheme: hbbfttest.Cipher{Threshold: q.Some()}, Board: board})
		ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
		released := rapid.IntRange(0, 10).Draw(t, "released")
		for i := range rapid.IntRange(0, 20).Draw(t, "shares") {
			if i == released {
				release(d, ciphertext)
			}
			from := messages.PeerID(rapid.IntRange(1, n-1).Draw(t, "from"))
			s := share(hbbfttest.ToyShare(from, ciphertext))
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				s = share([]byte("wrong"))
			case 1:
				s = share(make([]byte, frames.MaxShare+1))
			}
			late, before := board.Late(from, s), d.String()
			step := d.Handle(from, s)
			if done := strings.Contains(before, "finished"); late && (d.String() != before || len(step.Faults)+len(step.Outputs)+len(step.Say) > 0) || late && !done {
				t.Fatalf("late, and yet %s, %+v", before, step)
			}
		}
	})
}
