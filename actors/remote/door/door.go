// Package door counts the connections of a listener, so that strangers cannot take
// all its room. A connection waits until it has said hello or its time is up; then it
// stays until it is closed. Too many that wait push out the oldest of them, not the
// next one, so that a flood pushes out its own.
package door

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"minimint/actors/spawn"
	"minimint/messages/link"
)

// Bounds are how many connections there may be, and for how long they may wait.
type Bounds struct {
	Clients    int // that have said hello and are no members
	PerAddress int // of one IP address or /64 network of IPv6, except members that have said hello
	Waiting    int // that have not said hello
	Hello      time.Duration
	Linger     time.Duration // from the end of a link to the end of its connection
	Timer      spawn.Timer
}

// A Door is a listener with bounds. All its methods and those of its guests may be
// called on any goroutine.
type Door struct {
	net.Listener
	bounds Bounds

	mu         sync.Mutex
	waiting    []*Guest // oldest first
	perAddress map[string]int
	clients    int
}

// stage is where a guest is.
type stage uint8

const (
	waiting stage = iota
	client
	member
	left
)

// A Guest is one accepted connection.
type Guest struct {
	net.Conn
	door *Door
	from string // what Bounds.PerAddress counts

	// Guarded by the door's mutex.
	stage   stage
	counted bool   // in perAddress
	hurry   func() // cancels the end of its time
}

// guestAddr is a remote address through which a stream finds its connection.
type guestAddr struct {
	net.Addr
	guest *Guest
}

// New returns a door of a listener. All bounds are above 0.
func New(l net.Listener, b Bounds) *Door {
	return &Door{Listener: l, bounds: b, perAddress: make(map[string]int)}
}

// At returns the guest at the remote address of a connection, nil if it came through
// no door.
func At(a net.Addr) *Guest {
	from, _ := a.(guestAddr)
	return from.guest
}

// Accept returns the next connection that there is room for.
func (d *Door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := d.enter(conn); g != nil {
			return g, nil
		}
		_ = conn.Close() // nothing was sent on it
	}
}

// enter counts a connection in, or returns nil.
func (d *Door) enter(conn net.Conn) *Guest {
	g := &Guest{Conn: conn, door: d, from: addressKey(conn.RemoteAddr()), counted: true}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.perAddress[g.from] >= d.bounds.PerAddress {
		return nil
	}
	if len(d.waiting) >= d.bounds.Waiting {
		d.leave(d.waiting[0])
	}
	d.perAddress[g.from]++
	d.waiting = append(d.waiting, g)
	g.hurry = d.bounds.Timer.After(d.bounds.Hello, func() { _ = g.Close() })
	return g
}

// Welcome moves a guest that has said hello out of the waiting room, or says why there
// is no place for it.
func (d *Door) Welcome(g *Guest, isMember bool) *link.Refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case g.stage != waiting:
		return link.Refuse(link.Code_CODE_BUSY, "one link for each connection")
	case isMember:
		d.unwait(g)
		d.uncount(g)
		g.stage = member
	case d.clients >= d.bounds.Clients:
		return link.Refuse(link.Code_CODE_BUSY, "no room for another client")
	default:
		d.unwait(g)
		d.clients++
		g.stage = client
	}
	g.hurry()
	return nil
}

// Linger closes a guest whose stream has ended, but leaves it the time to read
// why.
func (g *Guest) Linger() {
	d := g.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if g.stage == left {
		return
	}
	g.hurry()
	g.hurry = d.bounds.Timer.After(d.bounds.Linger, func() { _ = g.Close() })
}

// leave counts a guest out and closes it. It runs under the door's mutex.
func (d *Door) leave(g *Guest) {
	switch g.stage {
	case left:
		return
	case waiting:
		d.unwait(g)
	case client:
		d.clients--
	case member:
	}
	d.uncount(g)
	g.stage = left
	g.hurry()
	_ = g.Conn.Close() // its stream learns of it by reading
}

func (d *Door) unwait(g *Guest) {
	if i := slices.Index(d.waiting, g); i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
}

func (d *Door) uncount(g *Guest) {
	if !g.counted {
		return
	}
	g.counted = false
	if d.perAddress[g.from]--; d.perAddress[g.from] == 0 {
		delete(d.perAddress, g.from)
	}
}

// Close counts the guest out.
func (g *Guest) Close() error {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	g.door.leave(g)
	return nil
}

// RemoteAddr leads back to the guest.
func (g *Guest) RemoteAddr() net.Addr { return guestAddr{g.Conn.RemoteAddr(), g} }

// addressKey is what counts as one address: an IPv4 address, or the /64 network
// that an IPv6 host usually has for itself.
func addressKey(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.Network() + " " + a.String()
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}
