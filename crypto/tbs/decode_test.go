package tbs_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"minimint/crypto/tbs"
)

// FuzzDecode: a point that a decoder gave is of the group and has one encoding; so it may meet a secret and key a table.
func FuzzDecode(f *testing.F) {
	m := newMint(20, 1, 1, 1)
	valid := m.request(f, 21, 0).issuances[0].BlindNonce().Bytes()
	f.Add(valid)
	f.Add(valid[:47])
	f.Add(append(slices.Clone(valid), 0))
	for _, b := range badPoints {
		f.Add(unhex(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		blind, err := tbs.DecodeBlindNonce(b)
		share, err2 := tbs.DecodeBlindShare(b)
		note, err3 := tbs.DecodeSignature(b)
		if (err == nil) != (err2 == nil) || (err == nil) != (err3 == nil) {
			t.Fatalf("blind nonce: %v, share: %v, signature: %v", err, err2, err3)
		}
		if err != nil {
			return
		}
		for _, encoded := range [][]byte{blind.Bytes(), share.Bytes(), note.Bytes()} {
			if !slices.Equal(encoded, b) {
				t.Fatalf("%x decodes and encodes as %x", b, encoded)
			}
		}
		m.secrets[0][0].Sign(blind)
	})
}

// badPoints are encodings that must never meet a secret.
var badPoints = map[string]string{
	"identity":         "c0" + strings.Repeat("00", 47),
	"identity + junk":  "c0" + strings.Repeat("00", 46) + "01",
	"all zero":         strings.Repeat("00", 48),
	"not compressed":   "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
	"not on the curve": "8123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"x not reduced":    "9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
	"order 11":         "b9b3e2c8c6bbf59d3c326b531fc1e639d29200c28624ac604f251a12908c9b7f735318617f625954cc71cdf03229b1ef",
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestDecodeRefusesBadPoints(t *testing.T) {
	for name, b := range badPoints {
		if _, err := tbs.DecodeBlindNonce(unhex(b)); err == nil {
			t.Errorf("blind nonce: %s was decoded", name)
		}
		if _, err := tbs.DecodeBlindShare(unhex(b)); err == nil {
			t.Errorf("share: %s was decoded", name)
		}
		if _, err := tbs.DecodeSignature(unhex(b)); err == nil {
			t.Errorf("signature: %s was decoded", name)
		}
	}
}
