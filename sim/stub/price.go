package stub

import (
	"io"
	"time"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/rbc"
	"minimint/actors/hbbft/tdec"
	"minimint/actors/node"
	"minimint/messages"
	"minimint/messages/statement"
)

// Prices are how long operations take a processor, to be charged to virtual time.
// PerShare is added for each share that is combined.
type Prices struct {
	Sign, Verify                                 time.Duration // ed25519
	CoinShare, CoinCombine, CoinPerShare         time.Duration // threshold BLS
	Seal, CheckSealed, OpenShare, Open, PerShare time.Duration // TDH2
}

// Measured are the prices of the real cryptography on one core of an AMD EPYC
// (the benchmarks of crypto/tsig and crypto/tenc, and ed25519 of the standard
// library).
func Measured() Prices {
	return Prices{
		Sign: 25 * time.Microsecond, Verify: 55 * time.Microsecond,
		CoinShare: 250 * time.Microsecond, CoinCombine: 1100 * time.Microsecond, CoinPerShare: 3 * time.Microsecond,
		Seal: 300 * time.Microsecond, CheckSealed: 350 * time.Microsecond, OpenShare: 250 * time.Microsecond,
		Open: 60 * time.Microsecond, PerShare: 15 * time.Microsecond,
	}
}

// Priced returns cryptography that does what c does, and charges for it.
func Priced(c node.Cryptography, p Prices, charge func(time.Duration)) node.Cryptography {
	t := till{p, charge}
	inner := c
	c.Core.Signer = pricedSigner{inner.Core.Signer, t}
	c.Core.Verifier = pricedVerifier{inner.Core.Verifier, t}
	c.Core.Scheme = pricedScheme{inner.Core.Scheme, t}
	c.Core.Coin = func(s protocol.Slot) aba.Coin { return pricedCoin{inner.Core.Coin(s), t} }
	c.Seal = func(random io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error) {
		charge(p.Seal)
		return inner.Seal(random, slot, contribution)
	}
	c.Certificates = pricedNotary{inner.Certificates, t}
	return c
}

type till struct {
	Prices
	charge func(time.Duration)
}

type pricedSigner struct {
	rbc.Signer
	till
}

// Sign implements rbc.Signer.
func (s pricedSigner) Sign(statement messages.Digest) [64]byte {
	s.charge(s.Prices.Sign)
	return s.Signer.Sign(statement)
}

type pricedVerifier struct {
	rbc.Verifier
	till
}

// Verify implements rbc.Verifier.
func (v pricedVerifier) Verify(who messages.PeerID, statement messages.Digest, signature [64]byte) bool {
	v.charge(v.Prices.Verify)
	return v.Verifier.Verify(who, statement, signature)
}

type pricedCoin struct {
	aba.Coin
	till
}

// Share implements aba.Coin.
func (c pricedCoin) Share(round uint32) []byte {
	c.charge(c.CoinShare)
	return c.Coin.Share(round)
}

// Combine implements aba.Coin.
func (c pricedCoin) Combine(round uint32, shares []aba.IndexedShare) (bool, []messages.PeerID, bool) {
	c.charge(c.CoinCombine + time.Duration(len(shares))*c.CoinPerShare)
	return c.Coin.Combine(round, shares)
}

type pricedScheme struct {
	tdec.Scheme
	till
}

// Verify implements tdec.Scheme.
func (s pricedScheme) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	s.charge(s.CheckSealed)
	sealed, ok := s.Scheme.Verify(label, ciphertext)
	if !ok {
		return nil, false
	}
	return pricedSealed{sealed, s.till}, true
}

type pricedSealed struct {
	tdec.Sealed
	till
}

// Share implements tdec.Sealed.
func (s pricedSealed) Share() []byte {
	s.charge(s.OpenShare)
	return s.Sealed.Share()
}

// Open implements tdec.Sealed.
func (s pricedSealed) Open(shares [][]byte) tdec.Opening {
	there := 0
	for _, b := range shares {
		if b != nil {
			there++
		}
	}
	s.charge(s.Prices.Open + time.Duration(there)*s.PerShare)
	return s.Sealed.Open(shares)
}

// pricedNotary charges what the same key costs for coins.
type pricedNotary struct {
	statement.Signer
	till
}

// Sign implements statement.Signer.
func (n pricedNotary) Sign(s statement.Statement) []byte {
	n.charge(n.CoinShare)
	return n.Signer.Sign(s)
}

// Valid implements statement.Key.
func (n pricedNotary) Valid(c statement.Certificate) bool {
	n.charge(n.CoinCombine)
	return n.Signer.Valid(c)
}

// ValidShare implements statement.Key.
func (n pricedNotary) ValidShare(s statement.Share) bool {
	n.charge(n.CoinCombine)
	return n.Signer.ValidShare(s)
}

// Combine implements statement.Key.
func (n pricedNotary) Combine(shares []statement.Share) ([]byte, []messages.PeerID, bool) {
	n.charge(n.CoinCombine + time.Duration(len(shares))*n.CoinPerShare)
	return n.Signer.Combine(shares)
}
