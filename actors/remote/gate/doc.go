// Package gate holds the rules of a link: what a side may send (Policy, Gate),
// how much of it (Outbox, Inbox), and in which frames (Decode, Party). It is
// pure; package remote applies it to gRPC streams and the simulator to its own
// links, so that both let through exactly the same.
//
// Property: of all bytes that the other side can send, only messages of allowed
// types reach allowed actors, numbered without gap, with the sender that the
// policy names, and never more than the window at a time. Everything else yields
// a *link.Refusal, with which the link ends.
package gate
