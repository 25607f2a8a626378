package federation_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"minimint/messages"
	"minimint/messages/federation"
)

// sample is a configuration of n members whose keys are patterns: this package
// checks lengths, whoever uses a key decodes it.
func sample(n int) federation.Config {
	some, live := (n-1)/3+1, n-(n-1)/3
	c := federation.Config{
		Session: messages.Digest{1, 2, 3}, Era: 4, Name: "Alpenmünze", PlainContributions: true,
		Coin: threshold(n, some, 96, 'c'), Certificate: threshold(n, live, 96, 'z'),
		Contributions: threshold(n, some, 32, 'k'), Preimages: threshold(n, live, 32, 'p'),
		Modules: []federation.Module{
			{Kind: "mint", Genesis: []byte("mint keys"), Terms: []byte("mint fees")},
			{Kind: "wallet", Genesis: []byte("wallet keys")},
		},
	}
	for i := range n {
		c.Members = append(c.Members, federation.Member{
			Name: fmt.Sprintf("member %d", i), Address: fmt.Sprintf("node%d.example:9000", i), Identity: identity(i),
		})
	}
	return c
}

func identity(i int) ed25519.PublicKey {
	return bytes.Repeat([]byte{0xa0, byte(i)}, ed25519.PublicKeySize/2)
}

func threshold(n, t, size int, letter byte) federation.ThresholdKey {
	k := federation.ThresholdKey{Threshold: t, Group: bytes.Repeat([]byte{letter}, size)}
	for i := range n {
		k.Members = append(k.Members, bytes.Repeat([]byte{letter, byte(i)}, size/2))
	}
	return k
}

func mustNew(t testing.TB, c federation.Config) *federation.Config {
	t.Helper()
	made, err := federation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// The frozen form: if the id or the bytes change, every federation does.
// Computed independently, from the schema and the tagged hash.
func TestFrozenConfig(t *testing.T) {
	c := sample(1)
	c.Name, c.Modules = "m", c.Modules[:1]
	for _, k := range []*federation.ThresholdKey{&c.Coin, &c.Certificate, &c.Contributions, &c.Preimages} {
		k.Group = bytes.Repeat([]byte{1}, len(k.Group))
		k.Members[0] = bytes.Repeat([]byte{2}, len(k.Group))
	}
	made := mustNew(t, c)
	const wantID = "7806b413483f26bc56fde91772d808df5d6842c2b615c8c6682bb64a9a6a2cda"
	if got := made.ID().String(); got != wantID {
		t.Errorf("id %s, want %s", got, wantID)
	}
	const wantBytes = "886759ae2fe32093543b9a1d252bf4379d13afaaf31dabda9832d66289afc6c9"
	if got := messages.Digest(sha256.Sum256(made.Bytes())).String(); got != wantBytes {
		t.Errorf("SHA-256 of %d bytes is %s, want %s", len(made.Bytes()), got, wantBytes)
	}
}

func TestConfigRoundTrip(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 20, messages.MaxPeers} {
		made := mustNew(t, sample(n))
		again, err := federation.Decode(made.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if again.ID() != made.ID() || !bytes.Equal(again.Bytes(), made.Bytes()) || again.Name != "Alpenmünze" || again.Era != 4 || !again.PlainContributions {
			t.Errorf("%d members: decoded to something else", n)
		}
		if again.Size() != n || again.Faulty() != (n-1)/3 || again.Members[n-1].Name != fmt.Sprintf("member %d", n-1) {
			t.Errorf("%d members: size %d, faulty %d", n, again.Size(), again.Faulty())
		}
		if m, ok := again.Module("mint"); !ok || string(m.Terms) != "mint fees" || string(m.Genesis) != "mint keys" {
			t.Errorf("module mint: %v %q", ok, m)
		}
		if _, ok := again.Module("lightning"); ok {
			t.Error("a module that is not there")
		}
	}
}

// Terms may change without changing who the federation is; keys may not.
func TestIDCoversKeysAndNotTerms(t *testing.T) {
	id := mustNew(t, sample(4)).ID()
	for name, change := range map[string]func(*federation.Config){
		"name":    func(c *federation.Config) { c.Name = "another" },
		"era":     func(c *federation.Config) { c.Era++ },
		"address": func(c *federation.Config) { c.Members[2].Address = "[2001:db8::1]:1" },
		"terms":   func(c *federation.Config) { c.Modules[0].Terms = []byte("other fees") },
		"plain":   func(c *federation.Config) { c.PlainContributions = false },
	} {
		c := sample(4)
		change(&c)
		if mustNew(t, c).ID() != id {
			t.Errorf("%s: the id changed", name)
		}
	}
	for name, change := range map[string]func(*federation.Config){
		"session":  func(c *federation.Config) { c.Session[9]++ },
		"identity": func(c *federation.Config) { c.Members[1].Identity = identity(77) },
		"group":    func(c *federation.Config) { c.Coin.Group[0]++ },
		"share":    func(c *federation.Config) { c.Preimages.Members[3][0]++ },
		"module":   func(c *federation.Config) { c.Modules[1].Genesis = []byte("other keys") },
	} {
		c := sample(4)
		change(&c)
		if mustNew(t, c).ID() == id {
			t.Errorf("%s: the id is the same", name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	address := func(a string) func(*federation.Config) {
		return func(c *federation.Config) { c.Members[1].Address = a }
	}
	for name, change := range map[string]func(*federation.Config){
		"no member":            func(c *federation.Config) { c.Members = nil },
		"same identity":        func(c *federation.Config) { c.Members[3].Identity = c.Members[0].Identity },
		"short identity":       func(c *federation.Config) { c.Members[3].Identity = c.Members[3].Identity[:31] },
		"long name":            func(c *federation.Config) { c.Name = strings.Repeat("n", 256) },
		"long member name":     func(c *federation.Config) { c.Members[0].Name = strings.Repeat("n", 256) },
		"name of no text":      func(c *federation.Config) { c.Name = "\xff" },
		"member of no text":    func(c *federation.Config) { c.Members[0].Name = "\xff" },
		"no address":           address(""),
		"address without port": address("node.example"),
		"address without host": address(":9000"),
		"empty brackets":       address("[]:9000"),
		"port 0":               address("node.example:0"),
		"port too large":       address("node.example:65536"),
		"port with sign":       address("node.example:+9000"),
		"port with zero":       address("node.example:09000"),
		"bare IPv6":            address("2001:db8::1:9000"),
		"blank in address":     address("node example:9000"),
		"line in address":      address("node.example\n:9000"),
		"address of no text":   address("\xff:9000"),
		"long address":         address(strings.Repeat("a", 255) + ":1"),
		"coin threshold":       func(c *federation.Config) { c.Coin.Threshold++ },
		"certificate weak":     func(c *federation.Config) { c.Certificate.Threshold-- },
		"contributions strong": func(c *federation.Config) { c.Contributions.Threshold++ },
		"preimages weak":       func(c *federation.Config) { c.Preimages.Threshold-- },
		"threshold overflow":   func(c *federation.Config) { c.Coin.Threshold = -1 },
		"member key missing":   func(c *federation.Config) { c.Coin.Members = c.Coin.Members[1:] },
		"member key short":     func(c *federation.Config) { c.Preimages.Members[2] = c.Preimages.Members[2][1:] },
		"group key of G1":      func(c *federation.Config) { c.Coin.Group = c.Coin.Group[:48] },
		"modules out of order": func(c *federation.Config) { c.Modules[0], c.Modules[1] = c.Modules[1], c.Modules[0] },
		"module twice":         func(c *federation.Config) { c.Modules[1] = c.Modules[0] },
		"module kind":          func(c *federation.Config) { c.Modules[0].Kind = "Mint" },
		"module of no text":    func(c *federation.Config) { c.Modules[0].Kind = "\xff" },
		"too large":            func(c *federation.Config) { c.Modules[0].Terms = make([]byte, federation.MaxSize) },
	} {
		c := sample(4)
		change(&c)
		if _, err := federation.New(c); !errors.Is(err, federation.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	if _, err := federation.New(sample(messages.MaxPeers + 1)); !errors.Is(err, federation.ErrConfig) {
		t.Errorf("too many members: %v", err)
	}
}

// FuzzDecode: no bytes make Decode panic, and what it accepts has one form.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(mustNew(f, sample(1)).Bytes())
	f.Add(mustNew(f, sample(4)).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := federation.Decode(b)
		if err != nil {
			if !errors.Is(err, federation.ErrConfig) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		again, err := federation.New(*c)
		if err != nil || !bytes.Equal(again.Bytes(), b) || again.ID() != c.ID() {
			t.Fatalf("made again it differs: %v", err)
		}
		if inv, err := federation.ParseInvite(c.Invite().String()); err != nil || inv.Federation != c.ID() {
			t.Fatalf("its invite: %v", err)
		}
	})
}
