package tsig

import (
	"errors"
	"fmt"

	"minimint/crypto/bls"
	"minimint/crypto/shamir"
)

// Interpolation is Lagrange interpolation at 0 in the exponent, for one set of indices: it turns points p(i)·B into D·p(0)·B with a
// small positive integer D, the common denominator of the coefficients. All other factors are small integers too, so it takes a
// few point additions where field coefficients would take a full multiplication each; whoever can, merges the division by D into a
// multiplication that it does anyway. For sets whose integers do not fit 64 bits (never up to 20 members) it falls
// back to field coefficients, and D is 1.
type Interpolation struct {
	integers    []int64 // nil when they do not fit
	scalars     []bls.Scalar
	denominator uint64
}

// NewInterpolation computes the coefficients for the indices, which must be distinct and not 0. It is for one set of members and many
// points.
func NewInterpolation(indices []uint32) (*Interpolation, error) {
	integers, denominator, err := shamir.IntegerLagrange(indices)
	switch {
	case err == nil:
		return &Interpolation{integers: integers, denominator: uint64(denominator)}, nil
	case !errors.Is(err, shamir.ErrTooLarge):
		return nil, fmt.Errorf("tsig: interpolation: %w", err)
	}
	scalars, err := shamir.Lagrange(shamir.BLS12381(), indices)
	if err != nil {
		return nil, fmt.Errorf("tsig: interpolation: %w", err)
	}
	return &Interpolation{scalars: scalars, denominator: 1}, nil
}

// Sum returns D·p(0)·B from the points p(i)·B, in the order of the indices. Another number of points panics. The points are taken to be
// public: time depends on them.
func (c *Interpolation) Sum(points []bls.G1) bls.G1 {
	if len(points) != max(len(c.integers), len(c.scalars)) {
		panic("tsig: interpolation with another number of points than indices")
	}
	if c.integers != nil {
		return bls.CombineG1(points, c.integers)
	}
	return bls.MultiMulG1(points, c.scalars)
}

// Denominator returns D, never zero.
func (c *Interpolation) Denominator() bls.Scalar { return bls.NewScalar(c.denominator) }
