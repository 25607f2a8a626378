package bls

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	blst "github.com/supranational/blst/bindings/go"
	"pgregory.net/rapid"

	curve "github.com/cloudflare/circl/ecc/bls12381"
)

// Both methods, at every width that the cost model can choose, give Σ k[i]·P[i].
func TestMultiMulMethods(t *testing.T) {
	points := newKnown(40)
	raw := g1Points(points.g1, len(points.g1))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, len(raw)).Draw(t, "n")
		scalars := make([]Scalar, n)
		for i := range scalars {
			scalars[i] = drawScalar(t, fmt.Sprint("scalar ", i))
		}
		multipliers := scalarMultipliers(scalars)
		length := 0
		for i := range multipliers {
			if rapid.Bool().Draw(t, fmt.Sprint("negative ", i)) {
				multipliers[i].negative = true
				scalars[i] = scalars[i].Neg()
			}
			length = max(length, multipliers[i].bitLen())
		}
		want := MulG1(points.sum(scalars))
		width := rapid.IntRange(2, 7).Draw(t, "Straus width")
		if got := newG1(straus(raw[:n], multipliers, length, width)); !got.Equal(want) {
			t.Errorf("Straus, width %d", width)
		}
		width = rapid.IntRange(2, 10).Draw(t, "Pippenger width")
		if got := newG1(pippenger(raw[:n], multipliers, length, width)); !got.Equal(want) {
			t.Errorf("Pippenger, width %d", width)
		}
	})
}

// The exported sums agree with single multiplications; a point may stand twice, be its neighbour's negative, or be the identity.
func TestMultiMul(t *testing.T) {
	points := newKnown(12)
	points.logs[3], points.g1[3], points.g2[3] = points.logs[2], points.g1[2], points.g2[2]
	points.logs[4], points.g1[4], points.g2[4] = points.logs[2].Neg(), points.g1[2].Neg(), points.g2[2].Neg()
	points.logs[5], points.g1[5], points.g2[5] = NewScalar(0), G1Identity(), G2Identity()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, len(points.g1)).Draw(t, "n")
		scalars, shorts, integers := make([]Scalar, n), make([]Coefficient, n), make([]int64, n)
		shortScalars, integerScalars := make([]Scalar, n), make([]Scalar, n)
		for i := range n {
			scalars[i] = drawScalar(t, fmt.Sprint("scalar ", i))
			copy(shorts[i][:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, fmt.Sprint("coefficient ", i)))
			shortScalars[i] = shorts[i].Scalar()
			integers[i] = rapid.Int64().Draw(t, fmt.Sprint("integer ", i))
			integerScalars[i] = scalarOf(big.NewInt(integers[i]))
		}
		if !MultiMulG1(points.g1[:n], scalars).Equal(MulG1(points.sum(scalars))) {
			t.Error("MultiMulG1")
		}
		if !MultiMulG2(points.g2[:n], scalars).Equal(MulG2(points.sum(scalars))) {
			t.Error("MultiMulG2")
		}
		if !MultiMulG1Short(points.g1[:n], shorts).Equal(MulG1(points.sum(shortScalars))) {
			t.Error("MultiMulG1Short")
		}
		if !CombineG1(points.g1[:n], integers).Equal(MulG1(points.sum(integerScalars))) {
			t.Error("CombineG1")
		}
	})
}

func TestCombineCorners(t *testing.T) {
	points := newKnown(3)
	for _, n := range [][]int64{
		{0, 0, 0}, {1, 0, 0}, {0, -1, 0}, {math.MinInt64, math.MaxInt64, -1}, {3, -3, 1}, {4, -6, 3}, {math.MinInt64, math.MinInt64, math.MinInt64},
	} {
		scalars := make([]Scalar, len(n))
		for i, v := range n {
			scalars[i] = scalarOf(big.NewInt(v))
		}
		if !CombineG1(points.g1, n).Equal(MulG1(points.sum(scalars))) {
			t.Errorf("%v", n)
		}
	}
}

// A large sum, as one batch of notes needs it, against both oracles.
func TestMultiMulOracles(t *testing.T) {
	const n = 600
	points := newKnown(n)
	scalars := make([]Scalar, n)
	g1, g2 := make([]gnark.G1Affine, n), make([]gnark.G2Affine, n)
	factors := make([]fr.Element, n)
	b1, b2 := make([]*blst.P1Affine, n), make([]*blst.P2Affine, n)
	little := make([][]byte, n)
	for i := range n {
		scalars[i] = testScalar(i)
		factors[i].SetBytes(scalars[i].Bytes())
		little[i] = new(blst.Scalar).FromBEndian(scalars[i].Bytes()).ToLEndian()
		p, q := points.g1[i].Bytes(), points.g2[i].Bytes()
		b1[i], b2[i] = new(blst.P1Affine).Uncompress(p), new(blst.P2Affine).Uncompress(q)
		if _, err := g1[i].SetBytes(p); err != nil {
			t.Fatal(err)
		}
		if _, err := g2[i].SetBytes(q); err != nil {
			t.Fatal(err)
		}
	}
	var sum1 gnark.G1Affine
	var sum2 gnark.G2Affine
	if _, err := sum1.MultiExp(g1, factors, ecc.MultiExpConfig{NbTasks: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := sum2.MultiExp(g2, factors, ecc.MultiExpConfig{NbTasks: 1}); err != nil {
		t.Fatal(err)
	}
	gb1, gb2 := sum1.Bytes(), sum2.Bytes()
	if got := MultiMulG1(points.g1, scalars).Bytes(); !bytes.Equal(got, gb1[:]) || !bytes.Equal(got, blst.P1AffinesMult(b1, little, 255).Compress()) {
		t.Error("MultiMulG1 differs from an oracle")
	}
	if got := MultiMulG2(points.g2, scalars).Bytes(); !bytes.Equal(got, gb2[:]) || !bytes.Equal(got, blst.P2AffinesMult(b2, little, 255).Compress()) {
		t.Error("MultiMulG2 differs from an oracle")
	}
}

// Both recodings are the integer, digit by digit, with digits of the size that the tables and buckets have room for.
func TestRecodings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScalar(t, "scalar")
		m := scalarMultipliers([]Scalar{s})[0]
		m.negative = rapid.Bool().Draw(t, "negative")
		want := intOf(s)
		if m.bitLen() != want.BitLen() {
			t.Fatalf("length %d, want %d", m.bitLen(), want.BitLen())
		}
		if m.negative {
			want.Neg(want)
		}
		length := m.bitLen() + rapid.IntRange(0, 3).Draw(t, "slack")

		width := rapid.IntRange(2, 7).Draw(t, "width")
		sum, last := new(big.Int), -width
		for pos, d := range m.nonAdjacent(length, width) {
			if d == 0 {
				continue
			}
			if d%2 == 0 || int(d) >= 1<<(width-1) || int(d) <= -1<<(width-1) || pos-last < width {
				t.Errorf("digit %d at %d, width %d, last at %d", d, pos, width, last)
			}
			last = pos
			sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(d)), uint(pos)))
		}
		if sum.Cmp(want) != 0 {
			t.Errorf("the non-adjacent form is %v, want %v", sum, want)
		}

		width = rapid.IntRange(2, 15).Draw(t, "window")
		digits := make([]int16, length/width+1)
		m.signedWindows(digits, width)
		sum.SetInt64(0)
		for w, d := range digits {
			if int(d) > 1<<(width-1) || int(d) < -1<<(width-1) {
				t.Errorf("digit %d, width %d", d, width)
			}
			sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(d)), uint(w*width)))
		}
		if sum.Cmp(want) != 0 {
			t.Errorf("the windows are %v, want %v", sum, want)
		}
	})
}

func FuzzMultiMulG1(f *testing.F) {
	points := newKnown(64)
	f.Add(bytes.Repeat([]byte{1, 0xff, 0}, 100))
	f.Add(bytes.Repeat([]byte{0xff}, 24))
	f.Fuzz(func(t *testing.T, b []byte) {
		var scalars []Scalar
		var multipliers []multiplier
		for len(b) >= digitSize && len(scalars) < len(points.g1) {
			s := newScalar(reduceWide(b[:digitSize]))
			scalars, b = append(scalars, s), b[digitSize:]
			multipliers = append(multipliers, scalarMultipliers([]Scalar{s})[0])
		}
		n := len(scalars)
		want := MulG1(points.sum(scalars))
		if !MultiMulG1(points.g1[:n], scalars).Equal(want) {
			t.Fatal("MultiMulG1")
		}
		raw := g1Points(points.g1[:n], n)
		if !newG1(pippenger[curve.G1](raw, multipliers, 8*digitSize, 4)).Equal(want) {
			t.Fatal("buckets")
		}
	})
}
