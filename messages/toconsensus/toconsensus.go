// Package toconsensus is what the consensus processor accepts and what it
// tells others. Replies go to the sender of a message.
package toconsensus

import (
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
)

// A Message is what the consensus processor accepts, besides ticks.
//
//sumtype:decl
type Message interface{ toConsensus() }

// Submit asks to pool a transaction that a session decoded and whose stateless
// checks passed. The answer is one Submitted, sent when the transaction is
// stored and survives a crash, or when it is refused.
type Submit struct {
	Request     uint64
	Transaction *transaction.Transaction
}

// Submitted answers a Submit.
type Submitted struct {
	Request uint64
	// Rejection is nil if the transaction is pooled or was accepted before.
	Rejection *messages.Rejection
	// From is the first epoch that can decide about it: what earlier ones said,
	// such as a refusal that was not final, is out of date.
	From messages.Epoch
}

// ModuleItems replaces what this member's module of that kind wants to propose.
type ModuleItems struct {
	Kind  messages.ModuleKind
	Items [][]byte
}

// Subscribe makes the sender receive EpochCommitted, the first at once with
// the newest epoch. A second one changes nothing, so subscribers repeat it now and
// then, in case that the processor has restarted.
type Subscribe struct{}

// Unsubscribe ends what Subscribe began.
type Unsubscribe struct{}

// WantContribution comes from the HBBFT instance when it starts an epoch; it
// is answered with a contribution.
type WantContribution struct{ Epoch messages.Epoch }

// Agreed comes from the HBBFT instance with what an epoch agreed on.
type Agreed struct{ Outcome outcome.Outcome }

// PeerAhead says that a peer has outcomes up to before Epoch, which this
// member lacks.
type PeerAhead struct {
	Peer  messages.PeerID
	Epoch messages.Epoch
}

// OutcomesWanted asks for outcomes from an epoch on, for a peer that is behind.
type OutcomesWanted struct {
	Peer messages.PeerID
	From messages.Epoch
}

// OutcomesServed brings outcomes that a peer served, ascending; believed only
// on f+1 equal digests.
type OutcomesServed struct {
	Peer     messages.PeerID
	Outcomes []outcome.Outcome
}

// EpochCommitted tells subscribers that an epoch and everything before it is
// durable. It carries only the number: whoever wants more opens a snapshot, so
// any reaction can be repeated after a crash.
type EpochCommitted struct{ Epoch messages.Epoch }

func (Submit) toConsensus()           {}
func (ModuleItems) toConsensus()      {}
func (Subscribe) toConsensus()        {}
func (Unsubscribe) toConsensus()      {}
func (WantContribution) toConsensus() {}
func (Agreed) toConsensus()           {}
func (PeerAhead) toConsensus()        {}
func (OutcomesWanted) toConsensus()   {}
func (OutcomesServed) toConsensus()   {}
