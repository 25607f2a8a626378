package bls

import (
	"math/bits"

	curve "github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/ecc/bls12381/ff"
)

// loopParameter is |x| of the curve, x = −0xd201000000010000. The Miller loop runs over its bits below the top one.
const loopParameter uint64 = 0xd201000000010000

// loopTop is the position of the highest bit of loopParameter.
const loopTop = 63

// loopSteps is the number of lines: one for each doubling and one for each addition of the loop.
var loopSteps = loopTop + bits.OnesCount64(loopParameter) - 1

// PreparedG2 is a G2 point made ready for pairings: the lines of the Miller loop, which depend on this point alone, are computed once
// (13 KB). It is meant for keys that live long. It is immutable and may be used by many goroutines at once.
type PreparedG2 struct {
	ready bool
	lines []line // nil for the identity
}

// line is the line through two points of the loop (or the tangent at one), in the shape that it has on the twist:
// slope·x + y + offset, with the coefficient of y made 1.
type line struct{ slope, offset ff.Fp2 }

// evaluate returns the value of the line at a point of G1, mapped to the twist. The factor in Fp2 by which it differs from the
// textbook's value vanishes in the final exponentiation.
func (l *line) evaluate(p *affine) ff.LineValue {
	var v ff.LineValue
	v[0] = l.offset
	v[1][0].Mul(&l.slope[0], &p.x)
	v[1][1].Mul(&l.slope[1], &p.x)
	v[2][0] = p.y
	return v
}

// Prepare computes the lines of q, at about the price of half a pairing.
func Prepare(q G2) *PreparedG2 {
	if q.IsIdentity() {
		return &PreparedG2{ready: true}
	}
	var w walk
	w.start(q.get())
	for bit := loopTop - 1; bit >= 0; bit-- {
		w.double()
		if loopParameter>>bit&1 == 1 {
			w.add()
		}
	}
	return &PreparedG2{ready: true, lines: w.normalise()}
}

// walk follows the multiples of a G2 point through the Miller loop, in homogeneous coordinates (x/z, y/z), with the formulas of
// Costello, Lange and Naehrig ("Faster Pairing Computations on Curves with High-Degree Twists", 2010, section 5). Neither a tangent
// nor a chord can be vertical: the point has prime order r and no multiple in the loop comes near r.
type walk struct {
	x, y, z ff.Fp2 // the present multiple
	qx, qy  ff.Fp2 // the point, affine
	threeB  ff.Fp2 // 3b' = 12(1+u), b' of the twist's equation
	raw     []rawLine
}

// rawLine is slope·x + height·y + offset, before the division by height.
type rawLine struct{ slope, height, offset ff.Fp2 }

func (w *walk) start(q *curve.G2) {
	b := q.Bytes()
	mustDecode(w.qx.UnmarshalBinary(b[:ff.Fp2Size]))
	mustDecode(w.qy.UnmarshalBinary(b[ff.Fp2Size:]))
	w.x, w.y = w.qx, w.qy
	w.z.SetOne()
	w.threeB[0].SetUint64(12)
	w.threeB[1].SetUint64(12)
	w.raw = make([]rawLine, 0, loopSteps)
}

// double replaces the point by its double and records the tangent.
func (w *walk) double() {
	var xx, yy, zz, xy, yz2, e, e3, t ff.Fp2
	xx.Sqr(&w.x)
	yy.Sqr(&w.y)
	zz.Sqr(&w.z)
	xy.Mul(&w.x, &w.y)
	yz2.Mul(&w.y, &w.z)
	yz2.Add(&yz2, &yz2)
	e.Mul(&w.threeB, &zz) // 3b'z²
	e3.Add(&e, &e)
	e3.Add(&e3, &e)

	var l rawLine
	l.slope.Add(&xx, &xx)
	l.slope.Add(&l.slope, &xx) // 3x²
	l.height = yz2
	l.height.Neg()        // −2yz
	l.offset.Sub(&e, &yy) // 3b'z² − y²
	w.raw = append(w.raw, l)

	t.Sub(&yy, &e3)
	w.x.Mul(&xy, &t)
	w.x.Add(&w.x, &w.x) // 2xy(y² − 9b'z²)
	t.Add(&yy, &e3)
	w.y.Sqr(&t)
	t.Sqr(&e)
	t.Add(&t, &t)
	t.Add(&t, &t)
	w.y.Sub(&w.y, &t)
	w.y.Sub(&w.y, &t)
	w.y.Sub(&w.y, &t) // (y² + 9b'z²)² − 12(3b'z²)²
	w.z.Mul(&yy, &yz2)
	w.z.Add(&w.z, &w.z)
	w.z.Add(&w.z, &w.z) // 8y³z
}

// add adds the original point and records the chord.
func (w *walk) add() {
	var rise, run, t, rr, rrr, a, h ff.Fp2
	t.Mul(&w.qy, &w.z)
	rise.Sub(&w.y, &t)
	t.Mul(&w.qx, &w.z)
	run.Sub(&w.x, &t)

	var l rawLine
	l.slope = rise
	l.slope.Neg()
	l.height = run
	l.offset.Mul(&rise, &w.qx)
	t.Mul(&run, &w.qy)
	l.offset.Sub(&l.offset, &t)
	w.raw = append(w.raw, l)

	rr.Sqr(&run)
	rrr.Mul(&rr, &run)
	a.Mul(&w.x, &rr)
	h.Sqr(&rise)
	h.Mul(&h, &w.z)
	h.Add(&h, &rrr)
	h.Sub(&h, &a)
	h.Sub(&h, &a) // run³ + z·rise² − 2x·run²
	w.x.Mul(&run, &h)
	t.Sub(&a, &h)
	t.Mul(&t, &rise)
	w.y.Mul(&w.y, &rrr)
	w.y.Sub(&t, &w.y)
	w.z.Mul(&w.z, &rrr)
}

// normalise divides each line by its height, all at the price of one inversion (Montgomery's trick).
func (w *walk) normalise() []line {
	before := make([]ff.Fp2, len(w.raw)) // before[i] = product of the heights below i
	var product, inverse ff.Fp2
	product.SetOne()
	for i := range w.raw {
		before[i] = product
		product.Mul(&product, &w.raw[i].height)
	}
	inverse.Inv(&product)
	lines := make([]line, len(w.raw))
	for i := len(w.raw) - 1; i >= 0; i-- {
		var own ff.Fp2
		own.Mul(&inverse, &before[i])
		inverse.Mul(&inverse, &w.raw[i].height)
		lines[i].slope.Mul(&w.raw[i].slope, &own)
		lines[i].offset.Mul(&w.raw[i].offset, &own)
	}
	return lines
}
