package tbs

import (
	"errors"
	"fmt"
	"io"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tsig"
)

// preparedGenerator is the fixed right side of every check, made ready once for the process.
var preparedGenerator = bls.Prepare(bls.G2Generator())

// Config is what a key ceremony publishes about the key of one tier.
type Config struct {
	// Federation is the federation id; it starts every message, so a note of one federation is nothing in another.
	Federation [32]byte
	// Threshold is t = n−f, how many members it takes to issue a note.
	Threshold int
	// Group is PK, the key that notes of this tier verify under.
	Group bls.G2
	// Members are VK_1 … VK_n in order: Members[i] belongs to index i+1.
	Members []bls.G2
}

// TierKeys is the public key of one tier. It is immutable and may be used by many at once. Keep one value per tier:
// VerifyBatch groups notes by pointer.
type TierKeys struct {
	keys *tsig.PublicKeys
}

// NewTierKeys checks the keys of a tier as tsig.NewPublicKeys does: none is the identity, all lie on one polynomial of degree exactly
// t−1. It cannot see whether another tier has the same polynomial; the ceremony answers for that.
func NewTierKeys(c Config) (*TierKeys, error) {
	keys, err := tsig.NewPublicKeys(tsig.Config{
		Tag:       domain.Note,
		Context:   c.Federation[:],
		Threshold: c.Threshold,
		Group:     c.Group,
		Members:   c.Members,
	})
	if err != nil {
		return nil, fmt.Errorf("tbs: keys of a tier: %w", err)
	}
	return &TierKeys{keys: keys}, nil
}

// Threshold returns t, how many members' answers make notes.
func (k *TierKeys) Threshold() int { return k.keys.Threshold() }

// Size returns n, the number of members. Their indices are 1 … n.
func (k *TierKeys) Size() int { return k.keys.Size() }

// Group returns the key that notes of this tier verify under.
func (k *TierKeys) Group() bls.G2 { return k.keys.Group() }

// SecretShare is one member's secret of one tier. It prints as its index only. Immutable until Wipe, and usable by many at once.
type SecretShare struct {
	index  uint32
	scalar bls.Scalar
}

// NewSecretShare checks that a secret is the one of the member with that index in that tier: s_i·g2 = VK_i. So secrets that were
// mixed up between tiers or members are found here and not when notes fail.
func NewSecretShare(keys *TierKeys, index uint32, scalar bls.Scalar) (*SecretShare, error) {
	if index == 0 || uint64(index) > uint64(keys.Size()) {
		return nil, fmt.Errorf("tbs: secret share of member %d, but there are %d members", index, keys.Size())
	}
	if !bls.MulG2(scalar).Equal(keys.keys.Member(index)) {
		return nil, errors.New("tbs: secret share does not belong to the tier's key of that member")
	}
	return &SecretShare{index: index, scalar: scalar}, nil
}

// Sign returns this member's share for an output, in constant time. It is deterministic: asked again for the same output, the member
// gives the same answer. That the output is paid for, and its blind nonce new in this tier, is for the caller to know.
func (s *SecretShare) Sign(b BlindNonce) BlindShare {
	return BlindShare{share: b.point.Mul(s.scalar)}
}

// Index returns the member that the secret belongs to, 1 … n.
func (s *SecretShare) Index() uint32 { return s.index }

// Wipe overwrites the secret, best effort; the scalar given to NewSecretShare goes with it. Signing afterwards panics.
func (s *SecretShare) Wipe() { s.scalar.Wipe() }

// String names the share without its secret.
func (s *SecretShare) String() string { return fmt.Sprintf("tbs.SecretShare(%d)", s.index) }

// Format prints what String returns, for every verb.
func (s *SecretShare) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }
