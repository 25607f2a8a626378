package world

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/hbbft/protocol"
	"minimint/actors/node"
	"minimint/actors/peer"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/frames"
	"minimint/messages/link"
	"minimint/messages/wire"
	"minimint/sim/network"
	"minimint/sim/sched"
)

// Faulty says that somebody else controls a node. With an Adversary the shipped
// node runs behind it; with a Process something else runs in its place; with
// neither the node is as it should be, and no rule is checked for it.
//
// Twist changes what the shipped node answers to clients.
//
// Factories are called for every start of the node. Those of several nodes may
// share what they like: faulty nodes collude.
type Faulty struct {
	Peer      messages.PeerID
	Adversary func(*Corrupt) Adversary
	Process   func(*Corrupt) Process
	// Propose returns what the shipped node proposes in place of a contribution, which
	// usually is sealed; nil seals it. It needs an Adversary.
	Propose func(messages.Epoch, []byte) []byte
	Twist   func(*wire.ClientReply)
}

// An Adversary stands between a faulty node and the other members. It sees every
// message before it leaves and after it came; what it returns takes its place.
// Nothing returned is silence. Messages are those of package wire; [Frame] and
// [Message] read and make those of HBBFT. It must not change m, but a copy.
type Adversary interface {
	Outgoing(to messages.PeerID, m proto.Message) []proto.Message
	Incoming(from messages.PeerID, m proto.Message) []proto.Message
}

// A Process runs in place of a node: it has the links that the node would have.
type Process interface {
	// Hear takes a message of a member.
	Hear(from messages.PeerID, m proto.Message)
	// Linked tells that the link to a member came up or went down.
	Linked(peer messages.PeerID, up bool)
}

// Corrupt is what who controls a faulty node holds: that node's secrets, and
// nothing of the others'.
type Corrupt struct {
	Self       messages.PeerID
	Federation *federation.Config
	Secrets    node.Secrets
	// Crypto signs, tosses and decrypts as this member, in stub worlds too.
	Crypto node.Cryptography
	Rand   *rand.Rand

	machine *sched.Machine
	host    *network.Host
}

// Say sends a message to a member, past the adversary. It reports false if there
// is no link now.
func (c *Corrupt) Say(to messages.PeerID, m proto.Message) bool {
	return c.host != nil && c.host.Inject(remote.PeerAddress(int(to)), peer.Route, m)
}

// Slot names a member's place in an epoch, which is what HBBFT signs and encrypts
// for.
func (c *Corrupt) Slot(epoch messages.Epoch, proposer messages.PeerID) protocol.Slot {
	return protocol.Slot{Federation: c.Federation.ID(), Era: c.Federation.Era, Epoch: epoch, Proposer: proposer}
}

// Proposal is what this member would say to propose a payload, usually made by
// Crypto.Seal, in an epoch. It can sign as many as it likes.
func (c *Corrupt) Proposal(epoch messages.Epoch, payload []byte) frames.Value {
	slot := c.Slot(epoch, c.Self)
	return frames.Value{Proposer: c.Self, Payload: payload, Signature: c.Crypto.Core.Signer.Sign(slot.Signed(slot.Root(payload)))}
}

// Now returns the virtual time.
func (c *Corrupt) Now() time.Duration { return c.machine.Loop().Now() }

// After calls fn later, unless the node has crashed by then.
func (c *Corrupt) After(d time.Duration, fn func()) { c.machine.After(d, fn) }

// Frame reads the frame of HBBFT in a message; false if it holds none.
func Frame(m proto.Message) (frames.Frame, bool) {
	p, ok := m.(*wire.PeerFrame)
	if !ok {
		return frames.Frame{}, false
	}
	f, err := frames.Decode(p.GetFrame())
	return f, err == nil
}

// Open reads the frame of HBBFT in an envelope on its way, for schedulers; false if
// it holds none.
func Open(e *link.Envelope) (frames.Frame, bool) {
	p := new(wire.PeerFrame)
	if e.GetType() != frameType || proto.Unmarshal(e.GetPayload(), p) != nil {
		return frames.Frame{}, false
	}
	return Frame(p)
}

var frameType = string((&wire.PeerFrame{}).ProtoReflect().Descriptor().FullName())

// Message makes the message that carries a frame.
func Message(f frames.Frame) proto.Message { return &wire.PeerFrame{Frame: frames.Encode(f)} }

// distorter is an adversary as the network wants it. What a node says to clients
// passes.
type distorter struct{ Adversary }

// Outgoing implements network.Distorter.
func (d distorter) Outgoing(address, _ string, m proto.Message) []proto.Message {
	if id, ok := peerOf(address); ok {
		return d.Adversary.Outgoing(id, m)
	}
	return []proto.Message{m}
}

// Incoming implements network.Distorter.
func (d distorter) Incoming(address string, m proto.Message) []proto.Message {
	if id, ok := peerOf(address); ok {
		return d.Adversary.Incoming(id, m)
	}
	return []proto.Message{m}
}

func peerOf(address string) (messages.PeerID, bool) {
	text, ok := strings.CutPrefix(address, "peer/")
	id, err := strconv.Atoi(text)
	return messages.PeerID(id), ok && err == nil
}

// station is a Process as its host sees it.
type station struct{ Process }

// Deliver implements network.Port.
func (s station) Deliver(in network.Inbound, release func()) {
	defer release()
	if id, ok := peerOf(in.SenderAddress); ok {
		s.Hear(id, in.Message)
	}
}

// Tell implements network.Port.
func (s station) Tell(owner string, e link.Event) {
	id, ok := peerOf(owner)
	switch e.(type) {
	case *link.Up:
		if ok {
			s.Linked(id, true)
		}
	case *link.Down:
		if ok {
			s.Linked(id, false)
		}
	}
}

// Up implements network.Port.
func (station) Up(*gate.Gate, uint64) {}

// occupy puts a process in the node's place.
func (m *Node) occupy(c *Corrupt) {
	w := m.world
	own := w.federation.Config.Members[m.number]
	var p station
	host := w.net.Attach(network.HostConfig{
		Machine: m.machine, Key: identity.PinOf(own.Identity), Rand: m.machine.Rand("links", m.incarnation),
		Party: gate.Party{Federation: w.federation.Config.ID(), Incarnation: m.incarnation}, Port: &p,
	})
	c.host, m.host = host, host
	p.Process = m.faulty.Process(c)
	members := make([]remote.Member, w.cfg.Nodes)
	for i, x := range w.federation.Config.Members {
		members[i] = remote.Member{Key: identity.PinOf(x.Identity), Socket: x.Address, Policy: gate.Policy{
			Owner: remote.PeerAddress(i), Routes: map[string]string{peer.Route: remote.PeerAddress(i)},
			Receives: peer.Receives(), Sender: peer.Route, Limits: gate.PeerLimits(), Overflow: gate.DropAndTell,
		}}
	}
	host.Federate(m.number, members)
	if err := host.Listen(own.Address, nil, 0); err != nil {
		panic("world: " + err.Error())
	}
}
