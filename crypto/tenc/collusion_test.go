package tenc_test

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"github.com/cloudflare/circl/group"
	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
)

// The federation of the plays below: 4 members, any 2 open. Member 1 is dishonest and has also sent the ciphertext, so it
// knows ρ. Node A happens to hold the shares of members 2 and 3, node B those of 1 and 2; later everyone holds all. Member 1 sends
// D_1 + Δ in place of D_1, so B combines ρ·P + λ_1·Δ with λ_1 = 2 for the set {1, 2}: a point that member 1 can choose.
type play struct {
	keys   tenctest.Keys
	v      tenc.Verified
	shares []tenc.Share // of members 1…4, the first one dishonest
}

var curve = group.Ristretto255

// stage lets member 1 send body under ρ with a public proof that holds, and a share that makes B combine to wrong.
func stage(t *testing.T, rho group.Scalar, wrong group.Element, body []byte) play {
	t.Helper()
	keys := deal(2, 4)
	v := verify(t, tenc.Forge(keys.Public, label, rho, body), keys.Public, label)
	p := play{keys: keys, v: v, shares: sharesOf(t, seeded(3), keys, v, 1, 2, 3, 4)}

	// 2·D_1' − D_2 = wrong.
	half := curve.NewScalar().Inv(curve.NewScalar().SetUint64(2))
	d := element(t, p.shares[1].Encode()[:32])
	d.Add(d, wrong)
	d.Mul(d, half)
	bad := p.shares[0].Encode()
	copy(bad, must(d.MarshalBinary()))
	p.shares[0] = must(tenc.DecodeShare(1, bad))
	if combined := tenc.Interpolate([]int{1, 2}, []group.Element{d, element(t, p.shares[1].Encode()[:32])}); !combined.IsEqual(wrong) {
		t.Fatal("the play is staged wrongly")
	}
	return p
}

func element(t *testing.T, encoded []byte) group.Element {
	t.Helper()
	e := curve.NewElement()
	if err := e.UnmarshalBinary(encoded); err != nil {
		t.Fatal(err)
	}
	return e
}

// rule is what a naive implementation asks for before it believes an opening.
type rule func(p play, shared group.Element, seed, message []byte) bool

func believeTheCipher(play, group.Element, []byte, []byte) bool { return true }

func onlyU(p play, _ group.Element, seed, message []byte) bool {
	u := must(curve.NewElement().MulGen(tenc.Exponent(p.keys.Public, seed, label, message)).MarshalBinary())
	return bytes.Equal(u, p.v.Ciphertext().Encode()[:32])
}

func onlyShared(p play, shared group.Element, seed, message []byte) bool {
	return curve.NewElement().Mul(groupKey(p.keys), tenc.Exponent(p.keys.Public, seed, label, message)).IsEqual(shared)
}

func groupKey(keys tenctest.Keys) group.Element {
	encoded := keys.Public.GroupKey()
	e := curve.NewElement()
	if err := e.UnmarshalBinary(encoded[:]); err != nil {
		panic(err)
	}
	return e
}

// openUnder is the opening with another rule in place of the recheck: first two shares, and if that does not count, proven ones.
func (p play) openUnder(believe rule, members ...int) (message string, opened bool) {
	var shares []tenc.Share
	for _, i := range members {
		shares = append(shares, p.shares[i-1])
	}
	for _, attempt := range [][]tenc.Share{shares[:2], p.v.OpenVerified(shares).Proven} {
		if len(attempt) < 2 {
			continue
		}
		shared, seed, message, ok := p.v.Unseal(attempt[:2])
		if ok && believe(p, shared, seed, message) {
			return string(message), true
		}
	}
	return "", false
}

// mustSplitUnder says that the attack is real: with the weaker rule nodes A and B end with different contributions.
func (p play) mustSplitUnder(t *testing.T, believe rule) {
	t.Helper()
	a, openedA := p.openUnder(believe, 2, 3, 1, 4)
	b, openedB := p.openUnder(believe, 1, 2, 3, 4)
	if a == b && openedA == openedB {
		t.Fatalf("the attack does not work: both nodes see %q, %v", a, openedA)
	}
}

// mustAgree opens with every order of the shares, and with every pair that could be first.
func (p play) mustAgree(t *testing.T, status tenc.Status) {
	t.Helper()
	for _, order := range [][]int{{2, 3, 1, 4}, {1, 2, 3, 4}, {1, 3, 2, 4}, {4, 1, 2, 3}, {3, 4, 2, 1}} {
		var shares []tenc.Share
		for _, i := range order {
			shares = append(shares, p.shares[i-1])
		}
		for _, o := range []tenc.Opening{p.v.Open(shares), p.v.OpenVerified(shares)} {
			if o.Status != status || o.Plaintext != nil {
				t.Errorf("order %v: %v %q, want %v", order, o.Status, o.Plaintext, status)
			}
			if len(o.Liars) > 0 && !slices.Equal(o.Liars, []int{1}) {
				t.Errorf("order %v: blamed %v", order, o.Liars)
			}
		}
	}
}

// One body that opens under two keys. Poly1305 does not commit to its key, so member 1 finds a body whose tag is right under the key of ρ·P
// and under the key of the point that B combines; each node gets a plaintext that the cipher vouches for.
func TestCollusionTwoKeys(t *testing.T) {
	keys := deal(2, 4)
	rho := curve.HashToScalar([]byte("chosen by member 1"), []byte("test"))
	right := curve.NewElement().Mul(groupKey(keys), rho)
	wrong := curve.HashToElement([]byte("chosen by member 1"), []byte("test"))
	body := twoFacedBody(t, tenc.BodyKey(keys.Public, right, rho, label), tenc.BodyKey(keys.Public, wrong, rho, label))

	p := stage(t, rho, wrong, body)
	p.mustSplitUnder(t, believeTheCipher)
	p.mustAgree(t, tenc.Unopenable)
}

// The shared point must be ρ·P: a body sealed under the wrong point, but with the plaintext that ρ was made from, opens at B alone.
func TestCollusionRightPlaintextWrongPoint(t *testing.T) {
	keys := deal(2, 4)
	seed, message := bytes.Repeat([]byte{1}, 32), []byte("only B reads this")
	rho := tenc.Exponent(keys.Public, seed, label, message)
	wrong := curve.HashToElement([]byte("chosen by member 1"), []byte("test"))

	p := stage(t, rho, wrong, seal(tenc.BodyKey(keys.Public, wrong, rho, label), seed, message))
	p.mustSplitUnder(t, onlyU)
	p.mustAgree(t, tenc.Unopenable)
}

// U must be ρ·G: if only the shared point were compared, member 1 would make B combine the point of another plaintext's ρ.
func TestCollusionOtherExponent(t *testing.T) {
	keys := deal(2, 4)
	rho := curve.HashToScalar([]byte("behind U"), []byte("test"))
	seed, message := bytes.Repeat([]byte{1}, 32), []byte("only B reads this")
	wrong := curve.NewElement().Mul(groupKey(keys), tenc.Exponent(keys.Public, seed, label, message))

	p := stage(t, rho, wrong, seal(tenc.BodyKey(keys.Public, wrong, rho, label), seed, message))
	p.mustSplitUnder(t, onlyShared)
	p.mustAgree(t, tenc.Unopenable)
}

// A sender alone: ρ drawn freely instead of from the plaintext, a body that is noise, and a body too short for a seed. The
// public proof holds for all of them; all are empty at every node.
func TestUnopenable(t *testing.T) {
	keys := deal(2, 4)
	rho := curve.HashToScalar([]byte("free"), []byte("test"))
	key := tenc.BodyKey(keys.Public, curve.NewElement().Mul(groupKey(keys), rho), rho, label)
	for name, body := range map[string][]byte{
		"free exponent": seal(key, make([]byte, 32), []byte("m")),
		"noise":         bytes.Repeat([]byte{7}, 60),
		"no seed":       seal(key, make([]byte, 31), nil),
		"no tag":        {},
	} {
		v := verify(t, tenc.Forge(keys.Public, label, rho, body), keys.Public, label)
		p := play{keys, v, sharesOf(t, seeded(3), keys, v, 1, 2, 3, 4)}
		t.Run(name, func(t *testing.T) { p.mustAgree(t, tenc.Unopenable) })
	}
}

func seal(key, seed, message []byte) []byte {
	aead := must(chacha20poly1305.New(key))
	return aead.Seal(nil, make([]byte, 12), slices.Concat(seed, message), nil)
}

// twoFacedBody finds a body of five blocks and a tag that ChaCha20-Poly1305 opens under both keys. Under one key the tag is
// Σ (block_j + 2^128)·r^(6−j) + lengths·r modulo p = 2^130−5, plus s, modulo 2^128 (RFC 8439). With three blocks and the tag fixed,
// two keys give two linear equations for the last two blocks; a solution serves if both values are blocks, one in 16 is.
func twoFacedBody(t *testing.T, first, second []byte) []byte {
	t.Helper()
	const blocks = 5
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))
	top := new(big.Int).Lsh(big.NewInt(1), 128)

	body := make([]byte, 16*blocks)
	copy(body, "whatever a seed is, and the text")
	var r, s, known [2]*big.Int
	for i, key := range [][]byte{first, second} {
		stream := make([]byte, 32)
		must(chacha20.NewUnauthenticatedCipher(key, make([]byte, 12))).XORKeyStream(stream, stream)
		for _, at := range []int{3, 7, 11, 15} {
			stream[at] &= 15
		}
		for _, at := range []int{4, 8, 12} {
			stream[at] &= 252
		}
		r[i], s[i] = number(stream[:16]), number(stream[16:])

		known[i] = new(big.Int)
		for j := range blocks - 2 {
			block := new(big.Int).Add(number(body[16*j:16*j+16]), top)
			known[i].Add(known[i], block.Mul(block, power(r[i], blocks+1-j, p)))
		}
		lengths := make([]byte, 16)
		binary.LittleEndian.PutUint64(lengths[8:], uint64(len(body)))
		known[i].Add(known[i], new(big.Int).Mul(new(big.Int).Add(number(lengths), top), r[i]))
	}

	// X·r³ + Y·r² = goal for both r: Cramer's rule.
	determinant := new(big.Int).Sub(
		new(big.Int).Mul(power(r[0], 3, p), power(r[1], 2, p)),
		new(big.Int).Mul(power(r[1], 3, p), power(r[0], 2, p)))
	determinant.ModInverse(determinant.Mod(determinant, p), p)
	for attempt := range int64(10_000) {
		tag := new(big.Int).Add(number(first[:16]), big.NewInt(attempt))
		tag.Mod(tag, top)
		var goal [2]*big.Int
		for i := range goal {
			goal[i] = new(big.Int).Sub(tag, s[i])
			goal[i].Sub(goal[i].Mod(goal[i], top), known[i])
		}
		x := new(big.Int).Sub(new(big.Int).Mul(goal[0], power(r[1], 2, p)), new(big.Int).Mul(goal[1], power(r[0], 2, p)))
		y := new(big.Int).Sub(new(big.Int).Mul(goal[1], power(r[0], 3, p)), new(big.Int).Mul(goal[0], power(r[1], 3, p)))
		x.Mod(x.Mul(x, determinant), p).Sub(x, top)
		y.Mod(y.Mul(y, determinant), p).Sub(y, top)
		if x.Sign() < 0 || y.Sign() < 0 || x.Cmp(top) >= 0 || y.Cmp(top) >= 0 {
			continue
		}
		copy(body[48:], littleEndian(x)[:16])
		copy(body[64:], littleEndian(y)[:16])
		return append(body, littleEndian(tag)[:16]...)
	}
	t.Fatal("no body for two keys")
	return nil
}

func number(b []byte) *big.Int { return new(big.Int).SetBytes(reversed(b)) }

func power(x *big.Int, e int, p *big.Int) *big.Int {
	return new(big.Int).Exp(x, big.NewInt(int64(e)), p)
}
