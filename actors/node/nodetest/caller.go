package nodetest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"

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

// A Caller is a bare link to one member, and so a session there.
type Caller struct {
	testing.TB
	ctx     func() context.Context
	system  *actor.ActorSystem
	node    *actor.PID
	replies chan *wire.ClientReply
	// Down is closed when the link has ended.
	Down chan struct{}
	next uint64
}

// Dial opens a link to a member, which lives as long as the test. ctx bounds what
// it waits for.
func Dial(ctx context.Context, t testing.TB, c *federation.Config, i int) *Caller {
	t.Helper()
	return dial(func() context.Context { return ctx }, t, c, i)
}

func dial(ctx func() context.Context, t testing.TB, c *federation.Config, i int) *Caller {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	spawner := spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: quiet})
	own, err := identity.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hub := remote.New(remote.Config{
		System: system, Identity: own, Party: gate.Party{Federation: c.ID(), Incarnation: 1},
		Timer: clock.Timer{}, Rand: rand.Reader, Log: quiet,
	})
	t.Cleanup(func() { hub.Close(); system.Shutdown() })
	caller := &Caller{TB: t, ctx: ctx, system: system, replies: make(chan *wire.ClientReply, 64), Down: make(chan struct{})}
	inbox, err := system.Root.SpawnNamed(spawner.RootProps(spawn.StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(caller.receive)
	}), "inbox")
	if err != nil {
		t.Fatal(err)
	}
	member := c.Members[i]
	target := remote.Target{
		Socket: member.Address, Key: identity.PinOf(member.Identity),
		Policy: gate.Policy{
			Owner: inbox.Id, Routes: map[string]string{"client": inbox.Id}, Receives: []proto.Message{&wire.ClientReply{}}, Sender: "session",
			Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
		},
	}
	if err := hub.Dial(ctx(), target); err != nil {
		t.Fatalf("dial member %d: %v", i, err)
	}
	caller.node = actor.NewPID(target.Address(), "session")
	return caller
}

func (c *Caller) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *wire.ClientReply:
		c.replies <- m
	case *link.Down:
		close(c.Down)
	}
}

// Send sends a request and returns its number.
func (c *Caller) Send(r *wire.ClientRequest) uint64 {
	c.next++
	r.Id = c.next
	c.system.Root.Send(c.node, r)
	return c.next
}

// Ask sends a request and waits for its reply.
func (c *Caller) Ask(r *wire.ClientRequest) *wire.ClientReply {
	c.Helper()
	number := c.Send(r)
	select {
	case m := <-c.replies:
		if m.GetId() != number {
			c.Fatalf("reply to %d, want %d", m.GetId(), number)
		}
		return m
	case <-c.Down:
		c.Fatalf("the link ended before the reply to %T", r.GetRequest())
	case <-c.ctx().Done():
		c.Fatalf("no reply to %T", r.GetRequest())
	}
	return nil
}

// Info asks where the member is.
func (c *Caller) Info() *wire.Info {
	c.Helper()
	return c.Ask(&wire.ClientRequest{Request: &wire.ClientRequest_Info{Info: &wire.InfoWanted{}}}).GetInfo()
}

// Dial opens a link to a member of the house.
func (h *House) Dial(i int) *Caller {
	h.Helper()
	return dial(func() context.Context { return h.ctx }, h, h.Federation.Config, i)
}

// Closed waits until the link of a caller has ended.
func (h *House) Closed(c *Caller) {
	h.Helper()
	select {
	case <-c.Down:
	case <-h.ctx.Done():
		h.Fatal("the link does not end")
	}
}
