package tsig_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"minimint/crypto/domain"
	"minimint/crypto/tsig"
	"minimint/crypto/tsig/tsigtest"
)

// Every value that came from nowhere but a decoder is a point of the group and has one encoding.
func FuzzDecode(f *testing.F) {
	_, secrets := tsigtest.Keys(source(10), domain.Coin, federation, 1, 1)
	valid := secrets[0].Sign(nil).Bytes()
	f.Add(valid)
	f.Add(valid[:47])
	f.Add(append(slices.Clone(valid), 0))
	for _, b := range badPoints {
		f.Add(unhex(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		share, err := tsig.DecodeShare(1, b)
		signature, err2 := tsig.DecodeSignature(b)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("share: %v, signature: %v", err, err2)
		}
		if err == nil && (!slices.Equal(share.Bytes(), b) || !slices.Equal(signature.Bytes(), b)) {
			t.Fatalf("%x decodes and encodes as %x", b, share.Bytes())
		}
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
		if _, err := tsig.DecodeShare(1, unhex(b)); err == nil {
			t.Errorf("share: %s was decoded", name)
		}
		if _, err := tsig.DecodeSignature(unhex(b)); err == nil {
			t.Errorf("signature: %s was decoded", name)
		}
	}
}
