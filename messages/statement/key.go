package statement

import (
	"errors"
	"fmt"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tsig"
	"minimint/messages"
	"minimint/messages/federation"
)

// A Key checks what members sign, and makes certificates of their shares. It holds
// no secret, and may be used by many at once.
type Key interface {
	// Valid reports whether n−f members signed the certificate.
	Valid(Certificate) bool
	// ValidShare reports whether the share's member signed it.
	ValidShare(Share) bool
	// Combine makes a signature of shares of different members for one statement,
	// and checks it once; only if that fails it names those whose share is wrong. It
	// returns false if less than n−f are right.
	Combine([]Share) (signature []byte, liars []messages.PeerID, ok bool)
}

// A Signer is a Key with one member's share of the secret.
type Signer interface {
	Key
	// Sign returns the member's share for a statement: always the same.
	Sign(Statement) []byte
}

// Threshold is the Key of a federation: threshold BLS (package tsig).
type Threshold struct{ keys *tsig.PublicKeys }

// NewKey returns the key with these public keys.
func NewKey(keys *tsig.PublicKeys) Threshold { return Threshold{keys} }

// KeyOf returns the key of a federation, after checking that its parts belong
// together.
func KeyOf(c *federation.Config) (Threshold, error) {
	id := c.ID()
	cfg := tsig.Config{Tag: domain.Certificate, Context: id[:], Threshold: c.Certificate.Threshold}
	var err error
	if cfg.Group, err = bls.DecodeG2(c.Certificate.Group); err != nil {
		return Threshold{}, fmt.Errorf("certificate key: %w", err)
	}
	for i, b := range c.Certificate.Members {
		member, err := bls.DecodeG2(b)
		if err != nil {
			return Threshold{}, fmt.Errorf("certificate key of member %d: %w", i, err)
		}
		cfg.Members = append(cfg.Members, member)
	}
	keys, err := tsig.NewPublicKeys(cfg)
	if err != nil {
		return Threshold{}, fmt.Errorf("certificate key: %w", err)
	}
	return Threshold{keys}, nil
}

// index is a member's index in threshold keys.
func index(id messages.PeerID) uint32 { return uint32(id) + 1 }

// Valid implements Key.
func (k Threshold) Valid(c Certificate) bool {
	signature, err := tsig.DecodeSignature(c.Signature)
	return err == nil && k.keys.Verify(c.Statement.Bytes(), signature)
}

// ValidShare implements Key.
func (k Threshold) ValidShare(s Share) bool {
	share, err := tsig.DecodeShare(index(s.Member), s.Signature)
	return err == nil && k.keys.VerifyShare(s.Statement.Bytes(), share)
}

// Combine implements Key. Shares of members that there are not panic.
func (k Threshold) Combine(shares []Share) (signature []byte, liars []messages.PeerID, ok bool) {
	if len(shares) == 0 {
		return nil, nil, false
	}
	var points []tsig.Share
	for _, s := range shares {
		point, err := tsig.DecodeShare(index(s.Member), s.Signature)
		if err != nil {
			liars = append(liars, s.Member)
			continue
		}
		points = append(points, point)
	}
	combined, wrong, err := k.keys.Combine(shares[0].Statement.Bytes(), points)
	for _, i := range wrong {
		liars = append(liars, messages.PeerID(i-1))
	}
	switch {
	case errors.Is(err, tsig.ErrTooFewShares):
		return nil, liars, false
	case err != nil:
		panic(fmt.Sprintf("statement: combine shares: %v", err))
	}
	return combined.Bytes(), liars, true
}

// Member returns the signer of a member with its secret scalar, which must be the
// one that belongs to the key.
func (k Threshold) Member(id messages.PeerID, scalar []byte) (Signer, error) {
	secret, err := bls.DecodeScalar(scalar)
	if err != nil {
		return nil, fmt.Errorf("certificate secret: %w", err)
	}
	share, err := tsig.NewSecretShare(k.keys, index(id), secret)
	if err != nil {
		return nil, fmt.Errorf("certificate secret: %w", err)
	}
	return k.Holding(share), nil
}

// Holding returns the signer that holds a share of the secret.
func (k Threshold) Holding(share *tsig.SecretShare) Signer { return signer{k, share} }

type signer struct {
	Threshold
	secret *tsig.SecretShare
}

// Sign implements Signer.
func (s signer) Sign(said Statement) []byte { return s.secret.Sign(said.Bytes()).Bytes() }
