package gate

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"minimint/messages/link"
)

// Overflow is what happens when an actor sends more than a link can hold back.
type Overflow uint8

// The ways to overflow.
const (
	// CloseLink ends the link: right for clients, who can come again.
	CloseLink Overflow = iota
	// DropAndTell drops what does not fit, tells the owner *link.Congested, drops
	// everything else, and tells *link.Writable once half of the queue is free:
	// right for peers, whose actor can rebuild what they lack.
	DropAndTell
)

// Limits bound one link in both directions. Sizes are in bytes; for windows and
// queues every envelope also counts its names and envelopeCost.
type Limits struct {
	// MaxMessage is the largest payload accepted from the other side, at most
	// MaxPayload.
	MaxMessage int
	// MaxBatch is the largest number of envelopes accepted in one frame.
	MaxBatch int
	// Window bounds what has been accepted and not yet processed by our actors.
	// It must have room for at least one message of MaxMessage.
	Window int
	// Queue bounds what our actors have sent and the other side has not yet
	// given credit for.
	Queue int
}

const (
	// MaxPayload is the largest payload that this protocol carries, in bytes.
	// Senders cut what is larger into chunks of their own.
	MaxPayload = 1 << 20
	// maxBatch is the most that any link may allow in one frame.
	maxBatch = 1024
	// maxName bounds a route's and a type's name.
	maxName = 128
	// envelopeCost is charged for each envelope on top of what it carries: it
	// covers the encoding and the memory around a message, so that a flood of
	// empty messages is bounded as well.
	envelopeCost = 256
)

// PeerLimits suit the links between members.
func PeerLimits() Limits {
	return Limits{MaxMessage: MaxPayload, MaxBatch: 512, Window: 4 << 20, Queue: 8 << 20}
}

// ClientLimits suit the link of a node to one of many clients.
func ClientLimits() Limits {
	return Limits{MaxMessage: 128 << 10, MaxBatch: 64, Window: 256 << 10, Queue: 2 << 20}
}

// check panics: limits are our own configuration.
func (l Limits) check() {
	switch {
	case l.MaxMessage < 1 || l.MaxMessage > MaxPayload:
		panic(fmt.Sprintf("gate: MaxMessage %d is not in 1…%d", l.MaxMessage, MaxPayload))
	case l.MaxBatch < 1 || l.MaxBatch > maxBatch:
		panic(fmt.Sprintf("gate: MaxBatch %d is not in 1…%d", l.MaxBatch, maxBatch))
	case l.Window < l.MaxMessage+maxOverhead || l.Window > 1<<30:
		panic(fmt.Sprintf("gate: Window %d has no room for a message of %d", l.Window, l.MaxMessage))
	case l.Queue < MaxPayload+maxOverhead || l.Queue > 1<<30:
		panic(fmt.Sprintf("gate: Queue %d has no room for a message of %d", l.Queue, MaxPayload))
	}
}

// maxOverhead is the most that an envelope costs beyond its payload.
const maxOverhead = envelopeCost + 2*maxName

// frame is the largest sum of costs in one frame.
func (l Limits) frame() int { return l.MaxMessage + maxOverhead }

// Cost is what an envelope counts in windows and queues, on both sides.
func Cost(e *link.Envelope) int {
	return len(e.GetPayload()) + len(e.GetTarget()) + len(e.GetType()) + envelopeCost
}

// Policy says what one identity may do here. What it does not name is refused,
// and one refused message ends the link: an honest program never sends one.
type Policy struct {
	// Owner is the id of the local actor that is told the events of the link
	// (package link). The link ends when it or an actor of Routes stops.
	Owner string
	// Routes are the ids of the local actors that the other side may reach, by
	// the names that it calls them.
	Routes map[string]string
	// Receives are the types that it may send, each given by any value.
	Receives []proto.Message
	// Sender is the id that our actors see as the sender: whatever comes over
	// the link comes from the PID {address of the link, Sender}. Answers to it
	// go to the other side's route of that name.
	Sender string

	Limits   Limits
	Overflow Overflow
}
