package bls

import (
	"crypto/rand"
	"fmt"
	"testing"

	curve "github.com/cloudflare/circl/ecc/bls12381"
)

// The library's own pairing is measured beside ours: figures mean something as ratios within one run.
func BenchmarkPairing(b *testing.B) {
	points := newKnown(9)
	var pairs []Pair
	for i := range points.g1 {
		pairs = append(pairs, Pair{P: points.g1[i], Q: Prepare(points.g2[i])})
	}
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			curve.Pair(points.g1[0].get(), points.g2[0].get())
		}
	})
	for _, n := range []int{1, 2, 9} {
		b.Run(fmt.Sprint("check=", n), func(b *testing.B) {
			for b.Loop() {
				PairingCheck(pairs[:n])
			}
		})
	}
	b.Run("prepare", func(b *testing.B) {
		for b.Loop() {
			Prepare(points.g2[0])
		}
	})
}

func BenchmarkMultiMul(b *testing.B) {
	for _, n := range []int{4, 64, 1000} {
		points := newKnown(n)
		scalars := make([]Scalar, n)
		for i := range scalars {
			scalars[i] = testScalar(i)
		}
		coefficients, err := RandomCoefficients(rand.Reader, n)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint("G1/n=", n), func(b *testing.B) {
			for b.Loop() {
				MultiMulG1(points.g1, scalars)
			}
		})
		b.Run(fmt.Sprint("G1Short/n=", n), func(b *testing.B) {
			for b.Loop() {
				MultiMulG1Short(points.g1, coefficients)
			}
		})
		b.Run(fmt.Sprint("G2/n=", n), func(b *testing.B) {
			for b.Loop() {
				MultiMulG2(points.g2, scalars)
			}
		})
	}
}

// Combining shares 1, 2, 3 of 4, and 1 … 7 of 10, as integers and as scalars.
func BenchmarkCombine(b *testing.B) {
	for _, n := range [][]int64{{3, -3, 1}, {7, -21, 35, -35, 21, -7, 1}} {
		points := newKnown(len(n))
		b.Run(fmt.Sprint("integers/t=", len(n)), func(b *testing.B) {
			for b.Loop() {
				CombineG1(points.g1, n)
			}
		})
		b.Run(fmt.Sprint("multiplications/t=", len(n)), func(b *testing.B) {
			for b.Loop() {
				sum := G1Identity()
				for i := range n {
					sum = sum.Add(points.g1[i].Mul(testScalar(i)))
				}
			}
		})
	}
}

func BenchmarkPoints(b *testing.B) {
	s := testScalar(1)
	p, q := MulG1(s), MulG2(s)
	p48, q96 := p.Bytes(), q.Bytes()
	for name, f := range map[string]func(){
		"HashToG1":     func() { HashToG1("benchmark", p48) },
		"HashToScalar": func() { HashToScalar("benchmark", p48) },
		"DecodeG1":     func() { _, _ = DecodeG1(p48) },
		"DecodeG2":     func() { _, _ = DecodeG2(q96) },
		"EncodeG1":     func() { p.Bytes() },
		"MulG1":        func() { MulG1(s) },
		"MulG2":        func() { MulG2(s) },
		"G1.Mul":       func() { p.Mul(s) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
