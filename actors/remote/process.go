package remote

import (
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/remote/gate"
	"minimint/messages/link"
)

// resolve is the actor system's only way to reach what is not local: whoever has
// no link address is a dead letter, and is never dialled.
func (h *Hub) resolve(pid *actor.PID) (actor.Process, bool) {
	for _, prefix := range []string{"peer/", "client/", "node/"} {
		if strings.HasPrefix(pid.Address, prefix) {
			return &remoteProcess{hub: h, address: pid.Address}, true
		}
	}
	return h.system.DeadLetter, true
}

// remoteProcess stands for every actor at one address. It holds no link, since a
// PID keeps its process for ever: it looks the link up for every message.
type remoteProcess struct {
	hub     *Hub
	address string
}

// SendUserMessage queues a message on the link. The sender is left out: the
// other side's policy decides whom its actors see.
func (p *remoteProcess) SendUserMessage(pid *actor.PID, message any) {
	_, body, _ := actor.UnwrapEnvelope(message)
	if m, ok := body.(proto.Message); ok && gate.OfLibrary(m) {
		return // such as the answer of a dead letter to its sender
	}
	c := p.hub.lookup(p.address)
	if c == nil {
		p.hub.system.DeadLetter.SendUserMessage(pid, message)
		return
	}
	e, err := c.gate.Seal(pid.GetId(), body, c.flow.out.MaxMessage())
	if err != nil {
		p.hub.log.Error("message cannot cross the link", slog.String("link", p.address), slog.Any("error", err))
	}
	if err != nil || !c.post(e) {
		p.hub.system.DeadLetter.SendUserMessage(pid, message)
	}
}

// SendSystemMessage answers watches from the link's state. No other system
// message has an effect, and none crosses.
func (p *remoteProcess) SendSystemMessage(pid *actor.PID, message any) {
	switch m := message.(type) {
	case *actor.Watch:
		if c := p.hub.lookup(p.address); c == nil || !c.watch.add(pid, m.Watcher) {
			tellTerminated(p.hub.system, m.Watcher, pid)
		}
	case *actor.Unwatch:
		if c := p.hub.lookup(p.address); c != nil {
			c.watch.remove(pid, m.Watcher)
		}
	}
}

// Stop does nothing: nobody stops another system's actors.
func (p *remoteProcess) Stop(*actor.PID) {}

// tellTerminated tells a local actor that a remote one cannot be reached.
func tellTerminated(system *actor.ActorSystem, watcher, who *actor.PID) {
	if process, ok := system.ProcessRegistry.GetLocal(watcher.GetId()); ok {
		process.SendSystemMessage(watcher, &actor.Terminated{Who: who, Why: actor.TerminatedReason_AddressTerminated})
	}
}

// watchers are the local actors that watch remote ones over a link.
type watchers struct {
	mu    sync.Mutex
	ended bool
	list  []watching
}

type watching struct{ who, watcher *actor.PID }

func (w watching) is(who, watcher *actor.PID) bool {
	return w.who.GetId() == who.GetId() && w.watcher.GetId() == watcher.GetId()
}

// fresh copies a PID, because one remembers the process of the first actor system
// that used it.
func fresh(pid *actor.PID) *actor.PID { return actor.NewPID(pid.GetAddress(), pid.GetId()) }

// add reports false if the link has ended.
func (w *watchers) add(who, watcher *actor.PID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	for _, x := range w.list {
		if x.is(who, watcher) {
			return true
		}
	}
	w.list = append(w.list, watching{who: fresh(who), watcher: fresh(watcher)})
	return true
}

func (w *watchers) remove(who, watcher *actor.PID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, x := range w.list {
		if x.is(who, watcher) {
			w.list = append(w.list[:i], w.list[i+1:]...)
			return
		}
	}
}

// end tells all watchers.
func (w *watchers) end(system *actor.ActorSystem) {
	w.mu.Lock()
	list := w.list
	w.list, w.ended = nil, true
	w.mu.Unlock()
	for _, x := range list {
		tellTerminated(system, x.watcher, x.who)
	}
}

// follow ends c when its owner or an actor of its routes stops, since nobody
// would return its credit any more.
func (h *Hub) follow(c *channel) {
	for _, id := range c.gate.Actors() {
		process, ok := h.system.ProcessRegistry.GetLocal(id)
		if !ok {
			c.fail(link.Refuse(link.Code_CODE_GONE, "nobody is there"), true)
			return
		}
		process.SendSystemMessage(h.system.NewLocalPID(id), &actor.Watch{Watcher: fresh(h.self)})
	}
}

// follower is the hub as a watcher of local actors.
type follower struct{ hub *Hub }

// SendSystemMessage ends the links of an actor that has stopped.
func (f follower) SendSystemMessage(_ *actor.PID, message any) {
	m, ok := message.(*actor.Terminated)
	if !ok {
		return
	}
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	for _, c := range f.hub.links {
		if slices.Contains(c.gate.Actors(), m.GetWho().GetId()) {
			c.fail(link.Refuse(link.Code_CODE_GONE, "the actor has stopped"), true)
		}
	}
}

// SendUserMessage ignores.
func (follower) SendUserMessage(*actor.PID, any) {}

// Stop ignores.
func (follower) Stop(*actor.PID) {}
