package tbs_test

import (
	"encoding/hex"
	"math/big"
	"testing"

	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"minimint/crypto/bls"
	"minimint/crypto/shamir"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/crypto/tsig/tsigtest"
)

// One note from fixed seeds, computed a second time by gnark-crypto from the interpolated secret, and frozen.
func TestNoteAgainstOracle(t *testing.T) {
	const frozen = "8b63f774f42119d0c0da35d115bc04093168d9a1ca1b762bbeb11726ae325197a61fceebf41b91bf33bc8e8538d3ab67"
	const threshold, n = 3, 4
	keys, secrets := tbstest.Tier(source(60), federation, threshold, n)
	m := mint{tiers: []*tbs.TierKeys{keys}, secrets: [][]*tbs.SecretShare{secrets}}
	o := m.request(t, 61, 0)
	all := m.answers(t, o)
	// Members 1, 2 and 4: here the common denominator is 3.
	signatures, _, err := tbs.Finalize(o.issuances, []tbs.Answer{all[0], all[1], all[3]}, source(62))
	if err != nil {
		t.Fatal(err)
	}
	note := o.issuances[0].Note(signatures[0])
	if got := hex.EncodeToString(note.Signature.Bytes()); got != frozen {
		t.Errorf("signature %s, frozen as %s", got, frozen)
	}

	var shares []shamir.Share[bls.Scalar]
	for i, s := range tsigtest.Deal(source(60), threshold, n).Secrets {
		shares = append(shares, shamir.Share[bls.Scalar]{Index: uint32(i) + 1, Value: s})
	}
	secret, err := shamir.Interpolate(shamir.BLS12381(), shares)
	if err != nil {
		t.Fatal(err)
	}
	framed := "\x00\x00\x00\x00\x00\x00\x00\x20" + string(federation[:]) + "\x00\x00\x00\x00\x00\x00\x00\x20" + string(note.Nonce[:])
	point, err := gnark.HashToG1([]byte(framed), []byte("MINIMINT-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_-NOTE"))
	if err != nil {
		t.Fatal(err)
	}
	var want gnark.G1Affine
	want.ScalarMultiplication(&point, new(big.Int).SetBytes(secret.Bytes()))
	if want.Bytes() != [48]byte(note.Signature.Bytes()) {
		t.Errorf("the oracle signs %x", want.Bytes())
	}

	var group gnark.G2Affine
	if _, err := group.SetBytes(keys.Group().Bytes()); err != nil {
		t.Fatal(err)
	}
	_, _, _, g2 := gnark.Generators()
	var minus gnark.G1Affine
	minus.Neg(&point)
	if ok, err := gnark.PairingCheck([]gnark.G1Affine{want, minus}, []gnark.G2Affine{g2, group}); err != nil || !ok {
		t.Errorf("the oracle's pairing: %v, %v", ok, err)
	}
}
