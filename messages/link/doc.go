// Package link holds what the two ends of a link say to each other, and what
// the transport tells the actor that owns a link.
//
// The frame is protobuf (link.proto). The events are plain Go values, because
// they never leave a process: a peer actor or a session actor receives them
// from the real transport or from the simulated one and cannot tell which.
//
// For one owner and one address the events come in this order:
//
//	Up  (Congested  Writable)*  [Congested]  Down
//
// and messages of the link arrive only between its Up and its Down. Down also
// comes alone, when an attempt to open a link failed. Every event carries the
// number of its link, which grows with every attempt of a process, so that an
// owner can tell a late event from a fresh one.
package link

//go:generate protoc --go_out=. --go_opt=paths=source_relative link.proto
