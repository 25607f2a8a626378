package agreement

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"minimint/actors/module/lightning"
	"minimint/actors/setup/keystore"
	"minimint/crypto/dkg"
	"minimint/messages"
	"minimint/messages/federation"
)

func stream(parts ...any) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, parts...)))
}

func secretsOf(t testing.TB, i int) *keystore.Secrets {
	s, err := keystore.New(stream("secrets", i))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func identityOf(t testing.TB, i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(secretsOf(t, i).Identity.Bytes())
}

func goodTerms(t testing.TB, n int) Terms {
	terms := Terms{
		Name: "test", Mint: MintTerms{Tiers: []uint32{0, 1, 41}, SpendFee: 1, IssueFee: 2},
		Wallet: WalletTerms{
			Network: "simnet", Birthday: 1, FinalityDelay: 2, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 9000,
			PegInFee: 3, PegOutFee: 4,
		},
	}
	for i := range n {
		terms.Members = append(terms.Members, identityOf(t, i).Public().(ed25519.PublicKey))
	}
	return terms
}

func goodHello(t testing.TB, n, i int) *Hello {
	g := Greeting{Terms: goodTerms(t, n), Attempt: 1, Name: "name", Address: fmt.Sprintf("host%d:1", i)}
	h, err := g.Sign(secretsOf(t, i), stream("contribution", i))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var changes = map[string]func(*Terms){
	"name":          func(t *Terms) { t.Name += "x" },
	"members":       func(t *Terms) { t.Members[0], t.Members[1] = t.Members[1], t.Members[0] },
	"plain":         func(t *Terms) { t.PlainContributions = true },
	"tiers":         func(t *Terms) { t.Mint.Tiers = []uint32{0, 1, 40} },
	"spend fee":     func(t *Terms) { t.Mint.SpendFee++ },
	"issue fee":     func(t *Terms) { t.Mint.IssueFee++ },
	"network":       func(t *Terms) { t.Wallet.Network = "mainnet" },
	"birthday":      func(t *Terms) { t.Wallet.Birthday++ },
	"finality":      func(t *Terms) { t.Wallet.FinalityDelay++ },
	"min rate":      func(t *Terms) { t.Wallet.MinFeeRate++ },
	"default rate":  func(t *Terms) { t.Wallet.DefaultFeeRate++ },
	"max rate":      func(t *Terms) { t.Wallet.MaxFeeRate++ },
	"deposit fee":   func(t *Terms) { t.Wallet.PegInFee++ },
	"withdraw. fee": func(t *Terms) { t.Wallet.PegOutFee++ },
	"Lightning":     func(t *Terms) { t.Lightning = &LightningTerms{} },
	"its fees":      func(t *Terms) { t.Lightning = &LightningTerms{Fees: lightning.Fees{Claim: 1}} },
	"its gateways":  func(t *Terms) { t.Lightning = &LightningTerms{Vetted: [][32]byte{{1}, {2}}} },
}

// Every point of the terms is in their digest, and in what people are told.
func TestTermsDiffer(t *testing.T) {
	ours := goodTerms(t, 3)
	if Differences(ours, goodTerms(t, 3)) != nil || ours.Digest() != goodTerms(t, 3).Digest() {
		t.Fatal("equal terms differ")
	}
	for name, change := range changes {
		theirs := goodTerms(t, 3)
		change(&theirs)
		if ours.Digest() == theirs.Digest() {
			t.Errorf("%s is not in the digest", name)
		}
		if d := Differences(ours, theirs); len(d) != 1 {
			t.Errorf("%s: %q", name, d)
		}
		if err := theirs.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		h := Hello{Greeting: Greeting{Terms: theirs}}
		if h.Wants(ours) || !h.Wants(theirs) {
			t.Errorf("%s: Wants is wrong", name)
		}
	}
}

func TestTermsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Terms){
		"long name":        func(t *Terms) { t.Name = strings.Repeat("x", 256) },
		"name in latin-1":  func(t *Terms) { t.Name = "\xfc" },
		"nobody":           func(t *Terms) { t.Members = nil },
		"twice":            func(t *Terms) { t.Members[1] = t.Members[0] },
		"short identity":   func(t *Terms) { t.Members[1] = t.Members[1][1:] },
		"too many":         func(t *Terms) { t.Members = manyIdentities(21) },
		"no tiers":         func(t *Terms) { t.Mint.Tiers = nil },
		"tier order":       func(t *Terms) { t.Mint.Tiers = []uint32{1, 1} },
		"tier 42":          func(t *Terms) { t.Mint.Tiers = []uint32{42} },
		"spend fee":        func(t *Terms) { t.Mint.SpendFee = messages.MaxAmount + 1 },
		"issue fee":        func(t *Terms) { t.Mint.IssueFee = messages.MaxAmount + 1 },
		"contract fee":     func(t *Terms) { t.Lightning = &LightningTerms{Fees: lightning.Fees{Contract: messages.MaxAmount + 1}} },
		"gateway twice":    func(t *Terms) { t.Lightning = &LightningTerms{Vetted: make([][32]byte, 2)} },
		"network":          func(t *Terms) { t.Wallet.Network = "moonnet" },
		"no birthday":      func(t *Terms) { t.Wallet.Birthday = 0 },
		"rates":            func(t *Terms) { t.Wallet.MinFeeRate = 3000 },
		"peg-in fee":       func(t *Terms) { t.Wallet.PegInFee = messages.MaxAmount + 1 },
		"no fee rate":      func(t *Terms) { t.Wallet.MinFeeRate = 0 },
		"withdrawal price": func(t *Terms) { t.Wallet.PegOutFee = messages.MaxAmount + 1 },
	} {
		terms := goodTerms(t, 3)
		spoil(&terms)
		if err := terms.Check(); err == nil || !strings.HasPrefix(err.Error(), "setup: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyIdentities(n int) []ed25519.PublicKey {
	var out []ed25519.PublicKey
	for i := range n {
		h := sha256.Sum256([]byte{byte(i)})
		out = append(out, h[:])
	}
	return out
}

func TestKeys(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 10} {
		f := (n - 1) / 3
		terms := goodTerms(t, 0)
		terms.Members = manyIdentities(n)
		keys := Keys(terms)
		if err := (dkg.Config{Members: terms.Members, Keys: keys}).Check(); err != nil {
			t.Error(err)
		}
		if keys[0].Threshold != f+1 || keys[1].Threshold != n-f || keys[2].Threshold != f+1 || keys[3].Threshold != n-f ||
			keys[2].Group != dkg.Ristretto255 || len(keys) != 7 || keys[6] != (dkg.Key{Role: "note", Tier: 41, Group: dkg.BLS12381, Threshold: n - f}) {
			t.Errorf("n=%d: %v", n, keys)
		}
	}
}

// The session changes with anything that anybody says.
func TestSession(t *testing.T) {
	hellos := []*Hello{goodHello(t, 3, 0), goodHello(t, 3, 1), goodHello(t, 3, 2)}
	if Session(hellos) != Session(slices.Clone(hellos)) {
		t.Fatal("not a function")
	}
	seen := map[messages.Digest]bool{Session(hellos): true}
	for i := range hellos {
		changed := slices.Clone(hellos)
		again, err := hellos[i].Greeting.Sign(secretsOf(t, i), stream("fresh"))
		if err != nil {
			t.Fatal(err)
		}
		changed[i] = again
		seen[Session(changed)] = true
	}
	if len(seen) != 4 {
		t.Fatal("a contribution has no effect")
	}
}

func TestRandomness(t *testing.T) {
	read := func(i int, session byte) string {
		b := make([]byte, 100)
		if _, err := io.ReadFull(Randomness(secretsOf(t, i).Ceremony, messages.Digest{session}), b); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if again := read(0, 1); read(0, 1) != again || read(0, 1) == read(0, 2) || read(0, 1) == read(1, 1) {
		t.Error("randomness is not a function of seed and session")
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", Randomness(secretsOf(t, 0).Ceremony, messages.Digest{}), 1, 2), "0x") {
		t.Error("the cipher is shown")
	}
}

// ceremony runs the key ceremony of n members among hellos.
func ceremony(t testing.TB, n int) (*federation.Config, []*keystore.Secrets, []byte) {
	return ceremonyWith(t, n, nil)
}

func ceremonyWith(t testing.TB, n int, l *LightningTerms) (*federation.Config, []*keystore.Secrets, []byte) {
	terms := goodTerms(t, n)
	terms.Mint.Tiers, terms.Lightning = []uint32{5}, l
	hellos := make([]*Hello, n)
	for i := range hellos {
		g := Greeting{Terms: terms, Attempt: 1, Address: fmt.Sprint("host:", i+1)}
		var err error
		if hellos[i], err = g.Sign(secretsOf(t, i), stream("contribution", i)); err != nil {
			t.Fatal(err)
		}
	}
	session := Session(hellos)
	members, results := make([]*dkg.Ceremony, n), make([]*dkg.Result, n)
	type flight struct {
		from int
		out  dkg.Outgoing
	}
	var queue []flight
	take := func(i int, s dkg.Step) {
		for _, o := range s.Send {
			queue = append(queue, flight{i, o})
		}
		if s.Result != nil {
			results[i] = s.Result
		}
		if s.Fault != nil {
			t.Fatal(s.Fault)
		}
	}
	deliver := func() {
		for ; len(queue) > 0; queue = queue[1:] {
			for to := range members {
				if o := queue[0].out; to != queue[0].from && (o.To == 0 || o.To == to+1) {
					take(to, members[to].Handle(o.Message))
				}
			}
		}
	}
	for i := range members {
		var err error
		var s dkg.Step
		cfg := dkg.Config{Session: session, Members: terms.Members, Keys: Keys(terms)}
		if members[i], s, err = dkg.New(cfg, identityOf(t, i), Randomness(secretsOf(t, i).Ceremony, session)); err != nil {
			t.Fatal(err)
		}
		take(i, s)
	}
	deliver()
	var secrets []*keystore.Secrets
	var config *federation.Config
	for i, r := range results {
		c, err := Assemble(hellos, r.Keys)
		if err != nil {
			t.Fatal(err)
		}
		if config != nil && !bytes.Equal(config.Bytes(), c.Bytes()) {
			t.Fatal("configurations differ")
		}
		config = c
		s, err := Complete(secretsOf(t, i), c, r.Secrets)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, s)
		take(i, members[i].Confirm(c.Bytes()))
	}
	deliver()
	return config, secrets, EncodeTranscript(members[0].Transcript())
}

// Check finds every secret that is not the member's.
func TestCheck(t *testing.T) {
	config, secrets, _ := ceremony(t, 3)
	for i, s := range secrets {
		if err := Check(config, messages.PeerID(i), s); err != nil {
			t.Fatal(err)
		}
	}
	other := secrets[1]
	for name, spoil := range map[string]func(*keystore.Secrets){
		"identity":      func(s *keystore.Secrets) { s.Identity = other.Identity },
		"wallet":        func(s *keystore.Secrets) { s.Wallet = other.Wallet },
		"federation":    func(s *keystore.Secrets) { s.Federation[0]++ },
		"coin":          func(s *keystore.Secrets) { s.Coin = s.Certificate },
		"certificate":   func(s *keystore.Secrets) { s.Certificate = other.Certificate },
		"contributions": func(s *keystore.Secrets) { s.Contributions = s.Preimages },
		"preimages":     func(s *keystore.Secrets) { s.Preimages = other.Preimages },
		"tier":          func(s *keystore.Secrets) { s.Tiers = other.Tiers },
		"missing tier":  func(s *keystore.Secrets) { s.Tiers = nil },
	} {
		s := *secrets[0]
		spoil(&s)
		if err := Check(config, 0, &s); err == nil {
			t.Errorf("%s of another passes", name)
		}
	}
	if Check(config, 1, secrets[0]) == nil || Check(config, 3, secrets[0]) == nil {
		t.Error("another member passes")
	}
}

// The Lightning module is in the configuration if the members want it, with its
// terms and the keys of the ceremony.
func TestLightningIsAWish(t *testing.T) {
	without, _, _ := ceremony(t, 2)
	if _, err := lightning.FromFederation(without); err == nil {
		t.Error("a module that nobody wanted")
	}
	want := &LightningTerms{Fees: lightning.Fees{Contract: 1, Claim: 2, Offer: 3, Listing: 4}, Vetted: [][32]byte{{5}, {6}}}
	config, secrets, _ := ceremonyWith(t, 2, want)
	got, err := lightning.FromFederation(config)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fees != want.Fees || len(got.Vetted) != 2 || got.Vetted[1] != want.Vetted[1] || got.Seal.Keys.Threshold() != config.Preimages.Threshold {
		t.Errorf("got %+v", got)
	}
	if err := Check(config, 1, secrets[1]); err != nil {
		t.Error(err)
	}
	spoilt := *config
	spoilt.Modules = append([]federation.Module{{Kind: lightning.Kind, Terms: []byte{0xff}}}, config.Modules[1:]...)
	if Check(&spoilt, 1, secrets[1]) == nil {
		t.Error("terms of noise pass")
	}
}

func TestTranscript(t *testing.T) {
	config, _, transcript := ceremony(t, 2)
	if err := VerifyTranscript(config, transcript); err != nil {
		t.Fatal(err)
	}
	changed := *config
	changed.Name = "another"
	other, err := federation.New(changed)
	if err != nil {
		t.Fatal(err)
	}
	if VerifyTranscript(other, transcript) == nil || VerifyTranscript(config, nil) == nil || VerifyTranscript(config, append(transcript, 0)) == nil {
		t.Error("another configuration or transcript passes")
	}
}

// Nothing but the members' own confirmations verifies.
func FuzzVerifyTranscript(f *testing.F) {
	config, _, transcript := ceremony(f, 2)
	f.Add(transcript)
	f.Add(transcript[:len(transcript)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := VerifyTranscript(config, b); err == nil && !bytes.Equal(b, transcript) {
			t.Fatalf("another transcript verifies: %x", b)
		}
	})
}
