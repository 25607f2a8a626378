package world_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/check"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/workload"
	"minimint/sim/world"
)

// twoFaced is an adversary: it tells half of the members another root in its
// echoes and readies.
type twoFaced struct{ *world.Corrupt }

func (a twoFaced) Outgoing(to messages.PeerID, m proto.Message) []proto.Message {
	f, ok := world.Frame(m)
	if !ok || to%2 == 0 {
		return []proto.Message{m}
	}
	for i, s := range f.Statements {
		switch s := s.(type) {
		case frames.Echo:
			s.Root[0] ^= 1
			f.Statements[i] = s
		case frames.Ready:
			s.Root[0] ^= 1
			f.Statements[i] = s
		default:
		}
	}
	return []proto.Message{world.Message(f)}
}

func (twoFaced) Incoming(_ messages.PeerID, m proto.Message) []proto.Message {
	return []proto.Message{m}
}

func TestAdversary(t *testing.T) {
	cfg := config(3)
	cfg.Faulty = []world.Faulty{{Peer: 2, Adversary: func(c *world.Corrupt) world.Adversary { return twoFaced{c} }}}
	w := world.New(cfg)
	w.Run(5 * time.Second)
	w.Heal()
	verify(t, w)
}

// blames counts what honest nodes find of a faulty one.
type blames struct {
	world.Ignore
	kinds map[string]int
}

func (b *blames) Blamed(x world.Blame) { b.kinds[x.Kind]++ }

// equivocator is a process in place of a node: it proposes two things to each
// member, others to others, and says nothing else.
type equivocator struct {
	*world.Corrupt
	epoch messages.Epoch
}

func (e *equivocator) Linked(messages.PeerID, bool) {}

func (e *equivocator) Hear(_ messages.PeerID, m proto.Message) {
	f, ok := world.Frame(m)
	if !ok || f.Epoch < e.epoch {
		return
	}
	e.epoch = f.Epoch + 1
	for to := range messages.PeerID(len(e.Federation.Members)) {
		if to != e.Self {
			for _, payload := range [][]byte{{byte(to)}, {byte(to + 1)}} {
				e.Say(to, world.Message(frames.Frame{Epoch: f.Epoch, Statements: []frames.Statement{e.Proposal(f.Epoch, payload)}}))
			}
		}
	}
}

func TestProcess(t *testing.T) {
	cfg := config(4)
	seen := &blames{kinds: map[string]int{}}
	cfg.Watch = append(check.All(), func(*world.World) world.Observer { return seen })
	cfg.Faulty = []world.Faulty{{Peer: 1, Process: func(c *world.Corrupt) world.Process { return &equivocator{Corrupt: c} }}}
	cfg.Load.Users = 3
	w := world.New(cfg)
	w.Run(3 * time.Second)
	if w.Node(0).Next() == 0 || w.Node(1).Next() != 0 {
		t.Errorf("epochs %d and %d", w.Node(0).Next(), w.Node(1).Next())
	}
	if len(seen.kinds) == 0 {
		t.Error("nobody noticed")
	}
	t.Log(seen.kinds)
	for _, v := range w.Violations() {
		t.Error(v)
	}
}

// Whoever owns the network and the processors decides what happens next, and sees
// all of it; the federation is as safe, and lives.
func TestPicker(t *testing.T) {
	cfg := config(5)
	// Deliveries last of all, those to node 0 after the others: all messages that
	// could be under way are.
	most := 0 // packets that it could choose between
	cfg.Pick = func(ready []sched.Task) int {
		best, rank, packets := 0, -1, 0
		for i, task := range ready {
			r := 2
			if a, ok := task.(*network.Arrival); ok {
				packets++
				if r = 1; a.Packet().To == 0 {
					r = 0
				}
			}
			if r > rank {
				best, rank = i, r
			}
		}
		most = max(most, packets)
		return best
	}
	cfg.Network.Delay = network.Uniform(0, 0)
	cfg.Load.Habits = workload.Habits{Pause: 300 * time.Millisecond}
	w := world.New(cfg)
	w.Run(3 * time.Second)
	verify(t, w)
	if most < 8 { // there are 12 links between members
		t.Errorf("at most %d packets were under way at once", most)
	}
}
