package statement

import (
	"fmt"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// A Chain builds the statements of consecutive epochs from their headers.
type Chain struct {
	Federation messages.FederationID
	Era        messages.Era
	Next       messages.Epoch  // of the next statement
	Previous   messages.Digest // its link to what is before it
}

// Add appends an epoch and returns its statement.
func (c *Chain) Add(h Header) Statement {
	s := Statement{Era: c.Era, Epoch: c.Next, Previous: c.Previous, Header: h}
	c.Previous = s.Link(c.Federation)
	c.Next++
	return s
}

// A Proof is a piece of the chain of epochs, the last of which is certified if
// there is a Signature.
type Proof struct {
	From      messages.Epoch
	Previous  messages.Digest // link of the epoch before From
	Headers   []Header
	Signature []byte // of the last header's statement
}

// ReadProof reads a proof of at most limit headers, whose signature may be absent.
func ReadProof(from uint64, previous []byte, headers []*wire.EpochHeader, signature []byte, limit int) (Proof, error) {
	p := Proof{From: messages.Epoch(from)}
	var ok bool
	if p.Previous, ok = messages.DigestFrom(previous); !ok {
		return Proof{}, fmt.Errorf("%w: previous link of %d bytes", ErrStatement, len(previous))
	}
	if len(headers) > limit || from+uint64(len(headers)) < from {
		return Proof{}, fmt.Errorf("%w: %d headers from epoch %d, at most %d allowed", ErrStatement, len(headers), from, limit)
	}
	for _, w := range headers {
		h, err := ReadHeader(w)
		if err != nil {
			return Proof{}, err
		}
		p.Headers = append(p.Headers, h)
	}
	if len(signature) == 0 {
		return p, nil
	}
	if len(headers) == 0 {
		return Proof{}, fmt.Errorf("%w: signature without a header", ErrStatement)
	}
	if len(signature) != SignatureSize {
		return Proof{}, fmt.Errorf("%w: signature of %d bytes", ErrStatement, len(signature))
	}
	p.Signature = signature
	return p, nil
}

// Statements returns the statements of all headers, ascending.
func (p Proof) Statements(federation messages.FederationID, era messages.Era) []Statement {
	chain := Chain{Federation: federation, Era: era, Next: p.From, Previous: p.Previous}
	list := make([]Statement, len(p.Headers))
	for i, h := range p.Headers {
		list[i] = chain.Add(h)
	}
	return list
}

// Certificate returns that of the last epoch, false without a signature. Whether
// it is valid is for the caller to check.
func (p Proof) Certificate(federation messages.FederationID, era messages.Era) (Certificate, bool) {
	if p.Signature == nil || len(p.Headers) == 0 {
		return Certificate{}, false
	}
	list := p.Statements(federation, era)
	return Certificate{Statement: list[len(list)-1], Signature: p.Signature}, true
}

// maxProof bounds the headers of a proof for a client.
const maxProof = 1024

// Proven reads what a member answered to the question for an epoch's proof, and
// returns the statement of that epoch. One member's word is enough, whoever it is:
// n−f members signed it. Errors wrap ErrStatement.
func Proven(w *wire.EpochProof, key Key, federation messages.FederationID, era messages.Era) (Statement, error) {
	p, err := ReadProof(w.GetEpoch(), w.GetPrevious(), w.GetHeaders(), w.GetSignature(), maxProof)
	if err != nil {
		return Statement{}, err
	}
	c, ok := p.Certificate(federation, era)
	if !ok || !key.Valid(c) {
		return Statement{}, fmt.Errorf("%w: no certificate under %d headers from epoch %d", ErrStatement, len(p.Headers), p.From)
	}
	return p.Statements(federation, era)[0], nil
}

// HeadersWire returns the messages that stand for headers.
func HeadersWire(headers []Header) []*wire.EpochHeader {
	list := make([]*wire.EpochHeader, len(headers))
	for i, h := range headers {
		list[i] = h.Wire()
	}
	return list
}

// A Contradiction is two statements of one member about one epoch: it lies, or it
// has lost its state. Anybody who has the federation's configuration can check it.
type Contradiction struct {
	Member     messages.PeerID
	One, Other Share
}

// Valid reports whether both are statements of the member about one epoch of one
// era, and differ.
func (c Contradiction) Valid(key Key) bool {
	one, other := c.One.Statement, c.Other.Statement
	return one.Epoch == other.Epoch && one.Era == other.Era && one != other &&
		c.One.Member == c.Member && c.Other.Member == c.Member && key.ValidShare(c.One) && key.ValidShare(c.Other)
}

// Encode returns the canonical form.
func (c Contradiction) Encode() []byte {
	return canonical.Marshal(&wire.Contradiction{
		Member: uint32(c.Member), One: c.One.Statement.Wire(), OneShare: c.One.Signature,
		Other: c.Other.Statement.Wire(), OtherShare: c.Other.Signature,
	})
}

// maxContradiction bounds the encoding, in bytes.
const maxContradiction = 1 << 10

// DecodeContradiction reads what Encode wrote; whether it is valid is another
// question.
func DecodeContradiction(b []byte) (Contradiction, error) {
	w := new(wire.Contradiction)
	if err := canonical.Unmarshal(b, w, maxContradiction); err != nil {
		return Contradiction{}, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if w.GetMember() >= messages.MaxPeers {
		return Contradiction{}, fmt.Errorf("%w: of member %d", ErrStatement, w.GetMember())
	}
	c := Contradiction{Member: messages.PeerID(w.GetMember())}
	var err error
	if c.One, err = ReadShare(c.Member, w.GetOne(), w.GetOneShare()); err != nil {
		return Contradiction{}, err
	}
	if c.Other, err = ReadShare(c.Member, w.GetOther(), w.GetOtherShare()); err != nil {
		return Contradiction{}, err
	}
	return c, nil
}
