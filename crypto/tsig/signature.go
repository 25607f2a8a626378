package tsig

import (
	"crypto/sha256"
	"fmt"

	"minimint/crypto/bls"
)

// Signature is the group's signature over one message: unique, 48 bytes. The zero Signature is none, and verifies under nothing.
type Signature struct {
	point bls.G1
	set   bool
}

func newSignature(point bls.G1) Signature { return Signature{point: point, set: true} }

// DecodeSignature reads a signature from its 48 bytes. It refuses everything that is not the one encoding of a point of the group
// other than the identity. It does not verify.
func DecodeSignature(b []byte) (Signature, error) {
	point, err := bls.DecodeG1(b)
	if err != nil {
		return Signature{}, fmt.Errorf("tsig: signature: %w", err)
	}
	return newSignature(point), nil
}

// Bytes returns the 48-byte encoding, the same for everybody who has the signature.
func (s Signature) Bytes() []byte { return s.point.Bytes() }

// Coin reads a verified or combined signature as a coin toss: the first (most significant) bit of SHA-256 of its bytes.
func (s Signature) Coin() bool {
	sum := sha256.Sum256(s.Bytes())
	return sum[0]&0x80 != 0
}
