package statement

import (
	"fmt"

	"minimint/messages"
	"minimint/messages/wire"
)

// An Attested is a statement that a correct member has made: n−f members signed it,
// or there are right shares of f+1. The latter is less, since the others may not
// have the epoch yet, but enough to build on; and it can be had while so many members
// are away that there are no certificates.
type Attested struct {
	Statement Statement
	Signature []byte  // nil if there are shares
	Shares    []Share // of different members
}

// Valid reports whether that is so, for a federation in which some is f+1. It checks
// one signature, or as many shares as there are, up to the first wrong one.
func (a Attested) Valid(key Key, some int) bool {
	if a.Signature != nil {
		return key.Valid(Certificate{Statement: a.Statement, Signature: a.Signature})
	}
	right := map[messages.PeerID]bool{}
	for _, s := range a.Shares {
		if right[s.Member] || s.Statement != a.Statement || !key.ValidShare(s) {
			return false
		}
		right[s.Member] = true
	}
	return len(right) >= some
}

// Attested returns c as what attests its statement.
func (c Certificate) Attested() Attested {
	return Attested{Statement: c.Statement, Signature: c.Signature}
}

// Certificate returns the certificate, false if there are only shares.
func (a Attested) Certificate() (Certificate, bool) {
	return Certificate{Statement: a.Statement, Signature: a.Signature}, a.Signature != nil
}

// Wire returns the message that stands for a.
func (a Attested) Wire() *wire.Attested {
	w := &wire.Attested{Statement: a.Statement.Wire(), Signature: a.Signature}
	for _, s := range a.Shares {
		w.Shares = append(w.Shares, &wire.MemberShare{Member: uint32(s.Member), Share: s.Signature})
	}
	return w
}

// ReadAttested reads what a member of n sent; whether it is valid is another question.
func ReadAttested(w *wire.Attested, n int) (Attested, error) {
	s, err := Read(w.GetStatement())
	if err != nil {
		return Attested{}, err
	}
	if len(w.GetSignature()) > 0 {
		c, err := ReadCertificate(&wire.Certificate{Statement: w.GetStatement(), Signature: w.GetSignature()})
		return Attested{Statement: s, Signature: c.Signature}, err
	}
	if len(w.GetShares()) > n {
		return Attested{}, fmt.Errorf("%w: shares of %d members", ErrStatement, len(w.GetShares()))
	}
	a := Attested{Statement: s}
	for _, m := range w.GetShares() {
		if int64(m.GetMember()) >= int64(n) {
			return Attested{}, fmt.Errorf("%w: share of member %d of %d", ErrStatement, m.GetMember(), n)
		}
		share, err := ReadShare(messages.PeerID(m.GetMember()), w.GetStatement(), m.GetShare())
		if err != nil {
			return Attested{}, err
		}
		a.Shares = append(a.Shares, share)
	}
	return a, nil
}
