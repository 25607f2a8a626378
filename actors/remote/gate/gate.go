package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"minimint/messages/link"
)

// Gate applies a policy to one link. It has no state: the same gate may serve
// one link after another.
type Gate struct {
	address string
	policy  Policy
	types   map[string]protoreflect.MessageType
}

// New checks a policy and binds it to the address of the other side. It panics if
// the policy is not one.
func New(address string, p Policy) *Gate {
	if p.Owner == "" || p.Sender == "" || len(p.Routes) == 0 {
		panic("gate: a policy needs an owner, a sender and a route")
	}
	p.Limits.check()
	p.Routes = maps.Clone(p.Routes)
	for name, id := range p.Routes {
		if name == "" || len(name) > maxName || id == "" {
			panic(fmt.Sprintf("gate: route %q to actor %q", name, id))
		}
	}
	g := &Gate{address: address, policy: p, types: make(map[string]protoreflect.MessageType, len(p.Receives))}
	for _, m := range p.Receives {
		name := nameOf(m)
		if OfLibrary(m) || len(name) > maxName {
			panic(fmt.Sprintf("gate: %s must not cross a link", name))
		}
		g.types[name] = m.ProtoReflect().Type()
	}
	return g
}

func nameOf(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// OfLibrary reports whether m is one of protoactor's own messages, some of which
// stop or restart whoever receives them. They never cross a link.
func OfLibrary(m proto.Message) bool {
	name := nameOf(m)
	return strings.HasPrefix(name, "actor.") || strings.HasPrefix(name, "remote.")
}

// Address returns the address of the other side's PIDs.
func (g *Gate) Address() string { return g.address }

// Owner returns the id of the local actor that is told the link's events.
func (g *Gate) Owner() string { return g.policy.Owner }

// Limits returns the policy's limits.
func (g *Gate) Limits() Limits { return g.policy.Limits }

// Overflow returns what happens when the queue is full.
func (g *Gate) Overflow() Overflow { return g.policy.Overflow }

// Actors returns the ids of the local actors that the link needs: the owner and
// those of the routes, each once, in order.
func (g *Gate) Actors() []string {
	ids := append(slices.Collect(maps.Values(g.policy.Routes)), g.policy.Owner)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Inbound is a message that a gate lets in.
type Inbound struct {
	Target string // id of the local actor
	// SenderAddress and SenderID make the PID that the actor sees as the sender.
	SenderAddress, SenderID string
	Message                 proto.Message // decoded afresh
}

// Admit opens an envelope from the other side, or says why it must not pass.
func (g *Gate) Admit(e *link.Envelope) (Inbound, *link.Refusal) {
	return g.AdmitBy(e, func(t protoreflect.MessageType, payload []byte) (proto.Message, error) {
		m := t.New().Interface()
		return m, proto.Unmarshal(payload, m)
	})
}

// AdmitBy is Admit with a decoder of payloads of its caller's, which returns what Admit's
// would. The simulator's remembers what others of its members received too.
func (g *Gate) AdmitBy(e *link.Envelope, decode func(protoreflect.MessageType, []byte) (proto.Message, error)) (Inbound, *link.Refusal) {
	if len(e.GetPayload()) > g.policy.Limits.MaxMessage {
		return Inbound{}, link.Refuse(link.Code_CODE_SIZE, "payload of %d bytes", len(e.GetPayload()))
	}
	target, ok := g.policy.Routes[e.GetTarget()]
	if !ok {
		return Inbound{}, link.Refuse(link.Code_CODE_TARGET, "no route %.40q", e.GetTarget())
	}
	mt, ok := g.types[e.GetType()]
	if !ok {
		return Inbound{}, link.Refuse(link.Code_CODE_TYPE, "type %.80q is not accepted", e.GetType())
	}
	if parts(e.GetPayload(), mt.Descriptor()) > MaxParts {
		return Inbound{}, link.Refuse(link.Code_CODE_PAYLOAD, "payload of more than %d parts", MaxParts)
	}
	m, err := decode(mt, e.GetPayload())
	if err != nil {
		return Inbound{}, link.Refuse(link.Code_CODE_PAYLOAD, "payload is not a %s", e.GetType())
	}
	return Inbound{Target: target, SenderAddress: g.address, SenderID: g.policy.Sender, Message: m}, nil
}

// Seal makes the envelope of a message to the other side's route target. limit is
// the largest payload that the other side accepts. The error says that m cannot
// cross the link at all, which is a mistake of whoever sends it.
func (g *Gate) Seal(target string, m any, limit int) (*link.Envelope, error) {
	pm, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", m)
	}
	name := nameOf(pm)
	if OfLibrary(pm) || len(name) > maxName || len(target) > maxName {
		return nil, fmt.Errorf("%s to %.40q may not cross a link", name, target)
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(pm)
	if err != nil {
		return nil, fmt.Errorf("marshal %s: %w", name, err)
	}
	if len(payload) > limit {
		return nil, fmt.Errorf("%s has %d bytes, the other side accepts %d", name, len(payload), limit)
	}
	return &link.Envelope{Target: target, Type: name, Payload: payload}, nil
}
