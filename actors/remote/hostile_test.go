package remote

import (
	"bytes"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/messages/link"
)

// attack is what an identity sends after a proper handshake.
type attack struct {
	name string
	send func(r *raw)
	want link.Code
}

var note = wrapperspb.String("hello")

func one(e *link.Envelope) func(*raw) { return func(r *raw) { r.send(frame(1, e)) } }

// attacks are those that protoactor's own transport was attacked with, and
// those that this protocol invites. route is the one actor that the attacker
// may reach.
func attacks(route string) []attack {
	long := strings.Repeat("x", 5000)
	named := func(name string, payload []byte) *link.Envelope {
		return &link.Envelope{Target: route, Type: name, Payload: payload}
	}
	list := []attack{
		// Other actors.
		{"consensus", one(envelope("consensus", note)), link.Code_CODE_TARGET},
		{"the actor's id instead of its route", one(envelope("peer-0", note)), link.Code_CODE_TARGET},
		{"the transport itself", one(envelope("links", note)), link.Code_CODE_TARGET},
		{"the event stream", one(envelope("eventstream", note)), link.Code_CODE_TARGET},
		{"a guardian", one(envelope("guardian$1", note)), link.Code_CODE_TARGET},
		{"a future", one(envelope("future$3", note)), link.Code_CODE_TARGET},
		{"a relay to a third node", one(envelope("peer/2/"+route, note)), link.Code_CODE_TARGET},
		{"a target of 5000 characters", one(envelope(long, note)), link.Code_CODE_TARGET},
		// Other types.
		{"poison pill", one(envelope(route, new(actor.PoisonPill))), link.Code_CODE_TYPE},
		{"stop", one(envelope(route, new(actor.Stop))), link.Code_CODE_TYPE},
		{"watch without a watcher", one(envelope(route, new(actor.Watch))), link.Code_CODE_TYPE},
		{"forged terminated", one(envelope(route, &actor.Terminated{Who: actor.NewPID("peer/2", "peer")})), link.Code_CODE_TYPE},
		{"dead letter response", one(envelope(route, new(actor.DeadLetterResponse))), link.Code_CODE_TYPE},
		{"a type in the binary", one(envelope(route, new(emptypb.Empty))), link.Code_CODE_TYPE},
		{"an unknown type", one(named("no.such.Type", nil)), link.Code_CODE_TYPE},
		{"no type", one(named("", nil)), link.Code_CODE_TYPE},
		{"a frame as payload type", one(named("minimint.link.Frame", nil)), link.Code_CODE_TYPE},
		// Payloads.
		{"truncated payload", one(named("google.protobuf.StringValue", []byte{0x0a, 9, 'x'})), link.Code_CODE_PAYLOAD},
		{"bad text", one(named("google.protobuf.StringValue", []byte{0x0a, 1, 0xff})), link.Code_CODE_PAYLOAD},
		// Frames.
		{"truncated frame", func(r *raw) { r.send([]byte{0x1a, 0xff, 0x01}) }, link.Code_CODE_FRAME},
		{"garbage", func(r *raw) { r.send(bytes.Repeat([]byte{0xff}, 100)) }, link.Code_CODE_FRAME},
		{"empty frame", func(r *raw) { r.send([]byte{}) }, link.Code_CODE_FRAME},
		{"100,000 empty envelopes", func(r *raw) {
			var b []byte
			for range 100_000 {
				b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), nil)
			}
			r.send(b)
		}, link.Code_CODE_FRAME},
		// Handshake again.
		{"second hello", func(r *raw) { r.send(generous()) }, link.Code_CODE_HELLO},
		{"hello with a message", func(r *raw) {
			f := generous()
			f.First, f.Envelopes = 1, []*link.Envelope{envelope(route, note)}
			r.send(f)
		}, link.Code_CODE_HELLO},
		// Numbers.
		{"number 0", func(r *raw) { r.send(frame(0, envelope(route, note))) }, link.Code_CODE_SEQUENCE},
		{"gap", func(r *raw) { r.send(frame(2, envelope(route, note))) }, link.Code_CODE_SEQUENCE},
		{"number 2⁶⁴−1", func(r *raw) { r.send(frame(1<<64-1, envelope(route, note))) }, link.Code_CODE_SEQUENCE},
		{"acknowledgement of nothing", func(r *raw) { r.send(&link.Frame{Acknowledged: 1}) }, link.Code_CODE_ACK},
	}
	return list
}

// strike carries an attack out and checks that it cost the attacker its link,
// and that nobody received anything.
func strike(t *testing.T, a attack, r *raw, victim *probe) {
	t.Helper()
	up := next[*link.Up](victim)
	a.send(r)
	if code := r.refused(); code != a.want {
		t.Errorf("refused for %v, want %v", code, a.want)
	}
	down := next[*link.Down](victim)
	if down.Code != a.want || !down.Ours || down.Link != up.Link {
		t.Errorf("the owner was told %+v", down)
	}
	if len(victim.mail) != 0 {
		t.Errorf("the actor received %T", (<-victim.mail).message)
	}
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

func TestHostileMember(t *testing.T) {
	n, victim, _ := server(t)
	guarded(t, n)
	for _, a := range attacks("peer") {
		t.Run(a.name, func(t *testing.T) {
			strike(t, a, hostile(t, n, key(1)), victim)
		})
	}
	// After all that it may behave.
	r := hostile(t, n, key(1))
	next[*link.Up](victim)
	r.send(frame(1, envelope("peer", note)))
	if f := r.receive(); f.GetAcknowledged() != 1 {
		t.Fatalf("%v", f)
	}
	if _, sender := nextFrom[*wrapperspb.StringValue](victim); sender.Address != "peer/0" || sender.Id != "peer" {
		t.Fatalf("from %v", sender)
	}
}

func TestHostileClient(t *testing.T) {
	n, _, sessions := server(t)
	guarded(t, n)
	list := append(attacks("session"),
		attack{"payload beyond the client's limit", one(envelope("session", wrapperspb.String(strings.Repeat("x", 128<<10)))), link.Code_CODE_SIZE},
		attack{"frame beyond the client's limit", one(envelope("session", wrapperspb.String(strings.Repeat("x", 256<<10)))), link.Code_CODE_FRAME},
		attack{"65 envelopes", func(r *raw) {
			r.send(frame(1, make([]*link.Envelope, 65)...))
		}, link.Code_CODE_FRAME},
		attack{"a member's route", one(envelope("peer", note)), link.Code_CODE_TARGET},
	)
	for _, a := range list {
		t.Run(a.name, func(t *testing.T) {
			r := hostile(t, n, key(66))
			s := <-sessions
			strike(t, a, r, s)
			if err := n.as.Root.StopFuture(s.pid).Wait(); err != nil { // as a session does
				t.Fatal(err)
			}
		})
	}
}

// gRPC itself refuses what no link may carry.
func TestFrameBeyondAllLimits(t *testing.T) {
	n, victim, _ := server(t)
	r := hostile(t, n, key(1))
	next[*link.Up](victim)
	r.send(make([]byte, 5<<20))
	if code := r.refused(); code != link.Code_CODE_UNSPECIFIED { // gRPC answers by itself
		t.Fatal(code)
	}
	if down := next[*link.Down](victim); down.Code != link.Code_CODE_FRAME || !down.Ours {
		t.Fatalf("%+v", down)
	}
}

func TestReplayAfterSuccess(t *testing.T) {
	n, victim, _ := server(t)
	r := hostile(t, n, key(1))
	next[*link.Up](victim)
	r.send(frame(1, envelope("peer", note), envelope("peer", note)))
	r.send(frame(2, envelope("peer", note)))
	if code := r.refused(); code != link.Code_CODE_SEQUENCE {
		t.Fatal(code)
	}
	next[*wrapperspb.StringValue](victim)
	next[*wrapperspb.StringValue](victim)
	next[*link.Down](victim)
}

// The sender is who it is, whatever the envelope says in fields of its own.
func TestSpoofedSender(t *testing.T) {
	n, victim, _ := server(t)
	r := hostile(t, n, key(1))
	next[*link.Up](victim)
	e, _ := proto.Marshal(envelope("peer", note))
	pid, _ := proto.Marshal(actor.NewPID("nonhost", "consensus"))
	for field := protowire.Number(4); field < 20; field++ {
		e = protowire.AppendBytes(protowire.AppendTag(e, field, protowire.BytesType), pid)
	}
	f := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1)
	f = protowire.AppendBytes(protowire.AppendTag(f, 3, protowire.BytesType), e)
	r.send(f)
	if _, sender := nextFrom[*wrapperspb.StringValue](victim); sender.Address != "peer/0" || sender.Id != "peer" {
		t.Fatalf("from %v", sender)
	}
}

// A flood stops at the window, however slow the actor is.
func TestFloodBeyondTheWindow(t *testing.T) {
	n, _, sessions := server(t)
	r := hostile(t, n, key(66))
	s := <-sessions // holds bytes
	next[*link.Up](s)
	big := envelope("session", wrapperspb.Bytes(make([]byte, 100<<10)))
	for i := range 10 {
		r.send(frame(uint64(i+1), big))
	}
	if code := r.refused(); code != link.Code_CODE_WINDOW {
		t.Fatal(code)
	}
	s.free()
	for range 2 { // all that the window had room for
		next[*wrapperspb.BytesValue](s)
	}
	next[*link.Down](s)
}

// Who grants credit without end and never reads is closed as soon as the queue
// is full, while its HTTP/2 window keeps the writer stuck.
func TestNeverReading(t *testing.T) {
	n, peer, sessions := server(t)
	hostile(t, n, key(66))
	s := <-sessions
	address := next[*link.Up](s).Address
	chunk := wrapperspb.Bytes(make([]byte, 64<<10))
	for range 200 {
		s.send(address, "client", chunk)
	}
	if down := await[*link.Down](s); down.Code != link.Code_CODE_SLOW {
		t.Fatalf("%+v", down)
	}
	stillServes(t, n, peer)
}

// Who never gives credit stays within its window, and costs a member nothing but
// its own messages.
func TestNeverAcknowledging(t *testing.T) {
	n, peer, _ := server(t)
	r := rawStream(t, rawConn(t, n, key(1)))
	small := generous()
	small.Hello.MaxMessage, small.Hello.Window = 1000, 2000
	r.send(small)
	r.receive()
	next[*link.Up](peer)
	for range 20_000 {
		peer.send("peer/0", "peer", wrapperspb.Bytes(make([]byte, 900)))
	}
	next[*link.Congested](peer)
	got := 0
	for _, e := range r.receive().GetEnvelopes() {
		got += gate.Cost(e)
	}
	if got > 2000 {
		t.Fatalf("%d bytes on their way", got)
	}
}

// stillServes shows that a node works as ever for somebody new.
func stillServes(t *testing.T, n *node, peer *probe) {
	t.Helper()
	r := hostile(t, n, key(1))
	next[*link.Up](peer)
	r.send(frame(1, envelope("peer", note)))
	next[*wrapperspb.StringValue](peer)
}
