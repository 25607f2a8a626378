package tsig_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tsig"
	"minimint/crypto/tsig/tsigtest"
)

func TestSecretShareBelongsToItsKey(t *testing.T) {
	keys, _ := tsigtest.Keys(source(6), domain.Coin, federation, 2, 3)
	deal := tsigtest.Deal(source(6), 2, 3)
	if _, err := tsig.NewSecretShare(keys, 1, deal.Secrets[0]); err != nil {
		t.Errorf("the right secret: %v", err)
	}
	for index, scalar := range map[uint32]bls.Scalar{0: deal.Secrets[0], 2: deal.Secrets[0], 3: bls.NewScalar(0), 4: deal.Secrets[2]} {
		if _, err := tsig.NewSecretShare(keys, index, scalar); err == nil {
			t.Errorf("a wrong secret was taken for index %d", index)
		}
	}
}

func TestSecretShareDoesNotPrintOrOutliveItsWipe(t *testing.T) {
	keys, _ := tsigtest.Keys(source(6), domain.Coin, federation, 2, 3)
	scalar := tsigtest.Deal(source(6), 2, 3).Secrets[1]
	secret, err := tsig.NewSecretShare(keys, 2, scalar)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ Inner *tsig.SecretShare }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		for _, value := range []any{secret, *secret, holder{secret}} {
			got := strings.ToLower(fmt.Sprintf(verb, value))
			if strings.Contains(got, hex.EncodeToString(scalar.Bytes()[8:])) {
				t.Errorf("%s prints the secret: %s", verb, got)
			}
		}
	}
	if got := fmt.Sprintf("%v", secret); got != "tsig.SecretShare(2)" {
		t.Errorf("prints as %s", got)
	}
	secret.Wipe()
	mustPanic(t, "signing after Wipe", func() { secret.Sign(nil) })
}

func TestNewPublicKeysRefuses(t *testing.T) {
	deal, other := tsigtest.Deal(source(7), 3, 5), tsigtest.Deal(source(8), 3, 5)
	good := tsig.Config{Tag: domain.Coin, Context: federation, Threshold: 3, Group: deal.Group, Members: deal.Members}
	if _, err := tsig.NewPublicKeys(good); err != nil {
		t.Fatal(err)
	}
	member := func(i int, p bls.G2) func(*tsig.Config) {
		return func(c *tsig.Config) {
			c.Members = slices.Clone(c.Members)
			c.Members[i] = p
		}
	}
	for name, damage := range map[string]func(*tsig.Config){
		"no tag":                       func(c *tsig.Config) { c.Tag = "" },
		"no context":                   func(c *tsig.Config) { c.Context = nil },
		"threshold 0":                  func(c *tsig.Config) { c.Threshold = 0 },
		"threshold −1":                 func(c *tsig.Config) { c.Threshold = -1 },
		"threshold above n":            func(c *tsig.Config) { c.Threshold = 6 },
		"threshold too low":            func(c *tsig.Config) { c.Threshold = 2 },
		"threshold too high":           func(c *tsig.Config) { c.Threshold = 4 },
		"threshold n, too high":        func(c *tsig.Config) { c.Threshold = 5 },
		"no members":                   func(c *tsig.Config) { c.Members = nil },
		"group key is the identity":    func(c *tsig.Config) { c.Group = bls.G2Identity() },
		"member's key is the identity": member(4, bls.G2Identity()),
		"group key of another deal":    func(c *tsig.Config) { c.Group = other.Group },
		"first member of another deal": member(0, other.Members[0]),
		"last member of another deal":  member(4, other.Members[4]),
		"members in another order":     func(c *tsig.Config) { c.Members = slices.Clone(c.Members); slices.Reverse(c.Members) },
		"member missing in the middle": func(c *tsig.Config) { c.Members = slices.Delete(slices.Clone(c.Members), 1, 2) },
		"group key is a member's":      func(c *tsig.Config) { c.Group = c.Members[0] },
	} {
		c := good
		damage(&c)
		if _, err := tsig.NewPublicKeys(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// Identities that do lie on one polynomial: p(x) = a·x has p(0) = 0, p(x) = a·(x−2) has p(2) = 0.
	a := bls.MulG2(bls.NewScalar(5))
	for name, c := range map[string]tsig.Config{
		"secret zero":          {Group: bls.G2Identity(), Members: []bls.G2{a, a.Add(a), a.Add(a).Add(a)}},
		"member's secret zero": {Group: a.Add(a).Neg(), Members: []bls.G2{a.Neg(), bls.G2Identity(), a}},
	} {
		c.Tag, c.Context, c.Threshold = domain.Coin, federation, 2
		if _, err := tsig.NewPublicKeys(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// One member fewer at the end is another federation on the same polynomial, and is right.
	c := good
	c.Members = c.Members[:4]
	if _, err := tsig.NewPublicKeys(c); err != nil {
		t.Errorf("four of five members: %v", err)
	}
}

// Consistency: keys of one polynomial of degree t−1 are taken under t and under no other threshold, and not if any one key is off.
func TestConsistency(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(r, "n")
		threshold := rapid.IntRange(1, n).Draw(r, "t")
		deal := tsigtest.Deal(source(rapid.Byte().Draw(r, "seed")), threshold, n)
		c := tsig.Config{Tag: domain.Coin, Context: federation, Threshold: rapid.IntRange(1, n).Draw(r, "declared"), Group: deal.Group, Members: deal.Members}
		if _, err := tsig.NewPublicKeys(c); (err == nil) != (c.Threshold == threshold) {
			r.Fatalf("declared %d: %v", c.Threshold, err)
		}
		c.Threshold = threshold
		at := rapid.IntRange(0, n).Draw(r, "damaged")
		if at == 0 {
			c.Group = c.Group.Add(bls.G2Generator())
		} else {
			c.Members[at-1] = c.Members[at-1].Add(bls.G2Generator())
		}
		if _, err := tsig.NewPublicKeys(c); err == nil {
			r.Fatalf("key %d damaged: accepted", at)
		}
	})
}
