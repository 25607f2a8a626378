package vss

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/bls"
	"minimint/crypto/shamir"
)

func stream(parts ...any) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, parts...)))
}

func keysOf(group Group, thresholds ...int) []Key {
	var out []Key
	for i, t := range thresholds {
		out = append(out, Key{Role: "k", Tier: uint32(i), Group: group, Threshold: t})
	}
	return out
}

func deal(t interface{ Fatal(...any) }, c Config, dealer int) (*Sharing, []byte) {
	s, err := New(c, stream("dealer", dealer))
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Reveal(dealer, []byte("salt"))
}

// Completeness and agreement: what honest dealers deal is accepted, all members get the same public keys, and the secrets of
// any threshold of them interpolate to the discrete logarithm of the key.
func TestSharing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "n")
		c := Config{Members: n, Keys: append(keysOf(Ristretto255, rapid.IntRange(1, n).Draw(t, "t")),
			Key{Role: "b", Group: Ristretto255, Threshold: rapid.IntRange(1, n).Draw(t, "u")})}
		if rapid.IntRange(0, 7).Draw(t, "both groups") == 0 {
			c.Keys[1].Group = BLS12381 // dear
		}
		if rapid.Bool().Draw(t, "order") {
			c.Keys[0], c.Keys[1] = c.Keys[1], c.Keys[0]
		}
		dealers, revealed := make([]*Sharing, n), make([][]byte, n)
		for i := range n {
			dealers[i], revealed[i] = deal(t, c, i+1)
			if len(revealed[i]) != RevealSize(c.Keys) {
				t.Fatal("RevealSize is wrong")
			}
		}
		shares := make([][][]byte, n) // by recipient, dealer
		for to := range n {
			for _, d := range dealers {
				shares[to] = append(shares[to], d.Shares(to+1))
			}
		}
		var first []PublicKey
		var secrets [][]Secret
		for me, s := range dealers {
			s.Wipe()
			salt := []byte("secret")
			if me == 0 {
				salt = nil // the exact way
			}
			for d := range dealers {
				if err := s.Accept(d+1, revealed[d]); err != nil {
					t.Fatal(err)
				}
				if err := s.Take(d+1, me+1, shares[me][d], salt); err != nil {
					t.Fatal(err)
				}
			}
			keys, mine := s.Result()
			if me == 0 {
				first = keys
			}
			if fmt.Sprint(keys) != fmt.Sprint(first) {
				t.Fatal("members differ")
			}
			secrets = append(secrets, mine)
		}
		for i, k := range first {
			if k.Key != c.Keys[i] {
				t.Fatal("order of keys is lost")
			}
			if k.Key.Group == BLS12381 {
				interpolate(t, blsGroup, k, secrets, i)
			} else {
				interpolate(t, ristrettoGroup, k, secrets, i)
			}
		}
	})
}

func interpolate[S scalar[S], P point[P]](t *rapid.T, g *group[S, P], k PublicKey, secrets [][]Secret, at int) {
	order := rapid.Permutation(make([]int, len(secrets))).Draw(t, "who")
	for i := range order {
		order[i] = i
	}
	var some []shamir.Share[S]
	for _, i := range order[len(order)-k.Key.Threshold:] {
		x, err := g.decodeScalar(secrets[i][at].Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(g.base(x).Bytes(), k.Members[i]) {
			t.Fatalf("key of member %d does not fit its secret", i+1)
		}
		some = append(some, shamir.Share[S]{Index: uint32(i + 1), Value: x})
	}
	x, err := shamir.Interpolate(g.field, some)
	if err != nil || !bytes.Equal(g.base(x).Bytes(), k.Public) {
		t.Fatal("secrets do not make the key", err)
	}
}

// Soundness: any changed bit of a reveal or of shares is found, in both ways of checking.
func TestAnyChangeIsFound(t *testing.T) {
	c := Config{Session: [32]byte{1}, Members: 3, Keys: append(keysOf(Ristretto255, 2, 1), keysOf(BLS12381, 2)...)}
	c.Keys[2].Role = "b"
	dealer, revealed := deal(t, c, 2)
	shares := dealer.Shares(3)
	judge, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := judge.Accept(2, revealed); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.IntRange(0, 8*len(shares)-1).Draw(t, "share bit")
		changed := bytes.Clone(shares)
		changed[bit/8] ^= 1 << (bit % 8)
		var salt []byte
		if rapid.Bool().Draw(t, "folded") {
			salt = []byte("salt")
		}
		if err := judge.Take(2, 3, changed, salt); !errors.Is(err, ErrShare) {
			t.Fatal(err)
		}
		bit = rapid.IntRange(0, 8*len(revealed)-1).Draw(t, "reveal bit")
		changed = bytes.Clone(revealed)
		changed[bit/8] ^= 1 << (bit % 8)
		other, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		// A point other than the constant may change into another point; then the shares do not fit.
		if err := other.Accept(2, changed); err == nil {
			err = other.Take(2, 3, shares, salt)
			if err == nil {
				t.Fatal("not found")
			}
		}
	})
	if judge.Take(2, 3, shares[1:], nil) == nil || judge.Take(2, 2, shares, nil) == nil {
		t.Error("shares of another length or member pass")
	}
}

// A proof is bound to session, dealer and key.
func TestProofIsBound(t *testing.T) {
	for _, group := range []Group{BLS12381, Ristretto255} {
		c := Config{Session: [32]byte{1}, Members: 2, Keys: keysOf(group, 1)}
		_, revealed := deal(t, c, 1)
		for name, change := range map[string]func(*Config, *int){
			"session": func(c *Config, _ *int) { c.Session[0]++ },
			"dealer":  func(_ *Config, d *int) { *d = 2 },
			"role":    func(c *Config, _ *int) { c.Keys[0].Role = "x" },
			"tier":    func(c *Config, _ *int) { c.Keys[0].Tier++ },
		} {
			other, dealer := c, 1
			other.Keys = keysOf(group, 1)
			change(&other, &dealer)
			s, err := New(other, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Accept(dealer, revealed); !errors.Is(err, ErrProof) {
				t.Errorf("%s, %s: %v", group, name, err)
			}
		}
	}
}

// The one-time exponent of a proof depends on the claim, so that randomness that repeats under another session gives nothing away.
func TestProofNoncesDoNotRepeat(t *testing.T) {
	x := bls.NewScalar(5)
	public := bls.MulG2(x)
	nonce := func(session byte) bls.Scalar {
		proof := blsGroup.prove(claim{session: [32]byte{session}, dealer: 1}, x, public, []byte("salt"))
		c, err := bls.DecodeScalar(proof[:32])
		if err != nil {
			t.Fatal(err)
		}
		z, err := bls.DecodeScalar(proof[32:])
		if err != nil {
			t.Fatal(err)
		}
		return z.Sub(c.Mul(x))
	}
	if nonce(1).Equal(nonce(2)) || !nonce(1).Equal(nonce(1)) {
		t.Error("nonces repeat, or do not follow from their inputs")
	}
}

func TestTimes(t *testing.T) {
	p := bls.MulG2(bls.NewScalar(7))
	for k := 1; k < 40; k++ {
		if !times(p, k).Equal(p.Mul(bls.NewScalar(uint64(k)))) {
			t.Fatal(k)
		}
	}
}

func TestRistrettoDecoders(t *testing.T) {
	one := make([]byte, 32)
	one[0] = 1
	for name, b := range map[string][]byte{
		"zero": make([]byte, 32), "short": one[:31], "long": append(bytes.Clone(one), 0), "high": bytes.Repeat([]byte{0xff}, 32),
	} {
		if _, err := decodeExponent(b); err == nil {
			t.Errorf("scalar %s accepted", name)
		}
		if _, err := decodeElement(b); err == nil {
			t.Errorf("element %s accepted", name)
		}
	}
	if _, err := decodeExponent(one); err != nil {
		t.Error(err)
	}
	if _, err := decodeElement(ristrettoGroup.generator.Bytes()); err != nil {
		t.Error(err)
	}
	if _, err := ristrettoGroup.field.Integer(0).Inverse(); err == nil {
		t.Error("zero was inverted")
	}
}

// FuzzAccept reads anything as what a dealer reveals.
func FuzzAccept(f *testing.F) {
	c := Config{Members: 2, Keys: append(keysOf(Ristretto255, 2), Key{Role: "b", Group: BLS12381, Threshold: 1})}
	_, revealed := deal(f, c, 1)
	f.Add(revealed)
	f.Add(revealed[:len(revealed)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Accept(1, b)
		if err == nil && !bytes.Equal(b, revealed) {
			t.Log("another valid reveal was found")
		}
		if err != nil && !errors.Is(err, ErrEncoding) && !errors.Is(err, ErrDegree) && !errors.Is(err, ErrPoint) && !errors.Is(err, ErrProof) {
			t.Fatal(err)
		}
	})
}
