package bls

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"os"
	"strings"
	"testing"

	curve "github.com/cloudflare/circl/ecc/bls12381"
	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	blst "github.com/supranational/blst/bindings/go"
	"pgregory.net/rapid"
)

// decoders lets both groups be tested alike: the encoding that was read, or an error.
var decoders = map[string]func([]byte) ([]byte, error){
	"g1": func(b []byte) ([]byte, error) {
		p, err := DecodeG1(b)
		if err != nil {
			if p.point != nil {
				panic("a usable point beside an error")
			}
			return nil, err
		}
		return p.Bytes(), nil
	},
	"g2": func(b []byte) ([]byte, error) {
		p, err := DecodeG2(b)
		if err != nil {
			if p.point != nil {
				panic("a usable point beside an error")
			}
			return nil, err
		}
		return p.Bytes(), nil
	},
}

func TestEthereumDeserialization(t *testing.T) {
	for group, decode := range decoders {
		var cases map[string]struct {
			Input  map[string]string
			Output bool
		}
		readVectors(t, "eth_deserialization_"+group+".json", &cases)
		if len(cases) < 13 {
			t.Fatalf("%s: only %d cases", group, len(cases))
		}
		for name, c := range cases {
			in := mustHex(t, c.Input["pubkey"]+c.Input["signature"])
			want := c.Output
			if name == "deserialization_succeeds_infinity_with_true_b_flag" {
				want = false // unlike those vectors: the identity is no key and no signature
			}
			out, err := decode(in)
			if (err == nil) != want {
				t.Errorf("%s %s: error %v", group, name, err)
			}
			if err == nil && !bytes.Equal(out, in) {
				t.Errorf("%s %s: reads back as %x", group, name, out)
			}
		}
	}
}

// Multiples of the generators 0, 1, 2, …, each reached by multiplication, by addition and by decoding.
func TestMultiplesOfTheGenerators(t *testing.T) {
	read := func(file string) []string {
		b, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(b))
	}
	sum1, sum2 := G1Identity(), G2Identity()
	g1, g2 := read("zkcrypto_g1.txt"), read("zkcrypto_g2.txt")
	for k := range g1 {
		s := NewScalar(uint64(k))
		if MulG1(s).String() != g1[k] || sum1.String() != g1[k] {
			t.Errorf("%d·g1: %v by multiplication, %v by addition, want %s", k, MulG1(s), sum1, g1[k])
		}
		if MulG2(s).String() != g2[k] || sum2.String() != g2[k] {
			t.Errorf("%d·g2: %v by multiplication, %v by addition, want %s", k, MulG2(s), sum2, g2[k])
		}
		if k > 0 {
			p, err := DecodeG1(mustHex(t, g1[k]))
			if err != nil || !p.Equal(sum1) {
				t.Errorf("%d·g1: decoding: %v", k, err)
			}
			q, err := DecodeG2(mustHex(t, g2[k]))
			if err != nil || !q.Equal(sum2) {
				t.Errorf("%d·g2: decoding: %v", k, err)
			}
		}
		sum1, sum2 = sum1.Add(MulG1(NewScalar(1))), sum2.Add(G2Generator())
	}
}

func TestIdentity(t *testing.T) {
	p, q := MulG1(testScalar(1)), MulG2(testScalar(1))
	zero := NewScalar(0)
	for what, id := range map[string]G1{
		"G1Identity": G1Identity(), "0·g1": MulG1(zero), "0·p": p.Mul(zero), "p-p": p.Add(p.Neg()), "s·O": G1Identity().Mul(testScalar(2)),
	} {
		if !id.IsIdentity() || !id.Equal(G1Identity()) || id.Equal(p) || p.Equal(id) || !id.Add(p).Equal(p) || !id.Neg().IsIdentity() {
			t.Errorf("%s is not neutral", what)
		}
		if want := append([]byte{0xc0}, make([]byte, 47)...); !bytes.Equal(id.Bytes(), want) {
			t.Errorf("%s encodes as %x", what, id.Bytes())
		}
		if _, err := DecodeG1(id.Bytes()); err == nil {
			t.Errorf("%s decodes", what)
		}
	}
	for what, id := range map[string]G2{
		"G2Identity": G2Identity(), "0·g2": MulG2(zero), "0·q": q.Mul(zero), "q-q": q.Add(q.Neg()), "s·O": G2Identity().Mul(testScalar(2)),
	} {
		if !id.IsIdentity() || !id.Equal(G2Identity()) || id.Equal(q) || q.Equal(id) || !id.Add(q).Equal(q) || !id.Neg().IsIdentity() {
			t.Errorf("%s is not neutral", what)
		}
		if want := append([]byte{0xc0}, make([]byte, 95)...); !bytes.Equal(id.Bytes(), want) {
			t.Errorf("%s encodes as %x", what, id.Bytes())
		}
		if _, err := DecodeG2(id.Bytes()); err == nil {
			t.Errorf("%s decodes", what)
		}
	}
}

// One point has one encoding: the library reads both forms through one call, the wrapper only the short one. Neither the slice
// that was decoded nor the one that Bytes returned is shared with the point.
func TestOneEncoding(t *testing.T) {
	p, q := MulG1(testScalar(1)), MulG2(testScalar(1))
	for what, c := range map[string]struct {
		group    string
		long, in []byte
	}{
		"g1": {"g1", p.get().Bytes(), p.Bytes()},
		"g2": {"g2", q.get().Bytes(), q.Bytes()},
	} {
		decode := decoders[c.group]
		for name, b := range map[string][]byte{
			"uncompressed": c.long, "nothing": nil, "one short": c.in[:len(c.in)-1], "trailing byte": append(bytes.Clone(c.in), 0),
			"uncompressed cut": c.long[:len(c.in)], "compressed flag on the long form": append(bytes.Clone(c.in), c.long[len(c.in):]...),
		} {
			if _, err := decode(b); err == nil {
				t.Errorf("%s: %s is accepted", what, name)
			}
		}
	}

	in := p.Bytes()
	decoded, err := DecodeG1(in)
	if err != nil {
		t.Fatal(err)
	}
	in[5] ^= 1
	decoded.Bytes()[7] ^= 1
	if !bytes.Equal(decoded.Bytes(), p.Bytes()) {
		t.Error("the encoding is shared with a caller")
	}
	if !decoded.Neg().Neg().Equal(p) || bytes.Equal(decoded.Neg().Bytes(), p.Bytes()) {
		t.Error("the negative of a decoded point keeps its encoding")
	}
}

// Points of the small subgroups of the curve: multiplied by a share, such a point tells the share modulo its order. Every prime
// factor of the cofactor of G1 is tried, and a valid point moved by such a point, which would verify like the valid one.
func TestSmallSubgroups(t *testing.T) {
	factors := []int64{3, 11, 10177, 859267, 52437899}
	exponent := big.NewInt(1) // of the part of the curve outside G1: the product of the factors
	for _, q := range factors {
		exponent.Mul(exponent, big.NewInt(q))
	}
	var valid gnark.G1Jac
	var validAffine gnark.G1Affine
	if _, err := validAffine.SetBytes(MulG1(testScalar(1)).Bytes()); err != nil {
		t.Fatal(err)
	}
	valid.FromAffine(&validAffine)
	for _, q := range factors {
		k := new(big.Int).Div(exponent, big.NewInt(q))
		k.Mul(k, order)
		var small gnark.G1Jac
		for x := uint64(1); small.Z.IsZero(); x++ {
			if p, ok := anyCurvePoint(x); ok {
				small = multiply(p, k)
			}
		}
		if back := multiply(small, big.NewInt(q)); !back.Z.IsZero() {
			t.Fatalf("the point has not order %d", q)
		}
		moved := valid
		moved.AddAssign(&small)
		for what, p := range map[string]gnark.G1Jac{"point": small, "moved point": moved} {
			var a gnark.G1Affine
			b := a.FromJacobian(&p).Bytes()
			if _, err := DecodeG1(b[:]); err == nil {
				t.Errorf("%s of order %d is accepted: %x", what, q, b)
			}
		}
	}
}

// anyCurvePoint returns the point of y² = x³ + 4 with the given x, if there is one. It is hardly ever in the subgroup.
func anyCurvePoint(x uint64) (gnark.G1Jac, bool) {
	var p gnark.G1Affine
	var rhs fp.Element
	p.X.SetUint64(x)
	rhs.Square(&p.X).Mul(&rhs, &p.X)
	var four fp.Element
	rhs.Add(&rhs, four.SetUint64(4))
	if p.Y.Sqrt(&rhs) == nil {
		return gnark.G1Jac{}, false
	}
	var j gnark.G1Jac
	j.FromAffine(&p)
	return j, true
}

// multiply is double-and-add, right outside the subgroup too, where an oracle's own multiplication is not.
func multiply(p gnark.G1Jac, k *big.Int) gnark.G1Jac {
	sum := gnark.G1Jac{}
	sum.X.SetOne()
	sum.Y.SetOne()
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum.DoubleAssign()
		if k.Bit(i) == 1 {
			sum.AddAssign(&p)
		}
	}
	return sum
}

// Group laws, on both groups at once: the encoding of any expression is that of the generator times the expression in scalars.
func TestGroupLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawScalar(t, "a"), drawScalar(t, "b")
		p, q := MulG1(a), MulG2(a)
		if !p.Add(MulG1(b)).Equal(MulG1(a.Add(b))) || !q.Add(MulG2(b)).Equal(MulG2(a.Add(b))) {
			t.Error("addition")
		}
		if !p.Mul(b).Equal(MulG1(a.Mul(b))) || !q.Mul(b).Equal(MulG2(a.Mul(b))) {
			t.Error("multiplication")
		}
		if !p.Neg().Equal(MulG1(a.Neg())) || !q.Neg().Equal(MulG2(a.Neg())) {
			t.Error("negation")
		}
		if !bytes.Equal(p.Mul(b).Bytes(), MulG1(a.Mul(b)).Bytes()) || !bytes.Equal(q.Mul(b).Bytes(), MulG2(a.Mul(b)).Bytes()) {
			t.Error("one point has two encodings")
		}
		if p.Equal(MulG1(b)) != a.Equal(b) || q.Equal(MulG2(b)) != a.Equal(b) {
			t.Error("equality")
		}
	})
}

// The oracles multiply alike.
func TestMultiplicationOracles(t *testing.T) {
	for i := range 20 {
		s := testScalar(i)
		p, q := HashToG1("test", []byte{byte(i)}), MulG2(testScalar(i+100))

		var gp gnark.G1Affine
		var gq gnark.G2Affine
		if _, err := gp.SetBytes(p.Bytes()); err != nil {
			t.Fatal(err)
		}
		if _, err := gq.SetBytes(q.Bytes()); err != nil {
			t.Fatal(err)
		}
		gpb, gqb := gp.ScalarMultiplication(&gp, intOf(s)).Bytes(), gq.ScalarMultiplication(&gq, intOf(s)).Bytes()

		var bp blst.P1
		var bq blst.P2
		bp.FromAffine(new(blst.P1Affine).Uncompress(p.Bytes()))
		bq.FromAffine(new(blst.P2Affine).Uncompress(q.Bytes()))
		bs := new(blst.Scalar).FromBEndian(s.Bytes())

		if got := p.Mul(s).Bytes(); !bytes.Equal(got, gpb[:]) || !bytes.Equal(got, bp.Mult(bs).Compress()) {
			t.Errorf("G1 %d: %x, gnark %x, blst %x", i, got, gpb, bp.Mult(bs).Compress())
		}
		if got := q.Mul(s).Bytes(); !bytes.Equal(got, gqb[:]) || !bytes.Equal(got, bq.Mult(bs).Compress()) {
			t.Errorf("G2 %d: %x, gnark %x, blst %x", i, got, gqb, bq.Mult(bs).Compress())
		}
	}
}

// Traps of the library that the wrapper exists for. If one of these fails after an upgrade, the library has become safer, and the
// comments that name the trap should follow.
func TestLibraryTraps(t *testing.T) {
	var zero curve.G2
	if !zero.IsEqual(curve.G2Generator()) {
		t.Error("the zero G2 no longer equals every point")
	}
	var identity curve.G1
	if err := identity.SetBytes(G1Identity().Bytes()); err != nil {
		t.Error("the identity is no longer accepted")
	}
	if err := identity.SetBytes(MulG1(testScalar(1)).get().Bytes()); err != nil {
		t.Error("both encodings are no longer read through one call")
	}
	var s curve.Scalar
	if err := s.UnmarshalBinary(append(testScalar(1).Bytes(), 7)); err != nil {
		t.Error("trailing bytes are no longer ignored")
	}
	var none curve.Scalar
	none.Inv(&none)
	if none.IsZero() != 1 {
		t.Error("1/0 is no longer 0")
	}
	if !curve.ProdPairFrac(nil, nil, nil).IsIdentity() {
		t.Error("an empty product of pairings is no longer 1")
	}
}

func seedEncodings(f *testing.F, group string, size int) {
	b, err := os.ReadFile("testdata/zkcrypto_" + group + ".txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Fields(string(b))[:8] {
		p, err := hex.DecodeString(line)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
		p[size-1] ^= 1
		f.Add(p)
	}
	f.Add([]byte{0xc0})
	f.Add(make([]byte, 2*size))
}

func FuzzDecodeG1(f *testing.F) {
	seedEncodings(f, "g1", g1Size)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeG1(b)
		var g gnark.G1Affine
		n, gerr := g.SetBytes(b)
		want := gerr == nil && n == len(b) && len(b) == g1Size && !g.IsInfinity()
		affine := new(blst.P1Affine).Uncompress(b)
		if second := affine != nil && affine.KeyValidate(); len(b) == g1Size && second != want {
			t.Fatalf("the oracles differ: gnark %v, blst %v", want, second)
		}
		if (err == nil) != want {
			t.Fatalf("error %v, oracles accept: %v", err, want)
		}
		if err == nil && (!bytes.Equal(p.Bytes(), b) || !bytes.Equal(p.Add(G1Identity()).Bytes(), b) || p.IsIdentity()) {
			t.Fatalf("reads back as %x", p.Bytes())
		}
	})
}

func FuzzDecodeG2(f *testing.F) {
	seedEncodings(f, "g2", g2Size)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeG2(b)
		var g gnark.G2Affine
		n, gerr := g.SetBytes(b)
		want := gerr == nil && n == len(b) && len(b) == g2Size && !g.IsInfinity()
		affine := new(blst.P2Affine).Uncompress(b)
		if second := affine != nil && affine.KeyValidate(); len(b) == g2Size && second != want {
			t.Fatalf("the oracles differ: gnark %v, blst %v", want, second)
		}
		if (err == nil) != want {
			t.Fatalf("error %v, oracles accept: %v", err, want)
		}
		if err == nil && (!bytes.Equal(p.Bytes(), b) || !bytes.Equal(p.Add(G2Identity()).Bytes(), b) || p.IsIdentity()) {
			t.Fatalf("reads back as %x", p.Bytes())
		}
	})
}
