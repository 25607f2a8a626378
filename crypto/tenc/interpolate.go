package tenc

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"github.com/cloudflare/circl/group"

	"minimint/crypto/shamir"
)

// interpolate returns p(0)·B from p(i)·B for each index i, where p has a degree below len(indices). Indices are distinct and at
// least 1. Everything here is public, so it runs in variable time.
//
// Over the integers λ_i = n_i/D with small n_i (below 2^12 for 10 members), so it sums n_i·p(i)·B by short double-and-add
// and divides by D once, instead of one full multiplication for each member.
func interpolate(indices []int, elements []group.Element) group.Element {
	at := make([]uint32, len(indices))
	for i, index := range indices {
		at[i] = uint32(index)
	}
	numerators, denominator, err := shamir.IntegerLagrange(at)
	if errors.Is(err, shamir.ErrTooLarge) {
		return multiSum(fieldLagrange(at), elements)
	}
	if err != nil {
		panic(fmt.Sprintf("tenc: interpolation over %v: %v", indices, err))
	}

	factors := make([]*big.Int, len(numerators))
	for i, n := range numerators {
		factors[i] = big.NewInt(n)
	}
	sum := multiSum(factors, elements)
	if denominator == 1 {
		return sum
	}
	inverse := curve.NewScalar().SetUint64(uint64(denominator))
	return sum.Mul(sum, inverse.Inv(inverse))
}

// fieldLagrange returns the coefficients modulo the order, for large sets whose integers outgrow 64 bits.
func fieldLagrange(indices []uint32) []*big.Int {
	field := shamir.Field[exponent]{
		Integer: func(v uint64) exponent { return exponent{curve.NewScalar().SetUint64(v)} },
		Random:  func(io.Reader) (exponent, error) { panic("tenc: interpolation draws nothing") },
	}
	coefficients, err := shamir.Lagrange(field, indices)
	if err != nil {
		panic(fmt.Sprintf("tenc: interpolation over %v: %v", indices, err))
	}
	factors := make([]*big.Int, len(coefficients))
	for i, c := range coefficients {
		littleEndian, err := c.MarshalBinary()
		if err != nil {
			panic(fmt.Sprintf("tenc: scalar does not encode: %v", err))
		}
		slices.Reverse(littleEndian)
		factors[i] = new(big.Int).SetBytes(littleEndian)
	}
	return factors
}

// exponent is a public scalar as package shamir wants it: immutable.
type exponent struct{ group.Scalar }

func (e exponent) Add(x exponent) exponent {
	return exponent{curve.NewScalar().Add(e.Scalar, x.Scalar)}
}

func (e exponent) Sub(x exponent) exponent {
	return exponent{curve.NewScalar().Sub(e.Scalar, x.Scalar)}
}

func (e exponent) Mul(x exponent) exponent {
	return exponent{curve.NewScalar().Mul(e.Scalar, x.Scalar)}
}

// Inverse fails on zero only; circl would return zero.
func (e exponent) Inverse() (exponent, error) {
	if e.IsZero() {
		return exponent{}, errors.New("tenc: inverse of zero")
	}
	return exponent{curve.NewScalar().Inv(e.Scalar)}, nil
}

// multiSum returns Σ factors[i]·elements[i], factors of either sign, with the doublings shared. Variable time.
func multiSum(factors []*big.Int, elements []group.Element) group.Element {
	signed := make([]group.Element, len(elements))
	magnitudes := make([]*big.Int, len(factors))
	longest := 0
	for i, f := range factors {
		signed[i], magnitudes[i] = elements[i], new(big.Int).Abs(f)
		if f.Sign() < 0 {
			signed[i] = curve.NewElement().Neg(elements[i])
		}
		longest = max(longest, f.BitLen())
	}
	sum := curve.Identity()
	for bit := longest - 1; bit >= 0; bit-- {
		sum.Dbl(sum)
		for i, m := range magnitudes {
			if m.Bit(bit) == 1 {
				sum.Add(sum, signed[i])
			}
		}
	}
	return sum
}
