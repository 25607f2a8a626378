package workload

import (
	"math/rand/v2"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/lines"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/wire"
	"minimint/sim/network"
)

// connector opens the links of a client's operations, as actors/client/user does
// over the real transport.
type connector struct {
	hub      *network.Hub
	random   *rand.Rand
	sessions int
}

// NewConnector makes the port through which the client of a simulated process
// reaches members. random makes the keys of its sessions.
func NewConnector(hub *network.Hub, random *rand.Rand) lines.Connector {
	return &connector{hub: hub, random: random}
}

// Session implements lines.Connector.
func (c *connector) Session(messages.FederationID) (lines.Session, error) {
	s := &session{hub: c.hub, label: strconv.Itoa(c.sessions)}
	c.sessions++
	for i := range s.key {
		s.key[i] = byte(c.random.Uint32())
	}
	return s, nil
}

type session struct {
	hub   *network.Hub
	key   identity.Pin
	label string
}

// Connect implements lines.Session.
func (s *session) Connect(owner *actor.PID, member federation.Member) *actor.PID {
	t := remote.Target{
		Socket: member.Address, Key: identity.PinOf(member.Identity), Label: s.label,
		Policy: gate.Policy{
			Owner: owner.Id, Routes: map[string]string{clientRoute: owner.Id},
			Receives: []proto.Message{&wire.ClientReply{}}, Sender: sessionRoute, Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
		},
	}
	s.hub.Dial(t, s.key)
	return actor.NewPID(t.Address(), sessionRoute)
}
