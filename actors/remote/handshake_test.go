package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages/link"
)

func TestHandshakeIsRefused(t *testing.T) {
	n, peer, sessions := server(t)
	guarded(t, n)
	change := func(f func(*link.Hello)) *link.Frame {
		fr := generous()
		fr.Hello.Federation = bytes.Clone(fr.Hello.Federation)
		f(fr.Hello)
		return fr
	}
	for _, c := range []struct {
		name string
		key  identity.Identity
		send any
		want link.Code
	}{
		{"no hello", key(66), frame(1, envelope("session", note)), link.Code_CODE_FRAME},
		{"an acknowledgement first", key(66), &link.Frame{Acknowledged: 1}, link.Code_CODE_HELLO},
		{"garbage", key(66), []byte("GET / HTTP/1.1\r\n\r\n"), link.Code_CODE_FRAME},
		{"version", key(66), change(func(h *link.Hello) { h.Version = 2 }), link.Code_CODE_VERSION},
		{"federation", key(66), change(func(h *link.Hello) { h.Federation[0]++ }), link.Code_CODE_FEDERATION},
		{"member of another federation", key(1), change(func(h *link.Hello) { h.Federation[0]++ }), link.Code_CODE_FEDERATION},
		{"limits", key(66), change(func(h *link.Hello) { h.Window = 0 }), link.Code_CODE_HELLO},
		{"a member that we dial", key(3), generous(), link.Code_CODE_DIRECTION},
		{"our own key", key(2), generous(), link.Code_CODE_DIRECTION},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rawStream(t, rawConn(t, n, c.key))
			r.send(c.send)
			if code := r.refused(); code != c.want {
				t.Fatalf("refused for %v, want %v", code, c.want)
			}
		})
	}
	if len(sessions) != 0 || len(peer.mail) != 0 {
		t.Fatal("somebody was told of a link")
	}
}

func TestOldIncarnation(t *testing.T) {
	n, peer, _ := server(t)
	say := func(incarnation uint64) *raw {
		r := rawStream(t, rawConn(t, n, key(1)))
		f := generous()
		f.Hello.Incarnation = incarnation
		r.send(f)
		return r
	}
	now := say(500)
	next[*link.Up](peer)
	if code := say(499).refused(); code != link.Code_CODE_INCARNATION {
		t.Fatal(code)
	}
	// The refused one did not disturb the link, the same one replaces it.
	now.receive()
	now.send(frame(1, envelope("peer", note)))
	next[*wrapperspb.StringValue](peer)
	again := say(500)
	if down := next[*link.Down](peer); down.Code != link.Code_CODE_REPLACED {
		t.Fatalf("%+v", down)
	}
	if up := next[*link.Up](peer); up.Incarnation != 500 {
		t.Fatalf("%+v", up)
	}
	if code := now.refused(); code != link.Code_CODE_REPLACED {
		t.Fatal(code)
	}
	again.receive()
}

func TestStrangers(t *testing.T) {
	n, victim, _ := server(t, func(a *Admission) { a.Accept = nil }) // members only
	guarded(t, n)
	t.Run("a key that is nobody's", func(t *testing.T) {
		r, err := rawConn(t, n, key(66)).NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/minimint.Link/Open")
		if err == nil {
			var b []byte
			err = r.RecvMsg(&b)
		}
		if status.Code(err) != codes.Unavailable {
			t.Fatal(err)
		}
	})
	t.Run("no TLS", func(t *testing.T) {
		conn, err := grpc.NewClient("passthrough:///"+n.socket(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/minimint.Link/Open"); err == nil {
			t.Fatal("let in")
		}
	})
	t.Run("no gRPC", func(t *testing.T) {
		conn, err := net.Dial("tcp", n.socket())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Log("closed with", err)
		}
	})
	stillServes(t, n, victim)
}

// There is nothing but the one stream.
func TestNoOtherMethods(t *testing.T) {
	n, victim, _ := server(t)
	conn := rawConn(t, n, key(1))
	for _, method := range []string{
		"/minimint.Link/Close", "/minimint.Link/", "/remoting.Remoting/Receive", "/remoting.Remoting/ListProcesses",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.health.v1.Health/Check",
	} {
		var b []byte
		if err := conn.Invoke(t.Context(), method, generous(), &b); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
	}
	// A unary call of the stream's method is a stream of one frame.
	var b []byte
	if err := conn.Invoke(t.Context(), "/minimint.Link/Open", frame(1), &b); refusalOf(err).GetCode() == link.Code_CODE_UNSPECIFIED {
		t.Errorf("unary open: %v", err)
	}
	stillServes(t, n, victim)
}

func TestOneLinkForEachConnection(t *testing.T) {
	n, _, sessions := server(t)
	conn := rawConn(t, n, key(66))
	first := rawStream(t, conn)
	first.send(generous())
	first.receive()
	next[*link.Up](<-sessions)
	first.send([]byte{0xff})
	first.refused()
	second := rawStream(t, conn)
	second.send(generous())
	if code := second.refused(); code != link.Code_CODE_BUSY {
		t.Fatal(code)
	}
	n.timer.fire(lingerTime) // and the connection goes
	for {
		third := rawStream(t, conn)
		third.send(generous())
		var b []byte
		if third.st.RecvMsg(&b) == nil { // on a new connection
			return
		}
	}
}

// A node that a client dials may be hostile as well.
func TestHostileServer(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer any
		want   link.Code // of the dialling; of the link if it comes up
	}{
		{"message before hello", frame(1, envelope("client", note)), link.Code_CODE_FRAME},
		{"another federation", gate.Party{Incarnation: 1}.Hello(gate.PeerLimits()), link.Code_CODE_FEDERATION},
		{"gap", []any{generous(), frame(2, envelope("client", note))}, link.Code_CODE_SEQUENCE},
		{"other actor", []any{generous(), frame(1, envelope("wallet", note))}, link.Code_CODE_TARGET},
		{"poison", []any{generous(), frame(1, envelope("client", new(actor.PoisonPill)))}, link.Code_CODE_TYPE},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := fakeServer(t, c.answer)
			n := newNode(t, 9)
			inbox := n.probe("inbox")
			err := n.hub.Dial(context.Background(), Target{Socket: socket, Key: key(5).Pin(), Policy: inbox.asClient()})
			var refusal *link.Refusal
			if _, up := c.answer.([]any); !up {
				if !errors.As(err, &refusal) || refusal.GetCode() != c.want {
					t.Fatalf("%v, want %v", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			next[*link.Up](inbox)
			if down := next[*link.Down](inbox); down.Code != c.want || !down.Ours {
				t.Fatalf("%+v", down)
			}
		})
	}
}
