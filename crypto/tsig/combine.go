package tsig

import (
	"errors"
	"fmt"

	"minimint/crypto/bls"
)

// ErrTooFewShares says that there are not enough right shares yet. It is the normal answer while answers come in.
var ErrTooFewShares = errors.New("tsig: too few shares")

// Combine makes a signature from the shares of at least t different members.
//
// It interpolates the first t shares and checks the result. If that fails it verifies shares one by one, in the order given, until t
// are right, and interpolates those. Liars are the indices whose share it found wrong, in that order; shares beyond the t-th right one
// are not looked at. A caller that keeps shares drops the liars' for good: then each member can make Combine slow only once.
//
// Errors: ErrTooFewShares (together with the liars found so far: wait for other members); an index that no member has, or one index
// twice, which is the caller's mistake and not a member's.
func (k *PublicKeys) Combine(message []byte, shares []Share) (signature Signature, liars []uint32, err error) {
	if err := k.checkIndices(shares); err != nil {
		return Signature{}, nil, err
	}
	if len(shares) < k.threshold {
		return Signature{}, nil, ErrTooFewShares
	}
	m := k.Hash(message)
	point, err := interpolate(shares[:k.threshold])
	if err != nil {
		return Signature{}, nil, err
	}
	if signed(m, point, k.prepared) {
		return newSignature(point), nil, nil
	}

	right := make([]Share, 0, k.threshold)
	for _, s := range shares {
		if len(right) == k.threshold {
			break
		}
		if k.verifyShare(m, s) {
			right = append(right, s)
		} else {
			liars = append(liars, s.index)
		}
	}
	if len(right) < k.threshold {
		return Signature{}, liars, ErrTooFewShares
	}
	// The keys lie on one polynomial, so t right shares cannot give a wrong signature.
	point, err = interpolate(right)
	return newSignature(point), liars, err
}

func (k *PublicKeys) checkIndices(shares []Share) error {
	seen := make([]bool, len(k.members))
	for _, s := range shares {
		if !k.has(s.index) {
			return fmt.Errorf("tsig: share with index %d among %d members", s.index, len(k.members))
		}
		if seen[s.index-1] {
			return fmt.Errorf("tsig: two shares with index %d", s.index)
		}
		seen[s.index-1] = true
	}
	return nil
}

// interpolate returns p(0)·M from shares p(i)·M.
func interpolate(shares []Share) (bls.G1, error) {
	indices, points := make([]uint32, len(shares)), make([]bls.G1, len(shares))
	for i, s := range shares {
		indices[i], points[i] = s.index, s.point
	}
	at0, err := NewInterpolation(indices)
	if err != nil {
		return bls.G1{}, err
	}
	sum := at0.Sum(points)
	if at0.denominator == 1 {
		return sum, nil
	}
	inverse, err := at0.Denominator().Inverse()
	if err != nil {
		return bls.G1{}, fmt.Errorf("tsig: dividing by the common denominator: %w", err)
	}
	return sum.Mul(inverse), nil
}
