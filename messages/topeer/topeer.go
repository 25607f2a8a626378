// Package topeer is what the actor of one remote member accepts, besides what
// the transport brings.
package topeer

import "minimint/messages"

// MaxOutcomes is how many outcomes members give each other at once, however
// short they are.
const MaxOutcomes = 64

// A Message is what a peer actor accepts from other actors of this node.
//
//sumtype:decl
type Message interface{ toPeer() }

// AskOutcomes asks the peer for its outcomes from an epoch on.
type AskOutcomes struct{ From messages.Epoch }

// ServeOutcomes answers the peer's request: the canonical outcomes of at most
// MaxOutcomes consecutive epochs, ascending.
type ServeOutcomes struct{ Outcomes [][]byte }

func (AskOutcomes) toPeer()   {}
func (ServeOutcomes) toPeer() {}
