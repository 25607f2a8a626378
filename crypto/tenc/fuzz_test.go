package tenc_test

import (
	"bytes"
	"testing"

	"minimint/crypto/domain"
	"minimint/crypto/tenc"
)

// What decodes is canonical: it encodes to the bytes that it came from.
func FuzzDecodeCiphertext(f *testing.F) {
	keys := deal(2, 4)
	f.Add(encrypt(f, seeded(1), keys.Public, label, nil).Encode())
	f.Add(encrypt(f, seeded(2), keys.Public, label, []byte("message")).Encode())
	f.Add(make([]byte, tenc.Overhead))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 64
		c, err := tenc.DecodeCiphertext(b, limit)
		if err != nil {
			return
		}
		if len(b) > limit+tenc.Overhead {
			t.Fatalf("%d bytes accepted", len(b))
		}
		if !bytes.Equal(c.Encode(), b) {
			t.Fatalf("%x encodes to %x", b, c.Encode())
		}
		if v, err := c.Verify(keys.Public, label); err == nil {
			if o := v.OpenVerified(sharesOf(t, seeded(1), keys, v, 1, 2)); o.Status == tenc.Incomplete {
				t.Fatal("incomplete with t proven shares")
			}
		}
	})
}

func FuzzDecodeShare(f *testing.F) {
	keys := deal(2, 4)
	v := verify(f, encrypt(f, seeded(1), keys.Public, label, nil), keys.Public, label)
	for _, s := range sharesOf(f, seeded(2), keys, v, 1, 2) {
		f.Add(s.Encode())
	}
	f.Add(make([]byte, tenc.ShareSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := tenc.DecodeShare(1, b)
		if err != nil {
			return
		}
		if s.Index() != 1 || !bytes.Equal(s.Encode(), b) {
			t.Fatalf("%x encodes to %x", b, s.Encode())
		}
	})
}

// Keys that are accepted give their bytes back, and a secret that is accepted fits.
func FuzzKeys(f *testing.F) {
	keys := deal(2, 3)
	groupKey, members := encodings(keys.Public)
	f.Add(2, groupKey, bytes.Join(members, nil), keys.Scalars[0])
	f.Add(1, groupKey, groupKey, make([]byte, 32))
	f.Add(-1, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, threshold int, groupKey, joined, scalar []byte) {
		var members [][]byte
		for at := 0; at < len(joined); at += 32 {
			members = append(members, joined[at:min(at+32, len(joined))])
		}
		keys, err := tenc.NewPublicKeys(domain.TenC, threshold, groupKey, members)
		if err != nil {
			return
		}
		gotGroup, gotMembers := encodings(keys)
		if !bytes.Equal(gotGroup, groupKey) || !bytes.Equal(bytes.Join(gotMembers, nil), joined) {
			t.Fatal("keys changed on the way")
		}
		secret, err := tenc.NewSecretShare(keys, 1, scalar)
		if err != nil {
			return
		}
		v := verify(t, encrypt(t, seeded(1), keys, label, nil), keys, label)
		share := must(tenc.DecryptShare(seeded(2), secret, v)).Encode()
		if _, err := v.VerifyShare(must(tenc.DecodeShare(1, share))); err != nil {
			t.Fatal(err)
		}
	})
}
