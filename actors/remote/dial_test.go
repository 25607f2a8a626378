package remote

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/messages/link"
)

func TestRestartIsSeenAndTheOldProcessRefused(t *testing.T) {
	nodes, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	next[*link.Up](a)
	next[*link.Up](b)
	b.n.close()
	next[*link.Down](a)

	again := func(incarnation uint64) *probe {
		l, err := net.Listen("tcp", nodes[1].socket())
		if err != nil {
			t.Fatal(err)
		}
		n := newNode(t, 2, func(c *Config) { c.Party.Incarnation = incarnation })
		n.lis = l
		p := n.probe("peer-0")
		n.hub.Federate(1, []Member{{Key: key(1).Pin(), Policy: p.asPeer()}, {Key: key(2).Pin()}})
		n.open(DefaultAdmission(nil))
		return p
	}
	newer := again(101)
	if up := await[*link.Up](a); up.Incarnation != 101 {
		t.Fatalf("%+v", up)
	}
	next[*link.Up](newer)
	newer.n.close()
	next[*link.Down](a)

	again(100) // somebody has started the old copy
	for {
		down := next[*link.Down](a)
		if down.Code == link.Code_CODE_INCARNATION && down.Ours {
			break
		}
	}
}

// Delays double until a link has held, and every failure is told.
func TestRedial(t *testing.T) {
	refuse := make(chan bool, 100)
	other := newNode(t, 2)
	other.reserve()
	po := other.probe("peer-0")
	other.hub.Federate(1, []Member{{Key: key(1).Pin(), Policy: po.asPeer()}, {Key: key(2).Pin()}})
	other.open(DefaultAdmission(nil))
	n := newNode(t, 1, func(c *Config) {
		c.Connect = func(ctx context.Context, socket string) (net.Conn, error) {
			if <-refuse {
				return nil, errors.New("refused by the test")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", socket)
		}
	})
	p := n.probe("peer-1")
	delays := make(chan time.Duration, 100)
	n.timer.asked = delays
	for range 8 {
		refuse <- true
	}
	n.hub.Federate(0, []Member{{Key: key(1).Pin()}, {Key: key(2).Pin(), Socket: other.socket(), Policy: p.asPeer()}})
	for _, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		down := next[*link.Down](p)
		if got := <-delays; got != want*time.Millisecond || down.Ours || !strings.Contains(down.Text, "refused by the test") {
			t.Fatalf("redials after %v, want %v ms; %+v", got, int(want), down)
		}
	}
	for _, c := range []struct {
		hold bool
		want time.Duration
	}{{false, redialMax}, {true, redialMin}, {false, 2 * redialMin}, {true, redialMin}} {
		refuse <- false
		next[*link.Up](p)
		if c.hold {
			n.timer.fire(settleTime)
		}
		n.hub.Disconnect("peer/1")
		next[*link.Down](p)
		if got := <-delays; got != c.want {
			t.Fatalf("redials after %v, want %v", got, c.want)
		}
	}
	close(refuse)
}

// discouraged makes member 0 of two, who fails to dial member 1 so often that it will not
// try again in this test, and then where 1 may listen.
func discouraged(t *testing.T, patient time.Duration, failures int) (zero *probe, delays chan time.Duration, dialled *atomic.Int64, one *node) {
	t.Helper()
	one = newNode(t, 2)
	one.reserve()
	dialled = new(atomic.Int64)
	n := newNode(t, 1, func(c *Config) {
		c.Connect = func(ctx context.Context, socket string) (net.Conn, error) {
			if dialled.Add(1) <= int64(failures) {
				return nil, errors.New("not yet")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", socket)
		}
	})
	delays = make(chan time.Duration, 100)
	n.timer.asked, n.timer.patient = delays, patient
	n.reserve()
	zero = n.probe("peer-1")
	n.hub.Federate(0, []Member{{Key: key(1).Pin()}, {Key: key(2).Pin(), Socket: one.socket(), Policy: zero.asPeer()}})
	n.open(DefaultAdmission(nil))
	for range failures {
		next[*link.Down](zero)
		<-delays
	}
	return zero, delays, dialled, one
}

// A member that is started is dialled at once, however long those who dial it would
// have waited.
func TestKnock(t *testing.T) {
	zero, delays, _, one := discouraged(t, 4*redialMin, 3)
	p := one.probe("peer-0")
	one.hub.Federate(1, []Member{{Key: key(1).Pin(), Socket: zero.n.socket(), Policy: p.asPeer()}, {Key: key(2).Pin()}})
	one.open(DefaultAdmission(nil))
	next[*link.Up](zero)
	next[*link.Up](p)
	if d := <-delays; d != redialMin {
		t.Errorf("dialled %s after the knock", d)
	}
}

// Who knocks again and again is dialled as often as after a first failure.
func TestKnockingWithoutEnd(t *testing.T) {
	zero, delays, dialled, _ := discouraged(t, redialMin, 1)
	for range 50 {
		r := rawStream(t, rawConn(t, zero.n, key(2)))
		r.send(generous())
		if code := r.refused(); code != link.Code_CODE_DIRECTION {
			t.Fatal(code)
		}
		r.conn.Close()
	}
	if d := <-delays; d != redialMin || len(delays) != 0 || dialled.Load() != 1 {
		t.Errorf("waits %s and %d times more, dialled %d times", d, len(delays), dialled.Load())
	}
}

// What nobody has a link to is a dead letter, and is not dialled.
func TestNothingIsDialledBySending(t *testing.T) {
	dialled := make(chan string, 10)
	n := newNode(t, 1, func(c *Config) {
		c.Connect = func(_ context.Context, socket string) (net.Conn, error) {
			dialled <- socket
			return nil, errors.New("no")
		}
	})
	p := n.probe("sender")
	for _, address := range []string{"peer/1", "client/ab", "node/ab", "10.0.0.1:8080", "", "127.0.0.1:22"} {
		p.send(address, "x", wrapperspb.String("lost"))
		next[*actor.DeadLetterResponse](p)
		n.as.Root.Stop(actor.NewPID(address, "x"))
	}
	p.send("peer/1", "x", "not a protobuf message")
	next[*actor.DeadLetterResponse](p)
	if len(dialled) != 0 {
		t.Fatalf("dialled %s", <-dialled)
	}
}

func TestDialFails(t *testing.T) {
	n, _, _ := server(t)
	c := newNode(t, 9)
	p := c.probe("inbox")
	target := Target{Socket: n.socket(), Key: n.key.Pin(), Policy: p.asClient()}

	wrong := target
	wrong.Key = key(77).Pin()
	if err := c.hub.Dial(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "is not the pinned") {
		t.Errorf("another key: %v", err)
	}
	nobody := target
	nobody.Socket = "127.0.0.1:1"
	if err := c.hub.Dial(t.Context(), nobody); err == nil {
		t.Error("nobody is there")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.hub.Dial(cancelled, target); err == nil {
		t.Error("cancelled")
	}

	stranger := newNode(t, 8, func(c *Config) { c.Party.Federation[0]++ })
	p8 := stranger.probe("inbox")
	target.Policy = p8.asClient()
	var refusal *link.Refusal
	if err := stranger.hub.Dial(t.Context(), target); !errors.As(err, &refusal) || refusal.GetCode() != link.Code_CODE_FEDERATION {
		t.Errorf("another federation: %v", err)
	}

	// Somebody who takes connections and says nothing.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	silent := target
	silent.Socket, silent.Policy = l.Addr().String(), p.asClient()
	failed := make(chan error, 1)
	go func() { failed <- c.hub.Dial(t.Context(), silent) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.timer.fire(handshakeTime)
	if err := <-failed; err == nil {
		t.Error("silence is no handshake")
	}
	if len(p.mail) != 0 {
		t.Errorf("the owner was told %v", (<-p.mail).message)
	}

	c.hub.Close()
	if err := c.hub.Dial(t.Context(), target); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := c.hub.Listen(l, DefaultAdmission(nil)); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestMisusePanics(t *testing.T) {
	n := newNode(t, 1)
	p := n.probe("owner")
	for name, f := range map[string]func(){
		"incomplete":      func() { New(Config{System: n.as}) },
		"second hub":      func() { New(n.hub.cfg) },
		"not a member":    func() { n.hub.Federate(0, []Member{{Key: key(2).Pin()}}) },
		"out of range":    func() { n.hub.Federate(1, []Member{{Key: key(1).Pin()}}) },
		"the same key":    func() { n.hub.Federate(0, []Member{{Key: key(1).Pin()}, {Key: key(1).Pin(), Policy: p.asPeer()}}) },
		"unbounded door":  func() { _ = n.hub.Listen(nil, Admission{}) },
		"federated twice": func() { m := []Member{{Key: key(1).Pin()}}; n.hub.Federate(0, m); n.hub.Federate(0, m) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "remote: ") {
					t.Fatalf("recovered %q", s)
				}
			}()
			f()
		})
	}
}
