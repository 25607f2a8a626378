package network_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages/link"
	"minimint/messages/wire"
	"minimint/sim/network"
	"minimint/sim/sched"
)

// federation is some members that record what reaches them.
type federation struct {
	testing.TB
	loop    *sched.Loop
	net     *network.Net
	members []*member
}

type member struct {
	f           *federation
	number      int
	machine     *sched.Machine
	host        *network.Host
	incarnation uint64
	got         []string
	holds       []func() // releases that were not called
	hold        bool
}

func newFederation(t rapid.TB, n int, cfg network.Config) *federation {
	f := &federation{loop: sched.New(sched.Config{Seed: 1})}
	if cfg.Delay == nil {
		cfg.Delay = network.Uniform(10*time.Millisecond, 10*time.Millisecond)
	}
	f.net = network.New(f.loop, cfg)
	for i := range n {
		f.members = append(f.members, &member{f: f, number: i})
	}
	for i := range n {
		f.start(t, i, nil)
	}
	return f
}

func pin(i int) identity.Pin { return identity.Pin{byte(i + 1)} }

func limits() gate.Limits {
	return gate.Limits{MaxMessage: 10_000, MaxBatch: 100, Window: 50_000, Queue: 2 << 20}
}

func (f *federation) start(t rapid.TB, i int, distort network.Distorter) {
	m := f.members[i]
	m.incarnation++
	m.machine = f.loop.Machine(i)
	m.host = f.net.Attach(network.HostConfig{
		Machine: m.machine, Key: pin(i), Party: gate.Party{Incarnation: m.incarnation}, Port: m, Rand: m.machine.Rand("host", 1), Distort: distort,
	})
	var members []remote.Member
	for j := range f.members {
		members = append(members, remote.Member{Key: pin(j), Socket: fmt.Sprint(j), Policy: gate.Policy{
			Owner: remote.PeerAddress(j), Routes: map[string]string{"peer": "peer"}, Receives: []proto.Message{&wire.PeerFrame{}},
			Sender: "peer", Limits: limits(), Overflow: gate.DropAndTell,
		}})
	}
	m.host.Federate(i, members)
	if err := m.host.Listen(fmt.Sprint(i), nil, 0); err != nil {
		t.Fatalf("listen: %v", err)
	}
}

// Deliver implements network.Port.
func (m *member) Deliver(in network.Inbound, release func()) {
	m.got = append(m.got, fmt.Sprintf("%v %s", m.f.loop.Now(), strings.TrimRight(string(in.Message.(*wire.PeerFrame).GetFrame()), "\x00")))
	if m.hold {
		m.holds = append(m.holds, release)
		return
	}
	release()
}

// Tell implements network.Port.
func (m *member) Tell(_ string, e link.Event) {
	m.got = append(m.got, fmt.Sprintf("%v %v", m.f.loop.Now(), e))
}

// Up implements network.Port.
func (*member) Up(*gate.Gate, uint64) {}

// take returns what has come, without the times if they do not matter.
func (m *member) take(times bool) []string {
	got := m.got
	m.got = nil
	if !times {
		for i := range got {
			_, got[i], _ = strings.Cut(got[i], " ")
		}
	}
	return got
}

func (f *federation) say(from, to int, text string) {
	f.members[from].host.Send(remote.PeerAddress(to), "peer", &wire.PeerFrame{Frame: []byte(text)})
}

func (f *federation) settle(d time.Duration) { f.loop.Run(f.loop.Now() + d) }

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestLinksComeUpAndCarry(t *testing.T) {
	f := newFederation(t, 3, network.Config{})
	f.settle(time.Second)
	// Nobody listened yet when it was dialled first.
	expect(t, f.members[1].take(false), "down peer/2 CODE_UNSPECIFIED theirs lost=0", "up peer/0 incarnation=1", "up peer/2 incarnation=1")
	f.members[2].take(false)
	f.say(1, 2, "a")
	f.say(1, 2, "b")
	f.settle(time.Second)
	expect(t, f.members[2].take(true), "1.01s a", "1.01s b")
	if s := f.net.Stats(); s.Messages != 2 || s.Refusals != 0 || s.Links != 6 {
		t.Errorf("%+v", s)
	}
}

// What a member may not send ends the link, as in the real transport.
func TestGatesGuard(t *testing.T) {
	for _, c := range []struct {
		name, route string
		m           proto.Message
		want        string
	}{
		{"route", "consensus", &wire.PeerFrame{}, "down peer/0 CODE_TARGET ours lost=0"},
		{"type", "peer", &wire.ClientRequest{}, "down peer/0 CODE_TYPE ours lost=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFederation(t, 2, network.Config{})
			f.settle(time.Second)
			f.members[0].take(false)
			f.members[1].take(false)
			f.members[0].host.Send(remote.PeerAddress(1), c.route, c.m)
			f.settle(100 * time.Millisecond)
			expect(t, f.members[1].take(false), c.want)
			expect(t, f.members[0].take(false), strings.Replace(strings.Replace(c.want, "peer/0", "peer/1", 1), "ours lost=0", "theirs lost=1", 1))
		})
	}
	f := newFederation(t, 2, network.Config{})
	f.settle(time.Second)
	if f.members[0].host.Send(remote.PeerAddress(1), "peer", &wire.PeerFrame{Frame: make([]byte, 20_000)}) {
		t.Error("a message that the other side does not accept was sent")
	}
}

func TestOldIncarnationStaysOut(t *testing.T) {
	f := newFederation(t, 2, network.Config{})
	f.settle(time.Second)
	f.members[1].machine.Kill()
	f.members[1].host.Vanish(true)
	f.members[1].incarnation = 0 // starts again as 1: a clone of the first
	f.start(t, 1, nil)
	f.settle(5 * time.Second)
	f.members[0].take(false)
	f.members[1].machine.Kill()
	f.members[1].host.Vanish(true)
	f.members[1].incarnation = 6
	f.start(t, 1, nil)
	f.settle(5 * time.Second)
	got := f.members[0].take(false)
	expect(t, got[len(got)-1:], "up peer/1 incarnation=7")
	f.members[1].machine.Kill()
	f.members[1].host.Vanish(true)
	f.members[1].incarnation = 5
	f.start(t, 1, nil)
	f.settle(5 * time.Second)
	got = f.members[0].take(false)
	expect(t, got[len(got)-1:], "down peer/1 CODE_INCARNATION ours lost=0")

	// The side that is dialled refuses as well.
	f.members[1].machine.Kill()
	f.members[1].host.Vanish(true)
	f.members[1].incarnation = 9
	f.start(t, 1, nil)
	f.settle(20 * time.Second)
	f.members[0].machine.Kill()
	f.members[0].host.Vanish(true)
	f.members[0].incarnation = 5
	f.start(t, 0, nil)
	f.settle(20 * time.Second)
	f.members[0].machine.Kill()
	f.members[0].host.Vanish(true)
	f.members[0].take(false)
	f.members[0].incarnation = 2
	f.start(t, 0, nil)
	f.settle(time.Second)
	expect(t, f.members[0].take(false)[:1], "down peer/1 CODE_INCARNATION theirs lost=0")
}

func TestDeadHosts(t *testing.T) {
	for _, told := range []bool{true, false} {
		f := newFederation(t, 2, network.Config{})
		f.settle(time.Second)
		f.members[1].machine.Kill()
		f.members[1].host.Vanish(told)
		f.members[0].take(false)
		f.settle(29 * time.Second)
		got := f.members[0].take(false)
		if told != (len(got) > 1) {
			t.Errorf("told %v: %v", told, got)
		}
		f.settle(10 * time.Second)
		f.start(t, 1, nil)
		f.settle(40 * time.Second)
		got = f.members[0].take(false)
		if got[len(got)-1] != "up peer/1 incarnation=2" {
			t.Errorf("told %v: %v", told, got)
		}
	}
}

// A host that comes back before the others have noticed resets what they think
// they have.
func TestReturnResetsOldLinks(t *testing.T) {
	f := newFederation(t, 2, network.Config{})
	f.settle(time.Second)
	f.members[1].machine.Kill()
	f.members[1].host.Vanish(false)
	f.members[0].take(false)
	f.start(t, 1, nil)
	f.settle(2 * time.Second)
	expect(t, f.members[0].take(false), "down peer/1 CODE_UNSPECIFIED theirs lost=0", "up peer/1 incarnation=2")
}

func TestCutsHoldPacketsInOrder(t *testing.T) {
	f := newFederation(t, 4, network.Config{})
	f.settle(time.Second)
	for _, m := range f.members {
		m.take(false)
	}
	f.say(0, 2, "before")
	f.loop.Step()
	f.net.Partition([]int{0, 1}, []int{2, 3})
	f.say(0, 2, "within")
	f.say(0, 1, "beside")
	f.settle(20 * time.Second)
	expect(t, f.members[2].take(false))
	expect(t, f.members[1].take(false), "beside")
	f.net.Heal()
	f.settle(time.Second)
	expect(t, f.members[2].take(false), "before", "within")

	// Longer than a ping waits for an answer.
	f.net.Cut(0, 2, true)
	f.say(0, 2, "lost")
	f.settle(31 * time.Second)
	expect(t, f.members[2].take(false), "down peer/0 CODE_UNSPECIFIED theirs lost=0")
	f.net.Cut(0, 2, false)
	f.settle(time.Minute)
	expect(t, f.members[2].take(false), "up peer/0 incarnation=1")
}

func TestBandwidthAndLoss(t *testing.T) {
	f := newFederation(t, 3, network.Config{Bandwidth: 100_000})
	f.settle(time.Second)
	for i := range 2 { // both share the line to 2
		for range 10 {
			f.members[i].host.Send(remote.PeerAddress(2), "peer", &wire.PeerFrame{Frame: make([]byte, 9_900)})
		}
	}
	f.members[2].take(false)
	f.settle(time.Minute)
	got := f.members[2].take(true)
	last, err := time.ParseDuration(strings.TrimSpace(got[len(got)-1]))
	if err != nil {
		t.Fatal(err)
	}
	if took := last - time.Second; took < 2*time.Second || took > 2300*time.Millisecond {
		t.Errorf("200 kB at 100 kB/s took %v", took)
	}

	f = newFederation(t, 2, network.Config{Loss: 0.5})
	f.settle(5 * time.Second)
	f.members[1].take(false)
	for i := range 20 {
		f.say(0, 1, fmt.Sprint(i))
		f.settle(time.Millisecond)
	}
	f.settle(time.Minute)
	if got := f.members[1].take(false); len(got) != 20 || got[19] != "19" {
		t.Errorf("%v", got)
	}
}

// A receiver that does not keep up makes its sender drop, and tell.
func TestCongestion(t *testing.T) {
	f := newFederation(t, 2, network.Config{})
	f.settle(time.Second)
	f.members[0].take(false)
	f.members[1].hold = true
	for range 300 {
		f.members[0].host.Send(remote.PeerAddress(1), "peer", &wire.PeerFrame{Frame: make([]byte, 9_000)})
	}
	f.settle(time.Second)
	expect(t, f.members[0].take(false), "congested peer/1")
	if n := len(f.members[1].holds); n == 0 || n > 6 {
		t.Errorf("%d messages in a window of 50 kB", n)
	}
	f.members[1].hold = false
	for _, release := range f.members[1].holds {
		release()
	}
	f.settle(30 * time.Second)
	got := f.members[0].take(false)
	if len(got) != 1 || !strings.HasPrefix(got[0], "writable peer/1 dropped=") {
		t.Errorf("%v", got)
	}
}

func TestLinksBreakAndComeBack(t *testing.T) {
	f := newFederation(t, 2, network.Config{Reset: 20 * time.Second})
	f.settle(10 * time.Minute)
	s := f.net.Stats()
	if s.Broken < 10 || s.Links < 10 {
		t.Errorf("%+v", s)
	}
}

// An adversary who owns the network decides how long each packet takes, but not
// the order within a link.
func TestScheduleSeesAll(t *testing.T) {
	seen := 0
	f := newFederation(t, 2, network.Config{Schedule: func(p network.Packet) time.Duration {
		seen += len(p.Envelopes)
		return time.Duration(100-seen) * time.Millisecond
	}})
	f.settle(time.Second)
	f.members[1].take(false)
	f.say(0, 1, "slow")
	f.settle(time.Millisecond)
	f.say(0, 1, "fast")
	f.settle(time.Second)
	expect(t, f.members[1].take(true), "1.099s slow", "1.099s fast")
}

type doubler struct{}

// Outgoing says everything twice.
func (doubler) Outgoing(_, _ string, m proto.Message) []proto.Message { return []proto.Message{m, m} }

// Incoming hears nothing.
func (doubler) Incoming(string, proto.Message) []proto.Message { return nil }

func TestDistorters(t *testing.T) {
	f := newFederation(t, 2, network.Config{})
	f.settle(time.Second)
	f.members[0].machine.Kill()
	f.members[0].host.Vanish(true)
	f.start(t, 0, doubler{})
	f.settle(2 * time.Second)
	f.members[0].take(false)
	f.members[1].take(false)
	f.say(0, 1, "x")
	f.say(1, 0, "y")
	f.settle(time.Second)
	expect(t, f.members[1].take(false), "x", "x")
	expect(t, f.members[0].take(false))
}

// Order: whatever the delays, losses and short cuts, what arrives over one link is
// a prefix of what was sent, in its order, and all of it if the link holds.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		random := rand.New(rand.NewPCG(seed, 1))
		f := newFederation(t, 3, network.Config{Delay: network.LongTail(time.Millisecond, 50*time.Millisecond), Loss: 0.1})
		f.settle(10 * time.Second)
		f.members[2].take(false)
		sent := [2]int{}
		for range 200 {
			from := random.IntN(2)
			f.say(from, 2, fmt.Sprintf("%d %d", from, sent[from]))
			sent[from]++
			f.settle(time.Duration(random.IntN(20)) * time.Millisecond)
			if random.IntN(20) == 0 {
				f.net.Cut(0, 2, random.IntN(2) == 0)
			}
		}
		f.net.Heal()
		f.settle(time.Minute)
		next := [2]int{}
		for _, line := range f.members[2].take(false) {
			var from, n int
			if _, err := fmt.Sscanf(line, "%d %d", &from, &n); err != nil || n != next[from] {
				t.Fatalf("%q where %d of sender %d is due", line, next[from], from)
			}
			next[from]++
		}
		if next != sent {
			t.Fatalf("sent %v, received %v", sent, next)
		}
	})
}
