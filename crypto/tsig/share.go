package tsig

import (
	"fmt"
	"io"

	"minimint/crypto/bls"
)

// SecretShare is one member's secret s_i, bound to the key it belongs to. It prints as its index only. Immutable until Wipe, and
// usable by many at once.
type SecretShare struct {
	keys   *PublicKeys
	index  uint32
	scalar bls.Scalar
}

// NewSecretShare binds a secret to its key and checks that it is the one of the member with that index: s_i·g2 = VK_i. So a share
// of another key, another member or another run of the ceremony is found here and not when signatures fail.
func NewSecretShare(keys *PublicKeys, index uint32, scalar bls.Scalar) (*SecretShare, error) {
	if !keys.has(index) {
		return nil, fmt.Errorf("tsig: secret share of member %d, but there are %d members", index, keys.Size())
	}
	if !bls.MulG2(scalar).Equal(keys.Member(index)) {
		return nil, fmt.Errorf("tsig: secret share does not belong to the key of member %d", index)
	}
	return &SecretShare{keys: keys, index: index, scalar: scalar}, nil
}

// Index returns the member that the share belongs to, 1 … n.
func (s *SecretShare) Index() uint32 { return s.index }

// Sign returns this member's share of a signature over the message, in constant time. The point is hashed here and never taken from
// anybody. Whether the message may be signed is the caller's protocol to say: t shares are a signature.
func (s *SecretShare) Sign(message []byte) Share {
	return Share{index: s.index, point: s.keys.Hash(message).Mul(s.scalar)}
}

// Wipe overwrites the secret, best effort; the scalar given to NewSecretShare goes with it. Signing afterwards panics.
func (s *SecretShare) Wipe() { s.scalar.Wipe() }

// String names the share without its secret.
func (s *SecretShare) String() string { return fmt.Sprintf("tsig.SecretShare(%d)", s.index) }

// Format prints what String returns, for every verb.
func (s *SecretShare) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// Share is one member's share S_i = s_i·M of a signature. The zero Share belongs to nobody and is refused everywhere.
type Share struct {
	index uint32
	point bls.G1
}

// DecodeShare reads the 48 bytes that the member with this index sent. It refuses index 0 and everything that is not the one
// encoding of a point of the group other than the identity. It says nothing about whether the share is right.
func DecodeShare(index uint32, b []byte) (Share, error) {
	if index == 0 {
		return Share{}, fmt.Errorf("tsig: share with index 0")
	}
	point, err := bls.DecodeG1(b)
	if err != nil {
		return Share{}, fmt.Errorf("tsig: share of member %d: %w", index, err)
	}
	return Share{index: index, point: point}, nil
}

// Index returns the member that the share is from.
func (s Share) Index() uint32 { return s.index }

// Bytes returns the 48 bytes to send. The index is not among them: the receiver knows who sent them.
func (s Share) Bytes() []byte { return s.point.Bytes() }
