package world_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/sim/world"
)

var numbers = regexp.MustCompile(`[0-9]+`)

// waitedFor returns the members that a stall names.
func waitedFor(text string) []string {
	var named []string
	for _, part := range strings.Split(text, ";") {
		if _, list, ok := strings.Cut(part, "member"); ok {
			list, _, _ = strings.Cut(list, "(")
			named = append(named, numbers.FindAllString(list, -1)...)
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// In a partition both sides say within seconds that they wait for the other one, and
// that it is over when it is.
func TestPartitionIsNamed(t *testing.T) {
	cfg := config(11)
	w := world.New(cfg)
	w.RunUntil(time.Minute, func() bool { return w.Node(0).Next() >= 3 })
	for i := range 4 {
		if s := w.Node(i).Stall(); s.For != 0 {
			t.Errorf("node %d: %+v while all is well", i, s)
		}
	}
	w.Net().Partition([]int{0, 1}, []int{2, 3})
	w.Run(6 * time.Second)
	for i, want := range [][]string{{"2", "3"}, {"2", "3"}, {"0", "1"}, {"0", "1"}} {
		s := w.Node(i).Stall()
		if got := waitedFor(s.Text); s.For < 3*time.Second || !slices.Equal(got, want) {
			t.Errorf("node %d waits for %v: %+v", i, got, s)
		}
		t.Log(s.Text)
	}
	w.Run(20 * time.Second) // links are reset meanwhile, and open again when they can
	w.Heal()
	if !w.RunUntil(30*time.Second, func() bool { return w.Node(0).Stall().For == 0 && w.Node(3).Stall().For == 0 }) {
		t.Errorf("after healing: %+v", w.Node(0).Stall())
	}
	verify(t, w)
}

// withholder says everything but AUX.
type withholder struct{ *world.Corrupt }

func (withholder) Outgoing(_ messages.PeerID, m proto.Message) []proto.Message {
	f, ok := world.Frame(m)
	if !ok {
		return []proto.Message{m}
	}
	f.Statements = slices.DeleteFunc(f.Statements, func(s frames.Statement) bool {
		switch s.(type) {
		case frames.Aux, frames.Term:
			return true
		default:
			return false
		}
	})
	return []proto.Message{world.Message(f)}
}

func (withholder) Incoming(_ messages.PeerID, m proto.Message) []proto.Message {
	return []proto.Message{m}
}

// One member is down and another withholds one kind of vote: more than the federation
// tolerates. The others name both, and the vote.
func TestWithheldVoteIsNamed(t *testing.T) {
	cfg := config(12)
	cfg.Revive = 0
	cfg.Faulty = []world.Faulty{{Peer: 3, Adversary: func(c *world.Corrupt) world.Adversary { return withholder{c} }}}
	w := world.New(cfg)
	w.RunUntil(time.Minute, func() bool { return w.Node(0).Next() >= 3 })
	w.Node(2).Kill()
	w.Run(15 * time.Second)
	for i := range 2 {
		s := w.Node(i).Stall()
		if !strings.Contains(s.Text, "aux of 1 of the members 2 and 3") {
			t.Errorf("node %d: %+v", i, s)
		}
		t.Log(s.Text)
	}
	w.Heal()
	verify(t, w)
}
