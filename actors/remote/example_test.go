package remote_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
)

// nobody stands for the actors of this example: it shows what a peer or a
// session actor is told.
type nobody struct{ address string }

func (n *nobody) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *link.Up: // from now on messages may be sent there
		n.address = m.Address
		ctx.Send(actor.NewPID(n.address, "peer"), wrapperspb.String("everything that you lack"))
	case *link.Writable: // the same after a congestion
	case *link.Congested, *link.Down: // stop sending
	case *wrapperspb.StringValue: // ctx.Sender() is who the policy says
	}
}

// timer is clock.Timer{} in a program.
var timer spawn.Timer

// What links of members carry, and what clients may ask.
var (
	peerMessages   = []proto.Message{new(wrapperspb.StringValue)}
	clientRequests = []proto.Message{new(wrapperspb.StringValue)}
)

// A node among members: one actor per other member, one per client.
func ExampleHub_Federate() {
	run := func(self int, id identity.Identity, pins []identity.Pin, sockets []string, federation [32]byte) (*remote.Hub, error) {
		as := actor.NewActorSystem()
		log := slog.Default()
		system := spawn.New(spawn.Config{
			Timer: timer, Rand: rand.Reader, Log: log,
			Exit: func(child string, reason any) { log.Error("halt", "actor", child, "reason", reason) },
		})
		hub := remote.New(remote.Config{
			System: as, Identity: id, Timer: timer, Rand: rand.Reader, Log: log,
			Party: gate.Party{Federation: federation, Incarnation: uint64(time.Now().UnixNano())},
		})
		restart := spawn.Restart(spawn.Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second})

		members := make([]remote.Member, len(pins))
		for i := range pins {
			members[i] = remote.Member{Key: pins[i], Socket: sockets[i]}
			if i == self {
				continue
			}
			peer := as.Root.Spawn(system.RootProps(restart, func() actor.Actor { return &nobody{} }))
			members[i].Policy = gate.Policy{
				Owner: peer.Id, Routes: map[string]string{"peer": peer.Id}, Sender: "peer",
				Receives: peerMessages, Limits: gate.PeerLimits(), Overflow: gate.DropAndTell,
			}
		}
		hub.Federate(self, members)

		accept := func(c remote.Client) (gate.Policy, error) {
			session := as.Root.Spawn(system.RootProps(spawn.StopOnly(), func() actor.Actor { return &nobody{} }))
			return gate.Policy{
				Owner: session.Id, Routes: map[string]string{"session": session.Id}, Sender: "client",
				Receives: clientRequests, Limits: gate.ClientLimits(), Overflow: gate.CloseLink,
			}, nil
		}
		l, err := net.Listen("tcp", sockets[self])
		if err != nil {
			return nil, err
		}
		return hub, hub.Listen(l, remote.DefaultAdmission(accept))
	}
	_ = run
}

// A client with one operation: its own key, one link, one actor.
func ExampleHub_Dial() {
	operate := func(ctx context.Context, hub *remote.Hub, inbox *actor.PID, socket string, node identity.Pin) error {
		session, err := identity.Generate(rand.Reader)
		if err != nil {
			return err
		}
		target := remote.Target{
			Socket: socket, Key: node, Identity: session, Label: inbox.Id,
			Policy: gate.Policy{
				Owner: inbox.Id, Routes: map[string]string{"client": inbox.Id}, Sender: "session",
				Receives: peerMessages, Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
			},
		}
		if err := hub.Dial(ctx, target); err != nil {
			return err // errors.As finds a *link.Refusal if the node refused
		}
		// The inbox was told *link.Up and sends its requests to this PID.
		_ = actor.NewPID(target.Address(), "session")
		return nil
	}
	_ = operate
}
