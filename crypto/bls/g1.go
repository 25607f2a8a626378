package bls

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	curve "github.com/cloudflare/circl/ecc/bls12381"
)

// g1Size is the length of an encoded point of G1.
const g1Size = curve.G1SizeCompressed

// G1 is a point of the prime-order group G1: hashes, blinded messages, signatures and their shares.
//
// A G1 is immutable and may be copied and shared freely. The zero G1 is no point at all, not even the identity: it is unusable and
// every method panics on it. It is deliberately not comparable with ==, because one point has many representations.
type G1 struct {
	_     [0]func()
	point *curve.G1
	// encoding is kept when the point was decoded: computing it costs a field inversion.
	encoding []byte
}

func newG1(p curve.G1) G1 { return G1{point: &p} }

// get returns the point for reading only.
func (p G1) get() *curve.G1 {
	if p.point == nil {
		panic("bls: use of the zero G1, which is not a point")
	}
	return p.point
}

// DecodeG1 reads a point from exactly 48 bytes, the compressed form of the zkcrypto convention. It refuses any other length,
// the uncompressed form, coordinates that are not reduced, points that are not on the curve or not in the prime-order subgroup, and
// the identity. So one point has one encoding and every decoded point may meet a secret.
func DecodeG1(b []byte) (G1, error) {
	if len(b) != g1Size {
		return G1{}, fmt.Errorf("bls: G1 point of %d bytes, want %d", len(b), g1Size)
	}
	p := new(curve.G1)
	if err := p.SetBytes(b); err != nil {
		return G1{}, fmt.Errorf("bls: not a G1 point: %w", err)
	}
	if p.IsIdentity() {
		return G1{}, errors.New("bls: the identity is not accepted as a G1 point")
	}
	return G1{point: p, encoding: slices.Clone(b)}, nil
}

// G1Identity returns the neutral element, where sums start.
func G1Identity() G1 {
	var p curve.G1
	p.SetIdentity()
	return newG1(p)
}

// MulG1 returns s times the generator of G1, in constant time.
func MulG1(s Scalar) G1 {
	var p curve.G1
	p.ScalarMult(s.get(), curve.G1Generator())
	return newG1(p)
}

// Add returns p + q.
func (p G1) Add(q G1) G1 {
	var r curve.G1
	r.Add(p.get(), q.get())
	return newG1(r)
}

// Neg returns −p.
func (p G1) Neg() G1 {
	r := *p.get()
	r.Neg()
	return newG1(r)
}

// Mul returns s·p, in constant time: s may be a secret and p may be chosen by an attacker.
func (p G1) Mul(s Scalar) G1 {
	var r curve.G1
	r.ScalarMult(s.get(), p.get())
	return newG1(r)
}

// Equal reports whether p and q are the same point.
func (p G1) Equal(q G1) bool { return p.get().IsEqual(q.get()) }

// IsIdentity reports whether p is the neutral element.
func (p G1) IsIdentity() bool { return p.get().IsIdentity() }

// Bytes returns the 48-byte compressed encoding, as a slice of the caller's own. The identity encodes too, but DecodeG1 refuses it.
func (p G1) Bytes() []byte {
	if p.encoding != nil {
		return slices.Clone(p.encoding)
	}
	return p.get().BytesCompressed()
}

// String returns the encoding in hexadecimal.
func (p G1) String() string {
	if p.point == nil {
		return "no point"
	}
	return hex.EncodeToString(p.Bytes())
}
