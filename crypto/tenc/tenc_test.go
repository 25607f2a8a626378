package tenc_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
)

var label = []byte("federation 7, era 0, epoch 12, proposer 3")

// seeded is a reader that gives the same bytes in each run.
func seeded(seed uint64) io.Reader {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

func deal(threshold, members int) tenctest.Keys {
	return tenctest.Deal(seeded(uint64(1000*threshold+members)), tenctest.Config{Threshold: threshold, Members: members})
}

func encrypt(t testing.TB, r io.Reader, keys *tenc.PublicKeys, label, message []byte) tenc.Ciphertext {
	t.Helper()
	c, err := tenc.Encrypt(r, keys, label, message)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verify(t testing.TB, c tenc.Ciphertext, keys *tenc.PublicKeys, label []byte) tenc.Verified {
	t.Helper()
	v, err := c.Verify(keys, label)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sharesOf makes the shares of the given members, through their encoding.
func sharesOf(t testing.TB, r io.Reader, keys tenctest.Keys, v tenc.Verified, members ...int) []tenc.Share {
	t.Helper()
	var shares []tenc.Share
	for _, i := range members {
		s, err := tenc.DecryptShare(r, keys.Secrets[i-1], v)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := tenc.DecodeShare(i, s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, decoded)
	}
	return shares
}

// corrupt gives a share with a wrong point that is otherwise well-formed.
func corrupt(t testing.TB, s tenc.Share) tenc.Share {
	t.Helper()
	encoded := s.Encode()
	wrong := tenc.SecondGenerator()
	point, err := wrong.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copy(encoded, point)
	bad, err := tenc.DecodeShare(s.Index(), encoded)
	if err != nil {
		t.Fatal(err)
	}
	return bad
}

func upTo(n int) []int {
	members := make([]int, n)
	for i := range members {
		members[i] = i + 1
	}
	return members
}

// Correctness: any t members' shares, in any order, open what was encrypted, through both ways of opening; fewer open nothing.
func TestCorrectness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 16).Draw(t, "n")
		threshold := rapid.IntRange(1, min(n, 6)).Draw(t, "t")
		message := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "message")
		label := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "label")
		r := seeded(rapid.Uint64().Draw(t, "seed"))
		keys := tenctest.Deal(r, tenctest.Config{Threshold: threshold, Members: n})
		chosen := rapid.Permutation(upTo(n)).Draw(t, "order")[:threshold]

		encoded := must(tenc.Encrypt(r, keys.Public, label, message)).Encode()
		if len(encoded) != len(message)+tenc.Overhead {
			t.Fatalf("%d bytes for a message of %d", len(encoded), len(message))
		}
		v := must(must(tenc.DecodeCiphertext(encoded, len(message))).Verify(keys.Public, label))
		var shares []tenc.Share
		for _, i := range chosen {
			shares = append(shares, must(tenc.DecryptShare(r, keys.Secrets[i-1], v)))
		}
		if o := v.Open(shares[1:]); o.Status != tenc.Incomplete || o.Plaintext != nil {
			t.Fatalf("with %d of %d shares: %v", threshold-1, threshold, o.Status)
		}
		for _, o := range []tenc.Opening{v.Open(shares), v.OpenVerified(shares)} {
			if o.Status != tenc.Opened || !bytes.Equal(o.Plaintext, message) || o.Liars != nil {
				t.Fatalf("%v %x, liars %v; want %x", o.Status, o.Plaintext, o.Liars, message)
			}
		}
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Every size up to 16 with both thresholds that the federation uses, and one large federation whose Lagrange integers do not fit.
func TestSizes(t *testing.T) {
	sizes := upTo(16)
	if !testing.Short() {
		sizes = append(sizes, 100)
	}
	for _, n := range sizes {
		f := (n - 1) / 3
		for _, threshold := range []int{f + 1, n - f} {
			if n > 16 && threshold > f+1 {
				continue
			}
			keys := deal(threshold, n)
			v := verify(t, encrypt(t, seeded(1), keys.Public, label, []byte("m")), keys.Public, label)
			shares := sharesOf(t, seeded(2), keys, v, upTo(n)[n-threshold:]...)
			if o := v.Open(shares); o.Status != tenc.Opened || string(o.Plaintext) != "m" {
				t.Errorf("n=%d t=%d: %v", n, threshold, o.Status)
			}
		}
	}
}

// Label binding: a ciphertext is valid only under the label, role and group key that it was made for, so a copy into another slot,
// epoch, federation or use is refused before any share is released.
func TestLabelBinding(t *testing.T) {
	keys := deal(2, 4)
	c := encrypt(t, seeded(1), keys.Public, label, []byte("m"))
	verify(t, c, keys.Public, label)

	var members [][]byte
	for i := range 4 {
		k := keys.Public.MemberKey(i + 1)
		members = append(members, k[:])
	}
	group := keys.Public.GroupKey()
	preimages, err := tenc.NewPublicKeys(domain.LightningPreimage, 2, group[:], members)
	if err != nil {
		t.Fatal(err)
	}
	other := tenctest.Deal(seeded(9), tenctest.Config{Threshold: 2, Members: 4})
	for name, attempt := range map[string]struct {
		keys  *tenc.PublicKeys
		label []byte
	}{
		"other label":     {keys.Public, []byte("federation 7, era 0, epoch 13, proposer 3")},
		"shorter label":   {keys.Public, label[:len(label)-1]},
		"other role":      {preimages, label},
		"other group key": {other.Public, label},
	} {
		if _, err := c.Verify(attempt.keys, attempt.label); !errors.Is(err, tenc.ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Non-malleability: whatever bit of a ciphertext is flipped, nothing that can be verified is left.
func TestCiphertextBitFlips(t *testing.T) {
	keys := deal(2, 4)
	encoded := encrypt(t, seeded(1), keys.Public, label, []byte("attack at dawn")).Encode()
	step := 1
	if testing.Short() {
		step = 7
	}
	for bit := 0; bit < 8*len(encoded); bit += step {
		altered := slices.Clone(encoded)
		altered[bit/8] ^= 1 << (bit % 8)
		c, err := tenc.DecodeCiphertext(altered, 100)
		if err != nil {
			if !errors.Is(err, tenc.ErrEncoding) {
				t.Fatal(err)
			}
			continue
		}
		if _, err := c.Verify(keys.Public, label); !errors.Is(err, tenc.ErrProof) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
}

func TestCiphertextLengths(t *testing.T) {
	keys := deal(1, 1)
	encoded := encrypt(t, seeded(1), keys.Public, label, []byte("12345")).Encode()
	for _, test := range []struct {
		bytes []byte
		limit int
		fine  bool
	}{
		{encoded, 5, true},
		{encoded, 4, false},
		{encoded[:len(encoded)-1], 5, true}, // a shorter body is well-formed, and not valid
		{encoded[:tenc.Overhead], 5, true},
		{encoded[:tenc.Overhead-1], 5, false},
		{append(slices.Clone(encoded), 0), 5, false},
		{nil, 5, false},
	} {
		_, err := tenc.DecodeCiphertext(test.bytes, test.limit)
		if (err == nil) != test.fine || err != nil && !errors.Is(err, tenc.ErrEncoding) {
			t.Errorf("%d bytes, limit %d: %v", len(test.bytes), test.limit, err)
		}
	}
}

// An error of the reader is passed on, and nothing half-made with it.
func TestReaderFails(t *testing.T) {
	broken := errors.New("no entropy")
	keys := deal(1, 1)
	if _, err := tenc.Encrypt(iotest.ErrReader(broken), keys.Public, label, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	short := bytes.NewReader(make([]byte, 31))
	if _, err := tenc.Encrypt(short, keys.Public, label, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, nil), keys.Public, label)
	if _, err := tenc.DecryptShare(iotest.ErrReader(broken), keys.Secrets[0], v); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestMisusePanics(t *testing.T) {
	keys, foreign := deal(2, 4), deal(2, 5)
	c := encrypt(t, seeded(1), keys.Public, label, nil)
	v := verify(t, c, keys.Public, label)
	fifth, err := tenc.DecodeShare(5, sharesOf(t, seeded(2), keys, v, 1)[0].Encode())
	if err != nil {
		t.Fatal(err)
	}
	for name, misuse := range map[string]func(){
		"zero ciphertext":        func() { _, _ = tenc.Ciphertext{}.Verify(keys.Public, label) },
		"zero verified":          func() { tenc.Verified{}.Open(nil) },
		"share of zero verified": func() { _, _ = tenc.DecryptShare(seeded(1), keys.Secrets[0], tenc.Verified{}) },
		"zero secret":            func() { _, _ = tenc.DecryptShare(seeded(1), tenc.SecretShare{}, v) },
		"foreign secret":         func() { _, _ = tenc.DecryptShare(seeded(1), foreign.Secrets[0], v) },
		"zero share":             func() { v.Open([]tenc.Share{{}}) },
		"index beyond n":         func() { v.Open([]tenc.Share{fifth}) },
		"index 0":                func() { _, _ = tenc.DecodeShare(0, nil) },
		"member key 0":           func() { keys.Public.MemberKey(0) },
		"empty label":            func() { _, _ = tenc.Encrypt(seeded(1), keys.Public, nil, nil) },
		"empty label, verifying": func() { _, _ = c.Verify(keys.Public, nil) },
		"no role":                func() { _, _ = tenc.NewPublicKeys("", 1, nil, nil) },
	} {
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || text[:5] != "tenc:" {
					t.Errorf("%s: recovered %q", name, text)
				}
			}()
			misuse()
		}()
	}
}

// Values are safe to hand around: nothing that a caller does to bytes afterwards changes them.
func TestNoAliasing(t *testing.T) {
	keys := deal(1, 1)
	encoded := encrypt(t, seeded(1), keys.Public, label, []byte("m")).Encode()
	kept, own := slices.Clone(encoded), slices.Clone(label)
	c, err := tenc.DecodeCiphertext(encoded, 1)
	if err != nil {
		t.Fatal(err)
	}
	v := verify(t, c, keys.Public, own)
	clear(encoded)
	clear(own)
	clear(v.Ciphertext().Encode())
	if !bytes.Equal(v.Ciphertext().Encode(), kept) {
		t.Error("ciphertext changed")
	}
	if o := v.Open(sharesOf(t, seeded(2), keys, v, 1)); o.Status != tenc.Opened {
		t.Error(o.Status)
	}
}

func TestLocalTagsAreDistinct(t *testing.T) {
	seen := []domain.Tag{
		domain.TenC, domain.LightningPreimage, domain.TenCGenerator, domain.TenCNonce, domain.TenCProof,
		domain.TenCShareProof, domain.TenCKey,
	}
	for _, tag := range tenc.LocalTags {
		// circl prefixes a proof's tag by "HashToScalar-" and this package appends a digest; all must fit RFC 9380's 255 bytes.
		if slices.Contains(seen, tag) || len("HashToScalar-")+len(tag)+sha256.Size > 255 {
			t.Error(tag)
		}
		seen = append(seen, tag)
	}
}

func TestStatusNames(t *testing.T) {
	names := []string{tenc.Incomplete.String(), tenc.Opened.String(), tenc.Unopenable.String(), tenc.Status(9).String()}
	if want := []string{"incomplete", "opened", "unopenable", "unknown"}; !reflect.DeepEqual(names, want) {
		t.Error(names)
	}
}
