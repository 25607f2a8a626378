package vss

import (
	"errors"
	"fmt"
	"io"

	circl "github.com/cloudflare/circl/group"
)

var curve = circl.Ristretto255

// elementSize is the encoded length of an element.
const elementSize = 32

// exponent is a scalar of ristretto255. Copies share one cell of memory, so wiping one wipes all.
type exponent struct{ v circl.Scalar }

// drawExponent hashes 64 bytes that it reads: the library's own RandomScalar for this group ignores the reader it is given.
func drawExponent(r io.Reader) (exponent, error) {
	var uniform [64]byte
	if _, err := io.ReadFull(r, uniform[:]); err != nil {
		return exponent{}, fmt.Errorf("read randomness for a scalar: %w", err)
	}
	s := curve.HashToScalar(uniform[:], []byte(ristrettoDrawTag))
	clear(uniform[:])
	if s.IsZero() {
		return exponent{}, errors.New("broken randomness: the scalar is zero")
	}
	return exponent{s}, nil
}

// decodeExponent accepts exactly the 32 little-endian bytes of a reduced scalar other than zero.
func decodeExponent(b []byte) (exponent, error) {
	s := curve.NewScalar()
	if len(b) != ScalarSize {
		return exponent{}, fmt.Errorf("scalar of %d bytes", len(b))
	}
	if err := s.UnmarshalBinary(b); err != nil || s.IsZero() {
		return exponent{}, errors.New("scalar is zero or not reduced")
	}
	return exponent{s}, nil
}

func (s exponent) Add(t exponent) exponent { return exponent{curve.NewScalar().Add(s.v, t.v)} }
func (s exponent) Sub(t exponent) exponent { return exponent{curve.NewScalar().Sub(s.v, t.v)} }
func (s exponent) Mul(t exponent) exponent { return exponent{curve.NewScalar().Mul(s.v, t.v)} }
func (s exponent) Equal(t exponent) bool   { return s.v.IsEqual(t.v) }
func (s exponent) Wipe()                   { s.v.SetUint64(0) }
func (s exponent) Bytes() []byte           { return mustMarshal(s.v.MarshalBinary()) }

func (s exponent) Inverse() (exponent, error) {
	if s.v.IsZero() {
		return exponent{}, errors.New("vss: inverse of zero")
	}
	return exponent{curve.NewScalar().Inv(s.v)}, nil
}

// element is an element of ristretto255.
type element struct{ v circl.Element }

// decodeElement accepts exactly the 32 canonical bytes of an element other than the identity.
func decodeElement(b []byte) (element, error) {
	e := curve.NewElement()
	if len(b) != elementSize {
		return element{}, fmt.Errorf("element of %d bytes", len(b))
	}
	if err := e.UnmarshalBinary(b); err != nil || e.IsIdentity() {
		return element{}, errors.New("identity or no element")
	}
	return element{e}, nil
}

func mulBase(s exponent) element { return element{curve.NewElement().MulGen(s.v)} }

func combineElements(points []element, scalars []exponent) element {
	sum := curve.Identity()
	for i, p := range points {
		sum.Add(sum, curve.NewElement().Mul(p.v, scalars[i].v))
	}
	return element{sum}
}

func (e element) Add(o element) element { return element{curve.NewElement().Add(e.v, o.v)} }
func (e element) Equal(o element) bool  { return e.v.IsEqual(o.v) }
func (e element) Bytes() []byte         { return mustMarshal(e.v.MarshalBinary()) }

// mustMarshal: values of this group always encode.
func mustMarshal(b []byte, err error) []byte {
	if err != nil {
		panic("vss: ristretto255 does not encode: " + err.Error())
	}
	return b
}
