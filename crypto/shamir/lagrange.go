package shamir

import (
	"errors"
	"fmt"
	"math/big"
)

// Lagrange returns the coefficients λ_i = Π_{j≠i} x_j/(x_j − x_i) with which the value at 0 is Σ λ_i·f(x_i). Order follows the
// indices. Errors: no indices, an index 0, an index twice.
//
// Indices are public, so the time may depend on them. One inversion serves all coefficients.
func Lagrange[S Element[S]](field Field[S], indices []uint32) ([]S, error) {
	if err := checkIndices(indices); err != nil {
		return nil, err
	}
	x := make([]S, len(indices))
	for i, index := range indices {
		x[i] = field.Integer(uint64(index))
	}
	numerators, denominators := make([]S, len(x)), make([]S, len(x))
	for i := range x {
		num, den := field.Integer(1), field.Integer(1)
		for j := range x {
			if j != i {
				num, den = num.Mul(x[j]), den.Mul(x[j].Sub(x[i]))
			}
		}
		numerators[i], denominators[i] = num, den
	}
	inverses, err := invertAll(field, denominators)
	if err != nil {
		return nil, err
	}
	for i := range numerators {
		numerators[i] = numerators[i].Mul(inverses[i])
	}
	return numerators, nil
}

// invertAll inverts every value at the price of one inversion (Montgomery's trick).
func invertAll[S Element[S]](field Field[S], values []S) ([]S, error) {
	prefix := make([]S, len(values)) // prefix[i] = values[0] · … · values[i−1]
	product := field.Integer(1)
	for i, v := range values {
		prefix[i] = product
		product = product.Mul(v)
	}
	inverse, err := product.Inverse()
	if err != nil {
		return nil, fmt.Errorf("shamir: two indices are equal modulo the field order: %w", err)
	}
	for i := len(values) - 1; i >= 0; i-- {
		prefix[i] = prefix[i].Mul(inverse)
		inverse = inverse.Mul(values[i])
	}
	return prefix, nil
}

// IntegerLagrange returns the same coefficients over the integers: λ_i = numerators[i]/denominator, with the denominator positive
// and as small as possible. Small indices give small numbers (of 3 out of 4: numerators below 16, denominator 1 or 3), so
// Σ numerators[i]·P_i costs a few point additions instead of full multiplications; the caller divides by the denominator.
//
// ErrTooLarge says that a number does not fit (never for indices up to 20: all stay below 2^33); the caller then takes Lagrange.
// Other errors: no indices, an index 0, an index twice.
func IntegerLagrange(indices []uint32) (numerators []int64, denominator int64, err error) {
	if err := checkIndices(indices); err != nil {
		return nil, 0, err
	}
	lambda := make([]big.Rat, len(indices))
	common, gcd := big.NewInt(1), new(big.Int)
	for i := range indices {
		num, den := big.NewInt(1), big.NewInt(1)
		for j := range indices {
			if j != i {
				num.Mul(num, big.NewInt(int64(indices[j])))
				den.Mul(den, big.NewInt(int64(indices[j])-int64(indices[i])))
			}
		}
		d := lambda[i].SetFrac(num, den).Denom()
		gcd.GCD(nil, nil, common, d)
		common.Mul(common, d)
		common.Quo(common, gcd) // the least common multiple so far
	}
	numerators = make([]int64, len(indices))
	scaled := new(big.Int)
	for i := range lambda {
		scaled.Quo(common, lambda[i].Denom())
		scaled.Mul(scaled, lambda[i].Num())
		if !scaled.IsInt64() {
			return nil, 0, ErrTooLarge
		}
		numerators[i] = scaled.Int64()
	}
	// The coefficient of the smallest index is at least 1, so its numerator is at least the denominator, which fits therefore too.
	return numerators, common.Int64(), nil
}

// checkIndices refuses what would divide by zero or give a secret away.
func checkIndices(indices []uint32) error {
	if len(indices) == 0 {
		return errors.New("shamir: no indices")
	}
	for i, index := range indices {
		if index == 0 {
			return errors.New("shamir: index 0")
		}
		for _, other := range indices[:i] {
			if other == index {
				return fmt.Errorf("shamir: index %d twice", index)
			}
		}
	}
	return nil
}
