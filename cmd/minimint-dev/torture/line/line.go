// Package line is a client's links to all members of a federation for programs
// that watch it die and come back: a question goes to one member, and its answer
// or the news that there will be none comes back. A link that has ended is dialled
// again by the next question.
package line

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/clock"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/wire"
)

// ErrGone says that a member cannot be reached, or that its link ended before it
// had answered. What was asked may have been done.
var ErrGone = errors.New("the member is not there")

// dialTime is how long a member may take to let us in.
const dialTime = 5 * time.Second

// A Desk holds the links of one client. Its methods may be called from any
// goroutine.
type Desk struct {
	system  *actor.ActorSystem
	hub     *remote.Hub
	members []*member
}

// member is the link to one member.
type member struct {
	desk   *Desk
	target remote.Target
	pid    *actor.PID

	dialling sync.Mutex // held while a link is opened

	mu      sync.Mutex
	link    uint64 // number of the open one, 0 if there is none
	ended   uint64 // number of the newest that has ended
	last    uint64
	waiting map[uint64]chan *wire.ClientReply
}

// Open makes the links of a client, under an identity of its own. Nothing is
// dialled yet.
func Open(f *federation.Config) (*Desk, error) {
	own, err := identity.Generate(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("line: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler)
	d := &Desk{system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))}
	spawner := spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: quiet})
	d.hub = remote.New(remote.Config{
		System: d.system, Identity: own, Party: gate.Party{Federation: f.ID(), Incarnation: 1},
		Timer: clock.Timer{}, Rand: rand.Reader, Log: quiet,
		// Not the address that everybody else on this machine uses: members admit
		// only so many connections from one.
		Connect: func(ctx context.Context, socket string) (net.Conn, error) {
			return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, 1)}}).DialContext(ctx, "tcp", socket)
		},
	})
	for i, peer := range f.Members {
		m := &member{desk: d, waiting: map[uint64]chan *wire.ClientReply{}}
		props := spawner.RootProps(spawn.StopOnly(), func() actor.Actor { return m })
		inbox, err := d.system.Root.SpawnNamed(props, fmt.Sprintf("member-%d", i))
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("line: %w", err)
		}
		m.target = remote.Target{
			Socket: peer.Address, Key: identity.PinOf(peer.Identity),
			Policy: gate.Policy{
				Owner: inbox.Id, Routes: map[string]string{"client": inbox.Id}, Receives: []proto.Message{&wire.ClientReply{}},
				Sender: "session", Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
			},
		}
		m.pid = actor.NewPID(m.target.Address(), "session")
		d.members = append(d.members, m)
	}
	return d, nil
}

// Close ends all links.
func (d *Desk) Close() {
	d.hub.Close()
	d.system.Shutdown()
}

// Ask sends a request to a member and returns its reply. Its error wraps ErrGone, or
// is the context's.
func (d *Desk) Ask(ctx context.Context, to int, r *wire.ClientRequest) (*wire.ClientReply, error) {
	m := d.members[to]
	if err := m.connect(ctx); err != nil {
		return nil, fmt.Errorf("member %d: %w", to, err)
	}
	ch := make(chan *wire.ClientReply, 1)
	id, ok := m.expect(ch)
	if !ok {
		return nil, fmt.Errorf("member %d: %w", to, ErrGone)
	}
	request := proto.CloneOf(r)
	request.Id = id
	d.system.Root.Send(m.pid, request)
	select {
	case reply, ok := <-ch:
		if !ok {
			return nil, fmt.Errorf("member %d: %w", to, ErrGone)
		}
		return reply, nil
	case <-ctx.Done():
		m.forget(id)
		return nil, fmt.Errorf("member %d: %w", to, ctx.Err())
	}
}

// Info asks a member what it says of itself.
func (d *Desk) Info(ctx context.Context, to int) (*wire.Info, error) {
	reply, err := d.Ask(ctx, to, &wire.ClientRequest{Request: &wire.ClientRequest_Info{Info: &wire.InfoWanted{}}})
	if err != nil {
		return nil, err
	}
	if reply.GetInfo() == nil {
		return nil, fmt.Errorf("member %d tells nothing of itself: %s", to, reply.GetRefusal().GetText())
	}
	return reply.GetInfo(), nil
}

// connect opens a link if there is none.
func (m *member) connect(ctx context.Context) error {
	m.dialling.Lock()
	defer m.dialling.Unlock()
	m.mu.Lock()
	up := m.link != 0
	m.mu.Unlock()
	if up {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if err := m.desk.hub.Dial(ctx, m.target); err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	// Dial returns when the inbox was told, but it may not have listened yet.
	for _, l := range m.desk.hub.Links() {
		if l.Address == m.target.Address() {
			m.mu.Lock()
			m.up(l.Link)
			m.mu.Unlock()
		}
	}
	return nil
}

// up takes the number of an open link. News may come in any order, but links are
// numbered upwards.
func (m *member) up(number uint64) {
	if number > m.ended {
		m.link = max(m.link, number)
	}
}

// expect prepares for a reply, and reports false if there is no link.
func (m *member) expect(ch chan *wire.ClientReply) (uint64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.link == 0 {
		return 0, false
	}
	m.last++
	m.waiting[m.last] = ch
	return m.last, true
}

func (m *member) forget(id uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waiting, id)
}

// Receive implements actor.Actor.
func (m *member) Receive(ctx actor.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e := ctx.Message().(type) {
	case *link.Up:
		m.up(e.Link)
	case *link.Down:
		m.ended = max(m.ended, e.Link)
		if m.link > m.ended {
			return
		}
		m.link = 0
		for id, ch := range m.waiting {
			delete(m.waiting, id)
			close(ch)
		}
	case *wire.ClientReply:
		if ch := m.waiting[e.GetId()]; ch != nil {
			delete(m.waiting, e.GetId())
			ch <- e // there is room for one, and it gets only one
		}
	}
}
