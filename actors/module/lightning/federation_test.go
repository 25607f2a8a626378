package lightning_test

import (
	"bytes"
	"testing"

	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
)

// configured is a federation of four with this module's part.
func configured(t testing.TB, genesis, terms []byte) *federation.Config {
	t.Helper()
	key := func(threshold, size int) federation.ThresholdKey {
		k := federation.ThresholdKey{Threshold: threshold, Group: make([]byte, size)}
		for i := range byte(4) {
			k.Members = append(k.Members, bytes.Repeat([]byte{i}, size))
		}
		return k
	}
	c := federation.Config{
		Coin: key(2, 96), Certificate: key(3, 96), Contributions: key(2, 32), Preimages: federation.ThresholdKey{Threshold: 3},
		Modules: []federation.Module{{Kind: lightning.Kind, Genesis: genesis, Terms: terms}},
	}
	public := keysOf(4).Public
	group := public.GroupKey()
	c.Preimages.Group = group[:]
	for i := range 4 {
		m := public.MemberKey(i + 1)
		c.Preimages.Members = append(c.Preimages.Members, m[:])
		c.Members = append(c.Members, federation.Member{Address: "127.0.0.1:1", Identity: bytes.Repeat([]byte{byte(i)}, 32)})
	}
	out, err := federation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What is configured is what comes out, with the federation's keys for preimages.
func TestConfigurationRoundTrip(t *testing.T) {
	want := lightning.Config{Fees: fees, Vetted: [][32]byte{{1}, {2}}}
	c := configured(t, lightning.Genesis(), want.Terms())
	got, err := lightning.FromFederation(c)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fees != fees || len(got.Vetted) != 2 || got.Vetted[1] != want.Vetted[1] || got.Seal.Federation != c.ID() || got.Seal.Keys.GroupKey() != keysOf(4).Public.GroupKey() {
		t.Errorf("got %+v", got)
	}
	if _, err := lightning.New(got); err != nil {
		t.Error(err)
	}
}

func TestBadConfigurations(t *testing.T) {
	bad := func(w *lightningwire.Terms) []byte { return canonical.Marshal(w) }
	for what, c := range map[string]*federation.Config{
		"a genesis of noise": configured(t, []byte{1}, nil),
		"terms of noise":     configured(t, nil, []byte{0xff}),
		"a short key":        configured(t, nil, bad(&lightningwire.Terms{Vetted: [][]byte{{1}}})),
	} {
		if _, err := lightning.FromFederation(c); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	without := *configured(t, nil, nil)
	without.Modules = nil
	if _, err := lightning.FromFederation(&without); err == nil {
		t.Error("a federation without the module has it")
	}
	broken := *configured(t, nil, nil)
	broken.Preimages.Group = broken.Preimages.Members[0]
	if _, err := lightning.FromFederation(&broken); err == nil {
		t.Error("keys that do not belong together are taken")
	}
	for what, change := range map[string]func(*lightning.Config){
		"no keys":                 func(c *lightning.Config) { c.Seal.Keys = nil },
		"a fee beyond all money":  func(c *lightning.Config) { c.Fees.Offer = messages.MaxAmount + 1 },
		"vetted ones twice":       func(c *lightning.Config) { c.Vetted = [][32]byte{{1}, {1}} },
		"vetted ones out of turn": func(c *lightning.Config) { c.Vetted = [][32]byte{{2}, {1}} },
		"too many vetted ones":    func(c *lightning.Config) { c.Vetted = make([][32]byte, lightning.MaxVetted+1) },
	} {
		cfg := config(-1, 4)
		change(&cfg)
		if _, err := lightning.New(cfg); err == nil {
			t.Errorf("%s: a module was made", what)
		}
	}
}
