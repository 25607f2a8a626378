package nodetest

import (
	"fmt"
	"path"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
)

// A Point is where in an actor's work a trap lies.
type Point uint8

// The points. A panic at Handling loses the message whole, one at Handled loses
// nothing but what the actor knew, and one at Sending leaves the actor in the
// middle: what it did before that send is done, that send and the rest is not.
// One at Posting hits whoever puts a message into the actor's mailbox: the link,
// where the message comes over one or is an event of one.
const (
	Handling Point = iota
	Handled
	Sending
	Posting
)

// A Trap lies in wait for an actor and makes it panic. Set it with Scene.Set.
type Trap struct {
	// Party is whose actor, "node 2" or "user", a pattern of path.Match.
	Party string
	// Actor is the id of its PID, a pattern of path.Match such as
	// "node/consensus", or its type, such as "carrier.carrier".
	Actor string
	// Message is the type that is handled or sent, as %T prints it; the messages
	// of an actor's life are possible too.
	At      Point
	Message string
	// If, when set, must hold for the message.
	If func(any) bool
	// Skip lets some pass first. Then the trap catches each of the next Times
	// that come, 0 is one; with Once no actor twice.
	Skip, Times int
	Once        bool
	// Do is what happens instead of a panic.
	Do func()

	caught int
	by     map[string]int
}

// trapped is what actors panic with in a trap.
type trapped struct{ actor, message string }

// String says what it is.
func (t trapped) String() string { return "nodetest: a trap in " + t.actor + " at " + t.message }

// Set lays a trap.
func (s *Scene) Set(t *Trap) *Trap {
	t.Times = max(t.Times, 1)
	t.by = map[string]int{}
	s.event(func() { s.traps = append(s.traps, t) })
	return t
}

// Lift takes all traps away.
func (s *Scene) Lift() { s.event(func() { s.traps = nil }) }

// Sprung reports whether a trap has caught all that it was to catch.
func (s *Scene) Sprung(t *Trap) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.caught == t.Times
}

// Caught waits until a trap has caught all that it was to catch.
func (s *Scene) Caught(t *Trap) {
	s.Helper()
	s.Await(fmt.Sprintf("trap for %s at %s in %s", t.Actor, t.Message, t.Party), func() bool { return s.Sprung(t) })
}

// Victims returns who was caught, as party and id, with how often.
func (s *Scene) Victims(t *Trap) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for who, n := range t.by {
		out[who] = n
	}
	return out
}

// spring springs the first trap that an actor has come to.
func (s *Scene) spring(p *party, ctx place, at Point, message any) {
	who := ident{id: ctx.Self().GetId(), kind: kindOf(ctx.Actor())}
	s.mu.Lock()
	if len(s.traps) == 0 || p.dead {
		s.mu.Unlock()
		return
	}
	for _, t := range s.traps {
		if !t.waitsFor(p.name, who, at, message) {
			continue
		}
		if t.Skip > 0 {
			t.Skip--
			continue
		}
		t.caught++
		t.by[p.name+" "+who.id]++
		s.mu.Unlock()
		s.tell()
		if t.Do == nil {
			panic(trapped{who.kind, fmt.Sprintf("%T", message)})
		}
		t.Do()
		return
	}
	s.mu.Unlock()
}

func (t *Trap) waitsFor(party string, who ident, at Point, message any) bool {
	return t.At == at && t.caught < t.Times && t.Message == fmt.Sprintf("%T", message) &&
		match(t.Party, party) && (t.Actor == who.kind || match(t.Actor, who.id)) &&
		(!t.Once || t.by[party+" "+who.id] == 0) && (t.If == nil || t.If(message))
}

// place is the part of an actor's context that says whose it is.
type place interface {
	Self() *actor.PID
	Actor() actor.Actor
}

// box is a mailbox in which a trap can lie.
type box struct {
	actor.Mailbox
	party *party
	owner place
}

func (p *party) box() actor.Mailbox { return &box{Mailbox: actor.Unbounded()(), party: p} }

// RegisterHandlers implements actor.Mailbox.
func (b *box) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	b.owner = invoker.(place)
	b.Mailbox.RegisterHandlers(invoker, dispatcher)
}

// PostUserMessage implements actor.Mailbox.
func (b *box) PostUserMessage(message any) {
	_, body, _ := actor.UnwrapEnvelope(message)
	if d, ok := body.(*spawn.Delivery); ok {
		body = d.Message
	}
	b.party.scene.spring(b.party, b.owner, Posting, body)
	b.Mailbox.PostUserMessage(message)
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		panic(fmt.Sprintf("nodetest: pattern %q: %v", pattern, err))
	}
	return ok
}
