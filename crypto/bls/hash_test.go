package bls

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"os"
	"strconv"
	"strings"
	"testing"

	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	blst "github.com/supranational/blst/bindings/go"
)

// H101: the original hashed to the curve in a way of its own. This is the suite of
// RFC 9380, by its vectors.
func TestH101HashToG1RFC9380(t *testing.T) {
	var file struct {
		DST     string
		Vectors []struct {
			Msg string
			P   struct{ X, Y string }
		}
	}
	readVectors(t, "rfc9380_BLS12381G1_XMD-SHA-256_SSWU_RO_.json", &file)
	if len(file.Vectors) != 5 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		want := append(mustHex(t, v.P.X), mustHex(t, v.P.Y)...)
		if got := HashToG1(file.DST, []byte(v.Msg)).get().Bytes(); !bytes.Equal(got, want) {
			t.Errorf("%q: %x, want %x", v.Msg, got, want)
		}
	}
}

func TestExpandRFC9380(t *testing.T) {
	var file struct {
		DST   string
		Tests []struct {
			Msg   string
			Len   string `json:"len_in_bytes"`
			Bytes string `json:"uniform_bytes"`
		}
	}
	readVectors(t, "rfc9380_expand_message_xmd_SHA256_38.json", &file)
	if len(file.Tests) != 10 {
		t.Fatalf("%d vectors", len(file.Tests))
	}
	for _, v := range file.Tests {
		n, err := strconv.ParseUint(v.Len, 0, 16)
		if err != nil {
			t.Fatal(err)
		}
		if got := expand(file.DST, []byte(v.Msg), uint(n)); !bytes.Equal(got, mustHex(t, v.Bytes)) {
			t.Errorf("%d bytes of %q: %x", n, v.Msg, got)
		}
	}
}

// Signatures in G1 of the IETF's BASIC scheme: key generation by HKDF, hash to curve, multiplication.
func TestSignaturesIETF(t *testing.T) {
	b, err := os.ReadFile("testdata/ietf_sig_g1_basic.txt")
	if err != nil {
		t.Fatal(err)
	}
	g2 := Prepare(G2Generator())
	for i, text := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		fields := strings.Fields(text)
		msg, seed := mustHex(t, fields[0]), mustHex(t, fields[1])
		okm, err := hkdf.Key(sha256.New, append(seed, 0), []byte("BLS-SIG-KEYGEN-SALT-"), "\x00\x30", 48)
		if err != nil {
			t.Fatal(err)
		}
		key := newScalar(reduceWide(okm))
		m := HashToG1("BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_", msg)
		sigma := m.Mul(key)
		if sigma.String() != fields[2] {
			t.Errorf("line %d: %v, want %s", i+1, sigma, fields[2])
		}
		if i < 5 && !PairingCheck([]Pair{{P: m, Q: Prepare(MulG2(key))}, {P: sigma.Neg(), Q: g2}}) {
			t.Errorf("line %d does not verify", i+1)
		}
	}
}

func TestHashOracles(t *testing.T) {
	const dst = "MINIMINT-TEST"
	for i := range 20 {
		msg := bytes.Repeat([]byte{byte(i)}, 13*i)
		g, err := gnark.HashToG1(msg, []byte(dst))
		if err != nil {
			t.Fatal(err)
		}
		gb := g.Bytes()
		b := blst.HashToG1(msg, []byte(dst)).Compress()
		if got := HashToG1(dst, msg).Bytes(); !bytes.Equal(got, gb[:]) || !bytes.Equal(got, b) {
			t.Errorf("G1 %d: %x, gnark %x, blst %x", i, got, gb, b)
		}
		s, err := fr.Hash(msg, []byte(dst), 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := HashToScalar(dst, msg).Bytes(); !bytes.Equal(got, s[0].Marshal()) {
			t.Errorf("scalar %d: %x, gnark %x", i, got, s[0].Marshal())
		}
	}
}

func TestTags(t *testing.T) {
	long := strings.Repeat("x", maxTag)
	for what, f := range map[string]func(){
		"empty, scalar":    func() { HashToScalar("", nil) },
		"empty, G1":        func() { HashToG1("", nil) },
		"too long, scalar": func() { HashToScalar(long+"x", nil) },
		"too long, G1":     func() { HashToG1(long+"x", nil) },
	} {
		mustPanic(t, what, f)
	}
	if HashToG1(long, nil).Equal(HashToG1("x", nil)) || HashToScalar(long, nil).Equal(HashToScalar("x", nil)) {
		t.Error("tags do not separate")
	}
}

func FuzzHash(f *testing.F) {
	f.Add("tag", []byte("message"))
	f.Add("x", []byte{})
	f.Fuzz(func(t *testing.T, dst string, msg []byte) {
		if dst == "" || len(dst) > maxTag {
			return
		}
		b := blst.HashToG1(msg, []byte(dst)).Compress()
		if got := HashToG1(dst, msg).Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("%x, blst %x", got, b)
		}
		s, err := fr.Hash(msg, []byte(dst), 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := HashToScalar(dst, msg).Bytes(); !bytes.Equal(got, s[0].Marshal()) {
			t.Fatalf("%x, gnark %x", got, s[0].Marshal())
		}
	})
}
