package bls

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	curve "github.com/cloudflare/circl/ecc/bls12381"
)

// g2Size is the length of an encoded point of G2.
const g2Size = curve.G2SizeCompressed

// G2 is a point of the prime-order group G2: public keys, verification keys and the commitments of a key ceremony.
//
// A G2 is immutable and may be copied and shared freely. The zero G2 is no point at all, not even the identity: it is unusable and
// every method panics on it. It is deliberately not comparable with ==, because one point has many representations.
type G2 struct {
	_     [0]func()
	point *curve.G2
	// encoding is kept when the point was decoded: computing it costs a field inversion.
	encoding []byte
}

func newG2(p curve.G2) G2 { return G2{point: &p} }

// get returns the point for reading only.
func (p G2) get() *curve.G2 {
	if p.point == nil {
		panic("bls: use of the zero G2, which is not a point")
	}
	return p.point
}

// DecodeG2 reads a point from exactly 96 bytes, the compressed form of the zkcrypto convention. It refuses any other length,
// the uncompressed form, coordinates that are not reduced, points that are not on the curve or not in the prime-order subgroup, and
// the identity. So one point has one encoding and every decoded point may meet a secret.
func DecodeG2(b []byte) (G2, error) {
	if len(b) != g2Size {
		return G2{}, fmt.Errorf("bls: G2 point of %d bytes, want %d", len(b), g2Size)
	}
	p := new(curve.G2)
	if err := p.SetBytes(b); err != nil {
		return G2{}, fmt.Errorf("bls: not a G2 point: %w", err)
	}
	if p.IsIdentity() {
		return G2{}, errors.New("bls: the identity is not accepted as a G2 point")
	}
	return G2{point: p, encoding: slices.Clone(b)}, nil
}

// G2Identity returns the neutral element, where sums start.
func G2Identity() G2 {
	var p curve.G2
	p.SetIdentity()
	return newG2(p)
}

// G2Generator returns the agreed generator of G2.
func G2Generator() G2 { return newG2(*curve.G2Generator()) }

// MulG2 returns s times the generator of G2, in constant time.
func MulG2(s Scalar) G2 {
	var p curve.G2
	p.ScalarMult(s.get(), curve.G2Generator())
	return newG2(p)
}

// Add returns p + q.
func (p G2) Add(q G2) G2 {
	var r curve.G2
	r.Add(p.get(), q.get())
	return newG2(r)
}

// Neg returns −p.
func (p G2) Neg() G2 {
	r := *p.get()
	r.Neg()
	return newG2(r)
}

// Mul returns s·p, in constant time: s may be a secret and p may be chosen by an attacker.
func (p G2) Mul(s Scalar) G2 {
	var r curve.G2
	r.ScalarMult(s.get(), p.get())
	return newG2(r)
}

// Equal reports whether p and q are the same point.
func (p G2) Equal(q G2) bool { return p.get().IsEqual(q.get()) }

// IsIdentity reports whether p is the neutral element.
func (p G2) IsIdentity() bool { return p.get().IsIdentity() }

// Bytes returns the 96-byte compressed encoding, as a slice of the caller's own. The identity encodes too, but DecodeG2 refuses it.
func (p G2) Bytes() []byte {
	if p.encoding != nil {
		return slices.Clone(p.encoding)
	}
	return p.get().BytesCompressed()
}

// String returns the encoding in hexadecimal.
func (p G2) String() string {
	if p.point == nil {
		return "no point"
	}
	return hex.EncodeToString(p.Bytes())
}
