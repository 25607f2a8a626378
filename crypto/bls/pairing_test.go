package bls

import (
	"bytes"
	"fmt"
	"testing"

	curve "github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/ecc/bls12381/ff"
	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"
	blst "github.com/supranational/blst/bindings/go"
	"pgregory.net/rapid"
)

// drawPairs draws pairs e(a·g1, b·g2) and returns them with Σ a·b, the logarithm of their product.
func drawPairs(t *rapid.T) ([]Pair, Scalar) {
	n := rapid.IntRange(1, 5).Draw(t, "n")
	pairs, sum := make([]Pair, n), NewScalar(0)
	for i := range pairs {
		a, b := drawScalar(t, fmt.Sprint("a", i)), drawScalar(t, fmt.Sprint("b", i))
		pairs[i] = Pair{P: MulG1(a), Q: Prepare(MulG2(b))}
		sum = sum.Add(a.Mul(b))
	}
	return pairs, sum
}

// Bilinearity: Π e(a·g1, b·g2) = e(g1, g2)^Σab, which is 1 exactly if Σab is 0. Zero factors on either side are drawn too.
func TestPairingCheckBilinear(t *testing.T) {
	generator := Prepare(G2Generator())
	rapid.Check(t, func(t *rapid.T) {
		pairs, sum := drawPairs(t)
		if PairingCheck(pairs) != sum.IsZero() {
			t.Errorf("the product is 1: %v, the exponent is 0: %v", !sum.IsZero(), sum.IsZero())
		}
		closing := append(pairs, Pair{P: MulG1(sum.Neg()), Q: generator})
		if !PairingCheck(closing) {
			t.Error("a product that is 1 is refused")
		}
		closing[len(pairs)].P = closing[len(pairs)].P.Add(MulG1(NewScalar(1)))
		if PairingCheck(closing) {
			t.Error("a product that is e(g1, g2) passes for 1")
		}
	})
}

func TestPairingCheckCorners(t *testing.T) {
	p, q := MulG1(testScalar(1)), MulG2(testScalar(2))
	ready, none := Prepare(q), Prepare(G2Identity())
	for _, c := range []struct {
		name  string
		pairs []Pair
		want  bool
	}{
		{"no pairs", nil, false},
		{"empty slice", []Pair{}, false},
		{"e(O, q)", []Pair{{G1Identity(), ready}}, true},
		{"e(p, O)", []Pair{{p, none}}, true},
		{"e(O, O)", []Pair{{G1Identity(), none}}, true},
		{"e(p, q)", []Pair{{p, ready}}, false},
		{"e(p, q) e(O, q)", []Pair{{p, ready}, {G1Identity(), ready}}, false},
		{"e(p, q) e(p, O)", []Pair{{p, ready}, {p, none}}, false},
		{"e(p, q) e(-p, q)", []Pair{{p, ready}, {p.Neg(), ready}}, true},
		{"e(p, q) e(p, -q)", []Pair{{p, ready}, {p, Prepare(q.Neg())}}, true},
		{"e(p, q) e(p, q)", []Pair{{p, ready}, {p, ready}}, false},
	} {
		if got := PairingCheck(c.pairs); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// Keys serve again: a check leaves no trace in the lines.
	for range 3 {
		if !PairingCheck([]Pair{{p, ready}, {p.Neg(), ready}}) || PairingCheck([]Pair{{p, ready}}) {
			t.Error("a key changes by use")
		}
	}
}

// The Miller loop with cached lines, after the final exponentiation, is the library's own pairing, not only up to equality with 1;
// the oracles give the same.
func TestPairingValue(t *testing.T) {
	for i := range 5 {
		p, q := MulG1(testScalar(i)), MulG2(testScalar(i+100))
		f := millerLoop([]affine{affineG1(p.get())}, [][]line{Prepare(q).lines})
		var easy ff.Cyclo6
		var got ff.URoot
		ff.EasyExponentiation(&easy, f)
		ff.HardExponentiation(&got, &easy)
		gotBytes, err := got.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		want, err := curve.Pair(p.get(), q.get()).MarshalBinary()
		if err != nil || !bytes.Equal(gotBytes, want) {
			t.Errorf("pairing %d differs from the library's: %v", i, err)
		}

		// e(p, q) against e(p', q') with another split of the same exponent, in each oracle.
		k := testScalar(i + 200)
		inverse, err := k.Inverse()
		if err != nil {
			t.Fatal(err)
		}
		right := []G1{p, p.Mul(k).Neg()}
		left := []G2{q, q.Mul(inverse)}
		for _, wrong := range []bool{false, true} {
			if wrong {
				left[1] = left[1].Add(G2Generator())
			}
			ours := PairingCheck([]Pair{{right[0], Prepare(left[0])}, {right[1], Prepare(left[1])}})
			if ours == wrong || gnarkCheck(t, right, left) == wrong || blstCheck(right, left) == wrong {
				t.Errorf("pairing %d, wrong %v: ours says %v", i, wrong, ours)
			}
		}
	}
}

func gnarkCheck(t *testing.T, ps []G1, qs []G2) bool {
	t.Helper()
	g1, g2 := make([]gnark.G1Affine, len(ps)), make([]gnark.G2Affine, len(qs))
	for i := range ps {
		if _, err := g1[i].SetBytes(ps[i].Bytes()); err != nil {
			t.Fatal(err)
		}
		if _, err := g2[i].SetBytes(qs[i].Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	ok, err := gnark.PairingCheck(g1, g2)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func blstCheck(ps []G1, qs []G2) bool {
	product := blst.Fp12One()
	for i := range ps {
		p, q := new(blst.P1Affine).Uncompress(ps[i].Bytes()), new(blst.P2Affine).Uncompress(qs[i].Bytes())
		product.MulAssign(blst.Fp12MillerLoop(q, p))
	}
	one := blst.Fp12One()
	return blst.Fp12FinalVerify(&product, &one)
}

// Ethereum's scheme has its keys in G1 and signatures in G2, the other way round, so it tries PairingCheck and G2 from the other side.
func TestEthereumSignatures(t *testing.T) {
	const dst = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
	hash := func(msg string) G2 {
		var m curve.G2
		m.Hash(mustHex(t, msg), []byte(dst))
		return newG2(m)
	}
	var signs map[string]struct {
		Input  struct{ Privkey, Message string }
		Output *string
	}
	readVectors(t, "eth_sign.json", &signs)
	for name, c := range signs {
		key, err := DecodeScalar(mustHex(t, c.Input.Privkey))
		if (err == nil) != (c.Output != nil) {
			t.Errorf("%s: key: %v", name, err)
		}
		if err == nil && !bytes.Equal(hash(c.Input.Message).Mul(key).Bytes(), mustHex(t, *c.Output)) {
			t.Errorf("%s: wrong signature", name)
		}
	}

	var verifies map[string]struct {
		Input  struct{ Pubkey, Message, Signature string }
		Output bool
	}
	readVectors(t, "eth_verify.json", &verifies)
	minus := MulG1(NewScalar(1).Neg())
	for name, c := range verifies {
		key, keyErr := DecodeG1(mustHex(t, c.Input.Pubkey))
		signature, signatureErr := DecodeG2(mustHex(t, c.Input.Signature))
		got := keyErr == nil && signatureErr == nil &&
			PairingCheck([]Pair{{key, Prepare(hash(c.Input.Message))}, {minus, Prepare(signature)}})
		if got != c.Output {
			t.Errorf("%s: %v (%v, %v)", name, got, keyErr, signatureErr)
		}
	}
	if len(signs) != 10 || len(verifies) != 29 {
		t.Errorf("%d and %d cases", len(signs), len(verifies))
	}
}

// Two notes that are wrong one by one and right in sum: a batch without coefficients would take them, one with coefficients does not.
func TestCoefficientsStopCancelling(t *testing.T) {
	key, shift := testScalar(1), MulG1(testScalar(2))
	pk, g2 := Prepare(MulG2(key)), Prepare(G2Generator())
	m := []G1{HashToG1("test", []byte("a")), HashToG1("test", []byte("b"))}
	sigma := []G1{m[0].Mul(key).Add(shift), m[1].Mul(key).Add(shift.Neg())}
	check := func(coefficients []Coefficient) bool {
		return PairingCheck([]Pair{{MultiMulG1Short(m, coefficients), pk}, {MultiMulG1Short(sigma, coefficients).Neg(), g2}})
	}
	one := Coefficient{15: 1}
	if !check([]Coefficient{one, one}) {
		t.Error("the attack is not set up right")
	}
	source := bytes.NewReader(expand("test", []byte("coefficients"), 32))
	random, err := RandomCoefficients(source, 2)
	if err != nil {
		t.Fatal(err)
	}
	if check(random) {
		t.Error("the attack succeeds against random coefficients")
	}
}
