// Package vss is verifiable secret sharing in two groups at once (Feldman, FOCS 1987): the mathematics of the key ceremony
// without its messages.
//
// A dealer draws, for each key, a polynomial of degree t−1 over the key's group. It shows everybody its coefficients times the generator
// g, and proves that it knows the constant; a member's share is the value at its index i, counted from 1, and is right if
//
//	f(i)·g = Σ i^m · (a_m·g)
//
// When every member has dealt, the sum of the constants is a secret that nobody knows: its points are the sums of points, a member's
// share of it the sum of its shares (Pedersen, Eurocrypt 1991).
//
// A [Sharing] is one member's view: it deals once and takes what all dealers deal, itself included. It never holds the secrets of two
// members: Shares computes another's when asked, and keeps nothing.
package vss

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// ScalarSize is the encoded length of a scalar in both groups.
const ScalarSize = 32

// What can be wrong with what a dealer says; errors wrap one of them and say where.
var (
	ErrEncoding = errors.New("malformed")
	ErrDegree   = errors.New("wrong degree")
	ErrPoint    = errors.New("bad point")
	ErrProof    = errors.New("bad proof of knowledge")
	ErrShare    = errors.New("bad share")
)

// Config is what all members agree on.
type Config struct {
	Session [32]byte
	Members int
	Keys    []Key
}

// Sharing is one member's view of a run.
type Sharing struct {
	cfg         Config
	bls, others part
}

// part is the work in one group.
type part interface {
	reveal(me int, salt []byte) []byte
	accept(dealer int, revealed []byte) error
	shares(to int) []byte
	take(dealer, to int, shares, salt []byte) error
	result(keys []PublicKey, secrets []Secret)
	wipe()
}

// New draws polynomials from rand, or none if rand is nil: then the Sharing can only judge others. The only error is that of rand.
func New(c Config, rand io.Reader) (*Sharing, error) {
	b, err := newVector(blsGroup, c, rand)
	if err != nil {
		return nil, err
	}
	r, err := newVector(ristrettoGroup, c, rand)
	if err != nil {
		return nil, err
	}
	return &Sharing{cfg: c, bls: b, others: r}, nil
}

// Reveal encodes points and proofs of the own polynomials: for each group, after its length (3 bytes), and for each key of the group,
// the number of points (2), the points from the constant upwards, the proof (64). The salt must be secret; equal salts give equal bytes.
func (s *Sharing) Reveal(me int, salt []byte) []byte {
	var b cryptobyte.Builder
	for _, p := range []part{s.bls, s.others} {
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(p.reveal(me, salt)) })
	}
	return b.BytesOrPanic()
}

// RevealSize is the length of what Reveal returns.
func RevealSize(keys []Key) int {
	size := 2 * 3
	for _, k := range keys {
		size += 2 + k.Threshold*k.Group.PointSize() + proofSize
	}
	return size
}

// Accept reads and checks what a dealer reveals. The error wraps ErrEncoding, ErrDegree, ErrPoint or ErrProof.
func (s *Sharing) Accept(dealer int, revealed []byte) error {
	rest := cryptobyte.String(revealed)
	for _, p := range []part{s.bls, s.others} {
		var encoded cryptobyte.String
		if !rest.ReadUint24LengthPrefixed(&encoded) {
			return fmt.Errorf("%w: cut short", ErrEncoding)
		}
		if err := p.accept(dealer, encoded); err != nil {
			return err
		}
	}
	if !rest.Empty() {
		return fmt.Errorf("%w: too long", ErrEncoding)
	}
	return nil
}

// Shares evaluates the own polynomials for a member: one scalar per key, group by group. The caller clears it.
func (s *Sharing) Shares(to int) []byte {
	b, o := s.bls.shares(to), s.others.shares(to)
	out := slices.Concat(b, o)
	clear(b)
	clear(o)
	return out
}

// Take checks the shares that a dealer whose points were accepted made for a member, and adds them to the secrets. With a salt all keys
// of a group are checked at once; the salt must be unknown to the dealer. Without one each key is checked by itself, so that
// everybody comes to the same answer. The error wraps ErrShare.
func (s *Sharing) Take(dealer, to int, shares, salt []byte) error {
	if len(shares) != len(s.cfg.Keys)*ScalarSize {
		return fmt.Errorf("%w: %d bytes for %d keys", ErrShare, len(shares), len(s.cfg.Keys))
	}
	split := 0
	for _, k := range s.cfg.Keys {
		if k.Group == BLS12381 {
			split += ScalarSize
		}
	}
	if err := s.bls.take(dealer, to, shares[:split], salt); err != nil {
		return err
	}
	return s.others.take(dealer, to, shares[split:], salt)
}

// Result returns public keys and this member's secrets, both in the order of Config.Keys. It may be called once, after every
// member's points were accepted and shares taken.
func (s *Sharing) Result() ([]PublicKey, []Secret) {
	keys, secrets := make([]PublicKey, len(s.cfg.Keys)), make([]Secret, len(s.cfg.Keys))
	s.bls.result(keys, secrets)
	s.others.result(keys, secrets)
	return keys, secrets
}

// Wipe forgets the own polynomials and the shares taken so far, best effort. Reveal and Shares must not be called afterwards.
func (s *Sharing) Wipe() {
	s.bls.wipe()
	s.others.wipe()
}
