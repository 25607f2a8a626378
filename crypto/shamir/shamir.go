// Package shamir splits a secret so that any t of n shares give it back and t−1 tell nothing about it (Shamir, "How to share a
// secret", 1979), over any prime field.
//
// # Shares
//
// The secret is the value at 0 of a random polynomial of degree t−1; the share of member i is its value at x = i. Indices begin at 1:
// the value at 0 is the secret itself, so asking for it is a programming error and panics. Note that a PeerID counts from 0;
// member p has index p+1.
//
//	poly, err := shamir.Random(shamir.BLS12381(), t-1, rand.Reader)
//	share := shamir.Share[bls.Scalar]{Index: 3, Value: poly.Evaluate(3)}
//	secret, err := shamir.Interpolate(shamir.BLS12381(), shares) // any t or more of them
//
// # Fields
//
// The package knows a field only as a [Field] value: the arithmetic that elements do themselves (the [Element] constraint) plus two
// constructors. BLS12381 is the one for notes, coins and certificates; the key ceremony brings its own for ristretto255.
//
// # Interpolation in the exponent
//
// Nobody ever puts a secret together in production. Signature shares s_i·B are combined as Σ λ_i·(s_i·B), with λ_i from
// [Lagrange], or much faster as Σ n_i·(s_i·B) with the small integers of [IntegerLagrange], where λ_i = n_i/D: the caller
// divides by D once, or not at all if it can fold D into a scalar that it multiplies by anyway.
//
// Interpolation detects no wrong share. Whoever combines must check the result, or the shares, by other means.
package shamir

import (
	"errors"
	"fmt"
	"io"

	"minimint/crypto/bls"
)

// Element is what a field element must be able to do. Values are immutable; Inverse fails on zero only.
type Element[S any] interface {
	Add(S) S
	Sub(S) S
	Mul(S) S
	Inverse() (S, error)
}

// Field says how elements come into being. Both functions are required.
type Field[S Element[S]] struct {
	// Integer returns v as an element, zero included. Indices go through it.
	Integer func(v uint64) S
	// Random draws a uniform element from r.
	Random func(r io.Reader) (S, error)
}

// BLS12381 is the scalar field of BLS12-381.
func BLS12381() Field[bls.Scalar] {
	return Field[bls.Scalar]{Integer: bls.NewScalar, Random: bls.RandomScalar}
}

// Share is the value of a polynomial at Index, which is at least 1.
type Share[S Element[S]] struct {
	Index uint32
	Value S
}

// ErrTooLarge is what IntegerLagrange returns when a numerator or the denominator does not fit into 63 bits.
var ErrTooLarge = errors.New("shamir: Lagrange coefficients do not fit into 64-bit integers")

// Polynomial holds a secret: the coefficients of a random polynomial.
type Polynomial[S Element[S]] struct {
	field        Field[S]
	coefficients []S // from the constant term upwards
}

// Random draws a polynomial of the given degree, so that degree+1 shares are needed. It reads coefficients from the constant term
// upwards. The only error is that of the source.
func Random[S Element[S]](field Field[S], degree int, r io.Reader) (Polynomial[S], error) {
	constant, err := field.Random(r)
	if err != nil {
		return Polynomial[S]{}, fmt.Errorf("shamir: drawing a constant term: %w", err)
	}
	return RandomSharing(field, constant, degree, r)
}

// RandomSharing is Random with a chosen constant term: to share a secret that exists already, or zero, to refresh shares.
func RandomSharing[S Element[S]](field Field[S], secret S, degree int, r io.Reader) (Polynomial[S], error) {
	if degree < 0 {
		panic(fmt.Sprintf("shamir: polynomial of degree %d", degree))
	}
	coefficients := make([]S, degree+1)
	coefficients[0] = secret
	for i := 1; i <= degree; i++ {
		c, err := field.Random(r)
		if err != nil {
			return Polynomial[S]{}, fmt.Errorf("shamir: drawing coefficient %d: %w", i, err)
		}
		coefficients[i] = c
	}
	return Polynomial[S]{field: field, coefficients: coefficients}, nil
}

// Degree returns the degree: one less than the number of shares that are needed.
func (p Polynomial[S]) Degree() int { return len(p.coefficients) - 1 }

// Coefficients returns the coefficients from the constant term (the secret) upwards, as a slice of the caller's own. They are meant
// for commitments.
func (p Polynomial[S]) Coefficients() []S { return append([]S(nil), p.coefficients...) }

// Wipe overwrites the coefficients where the element type has a method Wipe, best effort. The polynomial must not be used afterwards.
func (p Polynomial[S]) Wipe() {
	for _, c := range p.coefficients {
		if w, ok := any(c).(interface{ Wipe() }); ok {
			w.Wipe()
		}
	}
}

// Evaluate returns the value at index, by Horner's rule in an order of operations that does not depend on the coefficients. It
// panics on index 0, which would give the secret away.
func (p Polynomial[S]) Evaluate(index uint32) S {
	if index == 0 {
		panic("shamir: evaluation at 0 gives the secret away")
	}
	if len(p.coefficients) == 0 {
		panic("shamir: use of the zero Polynomial")
	}
	x := p.field.Integer(uint64(index))
	last := len(p.coefficients) - 1
	v := p.coefficients[last]
	for i := last - 1; i >= 0; i-- {
		v = v.Mul(x).Add(p.coefficients[i])
	}
	return v
}

// Interpolate returns the value at 0 of the polynomial of lowest degree through all the shares given. With fewer shares than the
// secret needs the result is some other value, and no error. Errors: no shares, an index 0, an index twice.
func Interpolate[S Element[S]](field Field[S], shares []Share[S]) (S, error) {
	indices := make([]uint32, len(shares))
	for i, s := range shares {
		indices[i] = s.Index
	}
	sum := field.Integer(0)
	lambda, err := Lagrange(field, indices)
	if err != nil {
		return sum, err
	}
	for i, s := range shares {
		sum = sum.Add(lambda[i].Mul(s.Value))
	}
	return sum, nil
}
