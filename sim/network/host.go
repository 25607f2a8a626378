package network

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/sim/sched"
)

// A Port is what a host hands to the process behind it.
type Port interface {
	// Deliver gives a message to the process; release returns its credit when it
	// has been handled.
	Deliver(in Inbound, release func())
	// Tell gives an event to the owner of a link.
	Tell(owner string, e link.Event)
	// Up is called when a link comes up, with what it needs of the process.
	Up(g *gate.Gate, number uint64)
}

// Inbound is a message that a gate let in.
type Inbound struct {
	gate.Inbound
	// Frame is what Message holds, if it is a frame of HBBFT that somebody took apart
	// before, for whom it was too; otherwise nil. Neither must be changed then.
	Frame *frames.Frame
	// Ends belong to the link: what the process keeps to find its actor again.
	Ends *Ends
}

// Ends are the PIDs of the two actors that a link joined last.
type Ends struct{ target, sender *actor.PID }

// HostConfig is what a host is.
type HostConfig struct {
	Machine *sched.Machine
	Key     identity.Pin
	Party   gate.Party
	Port    Port
	Rand    io.Reader // spreads the delays of dialling
	// Reads says that the process changes nothing that it receives, so that others may
	// receive the same.
	Reads bool
	// Distort changes what leaves and arrives. Only faulty nodes have one.
	Distort Distorter
}

// A Distorter stands between a faulty node and its links. It sees decoded
// messages before they are sealed for the link and after the gate let them in;
// what it returns goes on instead of them.
type Distorter interface {
	// Outgoing takes a message to the route of an address.
	Outgoing(address, route string, m proto.Message) []proto.Message
	// Incoming takes a message from an address.
	Incoming(address string, m proto.Message) []proto.Message
}

// Host is the attachment of one process to the network.
type Host struct {
	net     *Net
	cfg     HostConfig
	socket  string
	links   map[string]*side // by address; only looked up
	self    int              // member id, or -1
	members []remote.Member
	gates   []*gate.Gate
	seen    *gate.Members
	accept  func(remote.Client) (gate.Policy, error)
	clients int
	most    int // clients at once
	writer  writer
	sealed  sealed
	told    broadcasts
	owing   []*side // that have something to acknowledge
	sending time.Duration
	taking  time.Duration // until when the line towards this host is busy
}

// Attach connects a process.
func (n *Net) Attach(cfg HostConfig) *Host {
	h := &Host{net: n, cfg: cfg, links: map[string]*side{}, self: -1}
	h.writer.host = h
	return h
}

func (h *Host) number() int { return h.cfg.Machine.Number() }

// Federate does what remote.Hub.Federate does.
func (h *Host) Federate(self int, members []remote.Member) {
	if h.members != nil || members[self].Key != h.cfg.Key {
		panic(fmt.Sprintf("network: host %d is not member %d, or is one already", h.number(), self))
	}
	h.self, h.members, h.seen = self, members, gate.NewMembers(self, len(members))
	h.gates = make([]*gate.Gate, len(members))
	for id, m := range members {
		if id != self {
			h.gates[id] = gate.New(remote.PeerAddress(id), m.Policy)
		}
	}
	for id := self + 1; id < len(members); id++ {
		h.keep(id, 1)
	}
}

// Listen makes the host reachable at a socket. Accept admits clients, at most so
// many at once; nil admits none. A process that listened there before must be
// gone: links that its peers still think they have are reset.
func (h *Host) Listen(socket string, accept func(remote.Client) (gate.Policy, error), most int) error {
	if old := h.net.hosts[socket]; old != nil && !old.cfg.Machine.Dead() {
		return fmt.Errorf("socket %s is in use", socket)
	}
	h.socket, h.accept, h.most = socket, accept, most
	h.net.hosts[socket] = h
	for _, s := range h.net.sides {
		if o := s.other; o != nil && o.host != h && o.host.socket == socket {
			// What it sends next is answered with a reset.
			h.net.loop.After(2*h.net.draw(s.host.number(), h.number()), func() {
				s.end(link.Refuse(link.Code_CODE_UNSPECIFIED, "connection reset"), false)
			})
		}
	}
	return nil
}

// Vanish ends the host together with its machine. If the operating system
// survives, it tells the other ends at once; otherwise they find out themselves.
func (h *Host) Vanish(told bool) {
	if h.net.hosts[h.socket] == h {
		delete(h.net.hosts, h.socket)
	}
	for _, s := range append([]*side(nil), h.net.sides...) {
		if s.host == h && !s.over {
			s.orphan(told)
		}
	}
}

// Dial opens a link to a node, as remote.Hub.Dial does, without waiting. If it
// cannot be opened the owner is told *link.Down.
func (h *Host) Dial(t remote.Target, self identity.Pin) {
	g := gate.New(t.Address(), t.Policy)
	h.dial(dialling{gate: g, socket: t.Socket, key: t.Key, self: self, done: func(*link.Refusal, bool) {}})
}

// Disconnect ends the link to an address, if there is one.
func (h *Host) Disconnect(address string) {
	if s := h.links[address]; s != nil {
		s.fail(link.Refuse(link.Code_CODE_CLOSED, "disconnected"))
	}
}

// Send seals a message for the route of an address and queues it. It reports
// false if there is no link, or it may not cross.
func (h *Host) Send(address, route string, m any) bool {
	s := h.links[address]
	if s == nil {
		return false
	}
	if pm, ok := m.(proto.Message); ok && h.cfg.Distort != nil {
		for _, out := range h.cfg.Distort.Outgoing(address, route, pm) {
			s.post(route, out)
		}
		return true
	}
	return s.post(route, m)
}

// Inject queues a message that passes no Distorter.
func (h *Host) Inject(address, route string, m proto.Message) bool {
	s := h.links[address]
	return s != nil && s.post(route, m)
}

// keep holds the link to a member open, as remote.Hub does: failures counts
// attempts and short links in a row.
func (h *Host) keep(id, failures int) {
	began := h.net.loop.Now()
	m := h.members[id]
	h.dial(dialling{
		gate: h.gates[id], socket: m.Socket, key: m.Key, self: h.cfg.Key,
		admit: func(other *link.Hello) *link.Refusal { return h.seen.Admit(id, other, true) },
		done: func(*link.Refusal, bool) {
			next := failures + 1
			if h.net.loop.Now()-began >= settleTime {
				next = 2 // the delay that follows is the first one
			}
			backoff := spawn.Backoff{Min: redialMin, Max: redialMax}
			h.cfg.Machine.After(backoff.Delay(next-1, h.cfg.Rand), func() { h.keep(id, next) })
		},
	})
}

var errNobody = errors.New("connection refused")
