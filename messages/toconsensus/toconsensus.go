// Package toconsensus is what the consensus processor accepts and what it
// tells others. Replies go to the sender of a message.
package toconsensus

import (
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
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

// PeerBehind says that a peer lacks the outcome of Epoch and cannot know.
type PeerBehind struct {
	Peer  messages.PeerID
	Epoch messages.Epoch
}

// PeerUp says that the link to a peer came up or became writable again: what it
// was told may be lost.
type PeerUp struct{ Peer messages.PeerID }

// ShareTold brings a peer's share of a certificate, under its id; with Again it
// lacks the certificate.
type ShareTold struct {
	Peer  messages.PeerID
	Share statement.Share
	Again bool
}

// CertificateTold brings a certificate that a peer has; nobody has checked it.
type CertificateTold struct {
	Peer        messages.PeerID
	Certificate statement.Certificate
}

// HeadersWanted asks for headers from an epoch on, for a peer that is behind.
type HeadersWanted struct {
	Peer messages.PeerID
	From messages.Epoch
}

// HeadersServed brings headers that a peer served, at most topeer.MaxHeaders, the
// first epoch whose outcome it has, and the first that it lacks.
type HeadersServed struct {
	Peer         messages.PeerID
	Proof        statement.Proof
	Oldest, Next messages.Epoch
}

// OutcomesWanted asks for the outcomes of at most Count epochs, from that byte of
// the first on, for a peer.
type OutcomesWanted struct {
	Peer   messages.PeerID
	From   messages.Epoch
	Count  int
	Offset uint64
}

// OutcomesServed brings the bytes of outcomes that a peer served, of consecutive
// epochs; or a part of one. Oldest is the first that it has at all.
type OutcomesServed struct {
	Peer     messages.PeerID
	From     messages.Epoch
	Oldest   messages.Epoch
	Outcomes [][]byte
	Part     []byte // nil if there are outcomes
	Offset   uint64
	Last     bool
}

// SnapshotWanted asks for a piece of a snapshot for a peer: of any one if First is
// set, else of that after Epoch. The piece begins with the pair behind the key
// After, without its first Skip bytes. Offset is only repeated.
type SnapshotWanted struct {
	Peer   messages.PeerID
	First  bool
	Epoch  messages.Epoch
	After  []byte
	Skip   uint64
	Offset uint64
}

// SnapshotServed brings a piece of a snapshot, at the beginning with what attests
// it; nobody has checked it.
type SnapshotServed struct {
	Peer     messages.PeerID
	Attested *statement.Attested
	Epoch    messages.Epoch
	Offset   uint64
	Body     []byte
}

// JournalOutdated says that HBBFT lost a part of what it said, since peers remember
// more. The processor answers with tohbbft.EpochCommitted, Lost, when it knows where the
// others are and has followed them.
type JournalOutdated struct{}

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
func (PeerBehind) toConsensus()       {}
func (PeerUp) toConsensus()           {}
func (JournalOutdated) toConsensus()  {}
func (ShareTold) toConsensus()        {}
func (CertificateTold) toConsensus()  {}
func (HeadersWanted) toConsensus()    {}
func (HeadersServed) toConsensus()    {}
func (OutcomesWanted) toConsensus()   {}
func (OutcomesServed) toConsensus()   {}
func (SnapshotWanted) toConsensus()   {}
func (SnapshotServed) toConsensus()   {}
