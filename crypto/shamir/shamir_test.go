package shamir

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"minimint/crypto/bls"
)

// tiny is the field of 11 elements: small enough to count over all polynomials, and a second field beside that of the curve.
type tiny int

func (a tiny) Add(b tiny) tiny { return (a + b) % 11 }
func (a tiny) Sub(b tiny) tiny { return (a + 11 - b) % 11 }
func (a tiny) Mul(b tiny) tiny { return a * b % 11 }

func (a tiny) Inverse() (tiny, error) {
	for b := tiny(1); b < 11; b++ {
		if a*b%11 == 1 {
			return b, nil
		}
	}
	return 0, errors.New("no inverse")
}

// tinyField draws an element per byte.
var tinyField = Field[tiny]{
	Integer: func(v uint64) tiny { return tiny(v % 11) },
	Random: func(r io.Reader) (tiny, error) {
		var b [1]byte
		_, err := io.ReadFull(r, b[:])
		return tiny(b[0] % 11), err
	},
}

// deal returns the shares 1 … n of a random polynomial.
func deal(t testing.TB, r io.Reader, degree, n int) (bls.Scalar, []Share[bls.Scalar]) {
	t.Helper()
	p, err := Random(BLS12381(), degree, r)
	if err != nil {
		t.Fatal(err)
	}
	shares := make([]Share[bls.Scalar], n)
	for i := range shares {
		index := uint32(i + 1)
		shares[i] = Share[bls.Scalar]{Index: index, Value: p.Evaluate(index)}
	}
	return p.Coefficients()[0], shares
}

// Reconstruction: any t of n shares in any order, or more, give the secret; t−1 do not.
func TestReconstruction(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 13).Draw(rt, "n")
		threshold := rapid.IntRange(1, n).Draw(rt, "t")
		seed := [32]byte{rapid.Byte().Draw(rt, "seed")}
		secret, shares := deal(t, mathrand.NewChaCha8(seed), threshold-1, n)
		shares = rapid.Permutation(shares).Draw(rt, "order")
		got, err := Interpolate(BLS12381(), shares[:rapid.IntRange(threshold, n).Draw(rt, "shares")])
		if err != nil || !got.Equal(secret) {
			rt.Errorf("%d of %d shares do not give the secret: %v", threshold, n, err)
		}
		if threshold == 1 {
			return
		}
		if got, err := Interpolate(BLS12381(), shares[:threshold-1]); err != nil || got.Equal(secret) {
			rt.Errorf("%d of %d shares give the secret: %v", threshold-1, n, err)
		}
	})
}

// Secrecy: over all polynomials of degree 2 in the field of 11 elements, each pair of shares goes with each secret equally often.
func TestSecrecy(t *testing.T) {
	for i := uint32(1); i <= 10; i++ {
		for j := uint32(1); j < i; j++ {
			var count [11][11][11]int
			for p := range 11 * 11 * 11 {
				source := bytes.NewReader([]byte{byte(p % 11), byte(p / 11 % 11), byte(p / 121)})
				poly, err := Random(tinyField, 2, source)
				if err != nil {
					t.Fatal(err)
				}
				count[poly.Evaluate(i)][poly.Evaluate(j)][poly.Coefficients()[0]]++
			}
			for a := range count {
				for b := range count[a] {
					for s, n := range count[a][b] {
						if n != 1 {
							t.Fatalf("shares %d and %d at %d, %d: secret %d comes from %d polynomials, want 1", a, b, i, j, s, n)
						}
					}
				}
			}
		}
	}
}

// Known answers by hand: f(x) = 5 + 3x + 2x².
func TestEvaluate(t *testing.T) {
	coefficients := []uint64{5, 3, 2}
	p := Polynomial[bls.Scalar]{field: BLS12381()}
	for _, c := range coefficients {
		p.coefficients = append(p.coefficients, bls.NewScalar(c))
	}
	for x, want := range map[uint32]uint64{1: 10, 2: 19, 3: 32, 10: 235, 1 << 31: 5 + 3<<31 + 2<<62} {
		if got := p.Evaluate(x); !got.Equal(bls.NewScalar(want)) {
			t.Errorf("f(%d) is not %d", x, want)
		}
	}
	if p.Degree() != 2 {
		t.Errorf("degree %d", p.Degree())
	}
	p.Coefficients()[0] = bls.NewScalar(9)
	if !p.Evaluate(1).Equal(bls.NewScalar(10)) {
		t.Error("Coefficients shares its slice")
	}
}

// Sharing a given secret, and zero: adding a sharing of zero changes every share and not the secret (refresh).
func TestRandomSharing(t *testing.T) {
	secret := bls.NewScalar(42)
	p, err := RandomSharing(BLS12381(), secret, 2, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := RandomSharing(BLS12381(), bls.NewScalar(0), 2, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var shares []Share[bls.Scalar]
	for _, i := range []uint32{4, 1, 7} {
		refreshed := p.Evaluate(i).Add(zero.Evaluate(i))
		if refreshed.Equal(p.Evaluate(i)) {
			t.Errorf("share %d did not change", i)
		}
		shares = append(shares, Share[bls.Scalar]{Index: i, Value: refreshed})
	}
	if got, err := Interpolate(BLS12381(), shares); err != nil || !got.Equal(secret) {
		t.Errorf("the refreshed shares do not give the secret: %v", err)
	}
}

func TestMisusePanics(t *testing.T) {
	p, err := Random(BLS12381(), 1, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		f    func()
	}{
		{"shamir: evaluation at 0", func() { p.Evaluate(0) }},
		{"shamir: use of the zero Polynomial", func() { Polynomial[bls.Scalar]{}.Evaluate(1) }},
		{"shamir: polynomial of degree -1", func() { _, _ = Random(BLS12381(), -1, rand.Reader) }},
		{"bls: use of a wiped Scalar", func() { p.Wipe(); p.Evaluate(1) }},
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.HasPrefix(text, c.text) {
					t.Errorf("panic %q, want %q", text, c.text)
				}
			}()
			c.f()
		}()
	}
}

func TestSourceFails(t *testing.T) {
	broken := errors.New("broken")
	for _, good := range []int64{0, 64, 128} {
		source := io.MultiReader(io.LimitReader(rand.Reader, good), iotest.ErrReader(broken))
		if _, err := Random(BLS12381(), 2, source); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", good, err)
		}
	}
}

func TestIndicesAreChecked(t *testing.T) {
	for name, indices := range map[string][]uint32{
		"none": {}, "zero": {1, 0, 2}, "twice": {3, 1, 3}, "zero alone": {0},
	} {
		if _, err := Lagrange(BLS12381(), indices); err == nil {
			t.Errorf("Lagrange accepts %s", name)
		}
		if _, _, err := IntegerLagrange(indices); err == nil || errors.Is(err, ErrTooLarge) {
			t.Errorf("IntegerLagrange, %s: %v", name, err)
		}
		shares := make([]Share[bls.Scalar], len(indices))
		for i := range shares {
			shares[i] = Share[bls.Scalar]{Index: indices[i], Value: bls.NewScalar(1)}
		}
		if _, err := Interpolate(BLS12381(), shares); err == nil {
			t.Errorf("Interpolate accepts %s", name)
		}
	}
	// Different integers, but equal in the field.
	if _, err := Lagrange(tinyField, []uint32{1, 12}); err == nil {
		t.Error("indices that are equal in the field are accepted")
	}
}

func TestIntegerLagrangeKnown(t *testing.T) {
	for _, c := range []struct {
		indices     []uint32
		numerators  []int64
		denominator int64
	}{
		{[]uint32{5}, []int64{1}, 1},
		{[]uint32{1, 2, 3}, []int64{3, -3, 1}, 1},
		{[]uint32{3, 1, 2}, []int64{1, 3, -3}, 1},
		{[]uint32{1, 2, 4}, []int64{8, -6, 1}, 3},
		{[]uint32{1, 3, 4}, []int64{2, -2, 1}, 1},
		{[]uint32{2, 3, 4}, []int64{6, -8, 3}, 1},
		{[]uint32{1, 2, 3, 4, 5, 6, 7}, []int64{7, -21, 35, -35, 21, -7, 1}, 1},
	} {
		numerators, denominator, err := IntegerLagrange(c.indices)
		if err != nil || fmt.Sprint(numerators, denominator) != fmt.Sprint(c.numerators, c.denominator) {
			t.Errorf("%v: %v / %d, %v; want %v / %d", c.indices, numerators, denominator, err, c.numerators, c.denominator)
		}
	}
}

// The integers are the field's coefficients, they are reduced, they sum to the denominator, and for up to 20 members they fit.
func TestIntegerLagrangeIsLagrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		indices := rapid.SliceOfNDistinct(rapid.Uint32Range(1, 20), 1, 20, rapid.ID).Draw(t, "indices")
		numerators, denominator, err := IntegerLagrange(indices)
		if err != nil {
			t.Fatal(err)
		}
		lambda, err := Lagrange(BLS12381(), indices)
		if err != nil {
			t.Fatal(err)
		}
		sum, gcd := int64(0), big.NewInt(denominator)
		for i, n := range numerators {
			if n >= 1<<33 || n <= -1<<33 || denominator <= 0 {
				t.Errorf("%d / %d", n, denominator)
			}
			sum += n
			gcd.GCD(nil, nil, gcd, new(big.Int).Abs(big.NewInt(n)))
			scaled := lambda[i].Mul(bls.NewScalar(uint64(denominator)))
			want := bls.NewScalar(uint64(max(n, -n)))
			if n < 0 {
				want = want.Neg()
			}
			if !scaled.Equal(want) {
				t.Errorf("coefficient %d is not %d/%d", i, n, denominator)
			}
		}
		if sum != denominator || gcd.Int64() != 1 {
			t.Errorf("the numerators sum to %d, the denominator is %d, their common factor %v", sum, denominator, gcd)
		}
	})
}

// Numbers that do not fit are reported, never truncated, and Lagrange goes on where the integers end.
func TestTooLarge(t *testing.T) {
	many := make([]uint32, 200)
	for i := range many {
		many[i] = uint32(i + 1)
	}
	for name, indices := range map[string][]uint32{
		"many":              many,
		"large numerators":  {4294967295, 4294967294, 4294967293},
		"large denominator": {4294967295, 65537, 2147483647, 1, 3},
	} {
		if _, _, err := IntegerLagrange(indices); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	secret, shares := deal(t, rand.Reader, 133, 200)
	if got, err := Interpolate(BLS12381(), shares[50:184]); err != nil || !got.Equal(secret) {
		t.Errorf("134 of 200: %v", err)
	}
}

// Interpolation in the exponent, as the signers' combination does it.
func TestInTheExponent(t *testing.T) {
	secret, shares := deal(t, rand.Reader, 2, 4)
	base := bls.HashToG1("test", []byte("message"))
	var points []bls.G1
	var indices []uint32
	for _, s := range []Share[bls.Scalar]{shares[3], shares[0], shares[1]} {
		points, indices = append(points, base.Mul(s.Value)), append(indices, s.Index)
	}
	numerators, denominator, err := IntegerLagrange(indices)
	if err != nil {
		t.Fatal(err)
	}
	if !bls.CombineG1(points, numerators).Equal(base.Mul(secret).Mul(bls.NewScalar(uint64(denominator)))) {
		t.Error("by integers")
	}
	lambda, err := Lagrange(BLS12381(), indices)
	if err != nil {
		t.Fatal(err)
	}
	if !bls.MultiMulG1(points, lambda).Equal(base.Mul(secret)) {
		t.Error("by scalars")
	}
}

func BenchmarkLagrange(b *testing.B) {
	for _, n := range []int{3, 7, 14} {
		indices := make([]uint32, n)
		for i := range indices {
			indices[i] = uint32(i + 2)
		}
		b.Run(fmt.Sprint("scalars/t=", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Lagrange(BLS12381(), indices); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("integers/t=", n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := IntegerLagrange(indices); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
