package remote

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/grpc"

	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

// Deadlines and rhythms. They are the protocol's, not the operator's: keepalive
// must suit the other side's enforcement.
const (
	handshakeTime   = 10 * time.Second // from connecting to the other side's hello
	lingerTime      = 3 * time.Second  // from the end of a link to the end of its connection
	keepaliveTime   = 20 * time.Second // of silence before a ping
	keepaliveWait   = 10 * time.Second // for its answer
	keepaliveLimit  = 10 * time.Second // pings that come faster are an offence
	redialMin       = 500 * time.Millisecond
	redialMax       = 30 * time.Second
	settleTime      = time.Minute // after which a link has held
	streamWindow    = 1 << 20     // HTTP/2 flow control, fixed so that memory is bounded
	maxHeaderBytes  = 16 << 10
	linkServiceName = "minimint.Link"
	linkMethodName  = "Open"
)

// Config is what a Hub needs.
type Config struct {
	System *actor.ActorSystem
	// Identity is the node's key, or the key that a client shows by default.
	Identity identity.Identity
	// Party is shown in hellos. A member's incarnation may be a stored count of
	// starts, or the time of this one in nanoseconds.
	Party gate.Party
	// Timer runs the deadlines and the delays of redialling; Rand spreads those.
	Timer spawn.Timer
	Rand  io.Reader
	Log   *slog.Logger
	// Connect replaces the operating system's TCP dialler. Optional.
	Connect func(ctx context.Context, socket string) (net.Conn, error)
}

// Hub owns the links of one actor system. Its methods may be called from any
// goroutine, but not from actors that must not wait: Close waits for links.
type Hub struct {
	cfg     Config
	system  *actor.ActorSystem
	log     *slog.Logger
	self    *actor.PID // told when a followed actor stops
	numbers atomic.Uint64

	pulse pulse

	life context.Context // of the dialling goroutines
	kill context.CancelFunc
	// routines counts every goroutine that belongs to the hub.
	routines sync.WaitGroup

	mu        sync.Mutex
	links     map[string]*channel // by address
	directory directory
	servers   []*grpc.Server
	closed    bool
}

// pulse is how long a listener lets a connection be silent before it asks whether
// anybody is there, and how long it waits for the answer. Tests cannot wait as long
// as operators should.
type pulse struct{ silence, wait time.Duration }

// New makes the hub of an actor system and claims all addresses in it that are
// not the system's own. It panics if the configuration is incomplete or the
// system has a hub already.
func New(cfg Config) *Hub {
	if cfg.System == nil || cfg.Timer == nil || cfg.Rand == nil || cfg.Log == nil || cfg.Identity.IsZero() {
		panic("remote: a Hub needs System, Identity, Timer, Rand and Log")
	}
	if cfg.Connect == nil {
		cfg.Connect = func(ctx context.Context, socket string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", socket)
		}
	}
	h := &Hub{
		cfg: cfg, system: cfg.System, log: cfg.Log, links: make(map[string]*channel),
		pulse: pulse{keepaliveTime, keepaliveWait},
	}
	h.life, h.kill = context.WithCancel(context.Background())
	pid, absent := h.system.ProcessRegistry.Add(follower{h}, "links")
	if !absent {
		panic("remote: the actor system has a hub already")
	}
	h.self = pid
	h.system.ProcessRegistry.RegisterAddressResolver(h.resolve)
	return h
}

// Close ends all links and waits until nothing of the hub runs any more. PIDs of
// other addresses are dead letters from then on.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	open := make([]*channel, 0, len(h.links))
	for _, c := range h.links {
		open = append(open, c)
	}
	servers := h.servers
	h.servers = nil
	h.mu.Unlock()
	for _, c := range open {
		c.fail(link.Refuse(link.Code_CODE_CLOSED, "shutting down"), true)
	}
	for _, c := range open {
		<-c.ended
	}
	h.kill()
	for _, s := range servers {
		s.Stop()
	}
	h.routines.Wait()
	h.system.ProcessRegistry.Remove(h.self)
}

// Disconnect ends the link to an address, if there is one. A member that this
// node dials will be dialled again.
func (h *Hub) Disconnect(address string) {
	if c := h.lookup(address); c != nil {
		c.fail(link.Refuse(link.Code_CODE_CLOSED, "disconnected"), true)
	}
}

// LinkInfo describes an open link, for people and metrics.
type LinkInfo struct {
	Address     string
	Link        uint64
	Incarnation uint64
	Out         gate.OutboxState
	In          gate.InboxState
	Congested   bool
}

// Links lists the open links by address.
func (h *Hub) Links() []LinkInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	infos := make([]LinkInfo, 0, len(h.links))
	for _, c := range h.links {
		c.flow.Lock()
		infos = append(infos, LinkInfo{
			Address: c.gate.Address(), Link: c.number, Incarnation: c.other.GetIncarnation(),
			Out: c.flow.out.State(), In: c.flow.in.State(), Congested: c.flow.out.Congested(),
		})
		c.flow.Unlock()
	}
	slices.SortFunc(infos, func(a, b LinkInfo) int { return cmp.Compare(a.Address, b.Address) })
	return infos
}

// lookup returns the open link to an address, or nil.
func (h *Hub) lookup(address string) *channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.links[address]
}

// claim makes c the link to its address. An older one is ended first, and its
// owner told. It reports false if the hub is closed.
func (h *Hub) claim(c *channel) bool {
	for {
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			return false
		}
		old := h.links[c.gate.Address()]
		if old == nil {
			h.links[c.gate.Address()] = c
			h.mu.Unlock()
			return true
		}
		h.mu.Unlock()
		old.fail(link.Refuse(link.Code_CODE_REPLACED, "a newer link was opened"), true)
		<-old.ended
	}
}

// release forgets a link that is ending.
func (h *Hub) release(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.links, c.gate.Address())
}

// begin counts a goroutine of the hub. It reports false if the hub is closed.
func (h *Hub) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.routines.Add(1)
	}
	return !h.closed
}

// tellDown tells an owner that a link has ended, or was never opened.
func (h *Hub) tellDown(g *gate.Gate, number uint64, why ending, lost int) {
	h.log.Debug("link down", slog.String("link", g.Address()), slog.String("code", why.refusal.GetCode().String()),
		slog.String("text", why.refusal.GetText()), slog.Bool("ours", why.ours), slog.Int("lost", lost))
	h.tell(g, &link.Down{
		Address: g.Address(), Link: number,
		Code: why.refusal.GetCode(), Text: why.refusal.GetText(), Ours: why.ours, Lost: lost,
	})
}

// tell sends an event to a gate's owner, unless that has stopped.
func (h *Hub) tell(g *gate.Gate, e link.Event) {
	if _, ok := h.system.ProcessRegistry.GetLocal(g.Owner()); ok {
		h.system.Root.Send(h.system.NewLocalPID(g.Owner()), e)
	}
}

// errClosed is returned by what is called after Close.
var errClosed = errors.New("the hub is closed")
