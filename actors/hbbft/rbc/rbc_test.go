package rbc_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/rbc"
	"minimint/messages"
	"minimint/messages/frames"
)

var slot = protocol.Slot{Federation: messages.Digest{1}, Era: 2, Epoch: 3}

// A world is one broadcast at every member, with journals.
type world struct {
	*hbbfttest.Net[[]byte]
	n        int
	proposer messages.PeerID
	nodes    []*rbc.Broadcast
	journal  [][]frames.Statement
	reborn   []bool // which members have restarted
}

func newWorld(n int, proposer messages.PeerID) *world {
	w := &world{
		Net: hbbfttest.NewNet[[]byte](n), n: n, proposer: proposer,
		nodes: make([]*rbc.Broadcast, n), journal: make([][]frames.Statement, n), reborn: make([]bool, n),
	}
	for i := range messages.PeerID(n) {
		w.start(i)
	}
	return w
}

func (w *world) config(self messages.PeerID) rbc.Config {
	s := slot
	s.Proposer = w.proposer
	return rbc.Config{
		Quorum: protocol.NewQuorum(w.n), Self: self, Slot: s,
		Signer: hbbfttest.Signer{Member: self}, Verifier: hbbfttest.Verifier{},
		Reborn: w.reborn[self],
	}
}

func (w *world) start(self messages.PeerID) {
	w.nodes[self] = rbc.New(w.config(self))
	w.Machines[self] = w.nodes[self]
}

// faulty makes a member fall silent but for what the test forges.
func (w *world) faulty(self messages.PeerID) { w.nodes[self], w.Machines[self] = nil, nil }

func (w *world) do(self messages.PeerID, step rbc.Step) {
	for _, say := range step.Say {
		if say.To != nil {
			continue
		}
		if _, echo := say.Statement.(frames.Echo); echo && self != w.proposer {
			w.journal[self] = append(w.journal[self], w.nodes[self].Value())
		}
		w.journal[self] = append(w.journal[self], say.Statement)
	}
	w.Apply(self, step)
}

func (w *world) deliver(i int) {
	p := w.Queue[i]
	w.Queue = append(w.Queue[:i:i], w.Queue[i+1:]...)
	if w.nodes[p.To] == nil {
		return
	}
	if w.Log != nil {
		fmt.Fprintf(w.Log, "%s\n", p)
	}
	w.do(p.To, w.nodes[p.To].Handle(p.From, p.Statement))
}

func (w *world) settle() {
	for len(w.Queue) > 0 {
		w.deliver(0)
	}
}

func (w *world) open() {
	for i, node := range w.nodes {
		if node != nil {
			w.do(messages.PeerID(i), node.Open())
		}
	}
}

func (w *world) tick() {
	for i, node := range w.nodes {
		if node != nil {
			w.do(messages.PeerID(i), node.Tick())
		}
	}
}

// value is a proposal as the proposer signs it.
func (w *world) value(payload string) frames.Value {
	s := slot
	s.Proposer = w.proposer
	return frames.Value{
		Proposer: w.proposer, Payload: []byte(payload),
		Signature: hbbfttest.Signer{Member: w.proposer}.Sign(s.Signed(s.Root([]byte(payload)))),
	}
}

func (w *world) root(payload string) messages.Digest {
	s := slot
	s.Proposer = w.proposer
	return s.Root([]byte(payload))
}

// restart gives a member a fresh instance that knows the first kept records of
// its journal, and repeats what they said, as its owner does.
func (w *world) restart(self messages.PeerID, kept int) {
	w.journal[self] = w.journal[self][:kept]
	w.reborn[self] = true
	w.start(self)
	w.Outputs[self] = nil
	for _, s := range w.journal[self] {
		if v, ok := s.(frames.Value); !ok || v.Proposer == self {
			w.Broadcast(self, s)
		}
	}
	own := append([]frames.Statement(nil), w.journal[self]...)
	w.do(self, w.nodes[self].Restore(own))
	w.do(self, w.nodes[self].Open())
}

func size(t *rapid.T) int { return rapid.IntRange(1, 16).Draw(t, "n") }

// shuffle delivers everything in an order that t draws.
func (w *world) shuffle(t *rapid.T) {
	for len(w.Queue) > 0 {
		w.deliver(rapid.IntRange(0, len(w.Queue)-1).Draw(t, "next"))
	}
}

// finish lets pulls go round until nobody asks any more.
func (w *world) finish(t *rapid.T) {
	for range w.n + 1 {
		w.shuffle(t)
		w.tick()
	}
	w.shuffle(t)
}

// TestValidity: all correct members deliver what a correct proposer proposed,
// once, whatever f others say.
func TestValidity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := size(t)
		w := newWorld(n, messages.PeerID(rapid.IntRange(0, n-1).Draw(t, "proposer")))
		liars := w.liars(t, w.proposer)
		w.open()
		w.do(w.proposer, w.nodes[w.proposer].Propose([]byte("a")))
		w.lie(t, liars)
		w.finish(t)
		for i, node := range w.nodes {
			if node != nil && (len(w.Outputs[i]) != 1 || string(w.Outputs[i][0]) != "a") {
				t.Fatalf("member %d delivered %q: %s", i, w.Outputs[i], node)
			}
		}
		w.blameless(t)
	})
}

// TestAgreementAndTotality: with a faulty proposer and f−1 more, correct members
// deliver one proposal, all of them, or none does.
func TestAgreementAndTotality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 16).Draw(t, "n")
		w := newWorld(n, messages.PeerID(rapid.IntRange(0, n-1).Draw(t, "proposer")))
		w.faulty(w.proposer)
		liars := append(w.liars(t, w.proposer), w.proposer)
		if len(liars) > protocol.NewQuorum(n).F {
			w.restoreOne(liars)
			liars = append(liars[:len(liars)-2], w.proposer)
		}
		w.open()
		w.lie(t, liars)
		w.finish(t)
		w.lie(t, liars)
		w.finish(t)
		w.agree(t)
		w.blameless(t)
	})
}

// restoreOne makes the last liar before the proposer correct again.
func (w *world) restoreOne(liars []messages.PeerID) { w.start(liars[len(liars)-2]) }

func (w *world) agree(t *rapid.T) {
	var first []byte
	delivered, correct := 0, 0
	for i, node := range w.nodes {
		if node == nil {
			continue
		}
		correct++
		if len(w.Outputs[i]) > 1 {
			t.Fatalf("member %d delivered twice", i)
		}
		if len(w.Outputs[i]) == 0 {
			continue
		}
		if delivered++; first == nil {
			first = w.Outputs[i][0]
		}
		if !bytes.Equal(first, w.Outputs[i][0]) {
			t.Fatalf("delivered %q and %q", first, w.Outputs[i][0])
		}
	}
	if delivered != 0 && delivered != correct {
		t.Fatalf("%d of %d correct members delivered", delivered, correct)
	}
}

func (w *world) blameless(t *rapid.T) {
	if wrong := w.Honest(); wrong != nil {
		t.Fatalf("correct members were blamed: %v", wrong)
	}
}

// liars draws at most f faulty members, never except.
func (w *world) liars(t *rapid.T, except messages.PeerID) []messages.PeerID {
	var liars []messages.PeerID
	for range protocol.NewQuorum(w.n).F {
		i := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "liar"))
		if i != except && w.nodes[i] != nil {
			w.faulty(i)
			liars = append(liars, i)
		}
	}
	return liars
}

// lie puts statements of the liars on their way: values that the proposer
// signed if it is one of them, and votes and questions of every kind.
func (w *world) lie(t *rapid.T, liars []messages.PeerID) {
	if len(liars) == 0 {
		return
	}
	for range rapid.IntRange(0, 12*w.n).Draw(t, "lies") {
		from := rapid.SampledFrom(liars).Draw(t, "from")
		to := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "to"))
		payload := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "payload")
		root := w.root(payload)
		var s frames.Statement
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			v := w.value(payload)
			if w.nodes[w.proposer] != nil && payload != "a" {
				v.Signature[0] ^= 1 // a correct proposer signed nothing else
			}
			s = v
		case 1:
			s = frames.Echo{Proposer: w.proposer, Root: root}
		case 2:
			s = frames.Ready{Proposer: w.proposer, Root: root}
		default:
			s = frames.Pull{Proposer: w.proposer, Root: root}
		}
		w.Queue = append(w.Queue, hbbfttest.Packet{From: from, To: to, Statement: s})
	}
}

// TestRestart: members that crash and come back with a prefix of their journal
// contradict nothing, and all correct members still deliver. What a crash
// loses was not sent, as its owner promises.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := size(t)
		w := newWorld(n, 0)
		w.open()
		w.do(0, w.nodes[0].Propose([]byte("a")))
		for range rapid.IntRange(1, 6).Draw(t, "crashes") {
			for range rapid.IntRange(0, 2*n).Draw(t, "deliveries") {
				if len(w.Queue) > 0 {
					w.deliver(rapid.IntRange(0, len(w.Queue)-1).Draw(t, "next"))
				}
			}
			self := messages.PeerID(rapid.IntRange(0, n-1).Draw(t, "crash"))
			w.Drop(func(p hbbfttest.Packet) bool { return p.To == self })
			w.restart(self, len(w.journal[self]))
			for i, node := range w.nodes { // links come up: everybody repeats itself
				if messages.PeerID(i) != self {
					for _, s := range w.journal[i] {
						if v, ok := s.(frames.Value); !ok || v.Proposer == messages.PeerID(i) {
							w.Queue = append(w.Queue, hbbfttest.Packet{From: messages.PeerID(i), To: self, Statement: s})
						}
					}
					w.do(messages.PeerID(i), node.LinkUp(self))
				}
			}
		}
		w.finish(t)
		for i := range n {
			if len(w.Outputs[i]) != 1 || string(w.Outputs[i][0]) != "a" {
				t.Fatalf("member %d delivered %q: %s", i, w.Outputs[i], w.nodes[i])
			}
		}
		w.blameless(t)
	})
}

// TestSizes: proposals of every size arrive whole; a longer one is refused
// before it is hashed.
func TestSizes(t *testing.T) {
	for _, size := range []int{0, 1, 31, 32, 33, 16 << 10, frames.MaxPayload} {
		for _, n := range []int{1, 2, 3, 4, 5, 7} {
			w := newWorld(n, 0)
			w.open()
			payload := bytes.Repeat([]byte(" "), size)
			w.do(0, w.nodes[0].Propose(payload))
			w.settle()
			for i := range n {
				if len(w.Outputs[i]) != 1 || !bytes.Equal(w.Outputs[i][0], payload) {
					t.Errorf("n=%d size=%d: member %d delivered %d", n, size, i, len(w.Outputs[i]))
				}
				if !slices.Contains(w.journal[i], frames.Statement(frames.Ready{Root: w.root(string(payload))})) {
					t.Errorf("n=%d: member %d delivered fast and is not ready", n, i)
				}
			}
		}
	}
	w := newWorld(4, 0)
	step := w.nodes[1].Handle(0, frames.Value{Payload: make([]byte, frames.MaxPayload+1)})
	if len(step.Faults) != 1 || step.Faults[0].Kind != protocol.Oversize {
		t.Errorf("oversize value: %+v", step)
	}
}

// TestRestoredVotesStand: a member that restarted repeats neither Echo nor Ready
// and says neither for another root, whatever others say now.
func TestRestoredVotesStand(t *testing.T) {
	w := newWorld(4, 0)
	w.open()
	w.do(0, w.nodes[0].Propose([]byte("a")))
	w.settle()
	w.faulty(0)
	w.faulty(2)
	w.faulty(3) // more than f: they do what they can
	said := len(w.journal[1])
	w.restart(1, said)
	w.Queue = nil
	for _, from := range []messages.PeerID{0, 2, 3} {
		w.do(1, w.nodes[1].Handle(from, frames.Echo{Root: w.root("b")}))
		w.do(1, w.nodes[1].Handle(from, frames.Ready{Root: w.root("b")}))
	}
	w.do(1, w.nodes[1].Handle(0, w.value("b")))
	if len(w.journal[1]) != said {
		t.Errorf("says %v after a restart", w.journal[1][said:])
	}
}

// TestMisuse: our own mistakes panic.
func TestMisuse(t *testing.T) {
	for name, call := range map[string]func(b *rbc.Broadcast){
		"second proposal":   func(b *rbc.Broadcast) { b.Propose([]byte("a")); b.Propose([]byte("b")) },
		"oversize":          func(b *rbc.Broadcast) { b.Propose(make([]byte, frames.MaxPayload+1)) },
		"foreign statement": func(b *rbc.Broadcast) { b.Handle(1, frames.Term{}) },
		"ourselves":         func(b *rbc.Broadcast) { b.Handle(0, frames.Pull{}) },
		"value without one": func(b *rbc.Broadcast) { b.Value() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call(newWorld(4, 0).nodes[0])
		}()
	}
}
