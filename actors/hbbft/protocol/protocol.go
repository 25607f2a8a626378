// Package protocol defines what every protocol of HoneyBadgerBFT returns.
//
// A protocol is a value that is told things and answers with a [Step]. It owns
// no goroutine, clock, socket, file or source of randomness, so the same calls
// in the same order always yield the same steps. Bytes of a peer yield at
// worst a [Fault]; misuse by the local caller panics.
package protocol

import (
	"fmt"

	"minimint/actors/mutant"
	"minimint/messages"
	"minimint/messages/frames"
)

// A Step is everything that one call asks of the caller: statements to make to
// everybody or to one peer, outputs of type O, and faults. The zero Step asks
// for nothing.
type Step[O any] struct {
	Say     []Say
	Outputs []O
	Faults  []Fault
}

// Say is one statement of this node. A statement to everybody (To == nil) is
// part of what the node has said in the epoch: it is journalled before it is
// sent, and repeated to a peer whose link comes up. A statement to one peer is
// an answer or a question that may be lost.
type Say struct {
	To        *messages.PeerID
	Statement frames.Statement
}

// Everybody returns a Say to all members; the caller handles its own copy.
func Everybody(s frames.Statement) Say { return Say{Statement: s} }

// Only returns a Say to one peer.
func Only(to messages.PeerID, s frames.Statement) Say { return Say{To: &to, Statement: s} }

// Join appends what other says and blames to s; outputs of a child protocol
// mean something else to its parent and are taken by the caller.
func (s *Step[O]) Join(say []Say, faults []Fault) {
	s.Say = append(s.Say, say...)
	s.Faults = append(s.Faults, faults...)
}

// Empty reports whether nothing follows from the step.
func (s *Step[O]) Empty() bool { return len(s.Say)+len(s.Outputs)+len(s.Faults) == 0 }

// A Fault is evidence that a peer departed from the protocol. It is never an
// error: the protocol has already dealt with it.
type Fault struct {
	Peer     messages.PeerID
	Kind     FaultKind
	Epoch    messages.Epoch
	Proposer messages.PeerID
	// Evidence holds the statements that show the fault, newest last. Those of a
	// Transferable kind convince a third party; links are authenticated, but
	// what crosses them is not signed, so others are one member's word. What is
	// too long to be looked at is no evidence either: Oversize has none, and
	// WrongContext and Flooding are about more than one statement.
	Evidence []frames.Statement
}

// String returns one stable line, for logs and scripts.
func (f Fault) String() string {
	return fmt.Sprintf("fault peer=%d kind=%s epoch=%d proposer=%d", f.Peer, f.Kind, f.Epoch, f.Proposer)
}

// FaultKind says how a peer departed from the protocol.
type FaultKind string

// The kinds of fault that the protocols of HoneyBadgerBFT can raise.
const (
	WrongContext         FaultKind = "wrong-context"
	Oversize             FaultKind = "oversize"
	Malformed            FaultKind = "malformed"
	UnknownProposer      FaultKind = "unknown-proposer"
	ValueFromNonProposer FaultKind = "value-from-non-proposer"
	BadProposerSignature FaultKind = "bad-proposer-signature"
	TwoRoots             FaultKind = "two-roots"
	TwoEchoes            FaultKind = "two-echoes"
	TwoReadys            FaultKind = "two-readys"
	TwoInputs            FaultKind = "two-inputs"
	TwoAux               FaultKind = "two-aux"
	TwoConf              FaultKind = "two-conf"
	EmptyConf            FaultKind = "empty-conf"
	TwoTerms             FaultKind = "two-terms"
	BadCoinShare         FaultKind = "bad-coin-share"
	TwoCoinShares        FaultKind = "two-coin-shares"
	BadCiphertext        FaultKind = "bad-ciphertext"
	BadDecryptionShare   FaultKind = "bad-decryption-share"
	TwoDecryptionShares  FaultKind = "two-decryption-shares"
	UnexpectedShare      FaultKind = "unexpected-share"
	Flooding             FaultKind = "flooding"
)

// Transferable reports whether the evidence of this kind of fault convinces
// anybody who knows the federation's public keys: the accused signed it. There is
// at most one such fault of each kind in a slot.
func (k FaultKind) Transferable() bool { return k == TwoRoots || k == BadCiphertext }

// A Quorum holds the sizes that every protocol counts against. Keep N-F and
// 2F+1 apart: they differ when N is not 3F+1.
type Quorum struct{ N, F int }

// NewQuorum returns the quorum of n members, of whom (n-1)/3 may be faulty.
func NewQuorum(n int) Quorum {
	if n < 1 || n > messages.MaxPeers {
		panic(fmt.Sprintf("protocol: federation of %d members", n))
	}
	return Quorum{N: n, F: (n - 1) / 3}
}

// Live is N-F: as many as can be waited for.
func (q Quorum) Live() int {
	if mutant.Removed(mutant.LiveQuorum) {
		return q.N
	}
	return q.N - q.F
}

// Some is F+1: at least one of them is correct.
func (q Quorum) Some() int { return q.F + 1 }

// Strong is 2F+1: more than F of them are correct.
func (q Quorum) Strong() int { return 2*q.F + 1 }
