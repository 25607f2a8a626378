// Package remote is the transport between actor systems: authenticated links,
// each one bidirectional gRPC stream, for members of the federation and for
// clients alike. It is an adapter, not an actor; it plugs into protoactor where
// that looks up addresses, so that actors simply send to PIDs.
//
// # Addresses
//
// The address of a PID names who is at the other end, not where:
//
//	peer/2       member 2 of the federation, on a node
//	client/7f…   the client with that session key, on a node
//	node/3a…     the node with that key, on a client
//
// The id of a PID is the name of a route there: the other side's policy maps it
// to one of its actors, or refuses it. Sending to an address without a link is a
// dead letter. Nothing is ever dialled because somebody sent to it.
//
// # Trust
//
// Both ends show a self-signed ed25519 certificate in TLS 1.3 and are known by
// the pin of its key, and by nothing else. A node knows its members from the
// directory (Hub.Federate); any other key is a client, admitted by a callback
// (Admission.Accept) that returns the policy for it. A client pins the node that
// it dials. Of two members the one with the lower id dials.
//
// Keys are the business of package identity. Whatever arrives passes a gate
// (package gate), which holds the policy of this identity: the types and the
// targets that it may use, the sender that is written onto every message, and
// the limits. System messages never cross. Watching a remote PID works, and
// tells when the link has ended. Futures do not work across links; requests
// carry their own ids.
//
// # Order, loss and bounds
//
// Envelopes are numbered per link and direction; a gap or a repetition ends the
// link. Within a link nothing is lost or reordered; with a link, whatever was
// not acknowledged may be lost, and the owner of the next link is told by
// *link.Up to bring the other side up to date. An acknowledgement means that the
// other side's actors have processed a message, or crashed over it.
//
// Acknowledgements also return credit: a side may have no more on its way than
// the window that the other side's hello granted, so the receiver bounds its
// mailboxes without ever blocking or dropping. Credit comes back through
// spawn.Delivery, which the middleware of spawn.Props unwraps: actors that are
// reachable over links must be made there. What does not fit the window waits
// in a bounded queue; Overflow says what happens when that is full.
//
// # What it guards against
//
// Everything that a stranger, a client or a malicious member can send ends at
// worst its own link. Connections are bounded in total, per address and before
// their hello; there a flood evicts the oldest newcomer, not the next one, so
// that members still get in. A handler that panics ends its link, not the
// process.
//
// Package gate has the rules of a link, without IO; package door has the waiting room of
// a listener, package identity who somebody is.
package remote
