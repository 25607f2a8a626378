// Package network is the network of a simulated world: hosts, links between
// them, and everything that goes wrong with links.
//
// A link behaves as one of package remote does, because it obeys the same code:
// gates decide what may pass, outboxes and inboxes number, bound and acknowledge
// it (package gate), and every message is marshalled by its sender and decoded
// by its receiver; of the receivers of a broadcast by the first, see Inbound. What TLS and TCP
// would do is modelled:
//
//   - A host is known by the pin of its key. Nobody can show another's.
//   - Within a link nothing is lost or reordered. A lost packet is one that comes
//     late, and holds up those behind it.
//   - While two hosts are cut off from each other, packets wait; a link that was
//     cut for longer than keepalive allows is lost at both ends. With a link
//     goes all that was on its way.
//   - Of two members the lower dials, and dials again with growing delays.
//
// Unlike package remote, frames are not encoded: envelopes travel as they are.
package network

import (
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/remote/identity"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/sim/sched"
)

// What package remote uses.
const (
	handshakeTime = 10 * time.Second
	keepaliveTime = 30 * time.Second // a ping, and the wait for its answer
	redialMin     = 500 * time.Millisecond
	redialMax     = 30 * time.Second
	settleTime    = time.Minute
)

// retransmit is how late a packet is that had to be sent twice (RFC 6298 says
// one second, Linux waits less).
const retransmit = 200 * time.Millisecond

// Config says what the network is like. The zero value is a perfect local
// network.
type Config struct {
	// Delay draws how long a packet travels; nil is 0.2 to 0.5 ms.
	Delay Delay
	// Bandwidth is how many bytes a second each host can send, and can receive; 0
	// is no limit.
	Bandwidth int
	// Loss is the share of packets that have to be sent again, 0 … 1.
	Loss float64
	// Reset is the mean time until a link breaks for no reason; 0 is never.
	Reset time.Duration
	// Schedule replaces Delay: an adversary who owns the network and sees
	// everything in it. It must be a function of what it sees. Optional.
	Schedule func(Packet) time.Duration
	// Sent sees every packet when it leaves; it decides nothing. Optional.
	Sent func(Packet)
	// Watch sees every message that is delivered to a host. Optional.
	Watch func(Delivered)
}

// A Delay draws how long a packet takes from one host to another.
type Delay func(r *rand.Rand, from, to int) time.Duration

// Uniform draws between two bounds.
func Uniform(low, high time.Duration) Delay {
	return func(r *rand.Rand, _, _ int) time.Duration { return low + time.Duration(r.Int64N(int64(high-low)+1)) }
}

// LongTail draws from an exponential distribution with this mean, beyond a least
// delay.
func LongTail(least, mean time.Duration) Delay {
	return func(r *rand.Rand, _, _ int) time.Duration {
		return least + time.Duration(r.ExpFloat64()*float64(mean))
	}
}

// Packet is a frame that is about to travel.
type Packet struct {
	From, To  int // numbers of hosts
	Envelopes []*link.Envelope
	Bytes     int
	Now       time.Duration
}

// Delivered is a message that reaches its host.
type Delivered struct {
	From, To int
	Message  proto.Message
	Frame    *frames.Frame // what others receive too, see Inbound
	Bytes    int
}

// Stats counts since the beginning.
type Stats struct {
	Packets   uint64 // that arrived
	Messages  uint64
	Bytes     uint64
	Links     uint64 // that came up
	Broken    uint64 // links that ended
	Refusals  uint64 // messages and hellos that a gate refused
	Congested uint64 // messages that were dropped because a queue was full
}

// Net is the network.
type Net struct {
	loop    *sched.Loop
	cfg     Config
	random  *rand.Rand
	hosts   map[string]*Host // that listen, by socket; only looked up
	sides   []*side          // ends of open links, in the order of their making
	cut     map[[2]int]bool
	numbers uint64
	stats   Stats
	sent    map[[2]int]*uint64 // messages, by sender and receiver; only looked up
}

// New returns a network without hosts.
func New(loop *sched.Loop, cfg Config) *Net {
	if cfg.Delay == nil {
		cfg.Delay = Uniform(200*time.Microsecond, 500*time.Microsecond)
	}
	return &Net{loop: loop, cfg: cfg, random: loop.Rand("network"), hosts: map[string]*Host{}, cut: map[[2]int]bool{}, sent: map[[2]int]*uint64{}}
}

// Stats returns the counts so far.
func (n *Net) Stats() Stats { return n.stats }

// Sent returns how many messages a host has sent to another so far.
func (n *Net) Sent(from, to int) uint64 { return *n.counter(from, to) }

func (n *Net) counter(from, to int) *uint64 {
	c := n.sent[[2]int{from, to}]
	if c == nil {
		c = new(uint64)
		n.sent[[2]int{from, to}] = c
	}
	return c
}

// Change replaces the configuration of a running network.
func (n *Net) Change(cfg Config) {
	if cfg.Delay == nil {
		cfg.Delay = n.cfg.Delay
	}
	n.cfg = cfg
}

// Cut separates two hosts, both ways, or joins them again.
func (n *Net) Cut(a, b int, apart bool) {
	if n.cut[pair(a, b)] == apart {
		return
	}
	if !apart {
		delete(n.cut, pair(a, b))
	} else {
		n.cut[pair(a, b)] = true
	}
	for _, s := range n.sides {
		if s.joins(a, b) {
			s.cutChanged()
		}
	}
}

// Partition separates hosts of different groups from each other. Hosts that are
// in no group are not touched.
func (n *Net) Partition(groups ...[]int) {
	for i, g := range groups {
		for _, other := range groups[i+1:] {
			for _, a := range g {
				for _, b := range other {
					n.Cut(a, b, true)
				}
			}
		}
	}
}

// Heal joins all that was separated.
func (n *Net) Heal() {
	clear(n.cut)
	for _, s := range n.sides {
		s.cutChanged()
	}
}

// Reset breaks the links between two hosts.
func (n *Net) Reset(a, b int) {
	for _, s := range append([]*side(nil), n.sides...) {
		if s.joins(a, b) {
			s.lose("reset")
		}
	}
}

func (n *Net) apart(a, b int) bool { return len(n.cut) > 0 && n.cut[pair(a, b)] }

func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// travel draws how long a packet is under way.
func (n *Net) travel(p Packet) time.Duration {
	if n.cfg.Schedule != nil {
		return n.cfg.Schedule(p)
	}
	return n.draw(p.From, p.To)
}

func (n *Net) draw(from, to int) time.Duration {
	d := n.cfg.Delay(n.random, from, to)
	for n.cfg.Loss > 0 && n.random.Float64() < n.cfg.Loss {
		d += retransmit
	}
	return d
}

// transfer is how long so many bytes take at the rate of a host.
func (n *Net) transfer(bytes int) time.Duration {
	if n.cfg.Bandwidth == 0 {
		return 0
	}
	return time.Duration(float64(bytes) / float64(n.cfg.Bandwidth) * float64(time.Second))
}

// address is what a node calls a client with that key.
func address(key identity.Pin) string { return "client/" + key.String() }
