package acs_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/acs"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

var epoch = protocol.Slot{Federation: messages.Digest{1}, Era: 2, Epoch: 3}

// A world is one common subset at every member.
type world struct {
	*hbbfttest.Net[acs.Output]
	n     int
	nodes []*acs.Subset
}

func newWorld(n int, absent ...messages.PeerID) *world {
	w := &world{Net: hbbfttest.NewNet[acs.Output](n), n: n, nodes: make([]*acs.Subset, n)}
	q := protocol.NewQuorum(n)
	for i := range messages.PeerID(n) {
		gone := make([]bool, n)
		for _, a := range absent {
			gone[a] = true
		}
		w.nodes[i] = acs.New(acs.Config{
			Quorum: q, Self: i, Epoch: epoch, Signer: hbbfttest.Signer{Member: i}, Verifier: hbbfttest.Verifier{},
			Coin:   func(s protocol.Slot) aba.Coin { return hbbfttest.Coin{Member: i, Threshold: q.Some(), Slot: s} },
			Absent: gone,
		})
		w.Machines[i] = w.nodes[i]
	}
	return w
}

func (w *world) faulty(i messages.PeerID) { w.nodes[i], w.Machines[i] = nil, nil }

func (w *world) open() {
	for i, node := range w.nodes {
		if node != nil {
			w.Apply(messages.PeerID(i), node.Open())
		}
	}
}

func (w *world) propose(i messages.PeerID, what string) {
	w.Apply(i, w.nodes[i].Propose([]byte(what)))
}

// shuffle delivers everything, in an order that t draws, and lets pulls go on.
func (w *world) shuffle(t *rapid.T) {
	for range w.n + 1 {
		for len(w.Queue) > 0 {
			w.Deliver(rapid.IntRange(0, len(w.Queue)-1).Draw(t, "next"))
		}
		for i, node := range w.nodes {
			if node != nil {
				w.Apply(messages.PeerID(i), node.Tick())
			}
		}
	}
}

// result returns what a member has: its set and the payloads, and whether Done
// came once and last.
func result(outputs []acs.Output) (text string, set []messages.PeerID, ok bool) {
	payloads := map[messages.PeerID]string{}
	for i, output := range outputs {
		switch o := output.(type) {
		case acs.Accepted:
			if _, twice := payloads[o.Proposer]; twice {
				return "", nil, false
			}
			payloads[o.Proposer] = string(o.Payload)
		case acs.Done:
			if i != len(outputs)-1 || len(o.Proposers) != len(payloads) {
				return "", nil, false
			}
			set, ok = o.Proposers, true
		}
	}
	for _, p := range set {
		text += fmt.Sprintf("%d=%q ", p, payloads[p])
	}
	return text, set, ok
}

// TestCommonSubset: with f faulty members that say anything, all correct ones
// end with the same set, of at least n−f proposals, at least n−2f of them of
// correct members, each as it was proposed.
func TestCommonSubset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 16).Draw(t, "n")
		w := newWorld(n)
		var liars []messages.PeerID
		for range protocol.NewQuorum(n).F {
			if i := messages.PeerID(rapid.IntRange(0, n-1).Draw(t, "liar")); w.nodes[i] != nil {
				w.faulty(i)
				liars = append(liars, i)
			}
		}
		w.open()
		for i, node := range w.nodes {
			if node != nil {
				w.propose(messages.PeerID(i), fmt.Sprint("of ", i))
			}
		}
		w.lie(t, liars)
		w.shuffle(t)
		w.check(t)
	})
}

func (w *world) lie(t *rapid.T, liars []messages.PeerID) {
	if len(liars) == 0 {
		return
	}
	for range rapid.IntRange(0, 30*w.n).Draw(t, "lies") {
		from := rapid.SampledFrom(liars).Draw(t, "from")
		to := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "to"))
		j := messages.PeerID(rapid.IntRange(0, w.n-1).Draw(t, "proposer"))
		bit, round := rapid.Bool().Draw(t, "bit"), rapid.Uint32Range(0, 3).Draw(t, "round")
		slot := epoch
		slot.Proposer = j
		var s frames.Statement
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			slot.Proposer = from
			payload := []byte(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "payload"))
			s = frames.Value{Proposer: from, Payload: payload, Signature: hbbfttest.Signer{Member: from}.Sign(slot.Signed(slot.Root(payload)))}
		case 1:
			s = frames.Echo{Proposer: j, Root: slot.Root([]byte("x"))}
		case 2:
			s = frames.Ready{Proposer: j, Root: slot.Root([]byte("x"))}
		case 3:
			s = frames.Input{Proposer: j, Bit: bit}
		case 4:
			s = frames.BVal{Proposer: j, Round: round, Bit: bit}
		case 5:
			s = frames.Aux{Proposer: j, Round: round, Bit: bit}
		case 6:
			s = frames.Conf{Proposer: j, Round: 2, Bits: 1 + frames.BitSet(round%3)}
		default:
			s = frames.Term{Proposer: j, Bit: bit}
		}
		w.Queue = append(w.Queue, hbbfttest.Packet{From: from, To: to, Statement: s})
	}
}

func (w *world) check(t *rapid.T) {
	q := protocol.NewQuorum(w.n)
	first := ""
	for i, node := range w.nodes {
		if node == nil {
			continue
		}
		text, set, ok := result(w.Outputs[i])
		if !ok {
			t.Fatalf("member %d has %v\n%s", i, w.Outputs[i], node)
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Fatalf("member %d has %s, another %s", i, text, first)
		}
		correct := 0
		for _, p := range set {
			if w.nodes[p] != nil {
				correct++
				if !strings.Contains(text, fmt.Sprintf("%d=\"of %d\" ", p, p)) {
					t.Fatalf("proposal of %d was changed: %s", p, text)
				}
			}
		}
		if len(set) < q.Live() || correct < q.N-2*q.F {
			t.Fatalf("set %v", set)
		}
	}
	if wrong := w.Honest(); wrong != nil {
		t.Fatalf("correct members were blamed: %v", wrong)
	}
}

// TestUnknownProposer: a statement about nobody is a fault and nothing more.
func TestUnknownProposer(t *testing.T) {
	w := newWorld(4)
	for _, s := range []frames.Statement{
		frames.Value{Proposer: 4}, frames.Echo{Proposer: 9}, frames.BVal{Proposer: 4}, frames.CoinShare{Proposer: messages.MaxPeers - 1},
	} {
		step := w.nodes[0].Handle(3, s)
		if len(step.Faults) != 1 || step.Faults[0].Kind != protocol.UnknownProposer || step.Faults[0].Peer != 3 {
			t.Errorf("%T: %+v", s, step)
		}
	}
}

// TestRestore: a member that restarted counts what its journal holds, of broadcasts
// and of agreements, and says none of it again.
func TestRestore(t *testing.T) {
	w := newWorld(4)
	w.open()
	var own []frames.Statement
	node := w.nodes[0]
	do := func(step acs.Step) {
		for _, say := range step.Say {
			if say.To != nil {
				continue
			}
			if echo, ok := say.Statement.(frames.Echo); ok && echo.Proposer != 0 {
				own = append(own, w.nodes[0].Value(echo.Proposer))
			}
			own = append(own, say.Statement)
		}
	}
	do(node.Propose([]byte("of 0")))
	for j := range messages.PeerID(3) {
		slot := epoch
		slot.Proposer = j
		payload := []byte(fmt.Sprint("of ", j))
		if j != 0 {
			do(node.Handle(j, frames.Value{Proposer: j, Payload: payload, Signature: hbbfttest.Signer{Member: j}.Sign(slot.Signed(slot.Root(payload)))}))
		}
		for from := messages.PeerID(1); from < 3; from++ {
			do(node.Handle(from, frames.Ready{Proposer: j, Root: slot.Root(payload)}))
			do(node.Handle(from, frames.Term{Proposer: j, Bit: true}))
		}
	}
	said := map[string]int{}
	for _, s := range own {
		said[fmt.Sprintf("%T", s)]++
	}
	if said["frames.Input"] != 4 || said["frames.Term"] != 3 || said["frames.Ready"] != 3 {
		t.Fatalf("said %v", said)
	}

	again := newWorld(4).nodes[0]
	step := again.Restore(slices.Clone(own))
	step.Join(again.Open().Say, nil)
	if len(step.Say) > 0 {
		t.Errorf("says %v", step.Say)
	}
	for from := messages.PeerID(1); from < 3; from++ { // the others say again what they said
		for j := range messages.PeerID(3) {
			slot := epoch
			slot.Proposer = j
			step.Join(again.Handle(from, frames.Ready{Proposer: j, Root: slot.Root([]byte(fmt.Sprint("of ", j)))}).Say, nil)
			step.Join(again.Handle(from, frames.Term{Proposer: j, Bit: true}).Say, nil)
		}
	}
	if len(step.Say) > 0 {
		t.Errorf("says %v", step.Say)
	}
	var last acs.Step
	for from := messages.PeerID(1); from < 3; from++ {
		last = again.Handle(from, frames.Term{Proposer: 3})
	}
	if n := len(last.Outputs); n == 0 || !slices.Equal(last.Outputs[n-1].(acs.Done).Proposers, []messages.PeerID{0, 1, 2}) {
		t.Errorf("ends with %v\n%s", last.Outputs, again)
	}
}

// TestScenarios replays testdata. The commands are
//
//	new n=4 [absent=3]     start over; absent: the schedule of coins expects 3 to be away
//	faulty 3               a member is silent
//	propose 0=a 1=b        members propose
//	lose value from=0 to=3 what is on its way is lost
//	settle [log]           deliver until nothing is on its way, and print outputs
//	steps [n]              how many times everybody was heard by everybody until Done (delays)
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what a failed property left behind
		}
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return w.command(t, d, &w)
		})
	})
}

func (w *world) command(t *testing.T, d *datadriven.TestData, out **world) string {
	var log strings.Builder
	switch d.Cmd {
	case "new":
		var n int
		d.ScanArgs(t, "n", &n)
		var absent []messages.PeerID
		if d.HasArg("absent") {
			var a int
			d.ScanArgs(t, "absent", &a)
			absent = append(absent, messages.PeerID(a))
		}
		*out = newWorld(n, absent...)
		(*out).open()
	case "faulty":
		w.faulty(messages.PeerID(d.CmdArgs[0].Key[0] - '0'))
	case "propose":
		for _, arg := range d.CmdArgs {
			w.propose(messages.PeerID(arg.Key[0]-'0'), arg.Vals[0])
		}
	case "lose":
		var from, to int
		d.ScanArgs(t, "from", &from)
		d.ScanArgs(t, "to", &to)
		w.Drop(func(p hbbfttest.Packet) bool { return int(p.From) == from && int(p.To) == to })
	case "settle":
		if d.HasArg("log") {
			w.Log = &log
		}
		w.Settle()
		w.Log = nil
		w.summary(&log)
	case "steps":
		fmt.Fprintf(&log, "%d delays\n", w.delays())
		w.summary(&log)
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
	return log.String()
}

func (w *world) summary(log *strings.Builder) {
	for i, node := range w.nodes {
		if node == nil {
			continue
		}
		if text, _, ok := result(w.Outputs[i]); ok {
			fmt.Fprintf(log, "%d: done: %s\n", i, strings.TrimSpace(text))
		} else {
			fmt.Fprintf(log, "%d: not done, has %d proposals\n", i, node.Held())
		}
	}
}

// delays delivers in lockstep, all that was sent in one step at the next, until
// all are done, and returns in how many steps that was.
func (w *world) delays() int {
	for step := 1; ; step++ {
		queue := w.Queue
		w.Queue = nil
		for _, p := range queue {
			if m := w.Machines[p.To]; m != nil {
				w.Apply(p.To, m.Handle(p.From, p.Statement))
			}
		}
		all := !slices.ContainsFunc(w.nodes, func(node *acs.Subset) bool { return node != nil && !w.isDone(node) })
		if all || len(w.Queue) == 0 {
			return step
		}
	}
}

func (w *world) isDone(node *acs.Subset) bool {
	_, _, ok := result(w.Outputs[slices.Index(w.nodes, node)])
	return ok
}
