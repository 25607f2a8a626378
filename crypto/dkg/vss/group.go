package vss

import (
	"io"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/shamir"
)

// Hashes of secrets, which a member computes for itself alone.
const (
	blsNonceTag       = domain.DKGNonce
	ristrettoNonceTag = domain.DKGNonceRistretto
	ristrettoDrawTag  = domain.DKGDraw
)

// scalar is what a secret of either group can do. Values are immutable until Wipe, and constant time throughout.
type scalar[S any] interface {
	shamir.Element[S]
	Bytes() []byte
	Equal(S) bool
	Wipe()
}

// point is what a public key of either group can do.
type point[P any] interface {
	Add(P) P
	Bytes() []byte
	Equal(P) bool
}

// group is the arithmetic that a ceremony needs, for one group.
type group[S scalar[S], P point[P]] struct {
	id        Group
	pointSize int
	field     shamir.Field[S]
	generator P
	// base returns s·g, in constant time.
	base func(S) P
	// combine returns Σ s·P, in variable time: public data only.
	combine func([]P, []S) P
	// decodePoint and decodeScalar accept one encoding per value, and neither the identity nor zero.
	decodePoint  func([]byte) (P, error)
	decodeScalar func([]byte) (S, error)
	hash         func(domain.Tag, []byte) S
	// Tags of the proof of knowledge, of its nonces, and of folding coefficients.
	possession, nonce, combination domain.Tag
}

var blsGroup = &group[bls.Scalar, bls.G2]{
	id: BLS12381, pointSize: 96, field: shamir.BLS12381(), generator: bls.G2Generator(),
	base: bls.MulG2, combine: bls.MultiMulG2, decodePoint: bls.DecodeG2, decodeScalar: bls.DecodeScalar,
	hash:       func(tag domain.Tag, msg []byte) bls.Scalar { return bls.HashToScalar(string(tag), msg) },
	possession: domain.DKGPossession, nonce: blsNonceTag, combination: domain.DKGCombination,
}

var ristrettoGroup = &group[exponent, element]{
	id: Ristretto255, pointSize: elementSize, generator: element{curve.Generator()},
	field: shamir.Field[exponent]{
		Integer: func(v uint64) exponent { return exponent{curve.NewScalar().SetUint64(v)} },
		Random:  func(r io.Reader) (exponent, error) { return drawExponent(r) },
	},
	base: mulBase, combine: combineElements, decodePoint: decodeElement, decodeScalar: decodeExponent,
	hash:       func(tag domain.Tag, msg []byte) exponent { return exponent{curve.HashToScalar(msg, []byte(tag))} },
	possession: domain.DKGPossessionRistretto, nonce: ristrettoNonceTag, combination: domain.DKGCombinationRistretto,
}

// evaluate returns the value at index of the polynomial whose coefficients times g are given, by Horner's rule. The index is a small
// integer, so a step costs a few additions.
func evaluate[P point[P]](coefficients []P, index int) P {
	v := coefficients[len(coefficients)-1]
	for i := len(coefficients) - 2; i >= 0; i-- {
		v = times(v, index).Add(coefficients[i])
	}
	return v
}

// times returns k·p for k ≥ 1 by doubling and adding. Variable time: public data only.
func times[P point[P]](p P, k int) P {
	if k == 1 {
		return p
	}
	half := times(p, k/2)
	v := half.Add(half)
	if k%2 == 1 {
		v = v.Add(p)
	}
	return v
}
