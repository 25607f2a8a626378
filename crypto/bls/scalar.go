package bls

import (
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/ecc/bls12381/ff"
)

// scalarSize is the length of an encoded scalar.
const scalarSize = ff.ScalarSize

// Scalar is an integer modulo the group order r. It may be a secret: it prints and marshals as a fixed placeholder, compares in
// constant time, and can be wiped.
//
// A Scalar is immutable and may be copied and shared freely; copies share one cell of memory. The zero Scalar is not the
// number zero: it is unusable and every method panics on it. It is deliberately not comparable with ==.
type Scalar struct {
	_ [0]func()
	// ref points to a pointer to the value, which is nil once the value is wiped. Two steps, because fmt reaches unexported fields of
	// an enclosing struct without calling any method of ours: it prints a pointer there as an address, but with an unfitting verb (%s)
	// it falls back to printing what the pointer points to. A pointer to a pointer is an address in either case.
	ref **ff.Scalar
}

func newScalar(v ff.Scalar) Scalar {
	var cell struct {
		value ff.Scalar
		ref   *ff.Scalar
	}
	cell.value = v
	cell.ref = &cell.value
	return Scalar{ref: &cell.ref}
}

// get returns the value for reading only.
func (s Scalar) get() *ff.Scalar {
	if s.ref == nil {
		panic("bls: use of the zero Scalar, which is not a number")
	}
	if *s.ref == nil {
		panic("bls: use of a wiped Scalar")
	}
	return *s.ref
}

// DecodeScalar reads a scalar from exactly 32 big-endian bytes. It refuses any other length, values of r or more, and zero.
func DecodeScalar(b []byte) (Scalar, error) {
	if len(b) != scalarSize {
		return Scalar{}, fmt.Errorf("bls: scalar of %d bytes, want %d", len(b), scalarSize)
	}
	var v ff.Scalar
	if err := v.UnmarshalBinary(b); err != nil {
		return Scalar{}, errors.New("bls: scalar is not below the group order")
	}
	if v.IsZero() == 1 {
		return Scalar{}, errors.New("bls: scalar is zero")
	}
	return newScalar(v), nil
}

// NewScalar returns v as a scalar. Zero is allowed: sums start there.
func NewScalar(v uint64) Scalar {
	var s ff.Scalar
	s.SetUint64(v)
	return newScalar(s)
}

// RandomScalar reads 64 bytes from r and reduces them, so the result is uniform up to a bias of 2^-257. It is never zero: a
// source that leads to zero is broken and reported as an error, like a source that fails.
func RandomScalar(r io.Reader) (Scalar, error) {
	var wide [3 * digitSize]byte
	if _, err := io.ReadFull(r, wide[len(wide)-64:]); err != nil {
		return Scalar{}, fmt.Errorf("bls: reading randomness for a scalar: %w", err)
	}
	v := reduceWide(wide[:])
	clear(wide[:])
	if v.IsZero() == 1 {
		return Scalar{}, errors.New("bls: the randomness source yields a zero scalar")
	}
	return newScalar(v), nil
}

// digitSize is the number of bytes that reduceWide takes per step: an integer of 24 bytes is always below r.
const digitSize = 24

// digitBase is 2^192, the weight of a digit.
var digitBase = func() ff.Scalar {
	var v, t ff.Scalar
	v.SetUint64(1 << 48)
	t.Sqr(&v)
	v.Sqr(&t)
	return v
}()

// reduceWide reduces a big-endian integer modulo r by Horner's rule over 24-byte digits. The time depends on the length alone; the
// library's own reduction goes through math/big, whose time depends on the value. The length must be a multiple of 24.
func reduceWide(b []byte) ff.Scalar {
	var acc, d ff.Scalar
	var digit [scalarSize]byte
	for ; len(b) > 0; b = b[digitSize:] {
		copy(digit[scalarSize-digitSize:], b[:digitSize])
		if err := d.UnmarshalBinary(digit[:]); err != nil {
			panic("bls: an integer of 24 bytes is below the group order: " + err.Error())
		}
		acc.Mul(&acc, &digitBase)
		acc.Add(&acc, &d)
	}
	clear(digit[:])
	return acc
}

// Add returns s + t.
func (s Scalar) Add(t Scalar) Scalar {
	var v ff.Scalar
	v.Add(s.get(), t.get())
	return newScalar(v)
}

// Sub returns s − t.
func (s Scalar) Sub(t Scalar) Scalar {
	var v ff.Scalar
	v.Sub(s.get(), t.get())
	return newScalar(v)
}

// Mul returns s · t.
func (s Scalar) Mul(t Scalar) Scalar {
	var v ff.Scalar
	v.Mul(s.get(), t.get())
	return newScalar(v)
}

// Neg returns −s.
func (s Scalar) Neg() Scalar {
	v := *s.get()
	v.Neg()
	return newScalar(v)
}

// Inverse returns 1/s, or an error if s is zero.
func (s Scalar) Inverse() (Scalar, error) {
	if s.IsZero() {
		return Scalar{}, errors.New("bls: zero has no inverse")
	}
	var v ff.Scalar
	v.Inv(s.get())
	return newScalar(v), nil
}

// Equal reports whether s and t are the same number, in constant time.
func (s Scalar) Equal(t Scalar) bool { return s.get().IsEqual(t.get()) == 1 }

// IsZero reports whether s is the number zero, in constant time.
func (s Scalar) IsZero() bool { return s.get().IsZero() == 1 }

// Bytes returns the 32-byte big-endian encoding. It is the one way by which the value leaves the type; whoever calls it answers
// for the bytes. Zero encodes too, but DecodeScalar refuses it.
func (s Scalar) Bytes() []byte {
	b, err := s.get().MarshalBinary()
	if err != nil {
		panic("bls: encoding a scalar cannot fail: " + err.Error())
	}
	return b
}

// Wipe overwrites the value in memory and makes this Scalar and all its copies unusable. It is best effort: intermediate values
// of earlier arithmetic are not reached. Wiping twice, or wiping the zero Scalar, does nothing. It is the one method that must not run
// while another goroutine uses a copy.
func (s Scalar) Wipe() {
	if s.ref != nil && *s.ref != nil {
		**s.ref = ff.Scalar{}
		*s.ref = nil
	}
}
