package line

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/clock"
	"minimint/actors/consensus/consensustest"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/federation"
	"minimint/messages/wire"
)

// house is what listens at a member's socket: a hub and one session for everybody.
type house struct {
	t        *testing.T
	f        *federation.Config
	key      identity.Identity
	socket   string
	hub      *remote.Hub
	system   *actor.ActorSystem
	sessions chan *actor.PID
	silent   chan struct{} // gets a value for every question that is not answered
}

func newHouse(t *testing.T) *house {
	t.Helper()
	seed := bytes.Repeat([]byte{7}, 32)
	f := consensustest.Config(4)
	f.Members[1].Identity = ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	h := &house{t: t, f: f, key: identity.FromSeed(seed), silent: make(chan struct{}, 10)}
	h.open("127.0.0.1:0")
	f.Members[1].Address = h.socket
	t.Cleanup(func() { h.close() })
	return h
}

// open lets the house be found at a socket.
func (h *house) open(socket string) {
	h.t.Helper()
	l, err := net.Listen("tcp", socket)
	if err != nil {
		h.t.Fatal(err)
	}
	h.socket, h.sessions = l.Addr().String(), make(chan *actor.PID, 10)
	quiet := slog.New(slog.DiscardHandler)
	h.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	spawner := spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: quiet})
	h.hub = remote.New(remote.Config{
		System: h.system, Identity: h.key, Party: gate.Party{Federation: h.f.ID(), Incarnation: 1},
		Timer: clock.Timer{}, Rand: rand.Reader, Log: quiet,
	})
	err = h.hub.Listen(l, remote.DefaultAdmission(func(remote.Client) (gate.Policy, error) {
		session := h.system.Root.Spawn(spawner.RootProps(spawn.StopOnly(), func() actor.Actor { return actor.ReceiveFunc(h.receive) }))
		h.sessions <- session
		return gate.Policy{
			Owner: session.Id, Routes: map[string]string{"session": session.Id}, Receives: []proto.Message{&wire.ClientRequest{}},
			Sender: "client", Limits: gate.ClientLimits(), Overflow: gate.CloseLink,
		}, nil
	}))
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	h.hub.Close()
	h.system.Shutdown()
}

// receive answers questions about the house; others have no answer.
func (h *house) receive(ctx actor.Context) {
	m, ok := ctx.Message().(*wire.ClientRequest)
	if !ok {
		return
	}
	if m.GetInfo() == nil {
		h.silent <- struct{}{}
		return
	}
	ctx.Respond(&wire.ClientReply{Id: m.GetId(), Reply: &wire.ClientReply_Info{Info: &wire.Info{Member: 1}}})
}

var unanswered = &wire.ClientRequest{Request: &wire.ClientRequest_Config{Config: &wire.ConfigWanted{}}}

func TestLinesComeBack(t *testing.T) {
	h := newHouse(t)
	d, err := Open(h.f)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 2 {
		if info, err := d.Info(t.Context(), 1); err != nil || info.GetMember() != 1 {
			t.Fatalf("%v, %v", info, err)
		}
	}
	if len(h.sessions) != 1 {
		t.Errorf("%d links for two questions", len(h.sessions))
	}
	// The house ends while a question waits.
	failed := make(chan error)
	go func() {
		_, err := d.Ask(t.Context(), 1, unanswered)
		failed <- err
	}()
	<-h.silent
	h.close()
	if err := <-failed; !errors.Is(err, ErrGone) {
		t.Errorf("asked when it ended: %v", err)
	}
	if _, err := d.Info(t.Context(), 1); !errors.Is(err, ErrGone) {
		t.Errorf("asked when it was gone: %v", err)
	}
	h.open(h.socket)
	if info, err := d.Info(t.Context(), 1); err != nil || info.GetMember() != 1 {
		t.Fatalf("after its return: %v, %v", info, err)
	}
	// Who gives up forgets the question.
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-h.silent
		cancel()
	}()
	if _, err := d.Ask(ctx, 1, unanswered); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if n := len(d.members[1].waiting); n != 0 {
		t.Errorf("%d questions wait", n)
	}
}
