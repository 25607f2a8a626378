package bls

import (
	"errors"
	"fmt"
	"io"
)

// Coefficient is a 128-bit big-endian integer: the random multiplier that keeps wrong equations of a batch from cancelling each
// other. A zero coefficient would let its equation escape; RandomCoefficients never yields one.
type Coefficient [16]byte

// RandomCoefficients reads n coefficients of 16 bytes each from r, which must be unpredictable for whoever made the statements of
// the batch: with a predictable source, statements can be made that are wrong one by one and right in sum. A source that yields zero is
// broken and reported as an error, like a source that fails.
func RandomCoefficients(r io.Reader, n int) ([]Coefficient, error) {
	out := make([]Coefficient, n)
	for i := range out {
		if _, err := io.ReadFull(r, out[i][:]); err != nil {
			return nil, fmt.Errorf("bls: reading randomness for coefficients: %w", err)
		}
		if out[i] == (Coefficient{}) {
			return nil, errors.New("bls: the randomness source yields a zero coefficient")
		}
	}
	return out, nil
}

// Scalar returns the coefficient as a scalar, for the scalar side of a batched equation.
func (c Coefficient) Scalar() Scalar {
	var wide [digitSize]byte
	copy(wide[digitSize-len(c):], c[:])
	return newScalar(reduceWide(wide[:]))
}
