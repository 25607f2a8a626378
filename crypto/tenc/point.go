package tenc

import (
	"fmt"

	"github.com/cloudflare/circl/group"

	"minimint/crypto/domain"
)

// Roles of the hashes inside the proofs.
const (
	// statementTag makes the digest that stands for role, key, label and ciphertext in every proof.
	statementTag = domain.TenCStatement
	// proofNonceTag and shareNonceTag make the one-time exponents of the two proofs.
	proofNonceTag = domain.TenCProofNonce
	shareNonceTag = domain.TenCShareNonce
)

// curve is the prime-order group of everything here: no cofactor, one encoding per element.
var curve = group.Ristretto255

// generator is G; secondGenerator is Ḡ, hashed to the group so that nobody knows its logarithm. Both are only ever read.
var (
	generator       = curve.Generator()
	secondGenerator = curve.HashToElement([]byte("second generator"), []byte(domain.TenCGenerator))
)

// point is a group element other than the identity, beside its one encoding (encoding costs a field inversion).
// The zero point is unusable.
type point struct {
	element group.Element
	bytes   [PointSize]byte
}

// newPoint keeps e, which the caller must not change afterwards.
func newPoint(e group.Element) point {
	p := point{element: e}
	encoded, err := e.MarshalBinary()
	if err != nil || len(encoded) != PointSize {
		panic(fmt.Sprintf("tenc: element does not encode: %v", err))
	}
	copy(p.bytes[:], encoded)
	return p
}

// decodePoint accepts exactly the 32 canonical bytes of an element that is not the identity.
func decodePoint(b []byte) (point, error) {
	if len(b) != PointSize {
		return point{}, fmt.Errorf("%w: point of %d bytes", ErrEncoding, len(b))
	}
	e := curve.NewElement()
	if err := e.UnmarshalBinary(b); err != nil {
		return point{}, fmt.Errorf("%w: not a point", ErrEncoding)
	}
	if e.IsIdentity() {
		return point{}, fmt.Errorf("%w: identity", ErrEncoding)
	}
	p := point{element: e}
	copy(p.bytes[:], b)
	return p, nil
}

// decodeScalar accepts exactly the 32 canonical bytes (little-endian, below the order) of a scalar that is not zero.
func decodeScalar(b []byte) (group.Scalar, error) {
	if len(b) != ScalarSize {
		return nil, fmt.Errorf("%w: scalar of %d bytes", ErrEncoding, len(b))
	}
	s := curve.NewScalar()
	if err := s.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: not a reduced scalar", ErrEncoding)
	}
	if s.IsZero() {
		return nil, fmt.Errorf("%w: zero scalar", ErrEncoding)
	}
	return s, nil
}

// hashToScalar is HS: uniform modulo the order (64 bytes reduced). Every scalar of this package is made here from bytes that were
// read or hashed, because circl's RandomScalar for this group ignores the reader it is given.
func hashToScalar(tag domain.Tag, fields ...[]byte) group.Scalar {
	return curve.HashToScalar(domain.Frame(fields...), []byte(tag))
}
