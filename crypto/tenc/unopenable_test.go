package tenc_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"testing"

	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
)

var rewriteUnopenable = flag.Bool("rewrite-unopenable", false, "write testdata/unopenable.txt anew")

// TestUnopenableVector fixes the bytes of one ciphertext that is publicly valid and opens to nothing, for packages that cannot forge one. It is
// for a key of threshold 2 of 4 that tenctest deals from ChaCha8 of seed {1}, and the label of 32 bytes 7.
func TestUnopenableVector(t *testing.T) {
	keys := tenctest.Deal(rand.NewChaCha8([32]byte{1}), tenctest.Config{Threshold: 2, Members: 4})
	label := bytes.Repeat([]byte{7}, 32)
	rho := curve.HashToScalar([]byte("free"), []byte("test"))
	b := tenc.Forge(keys.Public, label, rho, bytes.Repeat([]byte{7}, 60)).Encode()
	text := []byte(hex.EncodeToString(b) + "\n")
	if *rewriteUnopenable {
		if err := os.WriteFile("testdata/unopenable.txt", text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/unopenable.txt")
	if err != nil || !bytes.Equal(text, want) {
		t.Errorf("got %s; the file has %s, %v", text, want, err)
	}
	v := verify(t, tenc.Forge(keys.Public, label, rho, bytes.Repeat([]byte{7}, 60)), keys.Public, label)
	if o := v.Open(sharesOf(t, seeded(3), keys, v, 1, 2)); o.Status != tenc.Unopenable {
		t.Errorf("%v", o.Status)
	}
}
