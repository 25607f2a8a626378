package remote

import (
	"errors"
	"io"
	"net"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote/gate"
	"minimint/messages/link"
)

// H48: the original shook hands with one connection after the other and without a
// deadline, so one that said nothing kept all peers out. Here it keeps nobody
// waiting, and is closed when its time is up.
func TestH48IdleConnectionsBlockNobody(t *testing.T) {
	n, peer, _ := server(t)
	var idle []net.Conn
	for range 10 {
		c, err := net.Dial("tcp", n.socket())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	// Handshaken, but without a hello.
	mute := rawStream(t, rawConn(t, n, key(66)))
	r := hostile(t, n, key(1))
	next[*link.Up](peer)

	n.timer.fire(handshakeTime)
	for _, c := range idle {
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Log("closed with", err)
		}
	}
	mute.refused()
	r.send(frame(1, envelope("peer", note))) // who has said hello stays
	next[*wrapperspb.StringValue](peer)
}

func connect(t *testing.T, n *node) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// closed waits until the other side has closed a connection.
func closed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestConnectionsOfOneAddress(t *testing.T) {
	n, peer, _ := server(t, func(a *Admission) { a.MaxPerAddress = 3 })
	hostile(t, n, key(1)) // a member counts only until its hello
	next[*link.Up](peer)
	connect(t, n)
	connect(t, n)
	hostile(t, n, key(66)) // a client for as long as it is connected
	closed(connect(t, n))
	n.timer.fire(handshakeTime)
	stillServesAgain(t, n, peer)
}

// stillServesAgain is stillServes for a member that has a link.
func stillServesAgain(t *testing.T, n *node, peer *probe) {
	t.Helper()
	r := hostile(t, n, key(1))
	next[*link.Down](peer)
	next[*link.Up](peer)
	r.send(frame(1, envelope("peer", note)))
	next[*wrapperspb.StringValue](peer)
}

// A flood of newcomers pushes out its own, and the member still gets in.
func TestWaitingConnections(t *testing.T) {
	n, peer, _ := server(t, func(a *Admission) { a.MaxWaiting, a.MaxPerAddress = 4, 1000 })
	var flood []net.Conn
	for range 20 {
		flood = append(flood, connect(t, n))
	}
	for _, c := range flood[:16] {
		closed(c)
	}
	stillServes(t, n, peer)
}

func TestClientsAreCounted(t *testing.T) {
	n, peer, sessions := server(t, func(a *Admission) { a.MaxClients = 2 })
	for i := range 2 {
		hostile(t, n, key(byte(60+i)))
		next[*link.Up](<-sessions)
	}
	r := rawStream(t, rawConn(t, n, key(70)))
	r.send(generous())
	if code := r.refused(); code != link.Code_CODE_BUSY {
		t.Fatal(code)
	}
	stillServes(t, n, peer) // members do not count
	n.timer.fire(lingerTime)
}

func TestAcceptRefusesOrFails(t *testing.T) {
	mode := make(chan any, 1)
	n, peer, _ := server(t, func(a *Admission) {
		a.Accept = func(Client) (gate.Policy, error) {
			switch m := (<-mode).(type) {
			case error:
				return gate.Policy{}, m
			case gate.Policy:
				return m, nil
			}
			panic("remote_test: accept")
		}
	})
	ghost := peer.asSession()
	ghost.Owner = "nobody"
	for _, c := range []struct {
		name string
		mode any
		want link.Code
	}{
		{"error", errors.New("secret detail"), link.Code_CODE_BUSY},
		{"refusal", link.Refuse(link.Code_CODE_CLOSED, "maintenance"), link.Code_CODE_CLOSED},
		{"panic", nil, link.Code_CODE_INTERNAL},
		{"policy that is none", gate.Policy{}, link.Code_CODE_INTERNAL},
		{"owner that is gone", ghost, link.Code_CODE_GONE},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rawStream(t, rawConn(t, n, key(66)))
			mode <- c.mode
			r.send(generous())
			if code := r.refused(); code != c.want {
				t.Fatalf("refused for %v, want %v", code, c.want)
			}
		})
	}
	stillServes(t, n, peer)
}
