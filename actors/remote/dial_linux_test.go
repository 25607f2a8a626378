package remote

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"minimint/messages/link"
)

// userTimeout is TCP_USER_TIMEOUT of tcp(7), which package syscall does not name.
const userTimeout = 18

// Who dials asks for signs of life too. gRPC asks no more often than every ten
// seconds, which no test can wait for; but it also has the kernel give up on data
// that nobody confirms, after the same time.
func TestDiallerWantsSignsOfLife(t *testing.T) {
	n, _, _ := server(t)
	conns := make(chan net.Conn, 1)
	c := newNode(t, 9, func(c *Config) {
		c.Connect = func(ctx context.Context, socket string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", socket)
			conns <- conn
			return conn, err
		}
	})
	p := c.probe("inbox")
	if err := c.hub.Dial(t.Context(), Target{Socket: n.socket(), Key: n.key.Pin(), Policy: p.asClient()}); err != nil {
		t.Fatal(err)
	}
	next[*link.Up](p)
	raw, err := (<-conns).(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ms := 0
	if err := raw.Control(func(fd uintptr) { ms, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout) }); err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(ms) * time.Millisecond; err != nil || got != keepaliveWait {
		t.Errorf("the kernel waits %s, %v; want %s", got, err, keepaliveWait)
	}
}
