package remote

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"minimint/messages/link"
)

// tally is a listener that counts how many of its connections are open.
type tally struct {
	net.Listener
	open, most, all atomic.Int64
}

type tallied struct {
	net.Conn
	tally *tally
	once  sync.Once
}

func (l *tally) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.all.Add(1)
	now := l.open.Add(1)
	for most := l.most.Load(); now > most && !l.most.CompareAndSwap(most, now); most = l.most.Load() {
	}
	return &tallied{Conn: c, tally: l}, nil
}

func (c *tallied) Close() error {
	c.once.Do(func() { c.tally.open.Add(-1) })
	return c.Conn.Close()
}

// crowd opens connections to a node, all of which stay open on this side, from
// addresses that from makes of their numbers. It returns how many the limit of open
// files let it have.
func crowd(t *testing.T, n *node, want int, from func(int) net.IP) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	// Some are open already; the node closes most of its own ends at once.
	reach := min(want, int(min(limit.Cur, 1<<20))-1000)
	if reach < want {
		t.Logf("only %d connections instead of %d: no more than %d files may be open here (ulimit -n)", reach, want, limit.Cur)
	}
	var next atomic.Int64
	var mu sync.Mutex
	var conns []net.Conn
	var dialling sync.WaitGroup
	for range 8 {
		dialling.Go(func() {
			for i := next.Add(1); i <= int64(reach); i = next.Add(1) {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from(int(i))}}
				c, err := d.Dial("tcp", n.socket())
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
			}
		})
	}
	dialling.Wait()
	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return len(conns)
}

// Ten thousand connections cost as many as are let in, whether they come from one
// address or from as many; who is in is served, and members get in.
func TestTenThousandConnections(t *testing.T) {
	a := DefaultAdmission(nil)
	for _, c := range []struct {
		name string
		want int
		from func(int) net.IP
		most int64 // that may be open
	}{
		{"from one address", 2_000, func(int) net.IP { return net.IPv4(127, 9, 9, 9) }, int64(a.MaxPerAddress)},
		{"each from its own", 10_000, func(i int) net.IP { return net.IPv4(127, 8, byte(i>>8), byte(i)) }, int64(a.MaxWaiting)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := besiege(t)
			reached := crowd(t, s.node, c.want, c.from)
			s.holds()
			stillServes(t, s.node, s.peer)
			s.memory(32)
			// The honest client, the member, and one that is looked at and closed.
			most := s.lis.(*tally).most.Load()
			t.Logf("%d connections were opened, %d taken, at most %d open at once", reached, s.lis.(*tally).all.Load(), most)
			if most > c.most+3 {
				t.Errorf("%d connections were open at once, %d may be", most, c.most+3)
			}
		})
	}
}

// broken is a wire between a node and somebody, which can be cut so that neither
// side learns of it.
type broken struct {
	net.Listener
	cut atomic.Bool
}

// wire passes on what comes, both ways, until it is cut.
func wire(t *testing.T, to string) *broken {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &broken{Listener: l}
	var over sync.WaitGroup
	var mu sync.Mutex
	ends := []io.Closer{l}
	over.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				return
			}
			mu.Lock()
			ends = append(ends, in, out)
			mu.Unlock()
			over.Go(func() { w.pass(in, out) })
			over.Go(func() { w.pass(out, in) })
		}
	})
	t.Cleanup(func() {
		mu.Lock()
		for _, c := range ends {
			_ = c.Close()
		}
		mu.Unlock()
		over.Wait()
	})
	return w
}

// pass goes on reading when the wire is cut, so that the sender sees nothing.
func (w *broken) pass(from io.Reader, to io.Writer) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if !w.cut.Load() {
			_, _ = to.Write(b[:n])
		}
	}
}

// A connection whose other end has vanished without a word is found out: the node
// asks, and nobody answers.
func TestHalfOpen(t *testing.T) {
	n := newNode(t, 2)
	n.hub.pulse = pulse{silence: time.Second, wait: 100 * time.Millisecond} // gRPC takes no less
	peer, sessions := n.member1()
	w := wire(t, n.socket())
	c := newNode(t, 9)
	inbox := c.probe("inbox")
	target := Target{Socket: w.Addr().String(), Key: n.key.Pin(), Policy: inbox.asClient()}
	if err := c.hub.Dial(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	next[*link.Up](inbox)
	session := <-sessions
	next[*link.Up](session)
	w.cut.Store(true)
	if down := next[*link.Down](session); down.Ours || down.Code != link.Code_CODE_UNSPECIFIED {
		t.Errorf("%+v", down)
	}
	if len(n.hub.Links()) != 0 {
		t.Error("the link is still there")
	}
	stillServes(t, n, peer)
}
