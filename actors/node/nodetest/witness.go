package nodetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// A party is one actor system of a scene: the process of a member, or a client.
type party struct {
	scene  *Scene
	name   string
	member *Member            // nil for a client
	system *actor.ActorSystem // nil until the first actor runs
	lives  map[string]*Life
	// submits are the transactions that sessions were asked to submit, by session
	// and number of the request.
	submits map[string]*transaction.Transaction
	dead    bool // without power
}

// ident is who an actor is.
type ident struct{ id, kind string }

// kindOf is the type of an actor.
func kindOf(a actor.Actor) string { return strings.TrimPrefix(fmt.Sprintf("%T", a), "*") }

// Life is what happened to an actor.
type Life struct {
	Kind     string // its type
	Started  int    // incarnations
	Failures []spawn.Failure
	Stopped  bool
	// Links counts its links so far; Link is the number of the one that is up.
	Links int
	Link  uint64
}

// Acknowledged is a transaction of which a member told a client that it has it.
type Acknowledged struct {
	Member  messages.PeerID
	Tx      messages.TxID
	Witness messages.WitnessID
}

// join adds a party. Of parties with one name the newest counts.
func (s *Scene) join(name string, m *Member) *party {
	p := &party{scene: s, name: name, member: m, lives: map[string]*Life{}, submits: map[string]*transaction.Transaction{}}
	s.event(func() { s.parties = append(s.parties, p) })
	return p
}

// adapt puts the scene under a party's actors.
func (p *party) adapt(cfg *spawn.Config) {
	cfg.Timer = &pulse{scene: p.scene}
	cfg.Mailbox = p.box
	cfg.Middleware = append(cfg.Middleware, p.receive)
	cfg.Sending = append(cfg.Sending, p.send)
	cfg.Observe = func(f spawn.Failure) {
		p.scene.event(func() {
			if life := p.lives[f.Child]; life != nil {
				life.Failures = append(life.Failures, f)
			}
		})
	}
}

func (p *party) receive(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		if !p.arrives(ctx, env.Message) {
			return
		}
		if m, ok := env.Message.(*timing.Subscribe); ok {
			env = &actor.MessageEnvelope{Message: hurried(m), Sender: env.Sender}
		}
		defer p.scene.tell()
		p.scene.spring(p, ctx, Handling, env.Message)
		if p.cut() {
			return
		}
		next(ctx, env)
		p.scene.spring(p, ctx, Handled, env.Message)
	}
}

// hurried lets time pass faster for whoever counts ticks.
func hurried(m *timing.Subscribe) *timing.Subscribe {
	return &timing.Subscribe{PID: m.PID, Every: max(m.Every/5, min(m.Every, 100*time.Millisecond))}
}

func (p *party) send(next actor.SenderFunc) actor.SenderFunc {
	return func(ctx actor.SenderContext, target *actor.PID, env *actor.MessageEnvelope) {
		p.scene.spring(p, ctx, Sending, env.Message)
		if p.leaves(ctx.Self().GetId(), env.Message) {
			next(ctx, target, env)
		}
	}
}

// cut reports whether the power is gone.
func (p *party) cut() bool {
	p.scene.mu.Lock()
	defer p.scene.mu.Unlock()
	return p.dead
}

// arrives notes what an actor is told, and reports whether it has power.
func (p *party) arrives(ctx actor.ReceiverContext, message any) bool {
	p.scene.mu.Lock()
	defer p.scene.mu.Unlock()
	if p.dead {
		return false
	}
	id := ctx.Self().GetId()
	p.system = ctx.ActorSystem()
	life := p.lives[id]
	if life == nil {
		life = &Life{Kind: kindOf(ctx.Actor())}
		p.lives[id] = life
	}
	switch m := message.(type) {
	case *actor.Started:
		life.Started++
	case *actor.Stopping:
		life.Stopped = true
	case *link.Up:
		life.Links, life.Link = life.Links+1, m.Link
	case *link.Down:
		if life.Link == m.Link {
			life.Link = 0
		}
	case *wire.ClientRequest:
		if s := m.GetSubmit(); s != nil {
			if tx, err := transaction.Decode(s.GetTransaction()); err == nil {
				p.submits[fmt.Sprint(id, m.GetId())] = tx
			}
		}
	}
	return true
}

// leaves notes what an actor says, and reports whether it has power.
func (p *party) leaves(id string, message any) bool {
	p.scene.mu.Lock()
	defer p.scene.mu.Unlock()
	if p.dead {
		return false
	}
	if m, ok := message.(*wire.ClientReply); ok && m.GetSubmitted() != nil {
		tx := p.submits[fmt.Sprint(id, m.GetId())]
		if tx == nil {
			panic(fmt.Sprintf("nodetest: %s %s acknowledges what nobody submitted", p.name, id))
		}
		p.scene.acks = append(p.scene.acks, Acknowledged{Member: p.member.id, Tx: tx.ID(), Witness: tx.WitnessID()})
	}
	return true
}

// Tell sends a message to an actor of a member.
func (h *House) Tell(i int, id string, message any) {
	h.mu.Lock()
	system := h.Members[i].party.system
	h.mu.Unlock()
	system.Root.Send(system.NewLocalPID(id), message)
}

// Census returns the lives of all actors of all processes that have power, by
// party and id.
func (s *Scene) Census() map[string]Life {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := map[string]*party{}
	for _, p := range s.parties {
		newest[p.name] = p
	}
	out := map[string]Life{}
	for name, p := range newest {
		for id, life := range p.lives {
			if !p.dead {
				out[name+" "+id] = *life
			}
		}
	}
	return out
}

// Kept waits until every transaction that was ever acknowledged to a client is
// decided in the state of every member.
func (h *House) Kept() {
	h.Helper()
	for i := range h.Members {
		h.Await(fmt.Sprintf("all that was acknowledged is decided at member %d", i), func() bool { return h.undecided(i) == 0 })
	}
}

// undecided counts the acknowledged transactions of which a member knows no end.
func (h *House) undecided(i int) int {
	h.mu.Lock()
	acks := h.acks
	h.mu.Unlock()
	snap, err := h.Members[i].Store.View()
	if err != nil {
		return len(acks)
	}
	defer snap.Release()
	n := 0
	for _, a := range acks {
		_, accepted := transition.FindAccepted(snap, a.Tx)
		_, refused := refusals.Find(snap, a.Witness)
		if !accepted && !refused {
			n++
		}
	}
	return n
}

// Acknowledgements counts what was acknowledged so far.
func (h *House) Acknowledgements() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.acks)
}
