package bls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	curve "github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/ecc/bls12381/ff"
	"pgregory.net/rapid"
)

// order is r, the order of the groups.
var order = new(big.Int).SetBytes(ff.ScalarOrder())

// scalarOf returns v modulo r.
func scalarOf(v *big.Int) Scalar {
	var s ff.Scalar
	s.SetBytes(new(big.Int).Mod(v, order).Bytes())
	return newScalar(s)
}

// intOf is the inverse of scalarOf.
func intOf(s Scalar) *big.Int { return new(big.Int).SetBytes(s.Bytes()) }

// testScalar is a fixed scalar that looks random.
func testScalar(i int) Scalar { return HashToScalar("test", fmt.Append(nil, i)) }

// drawScalar draws from the corners as often as from the middle.
func drawScalar(t *rapid.T, label string) Scalar {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]int64{0, 1, 2, 3, -1, -2}), func(v int64) Scalar { return scalarOf(big.NewInt(v)) }),
		rapid.Map(rapid.Uint64(), NewScalar),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 72, 72), func(b []byte) Scalar { return newScalar(reduceWide(b)) }),
	).Draw(t, label)
}

// known holds points with known logarithms, so that the right result of any sum is one multiplication away.
type known struct {
	logs []Scalar
	g1   []G1
	g2   []G2
}

func newKnown(n int) known {
	var k known
	log, step := testScalar(-1), testScalar(-2)
	p, q := MulG1(log), MulG2(log)
	p0, q0 := MulG1(step), MulG2(step)
	for range n {
		k.logs, k.g1, k.g2 = append(k.logs, log), append(k.g1, p), append(k.g2, q)
		log, p, q = log.Add(step), p.Add(p0), q.Add(q0)
	}
	return k
}

// sum returns the logarithm of Σ scalars[i]·points[i].
func (k known) sum(scalars []Scalar) Scalar {
	sum := NewScalar(0)
	for i, s := range scalars {
		sum = sum.Add(k.logs[i].Mul(s))
	}
	return sum
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "bls: ") {
			t.Errorf("%s: panic %q, want one that begins with \"bls: \"", what, text)
		}
	}()
	f()
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// The zero values are no objects; the library's own would pass for valid (its G2{} equals every point, and a signature G1{} verifies
// under every key).
func TestZeroValuesPanic(t *testing.T) {
	one, p, q := NewScalar(1), G1Identity(), G2Identity()
	ready := Prepare(G2Generator())
	for what, f := range map[string]func(){
		"Scalar.Add":         func() { Scalar{}.Add(one) },
		"Scalar.Add right":   func() { one.Add(Scalar{}) },
		"Scalar.Sub":         func() { one.Sub(Scalar{}) },
		"Scalar.Mul":         func() { Scalar{}.Mul(one) },
		"Scalar.Neg":         func() { Scalar{}.Neg() },
		"Scalar.Inverse":     func() { _, _ = Scalar{}.Inverse() },
		"Scalar.Equal":       func() { Scalar{}.Equal(Scalar{}) },
		"Scalar.IsZero":      func() { Scalar{}.IsZero() },
		"Scalar.Bytes":       func() { Scalar{}.Bytes() },
		"G1.Add":             func() { G1{}.Add(p) },
		"G1.Add right":       func() { p.Add(G1{}) },
		"G1.Neg":             func() { G1{}.Neg() },
		"G1.Mul":             func() { G1{}.Mul(one) },
		"G1.Mul scalar":      func() { p.Mul(Scalar{}) },
		"G1.Equal":           func() { G1{}.Equal(p) },
		"G1.Equal right":     func() { p.Equal(G1{}) },
		"G1.IsIdentity":      func() { G1{}.IsIdentity() },
		"G1.Bytes":           func() { G1{}.Bytes() },
		"G2.Add":             func() { q.Add(G2{}) },
		"G2.Neg":             func() { G2{}.Neg() },
		"G2.Mul":             func() { G2{}.Mul(one) },
		"G2.Equal":           func() { G2{}.Equal(q) },
		"G2.Equal right":     func() { G2Generator().Equal(G2{}) },
		"G2.IsIdentity":      func() { G2{}.IsIdentity() },
		"G2.Bytes":           func() { G2{}.Bytes() },
		"MulG1":              func() { MulG1(Scalar{}) },
		"MulG2":              func() { MulG2(Scalar{}) },
		"Prepare":            func() { Prepare(G2{}) },
		"PairingCheck P":     func() { PairingCheck([]Pair{{P: G1{}, Q: ready}}) },
		"PairingCheck Q nil": func() { PairingCheck([]Pair{{P: p}}) },
		"PairingCheck Q":     func() { PairingCheck([]Pair{{P: p, Q: &PreparedG2{}}}) },
		"MultiMulG1 point":   func() { MultiMulG1([]G1{{}}, []Scalar{one}) },
		"MultiMulG1 scalar":  func() { MultiMulG1([]G1{p}, []Scalar{{}}) },
		"MultiMulG2 point":   func() { MultiMulG2([]G2{{}}, []Scalar{one}) },
		"MultiMulG1Short":    func() { MultiMulG1Short([]G1{{}}, []Coefficient{{1}}) },
		"CombineG1":          func() { CombineG1([]G1{{}}, []int64{1}) },
	} {
		mustPanic(t, what, f)
	}
	if (G1{}).String() != "no point" || (G2{}).String() != "no point" {
		t.Error("printing a zero point must not panic and not look like a point")
	}
}

func TestLengthsMustAgree(t *testing.T) {
	one, p, q := NewScalar(1), G1Identity(), G2Identity()
	for what, f := range map[string]func(){
		"MultiMulG1":      func() { MultiMulG1([]G1{p}, []Scalar{one, one}) },
		"MultiMulG2":      func() { MultiMulG2([]G2{q, q}, []Scalar{one}) },
		"MultiMulG1Short": func() { MultiMulG1Short(nil, []Coefficient{{1}}) },
		"CombineG1":       func() { CombineG1([]G1{p}, nil) },
	} {
		mustPanic(t, what, f)
	}
}

// Values never change under arithmetic, although the library's points do (its Neg and Double write to their receiver).
func TestValuesAreImmutable(t *testing.T) {
	s, u := testScalar(1), testScalar(2)
	p, q := MulG1(s), MulG2(s)
	s0, p0, q0 := s.Bytes(), p.Bytes(), q.Bytes()
	s.Neg()
	s.Add(u)
	s.Sub(u)
	s.Mul(s)
	if _, err := s.Inverse(); err != nil {
		t.Fatal(err)
	}
	p.Neg()
	p.Add(p)
	p.Mul(u)
	q.Neg()
	q.Add(q)
	q.Mul(u)
	Prepare(q)
	MultiMulG1([]G1{p, p}, []Scalar{s, u.Neg()})
	MultiMulG2([]G2{q, q}, []Scalar{s, u.Neg()})
	CombineG1([]G1{p, p}, []int64{-3, 7})
	if !bytes.Equal(s.Bytes(), s0) || !bytes.Equal(p.Bytes(), p0) || !bytes.Equal(q.Bytes(), q0) {
		t.Error("an operand changed")
	}
	G2Generator().get().Double() // even if one of us misuses a generator, the next caller gets a fresh one
	if !G2Generator().Equal(newG2(*curve.G2Generator())) {
		t.Error("the generator changed")
	}
}
