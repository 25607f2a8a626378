package attempt

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"

	"minimint/actors/module/mint"
	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
)

// keysOf names the public keys of a federation.
func keysOf(t *testing.T, o *Outcome) map[string][]byte {
	t.Helper()
	c := o.Config
	cfg, err := mint.FromFederation(c)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{
		"coin": c.Coin.Group, "certificate": c.Certificate.Group, "contributions": c.Contributions.Group, "preimages": c.Preimages.Group,
	}
	for _, tier := range cfg.Tiers {
		keys[fmt.Sprintf("tier 2^%d", tier.Exponent)] = tier.Keys.Group().Bytes()
	}
	return keys
}

// solo sets up a federation of one member, whose secrets a test may change first.
func solo(t *testing.T, secrets func(*keystore.Secrets)) map[string][]byte {
	t.Helper()
	w := newWorld(t, 1, 1)
	w.terms.Mint.Tiers = []uint32{0, 3, 9, 20}
	secrets(w.secrets[0])
	w.begin(0, w.hello(0, nil))
	w.run(nil)
	if w.done[0] == nil {
		t.Fatalf("%s: %v", w.all[0].Phase(), w.failed[0])
	}
	if err := agreement.Check(w.done[0].Config, 0, w.done[0].Secrets); err != nil {
		t.Fatal(err)
	}
	return keysOf(t, w.done[0])
}

// In Fedimint the keys of a federation of one came from a constant, so that anybody could compute them.
func TestV3SoloFederationsHaveDifferentKeys(t *testing.T) {
	// Of two federations all that is public may be the same.
	ceremony := func(s *keystore.Secrets) {
		fresh, err := keystore.New(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s.Ceremony = fresh.Ceremony
	}
	nothing := func(*keystore.Secrets) {}
	one, same, other, another := solo(t, nothing), solo(t, nothing), solo(t, ceremony), solo(t, ceremony)
	if len(one) != 8 {
		t.Fatalf("%d keys", len(one))
	}
	for name, key := range one {
		if !bytes.Equal(same[name], key) {
			t.Errorf("%s: the test is wrong, more differs than the secret", name)
		}
		if bytes.Equal(other[name], key) || bytes.Equal(another[name], key) || bytes.Equal(another[name], other[name]) {
			t.Errorf("%s: two federations have the same key", name)
		}
		for second, its := range one {
			if second != name && bytes.Equal(its, key) {
				t.Errorf("%s and %s are one key", name, second)
			}
		}
	}
}
