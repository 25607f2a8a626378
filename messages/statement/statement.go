// Package statement holds what members say about a finished epoch, and what
// proves it to others.
//
// Right after it has committed an epoch, every member signs a [Statement] with
// its share of the certificate key: which outcome the epoch had, which state that
// led to, and the link of the epoch before. n−f shares make a [Certificate], and
// since statements are chained by their links (a tagged hash each), the
// certificate of one epoch proves all epochs before it. A [Proof] is a piece of
// that chain with a certificate at its end:
//
//	previous ◄─ header e ◄─ header e+1 ◄─ … ◄─ header e+k, certified
//
// Of n−f members f+1 are correct, and correct members never have different
// outcomes or states, so there are never two certificates that differ for an
// epoch. Whoever signs two statements about one epoch has left evidence that
// anybody can check: a [Contradiction].
//
// The state is named by the Sum of its LtHash (package statehash) and by the
// length of the canonical form of all its pairs, so that whoever downloads it
// knows beforehand how long it is.
package statement

import (
	"errors"
	"fmt"

	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// ErrStatement is what errors of everything in this package that is decoded wrap.
var ErrStatement = errors.New("no statement about an epoch")

// A Header says what one epoch led to.
type Header struct {
	Outcome messages.Digest // of the outcome: outcome.Outcome.Digest
	State   messages.Digest // hash of the replicated state after it
	Size    uint64          // bytes of that state as a snapshot
}

// A Statement is what members sign about an epoch.
type Statement struct {
	Era      messages.Era
	Epoch    messages.Epoch
	Previous messages.Digest // link of the epoch before; zero before the first
	Header   Header
}

// Bytes returns the canonical form, which is what is signed. The federation is
// in the context of the key.
func (s Statement) Bytes() []byte { return canonical.Marshal(s.Wire()) }

// Link names the statement, and through it all before it.
func (s Statement) Link(federation messages.FederationID) messages.Digest {
	return domain.Hash(domain.EpochLink, federation[:], s.Bytes())
}

// String returns one stable line.
func (s Statement) String() string {
	return fmt.Sprintf("epoch %d outcome %.8s state %.8s previous %.8s", s.Epoch, s.Header.Outcome, s.Header.State, s.Previous)
}

// Wire returns the message that stands for s.
func (s Statement) Wire() *wire.Statement {
	return &wire.Statement{Era: uint32(s.Era), Epoch: uint64(s.Epoch), Previous: s.Previous[:], Header: s.Header.Wire()}
}

// Wire returns the message that stands for h.
func (h Header) Wire() *wire.EpochHeader {
	return &wire.EpochHeader{Outcome: h.Outcome[:], State: h.State[:], Size: h.Size}
}

// Read reads a statement.
func Read(w *wire.Statement) (Statement, error) {
	header, err := ReadHeader(w.GetHeader())
	if err != nil {
		return Statement{}, err
	}
	previous, ok := messages.DigestFrom(w.GetPrevious())
	if !ok {
		return Statement{}, fmt.Errorf("%w: previous link of %d bytes", ErrStatement, len(w.GetPrevious()))
	}
	return Statement{Era: messages.Era(w.GetEra()), Epoch: messages.Epoch(w.GetEpoch()), Previous: previous, Header: header}, nil
}

// ReadHeader reads a header.
func ReadHeader(w *wire.EpochHeader) (Header, error) {
	outcome, ok := messages.DigestFrom(w.GetOutcome())
	state, okState := messages.DigestFrom(w.GetState())
	if !ok || !okState {
		return Header{}, fmt.Errorf("%w: digests of %d and %d bytes", ErrStatement, len(w.GetOutcome()), len(w.GetState()))
	}
	return Header{Outcome: outcome, State: state, Size: w.GetSize()}, nil
}

// SignatureSize is the length of a share and of a certificate's signature.
const SignatureSize = 48

// A Share is a statement with one member's share of its certificate.
type Share struct {
	Statement Statement
	Member    messages.PeerID
	Signature []byte
}

// ReadShare reads a share that a member sent; it may still be a wrong one.
func ReadShare(from messages.PeerID, w *wire.Statement, share []byte) (Share, error) {
	s, err := Read(w)
	if err != nil {
		return Share{}, err
	}
	if len(share) != SignatureSize {
		return Share{}, fmt.Errorf("%w: share of %d bytes", ErrStatement, len(share))
	}
	return Share{Statement: s, Member: from, Signature: share}, nil
}

// A Certificate is a statement that n−f members signed.
type Certificate struct {
	Statement Statement
	Signature []byte
}

// Wire returns the message that stands for c.
func (c Certificate) Wire() *wire.Certificate {
	return &wire.Certificate{Statement: c.Statement.Wire(), Signature: c.Signature}
}

// ReadCertificate reads a certificate; whether it is valid is for a [Key] to say.
func ReadCertificate(w *wire.Certificate) (Certificate, error) {
	s, err := Read(w.GetStatement())
	if err != nil {
		return Certificate{}, err
	}
	if len(w.GetSignature()) != SignatureSize {
		return Certificate{}, fmt.Errorf("%w: signature of %d bytes", ErrStatement, len(w.GetSignature()))
	}
	return Certificate{Statement: s, Signature: w.GetSignature()}, nil
}
