// Package topeer is what the actor of one remote member accepts, besides what
// the transport brings.
package topeer

import (
	"minimint/messages"
	"minimint/messages/statement"
)

// Limits of what members give each other at once.
const (
	MaxHeaders  = 2048
	MaxOutcomes = 512
	// PieceBytes is how much of outcomes or of a snapshot goes into one message:
	// with what is around it less than a link carries.
	PieceBytes = 768 << 10
)

// A Message is what a peer actor accepts from other actors of this node.
//
//sumtype:decl
type Message interface{ toPeer() }

// Share tells the peer our share of a certificate; with Again it should answer.
type Share struct {
	Share statement.Share
	Again bool
}

// Certificate tells the peer a certificate.
type Certificate struct{ Certificate statement.Certificate }

// AskHeaders asks the peer for headers from an epoch on.
type AskHeaders struct{ From messages.Epoch }

// AskOutcomes asks the peer for the outcomes of at most Count epochs, from that
// byte of the first on.
type AskOutcomes struct {
	From   messages.Epoch
	Count  int
	Offset uint64
}

// AskSnapshot asks the peer for a piece of its snapshot; see
// toconsensus.SnapshotWanted.
type AskSnapshot struct {
	First  bool
	Epoch  messages.Epoch
	After  []byte
	Skip   uint64
	Offset uint64
}

// ServeHeaders answers the peer: at most MaxHeaders headers, and what this member
// has at all.
type ServeHeaders struct {
	Proof  statement.Proof
	Oldest messages.Epoch
	Next   messages.Epoch
}

// ServeOutcomes answers the peer: the canonical outcomes of at most MaxOutcomes
// consecutive epochs and PieceBytes together, or a part of the first; and the first
// epoch that it has at all.
type ServeOutcomes struct {
	From     messages.Epoch
	Oldest   messages.Epoch
	Outcomes [][]byte
	Part     []byte // from Offset on, nil if there are Outcomes
	Offset   uint64
	Last     bool
}

// ServeSnapshot answers the peer with at most PieceBytes of a snapshot, at the
// beginning with what attests it; without a body there is none to be had now.
type ServeSnapshot struct {
	Attested *statement.Attested
	Epoch    messages.Epoch
	Offset   uint64
	Body     []byte
}

func (Share) toPeer()         {}
func (Certificate) toPeer()   {}
func (AskHeaders) toPeer()    {}
func (AskOutcomes) toPeer()   {}
func (AskSnapshot) toPeer()   {}
func (ServeHeaders) toPeer()  {}
func (ServeOutcomes) toPeer() {}
func (ServeSnapshot) toPeer() {}
