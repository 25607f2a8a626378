// Package hbbfttest holds what tests of the protocols of HoneyBadgerBFT share:
// a network that tests schedule by hand, and toy cryptography behind the
// protocols' narrow interfaces.
package hbbfttest

import (
	"fmt"
	"slices"
	"strings"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// A Machine is one member's instance of a protocol with outputs of type O.
type Machine[O any] interface {
	Handle(from messages.PeerID, s frames.Statement) protocol.Step[O]
}

// A Packet is one statement on its way.
type Packet struct {
	From, To  messages.PeerID
	Statement frames.Statement
}

// String returns "0->1 Echo …".
func (p Packet) String() string { return fmt.Sprintf("%d->%d %s", p.From, p.To, Text(p.Statement)) }

// Net connects the machines of the correct members. A nil machine is a faulty
// member: what is sent to it vanishes, and the test forges what it says.
type Net[O any] struct {
	Machines []Machine[O]
	Queue    []Packet // in the order sent
	Outputs  [][]O    // by member
	Faults   [][]protocol.Fault
	// Log receives one line per delivery, output and fault; nil for none.
	Log *strings.Builder
}

// NewNet returns a network of n members without machines.
func NewNet[O any](n int) *Net[O] {
	return &Net[O]{Machines: make([]Machine[O], n), Outputs: make([][]O, n), Faults: make([][]protocol.Fault, n)}
}

// Apply takes what member self's machine answered.
func (n *Net[O]) Apply(self messages.PeerID, step protocol.Step[O]) {
	for _, f := range step.Faults {
		n.Faults[self] = append(n.Faults[self], f)
		n.logf("%d: %s\n", self, f)
	}
	for _, o := range step.Outputs {
		n.Outputs[self] = append(n.Outputs[self], o)
		n.logf("%d outputs %s\n", self, outputText(o))
	}
	for _, say := range step.Say {
		if say.To != nil {
			n.Queue = append(n.Queue, Packet{self, *say.To, say.Statement})
			continue
		}
		n.Broadcast(self, say.Statement)
	}
}

// Broadcast puts a statement on its way to all others.
func (n *Net[O]) Broadcast(from messages.PeerID, s frames.Statement) {
	for to := range n.Machines {
		if messages.PeerID(to) != from {
			n.Queue = append(n.Queue, Packet{from, messages.PeerID(to), s})
		}
	}
}

// Deliver takes packet i from the queue and delivers it.
func (n *Net[O]) Deliver(i int) {
	p := n.Queue[i]
	n.Queue = slices.Delete(n.Queue, i, i+1)
	m := n.Machines[p.To]
	if m == nil {
		return
	}
	n.logf("%s\n", p)
	n.Apply(p.To, m.Handle(p.From, p.Statement))
}

// Drop loses the packets for which lost returns true.
func (n *Net[O]) Drop(lost func(Packet) bool) { n.Queue = slices.DeleteFunc(n.Queue, lost) }

// Settle delivers in the order sent until nothing is on its way.
func (n *Net[O]) Settle() {
	for len(n.Queue) > 0 {
		n.Deliver(0)
	}
}

// Honest returns the faults that were raised against members with a machine:
// there must never be any.
func (n *Net[O]) Honest() []protocol.Fault {
	var wrong []protocol.Fault
	for _, list := range n.Faults {
		for _, f := range list {
			if n.Machines[f.Peer] != nil {
				wrong = append(wrong, f)
			}
		}
	}
	return wrong
}

func (n *Net[O]) logf(format string, args ...any) {
	if n.Log != nil {
		fmt.Fprintf(n.Log, format, args...)
	}
}

func outputText(o any) string {
	if b, ok := o.([]byte); ok {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprint(o)
}

// Text returns a statement on one short stable line.
func Text(s frames.Statement) string {
	switch s := s.(type) {
	case frames.Value:
		return fmt.Sprintf("Value(%d, %s)", s.Proposer, clip(s.Payload))
	case frames.Echo:
		return fmt.Sprintf("Echo(%d, %s)", s.Proposer, s.Root.String()[:6])
	case frames.Ready:
		return fmt.Sprintf("Ready(%d, %s)", s.Proposer, s.Root.String()[:6])
	case frames.Pull:
		return fmt.Sprintf("Pull(%d, %s)", s.Proposer, s.Root.String()[:6])
	case frames.Input:
		return fmt.Sprintf("Input(%d, %t)", s.Proposer, s.Bit)
	case frames.BVal:
		return fmt.Sprintf("BVal(%d, r%d, %t)", s.Proposer, s.Round, s.Bit)
	case frames.Aux:
		return fmt.Sprintf("Aux(%d, r%d, %t)", s.Proposer, s.Round, s.Bit)
	case frames.Conf:
		return fmt.Sprintf("Conf(%d, r%d, %d)", s.Proposer, s.Round, s.Bits)
	case frames.Term:
		return fmt.Sprintf("Term(%d, %t)", s.Proposer, s.Bit)
	case frames.CoinShare:
		return fmt.Sprintf("CoinShare(%d, r%d, %x)", s.Proposer, s.Round, s.Share)
	case frames.DecryptionShare:
		return fmt.Sprintf("DecryptionShare(%d, %x)", s.Proposer, s.Share)
	}
	panic(fmt.Sprintf("hbbfttest: statement of unknown type %T", s))
}

func clip(b []byte) string {
	if len(b) > 24 {
		return fmt.Sprintf("%q… %d bytes", b[:12], len(b))
	}
	return fmt.Sprintf("%q", b)
}
