// Package probe asks members of a federation what they say of themselves, as any
// client may.
package probe

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/clock"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/federation"
	"minimint/messages/wire"
)

// Ask asks one member what it says of itself.
func Ask(ctx context.Context, f *federation.Config, member int) (*wire.Info, error) {
	quiet := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer system.Shutdown()
	spawner := spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: quiet})
	own, err := identity.Generate(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("ask member %d: %w", member, err)
	}
	hub := remote.New(remote.Config{
		System: system, Identity: own, Party: gate.Party{Federation: f.ID(), Incarnation: 1}, Timer: clock.Timer{}, Rand: rand.Reader, Log: quiet,
	})
	defer hub.Close()
	replies := make(chan *wire.ClientReply, 1)
	inbox, err := system.Root.SpawnNamed(spawner.RootProps(spawn.StopOnly(), func() actor.Actor { return inbox(replies) }), "inbox")
	if err != nil {
		return nil, fmt.Errorf("ask member %d: %w", member, err)
	}
	target := remote.Target{
		Socket: f.Members[member].Address, Key: identity.PinOf(f.Members[member].Identity),
		Policy: gate.Policy{
			Owner: inbox.Id, Routes: map[string]string{"client": inbox.Id}, Receives: []proto.Message{&wire.ClientReply{}}, Sender: "session",
			Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
		},
	}
	if err := hub.Dial(ctx, target); err != nil {
		return nil, fmt.Errorf("ask member %d: %w", member, err)
	}
	system.Root.Send(actor.NewPID(target.Address(), "session"), &wire.ClientRequest{Id: 1, Request: &wire.ClientRequest_Info{Info: &wire.InfoWanted{}}})
	select {
	case m := <-replies:
		if m.GetInfo() == nil {
			return nil, fmt.Errorf("ask member %d: %s", member, m.GetRefusal().GetText())
		}
		return m.GetInfo(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("ask member %d: %w", member, ctx.Err())
	}
}

// inbox passes the first reply on.
type inbox chan *wire.ClientReply

// Receive implements actor.Actor.
func (i inbox) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*wire.ClientReply); ok {
		select {
		case i <- m:
		default: // nobody asked for more than one
		}
	}
}
