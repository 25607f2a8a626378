package door

import (
	"errors"
	"net"
	"testing"
	"time"
)

// crowd is a listener at which everybody has come already, each from an address.
type crowd struct {
	net.Listener
	from []string
}

func (c *crowd) Accept() (net.Conn, error) {
	if len(c.from) == 0 {
		return nil, errors.New("nobody else")
	}
	conn := &visitor{from: place(c.from[0])}
	c.from = c.from[1:]
	return conn, nil
}

type place string

func (place) Network() string  { return "tcp" }
func (p place) String() string { return string(p) }

type visitor struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (v *visitor) RemoteAddr() net.Addr { return v.from }
func (v *visitor) Close() error         { v.closed = true; return nil }

// hand is a timer that the test turns.
type hand map[time.Duration][]func()

func (h hand) After(d time.Duration, fn func()) func() {
	i := len(h[d])
	h[d] = append(h[d], fn)
	return func() { h[d][i] = func() {} }
}

func (h hand) fire(d time.Duration) {
	for _, fn := range h[d] {
		fn()
	}
}

const (
	hello  = 10 * time.Second
	linger = 3 * time.Second
)

// open returns a door and whoever found room, until nobody else comes.
func open(b Bounds, from ...string) (d *Door, in []*Guest, timer hand) {
	timer = hand{}
	b.Timer, b.Hello, b.Linger = timer, hello, linger
	d = New(&crowd{from: from}, b)
	for {
		conn, err := d.Accept()
		if err != nil {
			return d, in, timer
		}
		in = append(in, At(conn.RemoteAddr()))
	}
}

func gone(g *Guest) bool { return g.Conn.(*visitor).closed }

// One address has its share; an IPv6 host has a whole /64 network for itself, and an
// IPv4 address is the same in both spellings.
func TestPlacesOfOneAddress(t *testing.T) {
	b := Bounds{Clients: 9, PerAddress: 1, Waiting: 9}
	for name, c := range map[string]struct {
		from []string
		in   int
	}{
		"two ports":       {[]string{"10.0.0.1:1", "10.0.0.1:2"}, 1},
		"two addresses":   {[]string{"10.0.0.1:1", "10.0.0.2:1"}, 2},
		"mapped":          {[]string{"10.0.0.1:1", "[::ffff:10.0.0.1]:1"}, 1},
		"one network":     {[]string{"[2001:db8::1]:1", "[2001:db8::ffff:0:0:2]:1"}, 1},
		"two networks":    {[]string{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1"}, 2},
		"zones":           {[]string{"[fe80::1%a]:1", "[fe80::1%b]:1"}, 1},
		"no address":      {[]string{"bufconn", "bufconn"}, 1},
		"no two the same": {[]string{"bufconn", "pipe"}, 2},
	} {
		if _, in, _ := open(b, c.from...); len(in) != c.in {
			t.Errorf("%s: %d found room, want %d", name, len(in), c.in)
		}
	}
}

// Each that leaves makes room, once, wherever it was.
func TestLeaving(t *testing.T) {
	b := Bounds{Clients: 1, PerAddress: 1, Waiting: 1}
	for name, stay := range map[string]func(*Door, *Guest){
		"waiting": func(*Door, *Guest) {},
		"client":  func(d *Door, g *Guest) { d.Welcome(g, false) },
		"member":  func(d *Door, g *Guest) { d.Welcome(g, true) },
	} {
		d, in, _ := open(b, "10.0.0.1:1")
		stay(d, in[0])
		for range 2 {
			if err := in[0].Close(); err != nil || !gone(in[0]) {
				t.Errorf("%s: not closed: %v", name, err)
			}
		}
		d.Listener.(*crowd).from = []string{"10.0.0.1:2", "10.0.0.1:3"}
		conn, err := d.Accept()
		if err != nil {
			t.Errorf("%s: no room afterwards: %v", name, err)
			continue
		}
		if refusal := d.Welcome(At(conn.RemoteAddr()), false); refusal != nil {
			t.Errorf("%s: no room for a client afterwards: %v", name, refusal)
		}
		if _, err := d.Accept(); err == nil {
			t.Errorf("%s: room for two afterwards", name)
		}
		if d.Welcome(in[0], true) == nil {
			t.Errorf("%s: welcome after it left", name)
		}
	}
}

// Too many that wait push out the oldest; who was welcomed is not among them.
func TestOldestGoes(t *testing.T) {
	d, in, _ := open(Bounds{Clients: 1, PerAddress: 9, Waiting: 2}, "10.0.0.1:1", "10.0.0.1:2")
	if refusal := d.Welcome(in[0], false); refusal != nil {
		t.Fatal(refusal)
	}
	d.Listener.(*crowd).from = []string{"10.0.0.1:3", "10.0.0.1:4"}
	for range 2 {
		if _, err := d.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	if gone(in[0]) || !gone(in[1]) {
		t.Errorf("the client gone: %v, the oldest of those that wait gone: %v", gone(in[0]), gone(in[1]))
	}
}

// Members do not count against clients, nor against their address.
func TestWelcome(t *testing.T) {
	d, in, _ := open(Bounds{Clients: 1, PerAddress: 3, Waiting: 9}, "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4")
	if len(in) != 3 {
		t.Fatalf("%d found room", len(in))
	}
	for i, member := range []bool{false, true} {
		if refusal := d.Welcome(in[i], member); refusal != nil {
			t.Error(refusal)
		}
	}
	if d.Welcome(in[2], false) == nil {
		t.Error("room for a second client")
	}
	if d.Welcome(in[0], true) == nil {
		t.Error("welcome twice")
	}
	d.Listener.(*crowd).from = []string{"10.0.0.1:5", "10.0.0.1:6"}
	for i, room := range []bool{true, false} {
		if _, err := d.Accept(); (err == nil) != room {
			t.Errorf("newcomer %d after a member was welcomed: %v", i, err)
		}
	}
}

// Who does not say hello has to go, and who was told to go after a while.
func TestTime(t *testing.T) {
	d, in, timer := open(Bounds{Clients: 9, PerAddress: 9, Waiting: 9}, "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3")
	d.Welcome(in[0], false)
	in[1].Linger()
	timer.fire(hello)
	if gone(in[0]) || gone(in[1]) || !gone(in[2]) {
		t.Errorf("gone after the time for a hello: %v, %v, %v", gone(in[0]), gone(in[1]), gone(in[2]))
	}
	in[0].Linger()
	in[2].Linger() // too late
	timer.fire(linger)
	if !gone(in[0]) || !gone(in[1]) {
		t.Error("still here after the end of its link")
	}
	if len(timer[linger]) != 2 {
		t.Errorf("%d times were measured for two that lingered", len(timer[linger]))
	}
}

// An address that leads to no guest is that of no door.
func TestAt(t *testing.T) {
	if At(place("10.0.0.1:1")) != nil || At(nil) != nil {
		t.Error("a guest that came through no door")
	}
}
