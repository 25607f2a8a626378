package bls

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"pgregory.net/rapid"
)

func TestDecodeScalar(t *testing.T) {
	r := order.Bytes()
	below := new(big.Int).Sub(order, big.NewInt(1)).Bytes()
	above := new(big.Int).Add(order, big.NewInt(1)).Bytes()
	one := append(make([]byte, 31), 1)
	for _, c := range []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"one", one, true},
		{"r-1", below, true},
		{"nothing", nil, false},
		{"zero", make([]byte, 32), false},
		{"r", r, false},
		{"r+1", above, false},
		{"all ones", bytes.Repeat([]byte{0xff}, 32), false},
		{"31 bytes", one[1:], false},
		{"trailing byte", append(bytes.Clone(one), 0), false},
		{"leading byte", append([]byte{0}, one...), false},
	} {
		s, err := DecodeScalar(c.in)
		if (err == nil) != c.ok {
			t.Errorf("%s: error %v", c.name, err)
		}
		if err == nil && !bytes.Equal(s.Bytes(), c.in) {
			t.Errorf("%s: reads back as %x", c.name, s.Bytes())
		}
		if err != nil && s.ref != nil {
			t.Errorf("%s: a usable scalar beside an error", c.name)
		}
	}
}

// The arithmetic is that of the integers modulo r, by math/big.
func TestScalarArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawScalar(t, "a"), drawScalar(t, "b")
		x, y := intOf(a), intOf(b)
		for what, pair := range map[string][2]Scalar{
			"a+b": {a.Add(b), scalarOf(new(big.Int).Add(x, y))},
			"a-b": {a.Sub(b), scalarOf(new(big.Int).Sub(x, y))},
			"a*b": {a.Mul(b), scalarOf(new(big.Int).Mul(x, y))},
			"-a":  {a.Neg(), scalarOf(new(big.Int).Neg(x))},
		} {
			if !pair[0].Equal(pair[1]) {
				t.Errorf("%s is wrong", what)
			}
		}
		inverse, err := a.Inverse()
		if a.IsZero() != (x.Sign() == 0) || a.IsZero() != (err != nil) {
			t.Errorf("zero: %v, error of the inverse: %v", a.IsZero(), err)
		}
		if err == nil && !inverse.Mul(a).Equal(NewScalar(1)) {
			t.Error("a/a is not 1")
		}
		if a.Equal(b) != (x.Cmp(y) == 0) {
			t.Error("equality is wrong")
		}
	})
}

func TestReduceWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 4*digitSize).Draw(t, "integer")
		b = b[:len(b)/digitSize*digitSize]
		var want fr.Element
		want.SetBytes(b)
		if got := newScalar(reduceWide(b)); !bytes.Equal(got.Bytes(), want.Marshal()) {
			t.Errorf("%x is %x, want %x", b, got.Bytes(), want.Marshal())
		}
	})
}

func TestRandomScalar(t *testing.T) {
	source := bytes.Repeat([]byte{0xff}, 65)
	r := bytes.NewReader(source)
	s, err := RandomScalar(r)
	if err != nil || r.Len() != 1 {
		t.Fatalf("error %v, %d bytes left of 65, want 1", err, r.Len())
	}
	if want := scalarOf(new(big.Int).SetBytes(source[:64])); !s.Equal(want) {
		t.Error("the scalar is not the 64 bytes modulo r")
	}
	if _, err := RandomScalar(bytes.NewReader(make([]byte, 64))); err == nil {
		t.Error("a source of zeros gives a scalar")
	}
	multiple := new(big.Int).Mul(order, big.NewInt(5)).FillBytes(make([]byte, 64))
	if _, err := RandomScalar(bytes.NewReader(multiple)); err == nil {
		t.Error("a multiple of r gives a scalar")
	}
	broken := errors.New("broken")
	if _, err := RandomScalar(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := RandomScalar(bytes.NewReader(source[:63])); err == nil {
		t.Error("63 bytes are enough")
	}
}

func TestRandomCoefficients(t *testing.T) {
	source := make([]byte, 48)
	for i := range source {
		source[i] = byte(i)
	}
	cs, err := RandomCoefficients(bytes.NewReader(source), 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cs {
		if want := scalarOf(new(big.Int).SetBytes(source[16*i : 16*i+16])); !c.Scalar().Equal(want) {
			t.Errorf("coefficient %d is wrong as a scalar", i)
		}
	}
	if _, err := RandomCoefficients(bytes.NewReader(append(source[:16:16], make([]byte, 16)...)), 2); err == nil {
		t.Error("a zero coefficient is accepted")
	}
	if _, err := RandomCoefficients(bytes.NewReader(source), 4); err == nil {
		t.Error("48 bytes are enough for 4 coefficients")
	}
	if cs, err := RandomCoefficients(bytes.NewReader(nil), 0); err != nil || len(cs) != 0 {
		t.Errorf("no coefficients: %v, %v", cs, err)
	}
}

// No way of printing or marshalling shows the value, in decimal, in hexadecimal or as the words that the library stores.
func TestScalarIsRedacted(t *testing.T) {
	s := NewScalar(0x5ec2e7)
	type open struct{ S Scalar }
	type closed struct{ s Scalar }
	subjects := []any{s, &s, open{s}, &open{s}, closed{s}, []Scalar{s}, map[string]Scalar{"k": s}, [1]open{{s}}}
	var out bytes.Buffer
	for _, v := range subjects {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%e", "%t", "%c", "%U", "% x"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Error(err)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "v", v)
		if err := xml.NewEncoder(&out).Encode(v); err != nil && !strings.Contains(err.Error(), "unsupported type") {
			t.Error(err)
		}
		_ = gob.NewEncoder(&out).Encode(v) // gob refuses what has nothing exported
	}
	for _, verb := range []string{"%v", "%#v", "%d", "%x", "%s", "%q"} {
		if got := fmt.Sprintf(verb, s); got != redacted {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	fmt.Fprintln(&out, s.String(), s.GoString())
	words := strings.Fields(strings.Trim(fmt.Sprintf("%d", **s.ref), "{[]}"))
	if len(words) != 4 {
		t.Fatalf("the library's form is %v", words)
	}
	for _, secret := range append(words, "5ec2e7", "5EC2E7", fmt.Sprint(0x5ec2e7)) {
		if strings.Contains(out.String(), secret) {
			t.Errorf("output contains %q", secret)
		}
	}
	if !strings.Contains(out.String(), redacted) {
		t.Error("nothing was printed at all")
	}
	if bytes.Contains(out.Bytes(), s.Bytes()[29:]) {
		t.Error("output contains the raw bytes")
	}
}

func TestWipe(t *testing.T) {
	s := testScalar(1)
	c := s
	value := *s.ref
	s.Wipe()
	s.Wipe()
	Scalar{}.Wipe()
	if value.IsZero() != 1 {
		t.Error("the value is still in memory")
	}
	mustPanic(t, "use after Wipe", func() { s.Add(NewScalar(1)) })
	mustPanic(t, "use of a copy after Wipe", func() { c.Bytes() })
	if s.String() != redacted {
		t.Error("printing a wiped scalar")
	}
}

func FuzzDecodeScalar(f *testing.F) {
	f.Add(order.Bytes())
	f.Add(make([]byte, 32))
	f.Add(append(make([]byte, 31), 1))
	f.Add(append(make([]byte, 32), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeScalar(b)
		var oracle fr.Element
		want := len(b) == 32 && oracle.SetBytesCanonical(b) == nil && !oracle.IsZero()
		if (err == nil) != want {
			t.Fatalf("error %v, oracle accepts: %v", err, want)
		}
		if err == nil && !bytes.Equal(s.Bytes(), b) {
			t.Fatalf("reads back as %x", s.Bytes())
		}
	})
}
