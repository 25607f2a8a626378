package tenc_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/tenc"
)

// A share counts only for its ciphertext, its member and as it was sent.
func TestShareProofs(t *testing.T) {
	keys := deal(2, 4)
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, []byte("one")), keys.Public, label)
	w := verify(t, encrypt(t, seeded(2), keys.Public, label, []byte("two")), keys.Public, label)
	share := sharesOf(t, seeded(3), keys, v, 2)[0]

	proven, err := v.VerifyShare(share)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]tenc.Share{"fresh": share, "proven for another": proven} {
		if _, err := w.VerifyShare(s); !errors.Is(err, tenc.ErrProof) {
			t.Errorf("share of another ciphertext, %s: %v", name, err)
		}
	}
	stolen, err := tenc.DecodeShare(3, share.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.VerifyShare(stolen); !errors.Is(err, tenc.ErrProof) {
		t.Errorf("share of member 2 under index 3: %v", err)
	}

	encoded := share.Encode()
	for bit := 0; bit < 8*len(encoded); bit += 3 {
		altered := slices.Clone(encoded)
		altered[bit/8] ^= 1 << (bit % 8)
		s, err := tenc.DecodeShare(2, altered)
		if err != nil {
			continue
		}
		if _, err := v.VerifyShare(s); !errors.Is(err, tenc.ErrProof) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
	for _, length := range []int{0, tenc.PointSize, tenc.ShareSize - 1, tenc.ShareSize + 1} {
		if _, err := tenc.DecodeShare(2, make([]byte, length)); !errors.Is(err, tenc.ErrEncoding) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// A share's proof is about the whole ciphertext: where a sender used one ρ twice, the points of the shares are the same, and still
// neither proof serves for the other.
func TestShareProofCoversBody(t *testing.T) {
	keys := deal(2, 4)
	rho := tenc.Exponent(keys.Public, make([]byte, 32), label, nil)
	v := verify(t, tenc.Forge(keys.Public, label, rho, []byte("one")), keys.Public, label)
	w := verify(t, tenc.Forge(keys.Public, label, rho, []byte("two")), keys.Public, label)
	share := sharesOf(t, seeded(3), keys, v, 1)[0]
	if same := sharesOf(t, seeded(3), keys, w, 1)[0]; !bytes.Equal(share.Encode()[:32], same.Encode()[:32]) {
		t.Fatal("points differ")
	}
	if _, err := w.VerifyShare(share); !errors.Is(err, tenc.ErrProof) {
		t.Error(err)
	}
}

// TestC6SharesAreCheckedWithoutTheBody: a share is checked against the digest that Verify made, so that a ciphertext is hashed once and
// not for each of its shares. A body that changes afterwards shows it: nobody looks at it again.
func TestC6SharesAreCheckedWithoutTheBody(t *testing.T) {
	keys := deal(2, 4)
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, []byte("one")), keys.Public, label)
	shares := sharesOf(t, seeded(3), keys, v, upTo(4)...)
	v.ChangeBody()
	for _, share := range shares {
		if _, err := v.VerifyShare(share); err != nil {
			t.Errorf("share of member %d: %v", share.Index(), err)
		}
	}
}

// Robustness: with any set of liars in any order an opening is the message or incomplete, never anything else; it is the message as soon as t
// of the shares are right; and only liars are named.
func TestRobustness(t *testing.T) {
	keys := deal(3, 7)
	message := []byte("the one plaintext")
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, message), keys.Public, label)
	honest := sharesOf(t, seeded(2), keys, v, upTo(7)...)

	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation(upTo(7)).Draw(rt, "order")[:rapid.IntRange(0, 7).Draw(rt, "count")]
		lies := rapid.SliceOfN(rapid.Bool(), len(order), len(order)).Draw(rt, "lies")
		var shares []tenc.Share
		var liars []int
		for i, member := range order {
			share := honest[member-1]
			if lies[i] {
				share = corrupt(t, share)
				liars = append(liars, member)
			}
			shares = append(shares, share)
		}
		right := len(order) - len(liars)

		checked := v.OpenVerified(shares)
		if !slices.Equal(checked.Liars, liars) || len(checked.Proven) != right {
			rt.Fatalf("liars %v, want %v", checked.Liars, liars)
		}
		for _, o := range []tenc.Opening{v.Open(shares), checked} {
			if (o.Status == tenc.Opened) != (right >= 3) || o.Status == tenc.Unopenable {
				rt.Fatalf("%v with %d right shares", o.Status, right)
			}
			if o.Status == tenc.Opened && !bytes.Equal(o.Plaintext, message) {
				rt.Fatalf("another plaintext: %q", o.Plaintext)
			}
			for _, liar := range o.Liars {
				if !slices.Contains(liars, liar) {
					rt.Fatalf("member %d blamed wrongly", liar)
				}
			}
		}
	})
}

// After a failed attempt the proven shares serve again, with what came in meanwhile.
func TestOpenGoesOn(t *testing.T) {
	keys := deal(3, 7)
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, []byte("m")), keys.Public, label)
	s := sharesOf(t, seeded(2), keys, v, upTo(7)...)

	o := v.Open([]tenc.Share{corrupt(t, s[0]), s[1], s[2]})
	if o.Status != tenc.Incomplete || !slices.Equal(o.Liars, []int{1}) || len(o.Proven) != 2 {
		t.Fatalf("%v, liars %v, %d proven", o.Status, o.Liars, len(o.Proven))
	}
	o = v.Open(append(o.Proven, corrupt(t, s[3])))
	if o.Status != tenc.Incomplete || !slices.Equal(o.Liars, []int{4}) || len(o.Proven) != 2 {
		t.Fatalf("%v, liars %v, %d proven", o.Status, o.Liars, len(o.Proven))
	}
	o = v.Open(append(o.Proven, s[4]))
	if o.Status != tenc.Opened || string(o.Plaintext) != "m" {
		t.Fatalf("%v %q", o.Status, o.Plaintext)
	}
}

// A member's second share is ignored: t shares mean t members.
func TestRepeatedMember(t *testing.T) {
	keys := deal(2, 4)
	v := verify(t, encrypt(t, seeded(1), keys.Public, label, []byte("m")), keys.Public, label)
	s := sharesOf(t, seeded(2), keys, v, 1, 2)
	if o := v.Open([]tenc.Share{s[0], s[0], s[0]}); o.Status != tenc.Incomplete {
		t.Errorf("one member three times: %v", o.Status)
	}
	if o := v.Open([]tenc.Share{s[0], corrupt(t, s[0]), s[1]}); o.Status != tenc.Opened || o.Liars != nil {
		t.Errorf("second share of a member: %v, liars %v", o.Status, o.Liars)
	}
}
