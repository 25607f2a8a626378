package bls

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	curve "github.com/cloudflare/circl/ecc/bls12381"
)

// The functions of this file compute sums of multiples of points. Their time depends on the multipliers and their memory accesses
// depend on them too, so they are for public data only: verification and the combination of shares. None of them may see a secret.

// MultiMulG1 returns Σ scalars[i]·points[i], the identity for empty slices. The slices must be equally long. Variable time: public
// data only.
func MultiMulG1(points []G1, scalars []Scalar) G1 {
	return newG1(multiMul(g1Points(points, len(scalars)), scalarMultipliers(scalars)))
}

// MultiMulG2 returns Σ scalars[i]·points[i], the identity for empty slices. The slices must be equally long. Variable time: public
// data only.
func MultiMulG2(points []G2, scalars []Scalar) G2 {
	checkLengths(len(points), len(scalars))
	ps := make([]curve.G2, len(points))
	for i := range points {
		ps[i] = *points[i].get()
	}
	return newG2(multiMul(ps, scalarMultipliers(scalars)))
}

// MultiMulG1Short returns Σ coefficients[i]·points[i], the identity for empty slices: MultiMulG1 at half the price. The slices must be
// equally long. Variable time: public data only.
func MultiMulG1Short(points []G1, coefficients []Coefficient) G1 {
	multipliers := make([]multiplier, len(coefficients))
	for i, c := range coefficients {
		multipliers[i].magnitude[0] = binary.BigEndian.Uint64(c[8:])
		multipliers[i].magnitude[1] = binary.BigEndian.Uint64(c[:8])
	}
	return newG1(multiMul(g1Points(points, len(coefficients)), multipliers))
}

// CombineG1 returns Σ n[i]·points[i], the identity for empty slices. Its price follows the largest |n[i]|, so the small integers of
// a Lagrange interpolation at 0 cost a few additions. The slices must be equally long. Variable time: public data only.
func CombineG1(points []G1, n []int64) G1 {
	multipliers := make([]multiplier, len(n))
	for i, v := range n {
		multipliers[i] = multiplier{negative: v < 0, magnitude: [4]uint64{uint64(v)}}
		if v < 0 {
			multipliers[i].magnitude[0] = -uint64(v)
		}
	}
	return newG1(multiMul(g1Points(points, len(n)), multipliers))
}

func g1Points(points []G1, multipliers int) []curve.G1 {
	checkLengths(len(points), multipliers)
	ps := make([]curve.G1, len(points))
	for i := range points {
		ps[i] = *points[i].get()
	}
	return ps
}

func checkLengths(points, multipliers int) {
	if points != multipliers {
		panic(fmt.Sprintf("bls: %d points and %d multipliers", points, multipliers))
	}
}

// multiplier is a signed integer; the magnitude has 64-bit limbs from the lowest upwards.
type multiplier struct {
	magnitude [4]uint64
	negative  bool
}

func scalarMultipliers(scalars []Scalar) []multiplier {
	out := make([]multiplier, len(scalars))
	for i, s := range scalars {
		b := s.Bytes()
		for limb := range out[i].magnitude {
			out[i].magnitude[limb] = binary.BigEndian.Uint64(b[scalarSize-8*(limb+1):])
		}
	}
	return out
}

// bitLen is the length of the magnitude.
func (m *multiplier) bitLen() int {
	for limb := len(m.magnitude) - 1; limb >= 0; limb-- {
		if m.magnitude[limb] != 0 {
			return 64*limb + bits.Len64(m.magnitude[limb])
		}
	}
	return 0
}

// window returns the width (below 64) bits of the magnitude that begin at bit from, the lowest first.
func (m *multiplier) window(from, width int) int {
	limb, shift := from/64, from%64
	if limb >= len(m.magnitude) {
		return 0
	}
	v := m.magnitude[limb] >> shift
	if shift+width > 64 && limb+1 < len(m.magnitude) {
		v |= m.magnitude[limb+1] << (64 - shift)
	}
	return int(v & (1<<width - 1))
}

// group is what multiMul needs of a point type: P is the point, *P has the library's methods, which write to the receiver.
type group[P any] interface {
	*P
	SetIdentity()
	Double()
	Neg()
	Add(p, q *P)
}

// multiMul picks the cheaper of the two ways by counting point operations.
func multiMul[P any, G group[P]](points []P, multipliers []multiplier) P {
	length := 0
	for i := range multipliers {
		length = max(length, multipliers[i].bitLen())
	}
	n := len(points)
	width, cost := 2, strausCost(n, length, 2)
	for w := 3; w <= 7; w++ {
		if c := strausCost(n, length, w); c < cost {
			width, cost = w, c
		}
	}
	buckets := 0 // Straus
	for w := 2; w <= 15; w++ {
		if c := pippengerCost(n, length, w); c < cost {
			buckets, cost = w, c
		}
	}
	if buckets > 0 {
		return pippenger[P, G](points, multipliers, length, buckets)
	}
	return straus[P, G](points, multipliers, length, width)
}

// strausCost counts the tables, the shared doublings, and one addition per digit that is not zero.
func strausCost(n, length, width int) int {
	return n*(1<<(width-2)) + length + n*length/(width+1)
}

// pippengerCost counts, per window, one addition per point and two per bucket, and the shared doublings.
func pippengerCost(n, length, width int) int {
	return (length/width+1)*(n+1<<width) + length
}

// straus adds multiples from a small table per point while all points share the doublings (Straus 1964, interleaved as by Möller
// 2001): the digits are in non-adjacent form, so a table holds the odd multiples 1, 3, …, 2^(width−1)−1 only and the negative ones come
// for nothing.
func straus[P any, G group[P]](points []P, multipliers []multiplier, length, width int) P {
	half := 1 << (width - 2)
	table := make([]P, len(points)*half)
	digits := make([][]int8, len(points))
	var twice P
	for i := range points {
		odd := table[i*half:][:half]
		odd[0] = points[i]
		if half > 1 {
			twice = points[i]
			G(&twice).Double()
		}
		for j := 1; j < half; j++ {
			G(&odd[j]).Add(&odd[j-1], &twice)
		}
		digits[i] = multipliers[i].nonAdjacent(length, width)
	}
	var sum, term P
	G(&sum).SetIdentity()
	for pos := length; pos >= 0; pos-- {
		G(&sum).Double()
		for i := range points {
			d := digits[i][pos]
			switch {
			case d > 0:
				G(&sum).Add(&sum, &table[i*half+int(d)/2])
			case d < 0:
				term = table[i*half+int(-d)/2]
				G(&term).Neg()
				G(&sum).Add(&sum, &term)
			}
		}
	}
	return sum
}

// nonAdjacent returns the width-w non-adjacent form, lowest digit first: digits are zero or odd, below 2^(width−1) in magnitude,
// and of any width neighbours at most one is not zero. A magnitude of the given length may need one digit more.
func (m *multiplier) nonAdjacent(length, width int) []int8 {
	digits := make([]int8, length+1)
	carry := 0
	for pos := 0; pos <= length; {
		if m.window(pos, 1) == carry {
			digits[pos] = 0 // an even rest
			pos++
			continue
		}
		d := m.window(pos, width) + carry
		carry = d >> (width - 1) & 1
		d -= carry << width
		if m.negative {
			d = -d
		}
		digits[pos] = int8(d)
		pos += width
	}
	return digits
}

// pippenger sorts the points of each window into buckets by digit and sums the buckets (Pippenger 1976, in the form of Bernstein,
// Doumen, Lange and Oosterwijk 2012). Digits are signed, from −2^(width−1) to 2^(width−1), which halves the buckets.
func pippenger[P any, G group[P]](points []P, multipliers []multiplier, length, width int) P {
	windows := length/width + 1
	digits := make([]int16, windows*len(points))
	for i := range multipliers {
		multipliers[i].signedWindows(digits[i*windows:][:windows], width)
	}
	buckets := make([]P, 1<<(width-1)) // buckets[d−1] collects digit d
	used := make([]bool, len(buckets))
	var sum, running, total, term P
	G(&sum).SetIdentity()
	for w := windows - 1; w >= 0; w-- {
		clear(used)
		for i := range points {
			d := int(digits[i*windows+w])
			if d == 0 {
				continue
			}
			term = points[i]
			if d < 0 {
				d = -d
				G(&term).Neg()
			}
			if used[d-1] {
				G(&buckets[d-1]).Add(&buckets[d-1], &term)
			} else {
				buckets[d-1], used[d-1] = term, true
			}
		}
		// Σ d·buckets[d−1] by two running sums from the top.
		G(&running).SetIdentity()
		G(&total).SetIdentity()
		for b := len(buckets) - 1; b >= 0; b-- {
			if used[b] {
				G(&running).Add(&running, &buckets[b])
			}
			G(&total).Add(&total, &running)
		}
		for range width {
			G(&sum).Double()
		}
		G(&sum).Add(&sum, &total)
	}
	return sum
}

// signedWindows writes the digits of the multiplier to the base 2^width, lowest first, each from −2^(width−1) to 2^(width−1).
// The digits must be enough for the length and a carry.
func (m *multiplier) signedWindows(digits []int16, width int) {
	carry := 0
	for w := range digits {
		d := m.window(w*width, width) + carry
		carry = 0
		if d > 1<<(width-1) {
			d -= 1 << width
			carry = 1
		}
		if m.negative {
			d = -d
		}
		digits[w] = int16(d)
	}
}
