package network

import (
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
	"minimint/sim/sched"
)

// Hub is the transport of an actor system in this network: what remote.Hub is in
// the real one.
type Hub struct {
	*Host
	system *actor.ActorSystem
	log    *slog.Logger
	socket string
	self   *actor.PID
}

// HubConfig is what a hub needs beside what every hub is told.
type HubConfig struct {
	Machine *sched.Machine
	Socket  string // where it listens
	Distort Distorter
}

// NewHub makes the hub of an actor system and claims all addresses in it that
// are not the system's own.
func (n *Net) NewHub(cfg HubConfig, r remote.Config) *Hub {
	h := &Hub{system: r.System, log: r.Log, socket: cfg.Socket}
	var key identity.Pin
	if !r.Identity.IsZero() {
		key = r.Identity.Pin()
	}
	h.Host = n.Attach(HostConfig{Machine: cfg.Machine, Key: key, Party: r.Party, Port: h, Rand: r.Rand, Reads: true, Distort: cfg.Distort})
	h.self, _ = h.system.ProcessRegistry.Add(follower{h}, "links")
	h.system.ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) {
		for _, prefix := range []string{"peer/", "client/", "node/"} {
			if strings.HasPrefix(pid.Address, prefix) {
				return &process{hub: h, address: pid.Address}, true
			}
		}
		return h.system.DeadLetter, true
	})
	return h
}

// Listen implements node.Transport; the listener is not used.
func (h *Hub) Listen(_ net.Listener, a remote.Admission) error {
	return h.Host.Listen(h.socket, a.Accept, a.MaxClients)
}

// Close implements node.Transport.
func (h *Hub) Close() { h.Vanish(true) }

// Deliver implements Port.
func (h *Hub) Deliver(in Inbound, release func()) {
	ends := in.Ends
	if ends.target == nil || ends.target.Id != in.Target {
		ends.target = h.system.NewLocalPID(in.Target)
	}
	if ends.sender == nil || ends.sender.Id != in.SenderID {
		ends.sender = actor.NewPID(in.SenderAddress, in.SenderID)
	}
	d := &spawn.Delivery{Message: in.Message, Release: release}
	if in.Frame != nil {
		d.Message = in.Frame
	}
	h.system.Root.RequestWithCustomSender(ends.target, d, ends.sender)
}

// Tell implements Port.
func (h *Hub) Tell(owner string, e link.Event) {
	if _, ok := h.system.ProcessRegistry.GetLocal(owner); ok {
		h.system.Root.Send(h.system.NewLocalPID(owner), e)
	}
}

// Up implements Port: the link ends when one of its actors does.
func (h *Hub) Up(g *gate.Gate, _ uint64) {
	for _, id := range g.Actors() {
		p, ok := h.system.ProcessRegistry.GetLocal(id)
		if !ok {
			h.gone(id)
			return
		}
		p.SendSystemMessage(h.system.NewLocalPID(id), &actor.Watch{Watcher: actor.NewPID(h.self.Address, h.self.Id)})
	}
}

// gone ends the links of an actor that has stopped.
func (h *Hub) gone(id string) {
	for _, s := range append([]*side(nil), h.net.sides...) {
		if s.host == h.Host && slices.Contains(s.gate.Actors(), id) {
			s.fail(link.Refuse(link.Code_CODE_GONE, "the actor has stopped"))
		}
	}
}

// process stands for every actor at one address.
type process struct {
	hub     *Hub
	address string
}

// SendUserMessage implements actor.Process.
func (p *process) SendUserMessage(pid *actor.PID, message any) {
	_, body, _ := actor.UnwrapEnvelope(message)
	if m, ok := body.(proto.Message); ok && gate.OfLibrary(m) {
		return
	}
	if !p.hub.Send(p.address, pid.GetId(), body) {
		p.hub.system.DeadLetter.SendUserMessage(pid, message)
	}
}

// SendSystemMessage implements actor.Process: none crosses a link. Nobody watches
// actors of other processes.
func (p *process) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (p *process) Stop(*actor.PID) {}

// follower is the hub as a watcher of local actors.
type follower struct{ hub *Hub }

// SendSystemMessage implements actor.Process.
func (f follower) SendSystemMessage(_ *actor.PID, message any) {
	if m, ok := message.(*actor.Terminated); ok {
		f.hub.gone(m.GetWho().GetId())
	}
}

// SendUserMessage implements actor.Process.
func (follower) SendUserMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (follower) Stop(*actor.PID) {}
