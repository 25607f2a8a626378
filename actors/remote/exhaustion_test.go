package remote

import (
	"net"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/messages/link"
)

func TestReplayAfterSuccess(t *testing.T) {
	s := besiege(t)
	r := hostile(t, s.node, key(1))
	next[*link.Up](s.peer)
	r.send(frame(1, envelope("peer", note), envelope("peer", note)))
	r.send(frame(2, envelope("peer", note)))
	if code := r.refused(); code != link.Code_CODE_SEQUENCE {
		t.Fatal(code)
	}
	next[*wrapperspb.StringValue](s.peer)
	next[*wrapperspb.StringValue](s.peer)
	if down := next[*link.Down](s.peer); down.Code != link.Code_CODE_SEQUENCE {
		t.Fatalf("%+v", down)
	}
	s.holds()
	s.memory(32)
}

// A flood stops at the window, however slow the actor is.
func TestFloodBeyondTheWindow(t *testing.T) {
	s := besiege(t)
	r := hostile(t, s.node, key(66))
	session := <-s.sessions // holds bytes
	next[*link.Up](session)
	big := envelope("session", wrapperspb.Bytes(make([]byte, 100<<10)))
	for i := range 10 {
		r.send(frame(uint64(i+1), big))
	}
	if code := r.refused(); code != link.Code_CODE_WINDOW {
		t.Fatal(code)
	}
	s.holds()
	s.memory(32)
	session.free()
	for range 2 { // all that the window had room for
		next[*wrapperspb.BytesValue](session)
	}
	next[*link.Down](session)
}

// Empty messages cost as well: a window has room for a thousand of them.
func TestFloodOfEmptyMessages(t *testing.T) {
	s := besiege(t)
	r := hostile(t, s.node, key(66))
	session := <-s.sessions
	next[*link.Up](session)
	held := envelope("session", new(wrapperspb.BytesValue)) // the session holds the first
	sent := uint64(0)
	for sent < 10_000 {
		batch := make([]*link.Envelope, gate.ClientLimits().MaxBatch)
		for i := range batch {
			batch[i] = held
		}
		r.send(frame(sent+1, batch...))
		sent += uint64(len(batch))
	}
	if code := r.refused(); code != link.Code_CODE_WINDOW {
		t.Fatal(code)
	}
	s.holds()
	s.memory(32)
	session.free()
	got := 0
	for {
		if _, down := (<-session.mail).message.(*link.Down); down {
			break
		}
		got++
	}
	if limit := gate.ClientLimits().Window / gate.Cost(held); got > limit {
		t.Errorf("%d messages were accepted, the window has room for %d", got, limit)
	}
}

// Who grants credit without end and never reads is closed as soon as the queue
// is full, while its HTTP/2 window keeps the writer stuck.
func TestNeverReading(t *testing.T) {
	s := besiege(t)
	hostile(t, s.node, key(66))
	session := <-s.sessions
	address := next[*link.Up](session).Address
	chunk := wrapperspb.Bytes(make([]byte, 64<<10))
	for range 200 {
		session.send(address, "client", chunk)
	}
	if down := await[*link.Down](session); down.Code != link.Code_CODE_SLOW {
		t.Fatalf("%+v", down)
	}
	s.holds()
	s.memory(32)
}

// A member that never reads costs its own messages, and its queue: it is congested
// and stays connected.
func TestMemberNeverReading(t *testing.T) {
	s := besiege(t)
	hostile(t, s.node, key(1))
	next[*link.Up](s.peer)
	chunk := wrapperspb.Bytes(make([]byte, 64<<10))
	for range 2000 { // 125 MiB
		s.peer.send("peer/0", "peer", chunk)
	}
	next[*link.Congested](s.peer)
	if info := infoOf(s.node, "peer/0"); info.Out.Queued > gate.PeerLimits().Queue || !info.Congested {
		t.Errorf("%+v", info)
	}
	s.holds()
	s.memory(32)
}

// infoOf describes the link to an address.
func infoOf(n *node, address string) LinkInfo {
	for _, l := range n.hub.Links() {
		if l.Address == address {
			return l
		}
	}
	return LinkInfo{}
}

// Who never gives credit stays within its window, and costs a member nothing but
// its own messages.
func TestNeverAcknowledging(t *testing.T) {
	s := besiege(t)
	r := rawStream(t, rawConn(t, s.node, key(1)))
	small := generous()
	small.Hello.MaxMessage, small.Hello.Window = 1000, 2000
	r.send(small)
	r.receive()
	next[*link.Up](s.peer)
	for range 20_000 {
		s.peer.send("peer/0", "peer", wrapperspb.Bytes(make([]byte, 900)))
	}
	next[*link.Congested](s.peer)
	got := 0
	for _, e := range r.receive().GetEnvelopes() {
		got += gate.Cost(e)
	}
	if got > 2000 {
		t.Fatalf("%d bytes on their way", got)
	}
	s.holds()
	s.memory(32)
}

// Credit that comes back is used at once, if nothing else happens meanwhile.
func TestCreditIsUsed(t *testing.T) {
	n, peer, _ := server(t)
	r := rawStream(t, rawConn(t, n, key(1)))
	small := generous()
	small.Hello.MaxMessage, small.Hello.Window = 1000, 1600 // one of these messages
	r.send(small)
	r.receive()
	next[*link.Up](peer)
	for range 10 {
		peer.send("peer/0", "peer", wrapperspb.Bytes(make([]byte, 900)))
	}
	for i := range uint64(10) {
		f := r.receive()
		if f.GetFirst() != i+1 || len(f.GetEnvelopes()) != 1 {
			t.Fatalf("frame %d: %d messages from %d on", i, len(f.GetEnvelopes()), f.GetFirst())
		}
		r.send(&link.Frame{Acknowledged: i + 1})
	}
}

// Who is in and never writes keeps its place, as an honest idle one does, and
// nobody else's: a member's second link replaces its first.
func TestNeverWriting(t *testing.T) {
	s := besiege(t)
	mute := hostile(t, s.node, key(1))
	next[*link.Up](s.peer)
	hostile(t, s.node, key(66)) // and a client
	next[*link.Up](<-s.sessions)
	s.holds()
	s.memory(32)
	s.timer.fire(handshakeTime) // ends nobody who has said hello
	s.peer.send("peer/0", "peer", note)
	if f := mute.receive(); len(f.GetEnvelopes()) != 1 {
		t.Fatalf("%v", f)
	}
	hostile(t, s.node, key(1))
	if code := mute.refused(); code != link.Code_CODE_REPLACED {
		t.Fatal(code)
	}
	next[*link.Down](s.peer)
	next[*link.Up](s.peer)
	s.holds()
	s.memory(32)
}

// Who takes its time over the handshake, byte by byte, is closed when that is
// over, and keeps nobody waiting meanwhile.
func TestSlowHandshakes(t *testing.T) {
	s := besiege(t)
	// The beginning of a TLS record that announces 16 KiB, of HTTP/1, and nothing.
	var slow []net.Conn
	for i, beginning := range []string{"\x16", "\x16\x03", "\x16\x03\x01\x40\x00\x01", "GET / HT", ""} {
		for range 5 {
			c := connect(t, s.node)
			for _, b := range []byte(beginning) {
				if _, err := c.Write([]byte{b}); err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
			}
			slow = append(slow, c)
		}
	}
	// Past TLS, and no hello; past TLS, and the beginning of HTTP/2 alone.
	mute := rawStream(t, rawConn(t, s.node, key(66)))
	s.holds()
	s.memory(32)
	stillServes(t, s.node, s.peer)
	s.timer.fire(handshakeTime)
	for _, c := range slow {
		closed(c)
	}
	mute.refused()
	s.holds()
	s.memory(32)
}

// Nesting costs nothing: neither in a frame nor in a payload is it followed
// without end. None of our messages nests; protobuf's own Value does.
func TestDeeplyNestedPayload(t *testing.T) {
	s := besiege(t)
	r := hostile(t, s.node, key(1))
	next[*link.Up](s.peer)
	e := &link.Envelope{Target: "peer", Type: "google.protobuf.ListValue", Payload: nested(100_000)}
	r.send(frame(1, e))
	if code := r.refused(); code != link.Code_CODE_PAYLOAD {
		t.Fatal(code)
	}
	next[*link.Down](s.peer)
	s.holds()
	s.memory(32)
}

// nested is a ListValue in a Value in a ListValue, and so on, of about so many
// bytes. It is written from its end.
func nested(size int) []byte {
	var b []byte
	for len(b) < size {
		for _, tag := range []byte{0x32, 0x0a} { // list_value of Value, values of ListValue
			length := protowire.AppendVarint(nil, uint64(len(b)))
			slices.Reverse(length)
			b = append(append(b, length...), tag)
		}
	}
	slices.Reverse(b)
	return b
}

// Sizes of everything at and beyond the limit.
func TestOversized(t *testing.T) {
	s := besiege(t)
	s.peer.free()
	for _, c := range []struct {
		name string
		make func() *link.Frame
		want link.Code // that is told to the owner; gRPC tells it to nobody else
	}{
		{"the largest payload", func() *link.Frame {
			return frame(1, envelope("peer", wrapperspb.Bytes(make([]byte, gate.MaxPayload-4))))
		}, 0},
		{"a byte more", func() *link.Frame {
			return frame(1, envelope("peer", wrapperspb.Bytes(make([]byte, gate.MaxPayload-3))))
		}, link.Code_CODE_SIZE},
		{"a frame that no link carries", func() *link.Frame {
			return frame(1, envelope("peer", wrapperspb.Bytes(make([]byte, gate.MaxFrame))))
		}, link.Code_CODE_FRAME},
		{"a batch beyond the limit", func() *link.Frame {
			return frame(1, make([]*link.Envelope, gate.PeerLimits().MaxBatch+1)...)
		}, link.Code_CODE_FRAME},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := hostile(t, s.node, key(1))
			next[*link.Up](s.peer)
			r.send(c.make())
			if c.want == 0 {
				next[*wrapperspb.BytesValue](s.peer)
				r.conn.Close()
				next[*link.Down](s.peer)
				return
			}
			if code := r.refused(); code != c.want && code != link.Code_CODE_UNSPECIFIED {
				t.Errorf("refused for %v, want %v", code, c.want)
			}
			if down := next[*link.Down](s.peer); down.Code != c.want || !down.Ours {
				t.Errorf("%+v", down)
			}
		})
	}
	s.holds()
	s.memory(32)
}
