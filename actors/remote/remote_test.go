package remote

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

func TestMembersTalk(t *testing.T) {
	nodes, probes := federation(t, 3)
	for i := range nodes {
		for j := range nodes {
			if i == j {
				continue
			}
			up := next[*link.Up](probes[i][j])
			if up.Address != PeerAddress(j) || up.Incarnation != party.Incarnation {
				t.Fatalf("%+v", up)
			}
		}
	}
	for i := range nodes {
		for j := range nodes {
			if i != j {
				probes[i][j].send(PeerAddress(j), "peer", wrapperspb.String(fmt.Sprintf("%d→%d", i, j)))
			}
		}
	}
	for i := range nodes {
		for j := range nodes {
			if i == j {
				continue
			}
			m, sender := nextFrom[*wrapperspb.StringValue](probes[i][j])
			if m.GetValue() != fmt.Sprintf("%d→%d", j, i) || sender.Address != PeerAddress(j) || sender.Id != "peer" {
				t.Fatalf("%v from %v", m, sender)
			}
		}
	}
	links := nodes[0].hub.Links()
	if len(links) != 2 || links[0].Address != "peer/1" || links[0].In.Received != 1 || links[0].Out.Sent != 1 {
		t.Fatalf("%+v", links)
	}
}

// Order holds, however many frames it takes.
func TestOrder(t *testing.T) {
	_, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	next[*link.Up](a)
	next[*link.Up](b)
	const n = 20000
	for i := range n {
		a.send("peer/1", "peer", wrapperspb.String(fmt.Sprint(i)))
	}
	for i := range n {
		if m := next[*wrapperspb.StringValue](b); m.GetValue() != fmt.Sprint(i) {
			t.Fatalf("%s where %d is due", m.GetValue(), i)
		}
	}
}

func TestLargestMessageCrosses(t *testing.T) {
	_, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	b.free()
	next[*link.Up](a)
	next[*link.Up](b)
	largest := wrapperspb.Bytes(make([]byte, gate.MaxPayload-4))
	for range 20 {
		a.send("peer/1", "peer", largest)
		next[*wrapperspb.BytesValue](b)
	}
	a.send("peer/1", "peer", wrapperspb.Bytes(make([]byte, gate.MaxPayload))) // dropped here
	a.send("peer/1", "peer", wrapperspb.String("after"))
	next[*wrapperspb.StringValue](b)
}

func TestClientSession(t *testing.T) {
	n, _, sessions := server(t)
	c := newNode(t, 9)
	inbox, target := c.dial(n, "")
	s := <-sessions
	if up := next[*link.Up](s); up.Address != "client/"+c.key.Pin().String() {
		t.Fatalf("%+v", up)
	}
	// The client asks and is answered on its own stream.
	inbox.send(target.Address(), "session", wrapperspb.String("echo"))
	_, sender := nextFrom[*wrapperspb.StringValue](s)
	if m, from := nextFrom[*wrapperspb.StringValue](inbox); m.GetValue() != "echoed" || from.Address != target.Address() || from.Id != "session" {
		t.Fatalf("%v from %v", m, from)
	}
	// The node pushes without being asked.
	s.send(sender.Address, sender.Id, wrapperspb.String("news"))
	if m := next[*wrapperspb.StringValue](inbox); m.GetValue() != "news" {
		t.Fatal(m)
	}
	// The session stops; its link goes with it, and the client learns why.
	n.as.Root.Stop(s.pid)
	if down := next[*link.Down](inbox); down.Code != link.Code_CODE_GONE || down.Ours {
		t.Fatalf("%+v", down)
	}
}

func TestClientLeaves(t *testing.T) {
	n, _, sessions := server(t)
	c := newNode(t, 9)
	c.dial(n, "")
	s := <-sessions
	next[*link.Up](s)
	c.hub.Close()
	if down := next[*link.Down](s); down.Ours || down.Lost != 0 {
		t.Fatalf("%+v", down)
	}
	if len(n.hub.Links()) != 0 {
		t.Fatal("the link is still there")
	}
}

// One client process opens a link for each operation, under keys of their own.
func TestUnlinkableSessions(t *testing.T) {
	n, _, sessions := server(t)
	c := newNode(t, 9)
	var addresses []string
	for i := range 3 {
		label := fmt.Sprint(i)
		p := c.probe("op" + label)
		target := Target{Socket: n.socket(), Key: n.key.Pin(), Identity: key(byte(50 + i)), Label: label, Policy: p.asClient()}
		if err := c.hub.Dial(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		next[*link.Up](p)
		addresses = append(addresses, next[*link.Up](<-sessions).Address)
	}
	for i, a := range addresses {
		if a != "client/"+key(byte(50+i)).Pin().String() {
			t.Fatalf("%v", addresses)
		}
	}
	if got := len(c.hub.Links()); got != 3 {
		t.Fatalf("%d links", got)
	}
	c.hub.Disconnect("node/" + n.key.Pin().String() + "/1")
	c.hub.Disconnect("node/nobody")
}

func TestWatchIsAnsweredByTheLink(t *testing.T) {
	_, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	next[*link.Up](a)
	next[*link.Up](b)
	seen := make(chan *actor.Terminated, 10)
	watch := make(chan string)
	watcher := a.n.as.Root.Spawn(a.n.sys.RootProps(spawn.StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Terminated:
				seen <- m
			case string:
				ctx.Watch(actor.NewPID(m, "peer"))
				ctx.Watch(actor.NewPID(m, "peer")) // no difference
				ctx.Watch(actor.NewPID(m, "unwatched"))
				ctx.Unwatch(actor.NewPID(m, "unwatched"))
				watch <- m
			}
		})
	}))
	a.n.as.Root.Send(watcher, "peer/1")
	<-watch
	b.n.close()
	next[*link.Down](a)
	if m := <-seen; m.Who.Address != "peer/1" || m.Who.Id != "peer" || m.Why != actor.TerminatedReason_AddressTerminated {
		t.Fatalf("%+v", m)
	}
	// Without a link the answer comes at once.
	a.n.as.Root.Send(watcher, "client/nobody")
	<-watch
	if m := <-seen; m.Who.Address != "client/nobody" {
		t.Fatalf("%+v", m)
	}
}

func TestCongestionOfAPeer(t *testing.T) {
	_, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	next[*link.Up](a)
	next[*link.Up](b)
	big := wrapperspb.Bytes(make([]byte, 100_000)) // b holds them
	for sent := 0; ; sent++ {
		a.send("peer/1", "peer", big)
		if sent > 1000 {
			t.Fatal("nothing bounds the queue")
		}
		if len(a.mail) > 0 {
			break
		}
	}
	if e := next[*link.Congested](a); e.Address != "peer/1" {
		t.Fatalf("%+v", e)
	}
	info := a.n.hub.Links()[0]
	if l := gate.PeerLimits(); info.Out.Queued > l.Queue || !info.Congested {
		t.Fatalf("%+v", info)
	}
	a.send("peer/1", "peer", wrapperspb.String("dropped"))
	b.free()
	if e := next[*link.Writable](a); e.Dropped < 1 {
		t.Fatalf("%+v", e)
	}
	a.send("peer/1", "peer", wrapperspb.String("resync"))
	if m := await[*wrapperspb.StringValue](b); m.GetValue() != "resync" {
		t.Fatalf("%v", m)
	}
}

// A queue can overflow while it is nearly empty, by one large message. The owner
// hears of the end of the congestion without any acknowledgement.
func TestCongestionThatIsOverAtOnce(t *testing.T) {
	n := newNode(t, 2)
	p := n.probe("peer-0")
	policy := p.asPeer()
	policy.Limits.Queue = gate.MaxPayload + 1000
	n.hub.Federate(1, []Member{{Key: key(1).Pin(), Policy: policy}, {Key: key(2).Pin()}})
	n.open(DefaultAdmission(nil))
	r := rawStream(t, rawConn(t, n, key(1)))
	tight := generous()
	tight.Hello.Window = gate.MaxPayload + 1000
	r.send(tight)
	r.receive()
	next[*link.Up](p)
	p.send("peer/0", "peer", wrapperspb.Bytes(make([]byte, 1_000_000))) // fills the window
	r.receive()
	p.send("peer/0", "peer", wrapperspb.Bytes(make([]byte, 100_000)))   // waits
	p.send("peer/0", "peer", wrapperspb.Bytes(make([]byte, 1_000_000))) // has no room
	next[*link.Congested](p)
	if e := next[*link.Writable](p); e.Dropped != 1 {
		t.Fatalf("%+v", e)
	}
}

func TestSlowClientIsClosed(t *testing.T) {
	n, _, sessions := server(t)
	c := newNode(t, 9)
	inbox, _ := c.dial(n, "")
	s := <-sessions
	address := next[*link.Up](s).Address
	for range 1000 { // the inbox holds bytes
		s.send(address, "client", wrapperspb.Bytes(make([]byte, 100_000)))
	}
	down := await[*link.Down](s)
	if down.Code != link.Code_CODE_SLOW || !down.Ours || down.Lost == 0 {
		t.Fatalf("%+v", down)
	}
	inbox.free()
	if down := await[*link.Down](inbox); down.Code != link.Code_CODE_SLOW {
		t.Fatalf("%+v", down)
	}
}

// A handler that panics loses its message, not its credit.
func TestPanicReturnsCredit(t *testing.T) {
	_, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	next[*link.Up](a)
	next[*link.Up](b)
	for range 50 {
		a.send("peer/1", "peer", wrapperspb.String("boom"))
	}
	a.send("peer/1", "peer", wrapperspb.String("last"))
	if m := next[*wrapperspb.StringValue](b); m.GetValue() != "last" {
		t.Fatal(m)
	}
	a.send("peer/1", "peer", wrapperspb.String("echo")) // its answer comes after all acknowledgements
	next[*wrapperspb.StringValue](a)
	next[*wrapperspb.StringValue](b)
	if in := b.n.hub.Links()[0].In; in.Processed < 51 {
		t.Fatalf("%+v", in)
	}
}

// What must not cross stays here, and the link lives.
func TestLocalMessagesStay(t *testing.T) {
	_, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	next[*link.Up](a)
	next[*link.Up](b)
	a.n.as.EventStream.Subscribe(func(e any) {
		if d, ok := e.(*actor.DeadLetterEvent); ok {
			if _, text := d.Message.(string); !text {
				t.Errorf("dead letter %T", d.Message)
			}
		}
	})
	root := a.n.as.Root
	root.Poison(actor.NewPID("peer/1", "peer"))
	root.Stop(actor.NewPID("peer/1", "peer"))
	a.send("peer/1", "peer", &actor.DeadLetterResponse{})
	a.send("peer/1", "peer", "a Go string")
	next[*actor.DeadLetterResponse](a)
	a.send("peer/1", "peer", wrapperspb.String("after all that"))
	next[*wrapperspb.StringValue](b)
}
