package remote

import (
	"net"
	"net/netip"
	"slices"
	"sync"

	"minimint/messages/link"
)

// door is a listener that counts its connections. They wait, until they have
// said hello or their time is up, then they stay until they are closed.
type door struct {
	net.Listener
	hub       *Hub
	admission Admission

	mu         sync.Mutex
	waiting    []*guest // oldest first
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

// guest is one accepted connection.
type guest struct {
	net.Conn
	door *door
	from string // what MaxPerAddress counts

	// Guarded by the door's mutex.
	stage   stage
	counted bool   // in perAddress
	hurry   func() // cancels the end of its time
}

// guestAddr is a remote address through which a stream finds its connection.
type guestAddr struct {
	net.Addr
	guest *guest
}

func newDoor(h *Hub, l net.Listener, a Admission) *door {
	return &door{Listener: l, hub: h, admission: a, perAddress: make(map[string]int)}
}

// Accept returns the next connection that there is room for.
func (d *door) Accept() (net.Conn, error) {
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
func (d *door) enter(conn net.Conn) *guest {
	g := &guest{Conn: conn, door: d, from: addressKey(conn.RemoteAddr()), counted: true}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.perAddress[g.from] >= d.admission.MaxPerAddress {
		return nil
	}
	if len(d.waiting) >= d.admission.MaxWaiting {
		d.leave(d.waiting[0])
	}
	d.perAddress[g.from]++
	d.waiting = append(d.waiting, g)
	g.hurry = d.hub.cfg.Timer.After(handshakeTime, func() { _ = g.Close() })
	return g
}

// welcome moves a guest that has said hello out of the waiting room.
func (d *door) welcome(g *guest, isMember bool) *link.Refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case g.stage != waiting:
		return link.Refuse(link.Code_CODE_BUSY, "one link for each connection")
	case isMember:
		d.unwait(g)
		d.uncount(g)
		g.stage = member
	case d.clients >= d.admission.MaxClients:
		return link.Refuse(link.Code_CODE_BUSY, "no room for another client")
	default:
		d.unwait(g)
		d.clients++
		g.stage = client
	}
	g.hurry()
	return nil
}

// linger closes a guest whose stream has ended, but leaves it the time to read
// why.
func (g *guest) linger() {
	d := g.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if g.stage == left {
		return
	}
	g.hurry()
	g.hurry = d.hub.cfg.Timer.After(lingerTime, func() { _ = g.Close() })
}

// leave counts a guest out and closes it. It runs under the door's mutex.
func (d *door) leave(g *guest) {
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

func (d *door) unwait(g *guest) {
	if i := slices.Index(d.waiting, g); i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
}

func (d *door) uncount(g *guest) {
	if !g.counted {
		return
	}
	g.counted = false
	if d.perAddress[g.from]--; d.perAddress[g.from] == 0 {
		delete(d.perAddress, g.from)
	}
}

// Close counts the guest out.
func (g *guest) Close() error {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	g.door.leave(g)
	return nil
}

// RemoteAddr leads back to the guest.
func (g *guest) RemoteAddr() net.Addr { return guestAddr{g.Conn.RemoteAddr(), g} }

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
