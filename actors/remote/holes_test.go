package remote

import (
	"context"
	"net"
	"runtime"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

// H47: the original's loop blocked while it sent into a peer's full queue, and that
// peer's task while it handed over to the loop's full queue: both stood still.
func TestH47FullQueuesOnBothSides(t *testing.T) {
	var nodes []*node
	members := make([]Member, 2)
	for i := range members {
		n := newNode(t, byte(i+1))
		n.reserve()
		nodes = append(nodes, n)
		members[i] = Member{Key: n.key.Pin(), Socket: n.socket()}
	}
	var talkers []*talker
	for i, n := range nodes {
		to := &talker{node: n, to: PeerAddress(1 - i), heard: make(chan any, 1<<16), hush: make(chan struct{})}
		to.pid = n.as.Root.Spawn(n.sys.RootProps(spawn.StopOnly(), func() actor.Actor { return to }))
		talkers = append(talkers, to)
		list := slices.Clone(members)
		list[1-i].Policy = (&probe{n: n, pid: to.pid}).asPeer()
		n.hub.Federate(i, list)
		n.open(DefaultAdmission(nil))
	}
	for _, to := range talkers {
		for _, up := (<-to.heard).(*link.Up); !up; _, up = (<-to.heard).(*link.Up) {
		}
	}
	for _, to := range talkers {
		to.node.as.Root.Send(to.pid, talk{})
	}
	for _, to := range talkers {
		for !to.stuffed() {
			runtime.Gosched()
		}
	}
	for _, to := range talkers {
		close(to.hush)
	}
	for _, to := range talkers { // both come to the end of their turn, and hear each other
		for m := range to.heard {
			if s, ok := m.(*wrapperspb.StringValue); ok && s.GetValue() == "go on" {
				break
			}
		}
	}
}

// A talker is an actor that at talk says, in one turn, more than link and peer can
// hold; then it stays in that turn until hush is closed. When the link is writable
// again it says "go on".
type talker struct {
	node  *node
	pid   *actor.PID
	to    string
	heard chan any
	hush  chan struct{}
}

type talk struct{}

const word = 100_000 // bytes

// stuffed reports whether nothing more fits in either direction.
func (to *talker) stuffed() bool {
	l := to.node.hub.Links()[0]
	return l.Congested && l.In.Held+2*word > gate.PeerLimits().Window
}

// Receive implements actor.Actor.
func (to *talker) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case talk:
		words := wrapperspb.Bytes(make([]byte, word))
		for range 1000 {
			ctx.Send(actor.NewPID(to.to, "peer"), words)
		}
		<-to.hush
	case *link.Writable:
		ctx.Send(actor.NewPID(to.to, "peer"), wrapperspb.String("go on"))
	case *link.Up, *wrapperspb.StringValue:
		to.heard <- m
	}
}

// H48, dialling: the original dialled without a deadline and within the peer's
// loop, so a host that took the connection and said nothing held that loop for ever.
func TestH48MuteHostDelaysNobody(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	n := newNode(t, 1)
	other := newNode(t, 3)
	other.reserve()
	silent, talking, back := n.probe("peer-1"), n.probe("peer-2"), other.probe("peer-0")
	members := []Member{{Key: key(1).Pin()}, {Key: key(2).Pin(), Socket: mute.Addr().String()}, {Key: key(3).Pin(), Socket: other.socket()}}
	of := slices.Clone(members)
	of[0].Policy, of[1].Policy = back.asPeer(), other.probe("peer-1").asPeer()
	other.hub.Federate(2, of)
	other.open(DefaultAdmission(nil))
	members[1].Policy, members[2].Policy = silent.asPeer(), talking.asPeer()
	n.hub.Federate(0, members)

	for i := range 2 { // it is dialled again
		conn, err := mute.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i == 0 {
			next[*link.Up](talking)
		}
		silent.send("peer/2", "peer", wrapperspb.String("meanwhile"))
		await[*wrapperspb.StringValue](back)
		n.timer.fire(handshakeTime)
		if down := next[*link.Down](silent); down.Ours {
			t.Errorf("%+v", down)
		}
	}
}

// H48, closing: the original noticed that a peer had closed its socket only when it
// had something to send.
func TestH48ClosedSocketIsNoticedAtOnce(t *testing.T) {
	other := newNode(t, 2)
	other.reserve()
	back := other.probe("peer-0")
	other.hub.Federate(1, []Member{{Key: key(1).Pin(), Policy: back.asPeer()}, {Key: key(2).Pin()}})
	other.open(DefaultAdmission(nil))
	conns := make(chan net.Conn, 1)
	n := newNode(t, 1, func(c *Config) {
		c.Connect = func(ctx context.Context, socket string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", socket)
			conns <- conn
			return conn, err
		}
	})
	p := n.probe("peer-1")
	n.hub.Federate(0, []Member{{Key: key(1).Pin()}, {Key: key(2).Pin(), Socket: other.socket(), Policy: p.asPeer()}})
	for range 2 {
		next[*link.Up](p)
		next[*link.Up](back)
		if err := (<-conns).(*net.TCPConn).CloseWrite(); err != nil { // this end could still read
			t.Fatal(err)
		}
		next[*link.Down](back)
		next[*link.Down](p)
	}
}
