package user

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client"
	"minimint/actors/clock"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/wire"
)

// The names of the two ends of a client's link, as nodes know them.
const (
	sessionRoute = "session"
	clientRoute  = "client"
)

// links is the client's Connector over the network. All links of a process are
// to one federation.
type links struct {
	system *actor.ActorSystem
	rand   io.Reader
	log    *slog.Logger

	mu       sync.Mutex
	hub      *remote.Hub
	sessions uint64
	dials    sync.WaitGroup
}

// Session implements client.Connector.
func (l *links) Session(id messages.FederationID) (client.Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	self, err := identity.Generate(l.rand)
	if err != nil {
		return nil, err
	}
	if l.hub == nil {
		l.hub = remote.New(remote.Config{
			System: l.system, Identity: self, Party: gate.Party{Federation: id}, Timer: clock.Timer{}, Rand: l.rand, Log: l.log,
		})
	}
	l.sessions++
	return &session{links: l, hub: l.hub, identity: self, label: fmt.Sprintf("%d", l.sessions)}, nil
}

// close ends all links and waits for that.
func (l *links) close() {
	l.mu.Lock()
	hub := l.hub
	l.mu.Unlock()
	if hub != nil {
		hub.Close()
	}
	l.dials.Wait()
}

// session is one identity.
type session struct {
	links    *links
	hub      *remote.Hub
	identity identity.Identity
	label    string
}

// Connect implements client.Session. The dialling waits on a goroutine of its own.
func (s *session) Connect(owner *actor.PID, member federation.Member) *actor.PID {
	target := remote.Target{
		Socket: member.Address, Key: identity.PinOf(member.Identity), Identity: s.identity, Label: s.label,
		Policy: gate.Policy{
			Owner: owner.Id, Routes: map[string]string{clientRoute: owner.Id},
			Receives: []proto.Message{&wire.ClientReply{}}, Sender: sessionRoute,
			Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
		},
	}
	s.links.dials.Add(1)
	go func() {
		defer s.links.dials.Done()
		if err := s.hub.Dial(context.Background(), target); err != nil {
			s.links.system.Root.Send(owner, &link.Down{Address: target.Address(), Text: err.Error()})
		}
	}()
	return actor.NewPID(target.Address(), sessionRoute)
}
