package tenc_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/cloudflare/circl/group"
	"golang.org/x/crypto/chacha20poly1305"

	"minimint/crypto/domain"
	"minimint/crypto/tenc/tenctest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the frozen encryption")

const frozenFile = "testdata/encryption.txt"

// One deterministic encryption and its shares, frozen: whoever changes a byte of the format breaks every stored ciphertext and must
// see it here. testdata/encryption.txt was written by this test.
func TestFrozenEncryption(t *testing.T) {
	keys := tenctest.Deal(seeded(1), tenctest.Config{Threshold: 2, Members: 4})
	c := encrypt(t, seeded(2), keys.Public, label, []byte("known answer"))
	v := verify(t, c, keys.Public, label)

	var lines strings.Builder
	line := func(name string, b []byte) { lines.WriteString(name + " " + hex.EncodeToString(b) + "\n") }
	groupKey := keys.Public.GroupKey()
	line("group-key", groupKey[:])
	line("label", label)
	line("ciphertext", c.Encode())
	for _, s := range sharesOf(t, seeded(3), keys, v, 1, 2, 3, 4) {
		line("share", s.Encode())
	}
	if *rewrite {
		if err := os.WriteFile(frozenFile, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	frozen, err := os.ReadFile(frozenFile)
	if err != nil {
		t.Fatal(err)
	}
	if lines.String() != string(frozen) {
		t.Errorf("changed; now:\n%s", lines.String())
	}
}

// The scheme as the package comment states it, computed step by step with the group, HKDF and the cipher only, gives the same bytes, and
// the secrets p(0) = 2·x_1 − x_2 of a 2-of-n dealing open it.
func TestSchemeByHand(t *testing.T) {
	curve := group.Ristretto255
	hs := func(tag string, fields ...[]byte) group.Scalar {
		return curve.HashToScalar(domain.Frame(fields...), []byte("MINIMINT-V01-CS01-with-"+tag))
	}
	bytesOf := func(e group.Element) []byte { return must(e.MarshalBinary()) }

	keys := deal(2, 4)
	message := []byte("by hand")
	encoded := encrypt(t, seeded(1), keys.Public, label, message).Encode()

	scalars := make([]group.Scalar, 2)
	for i := range scalars {
		scalars[i] = curve.NewScalar()
		if err := scalars[i].UnmarshalBinary(keys.Scalars[i]); err != nil {
			t.Fatal(err)
		}
	}
	secret := curve.NewScalar().Sub(curve.NewScalar().Add(scalars[0], scalars[0]), scalars[1])
	p := bytesOf(curve.NewElement().MulGen(secret))
	role := []byte("MINIMINT-V01-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_-TENC")

	seed := make([]byte, 32)
	if _, err := seeded(1).Read(seed); err != nil {
		t.Fatal(err)
	}
	rho := hs("ristretto255SCALAR_XMD:SHA-512_-TENC-NONCE", seed, role, p, label, message)
	u := bytesOf(curve.NewElement().MulGen(rho))
	generator2 := curve.HashToElement([]byte("second generator"),
		[]byte("MINIMINT-V01-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_-TENC-GENERATOR"))
	second := bytesOf(curve.NewElement().Mul(generator2, rho))
	if !bytes.Equal(encoded[:64], append(u, second...)) {
		t.Fatal("points differ")
	}

	element := curve.NewElement()
	if err := element.UnmarshalBinary(u); err != nil {
		t.Fatal(err)
	}
	shared := bytesOf(element.Mul(element, secret))
	info := "MINIMINT-V01-CS01-with-HKDF-SHA-256_-TENC-KEY" + string(domain.Frame(role, p, u, label))
	key := must(hkdf.Key(sha256.New, shared, nil, info, 32))
	aead := must(chacha20poly1305.New(key))
	body := aead.Seal(nil, make([]byte, 12), append(seed, message...), nil)
	if !bytes.Equal(encoded[128:], body) {
		t.Fatal("bodies differ")
	}

	// The proof: a Schnorr pair for the composite point that circl's dleq draws from the two, its tag ending in the statement.
	about := domain.Hash("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-TENC-STATEMENT", role, p, label, u, second, body)
	oneTime := hs("ristretto255SCALAR_XMD:SHA-512_-TENC-PROOF-NONCE", seed, about[:])
	challenge, response := curve.NewScalar(), curve.NewScalar()
	if challenge.UnmarshalBinary(encoded[64:96]) != nil || response.UnmarshalBinary(encoded[96:128]) != nil {
		t.Fatal("proof does not decode")
	}
	want := curve.NewScalar().Sub(oneTime, curve.NewScalar().Mul(challenge, rho))
	if !response.IsEqual(want) {
		t.Error("the response is not oneTime − challenge·ρ")
	}
}

// Two proofs with one exponent give the secret away: x = (s₁−s₂)/(c₂−c₁). A reader that repeats itself must not cause that.
func TestRepeatedRandomnessRevealsNoSecret(t *testing.T) {
	curve := group.Ristretto255
	keys := deal(2, 4)
	var c, s [2]group.Scalar
	for i, message := range []string{"one", "two"} {
		v := verify(t, encrypt(t, seeded(1), keys.Public, label, []byte(message)), keys.Public, label)
		encoded := sharesOf(t, seeded(7), keys, v, 1)[0].Encode()
		c[i], s[i] = curve.NewScalar(), curve.NewScalar()
		if c[i].UnmarshalBinary(encoded[32:64]) != nil || s[i].UnmarshalBinary(encoded[64:]) != nil {
			t.Fatal("proof does not decode")
		}
	}
	x := curve.NewScalar().Inv(curve.NewScalar().Sub(c[1], c[0]))
	x.Mul(x, curve.NewScalar().Sub(s[0], s[1]))
	if bytes.Equal(must(x.MarshalBinary()), keys.Scalars[0]) {
		t.Error("the secret was computed from two shares")
	}
}
