// Package lines is how an operation talks to the members of a federation: one
// line to each, over links that a [Connector] opens.
//
// A line is an actor; an operation spawns one for each member with [New].
//
//	accepts  Ask, Forget and timing.Tick from its parent, link events, *wire.ClientReply
//	sends    *wire.ClientRequest to the member, Heard and Reach to its parent
//
// It keeps the link open, and asks again on a new link whatever has no answer
// yet: all requests can be repeated. A member that is dead or hangs costs
// nothing but its own line.
package lines

import (
	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages"
	"minimint/messages/federation"
)

// A Connector opens links to members. In production that is the transport; in
// tests and simulation members are actors of the same system.
type Connector interface {
	// Session returns an identity for links to a federation that nobody has seen
	// before. Every operation uses its own, since one that lives longer would tie
	// what a user was issued to what he spends.
	Session(federation messages.FederationID) (Session, error)
}

// A Session opens the links of one operation.
type Session interface {
	// Connect begins to open a link from owner to a member and returns at once,
	// with the PID that takes *wire.ClientRequest once the link is up. Owner is
	// told *link.Up, receives *wire.ClientReply, and is told *link.Down when the
	// link has ended or could not be opened. The link ends when owner stops. A
	// second call for the same owner and member replaces the first link.
	Connect(owner *actor.PID, member federation.Member) *actor.PID
}
