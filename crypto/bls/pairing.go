package bls

import (
	curve "github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/ecc/bls12381/ff"
)

// Pair is one factor e(P, Q) of a product of pairings.
type Pair struct {
	P G1
	Q *PreparedG2
}

// PairingCheck reports whether the product of e(P, Q) over all pairs is 1. All pairs share the squarings of one Miller loop and one final
// exponentiation, so a further pair costs about a tenth of a pairing on its own. A factor with an identity on either side is 1.
//
// No pairs prove nothing: the answer is false. An unusable point or a nil Q is the caller's mistake and panics.
//
// Variable time: public data only.
func PairingCheck(pairs []Pair) bool {
	if len(pairs) == 0 {
		return false
	}
	var at []affine
	var lines [][]line
	for _, p := range pairs {
		point := p.P.get()
		if p.Q == nil || !p.Q.ready {
			panic("bls: pair without a prepared G2 point")
		}
		if point.IsIdentity() || p.Q.lines == nil {
			continue
		}
		at = append(at, affineG1(point))
		lines = append(lines, p.Q.lines)
	}
	f := millerLoop(at, lines)
	var easy ff.Cyclo6
	var result ff.URoot
	ff.EasyExponentiation(&easy, f)
	ff.HardExponentiation(&result, &easy)
	return result.IsIdentity() == 1
}

// affine holds the affine coordinates of a point of G1 that is not the identity.
type affine struct{ x, y ff.Fp }

// affineG1 reads the coordinates from the uncompressed encoding, the only place where the library shows them.
func affineG1(p *curve.G1) affine {
	var a affine
	b := p.Bytes()
	mustDecode(a.x.UnmarshalBinary(b[:ff.FpSize]))
	mustDecode(a.y.UnmarshalBinary(b[ff.FpSize:]))
	return a
}

// mustDecode panics if the library cannot read what it wrote itself.
func mustDecode(err error) {
	if err != nil {
		panic("bls: coordinates of a valid point: " + err.Error())
	}
}

// millerLoop returns the product of the Miller functions of all pairs, up to factors that the final exponentiation removes.
func millerLoop(at []affine, lines [][]line) *ff.Fp12 {
	var f ff.Fp12Cubic
	f.SetOne()
	step := 0
	multiply := func() {
		for i := range at {
			value := lines[i][step].evaluate(&at[i])
			f.MulLine(&f, &value)
		}
		step++
	}
	for bit := loopTop - 1; bit >= 0; bit-- {
		f.Sqr(&f)
		multiply()
		if loopParameter>>bit&1 == 1 {
			multiply()
		}
	}
	product := new(ff.Fp12)
	product.FromFp12Cubic(&f)
	product.Cjg() // the curve parameter is negative
	return product
}
