package remote

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handTimer fires deadlines by hand, and everything else (the delays of
// redialling and of restarts) almost at once.
type handTimer struct {
	mu    sync.Mutex
	count int
	held  map[time.Duration]map[int]func()
	// asked gets the delays that are not deadlines, if it is set.
	asked chan<- time.Duration
	// patient holds those delays too that are not shorter, if it is set.
	patient time.Duration
}

func (h *handTimer) After(d time.Duration, fn func()) func() {
	if d != handshakeTime && d != lingerTime && d != settleTime {
		if h.asked != nil {
			h.asked <- d
		}
		if h.patient != 0 && d >= h.patient {
			return func() {}
		}
		t := time.AfterFunc(5*time.Millisecond, fn)
		return func() { t.Stop() }
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = make(map[time.Duration]map[int]func())
	}
	if h.held[d] == nil {
		h.held[d] = make(map[int]func())
	}
	h.count++
	n := h.count
	h.held[d][n] = fn
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.held[d], n)
	}
}

// fire lets a deadline pass for everybody who waits for it.
func (h *handTimer) fire(d time.Duration) {
	h.mu.Lock()
	due := h.held[d]
	h.held[d] = nil
	h.mu.Unlock()
	for _, fn := range due {
		fn()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func key(n byte) identity.Identity { return identity.FromSeed(bytes.Repeat([]byte{n}, 32)) }

var party = gate.Party{Federation: [32]byte{7}, Incarnation: 100}

// node is an actor system with a hub, on whichever side of a link.
type node struct {
	t     testing.TB
	as    *actor.ActorSystem
	sys   *spawn.System
	hub   *Hub
	key   identity.Identity
	timer *handTimer
	lis   net.Listener
}

func newNode(t testing.TB, n byte, adapt ...func(*Config)) *node {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	nd := &node{t: t, key: key(n), timer: &handTimer{}}
	nd.as = actor.NewActorSystem(
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	nd.sys = spawn.New(spawn.Config{
		Timer: nd.timer, Rand: zeros{}, Log: quiet,
		Exit: func(child string, reason any) { t.Errorf("exit: %s: %v", child, reason) },
	})
	cfg := Config{System: nd.as, Identity: nd.key, Party: party, Timer: nd.timer, Rand: zeros{}, Log: quiet}
	for _, f := range adapt {
		f(&cfg)
	}
	nd.hub = New(cfg)
	t.Cleanup(nd.close)
	return nd
}

func (n *node) close() {
	n.hub.Close()
	if !n.as.IsStopped() {
		n.as.Shutdown()
	}
}

// open makes n listen.
func (n *node) open(a Admission) {
	n.t.Helper()
	if n.lis == nil {
		n.reserve()
	}
	if err := n.hub.Listen(n.lis, a); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) reserve() {
	n.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.lis = l
}

func (n *node) socket() string { return n.lis.Addr().String() }

// probe is an actor that shows all it receives. It panics over the text "boom",
// and handles bytes only when let.
type probe struct {
	n    *node
	pid  *actor.PID
	mail chan mail
	let  chan struct{} // closed: handles everything at once
}

type mail struct {
	message any
	sender  *actor.PID
}

func (n *node) probe(name string) *probe {
	n.t.Helper()
	return n.probeWithRoom(name, 1<<15)
}

// probeWithRoom is probe for an actor that receives at most so many messages
// before they are looked at.
func (n *node) probeWithRoom(name string, room int) *probe {
	n.t.Helper()
	p := &probe{n: n, mail: make(chan mail, room), let: make(chan struct{})}
	backoff := spawn.Backoff{Min: time.Millisecond, Max: time.Millisecond}
	pid, err := n.as.Root.SpawnNamed(n.sys.RootProps(spawn.Restart(backoff), func() actor.Actor { return p }), name)
	if err != nil {
		n.t.Fatal(err)
	}
	p.pid = pid
	n.t.Cleanup(p.free)
	return p
}

// free lets the probe handle everything.
func (p *probe) free() {
	select {
	case <-p.let:
	default:
		close(p.let)
	}
}

func (p *probe) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting, *spawn.Lost:
		return
	case *wrapperspb.BytesValue:
		<-p.let
	case *wrapperspb.StringValue:
		if m.GetValue() == "boom" {
			panic("remote_test: boom")
		}
		if m.GetValue() == "echo" {
			ctx.Respond(wrapperspb.String("echoed"))
		}
	}
	p.mail <- mail{ctx.Message(), ctx.Sender()}
}

// next returns the next message, which must be an M.
func next[M any](p *probe) M {
	p.n.t.Helper()
	m, _ := nextFrom[M](p)
	return m
}

func nextFrom[M any](p *probe) (M, *actor.PID) {
	p.n.t.Helper()
	got := <-p.mail
	m, ok := got.message.(M)
	if !ok {
		p.n.t.Fatalf("%s received %T %v, want %T", p.pid.GetId(), got.message, got.message, m)
	}
	return m, got.sender
}

// await skips to the next M.
func await[M any](p *probe) M {
	for {
		if m, ok := (<-p.mail).message.(M); ok {
			return m
		}
	}
}

// send sends from the probe.
func (p *probe) send(address, id string, m any) {
	p.n.as.Root.RequestWithCustomSender(actor.NewPID(address, id), m, actor.NewPID(p.pid.Address, p.pid.Id))
}

// policy gives the other side the probe and nothing else.
func (p *probe) policy(route, sender string, l gate.Limits, o gate.Overflow) gate.Policy {
	return gate.Policy{
		Owner: p.pid.Id, Routes: map[string]string{route: p.pid.Id}, Sender: sender,
		// The last one nests, which none of our messages does.
		Receives: []proto.Message{new(wrapperspb.StringValue), new(wrapperspb.BytesValue), new(structpb.ListValue)},
		Limits:   l, Overflow: o,
	}
}

func (p *probe) asPeer() gate.Policy {
	return p.policy("peer", "peer", gate.PeerLimits(), gate.DropAndTell)
}

func (p *probe) asSession() gate.Policy {
	return p.policy("session", "client", gate.ClientLimits(), gate.CloseLink)
}

func (p *probe) asClient() gate.Policy {
	return p.policy("client", "session", gate.PeerLimits(), gate.CloseLink)
}

// federation makes n nodes that all know each other; probes[i][j] is node i's
// peer actor for member j.
func federation(t testing.TB, n int) (nodes []*node, probes [][]*probe) {
	t.Helper()
	for i := range n {
		nd := newNode(t, byte(i+1))
		nd.reserve()
		nodes = append(nodes, nd)
	}
	for i, nd := range nodes {
		members := make([]Member, n)
		row := make([]*probe, n)
		for j := range nodes {
			members[j] = Member{Key: nodes[j].key.Pin(), Socket: nodes[j].socket()}
			if i != j {
				row[j] = nd.probe(fmt.Sprintf("peer-%d", j))
				members[j].Policy = row[j].asPeer()
			}
		}
		probes = append(probes, row)
		nd.hub.Federate(i, members)
		nd.open(DefaultAdmission(nil))
	}
	return nodes, probes
}

// guarded fails the test if any dead letter or restart shows that something got
// past the gate.
func guarded(t *testing.T, n *node) {
	n.as.EventStream.Subscribe(func(e any) {
		if d, ok := e.(*actor.DeadLetterEvent); ok {
			t.Errorf("dead letter %T to %v", d.Message, d.PID)
		}
	})
}

// nobody is where member 2 of a server's federation would listen.
const nobody = "127.0.0.1:1"

// server makes a node that is member 1 of a federation of three and lets clients
// in; peer is its actor for member 0, which nobody plays but hostiles.
// sessions receives the actor of every client.
func server(t *testing.T, adapt ...func(*Admission)) (n *node, peer *probe, sessions chan *probe) {
	t.Helper()
	n = newNode(t, 2)
	peer, sessions = n.member1(adapt...)
	return n, peer, sessions
}

// member1 makes a node what server describes.
func (n *node) member1(adapt ...func(*Admission)) (peer *probe, sessions chan *probe) {
	n.t.Helper()
	peer = n.probe("peer-0")
	n.probe("consensus") // nobody may reach it
	other := n.probe("peer-2")
	n.hub.Federate(1, []Member{
		{Key: key(1).Pin(), Policy: peer.asPeer()},
		{Key: key(2).Pin()},
		{Key: key(3).Pin(), Socket: nobody, Policy: other.asPeer()},
	})
	sessions = make(chan *probe, 100)
	var number atomic.Int64
	a := DefaultAdmission(func(Client) (gate.Policy, error) {
		s := n.probeWithRoom(fmt.Sprintf("session-%d", number.Add(1)), 1<<11)
		sessions <- s
		return s.asSession(), nil
	})
	for _, f := range adapt {
		f(&a)
	}
	n.open(a)
	return peer, sessions
}

// dial connects a client, with a probe as its inbox.
func (n *node) dial(to *node, label string) (*probe, Target) {
	n.t.Helper()
	p := n.probe("inbox" + label)
	target := Target{Socket: to.socket(), Key: to.key.Pin(), Label: label, Policy: p.asClient()}
	if err := n.hub.Dial(context.Background(), target); err != nil {
		n.t.Fatal(err)
	}
	next[*link.Up](p)
	return p, target
}
