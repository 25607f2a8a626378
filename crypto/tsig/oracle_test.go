package tsig_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"

	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/shamir"
	"minimint/crypto/tsig"
	"minimint/crypto/tsig/tsigtest"
)

// One coin from fixed seeds, computed a second time by gnark-crypto from the interpolated secret: its hash to curve, multiplication and
// pairing know nothing of this package. The bytes are frozen too, so neither tag nor framing can change unnoticed.
func TestSignatureAgainstOracle(t *testing.T) {
	const frozen = "b05206de06347724ff0f162210a77f0354b8ed9abd447e12ccaeca8f428953578e37c4ca5574ed35fcd6c91a40d03ea2"
	const threshold, n = 2, 4
	message := []byte("session 1, epoch 2, proposer 3, round 4")

	keys, secrets := tsigtest.Keys(source(42), domain.Coin, federation, threshold, n)
	signature, _, err := keys.Combine(message, signAll(secrets, message)[1:])
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(signature.Bytes()); got != frozen {
		t.Errorf("signature %s, frozen as %s", got, frozen)
	}

	var shares []shamir.Share[bls.Scalar]
	for i, scalar := range tsigtest.Deal(source(42), threshold, n).Secrets {
		shares = append(shares, shamir.Share[bls.Scalar]{Index: uint32(i) + 1, Value: scalar})
	}
	secret, err := shamir.Interpolate(shamir.BLS12381(), shares)
	if err != nil {
		t.Fatal(err)
	}
	tag := "MINIMINT-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_-COIN"
	framed := "\x00\x00\x00\x00\x00\x00\x00\x20" + string(federation) + "\x00\x00\x00\x00\x00\x00\x00\x27" + string(message)
	point, err := gnark.HashToG1([]byte(framed), []byte(tag))
	if err != nil {
		t.Fatal(err)
	}
	var want gnark.G1Affine
	want.ScalarMultiplication(&point, new(big.Int).SetBytes(secret.Bytes()))
	if want.Bytes() != [48]byte(signature.Bytes()) {
		t.Errorf("the oracle signs %x", want.Bytes())
	}

	var group gnark.G2Affine
	if _, err := group.SetBytes(keys.Group().Bytes()); err != nil {
		t.Fatal(err)
	}
	_, _, _, g2 := gnark.Generators()
	var minus gnark.G1Affine
	minus.Neg(&point)
	if valid, err := gnark.PairingCheck([]gnark.G1Affine{want, minus}, []gnark.G2Affine{g2, group}); err != nil || !valid {
		t.Errorf("the oracle's pairing: %v, %v", valid, err)
	}
}

// The coin is the first bit of the hash, and both sides come up: 64 coins on one side happen once in 2^63.
func TestCoin(t *testing.T) {
	_, secrets := tsigtest.Keys(source(43), domain.Coin, federation, 1, 1)
	heads := 0
	for i := range 64 {
		signature, err := tsig.DecodeSignature(secrets[0].Sign([]byte{byte(i)}).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(signature.Bytes())
		if want := sum[0] >= 128; signature.Coin() != want {
			t.Errorf("coin %d: %v, want %v", i, signature.Coin(), want)
		}
		if signature.Coin() {
			heads++
		}
	}
	if heads == 0 || heads == 64 {
		t.Errorf("%d of 64 coins came up heads", heads)
	}
}
