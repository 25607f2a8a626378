// Package federation holds the public configuration of a federation: who its
// members are, which keys they hold together, and on what terms they serve.
//
// The keys never change and name the federation: its id is the hash of the
// ceremony's session and of all public keys. The terms (addresses, names, fees)
// may change and enter no id, so that notes outlive them.
package federation

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/wire"
)

// MaxSize bounds an encoded configuration: 42 tiers of 20 members with 96-byte
// keys are 90 kB, those of 255 members 1.1 MB.
const MaxSize = 2 << 20

// maxText bounds names and addresses, in bytes.
const maxText = 255

// ErrConfig says that bytes are no configuration of a federation.
var ErrConfig = errors.New("no valid federation configuration")

// A ThresholdKey is one key that members hold together: threshold of them can
// use it. Group and member keys are encoded points of the key's group; whoever
// uses them decodes and checks them.
type ThresholdKey struct {
	Threshold int
	Group     []byte
	Members   [][]byte // by PeerID
}

// A Member is how others find and recognise one member.
type Member struct {
	Name     string
	Address  string // host:port
	Identity ed25519.PublicKey
}

// A Module is one module's part of the configuration, in its own encoding.
type Module struct {
	Kind messages.ModuleKind
	// Genesis holds public keys, Terms what may change.
	Genesis, Terms []byte
}

// Config is the configuration. Read one with [Decode], make one with [New].
type Config struct {
	Session            messages.Digest
	Era                messages.Era
	Name               string
	Members            []Member // by PeerID
	Coin, Certificate  ThresholdKey
	Contributions      ThresholdKey
	Preimages          ThresholdKey
	Modules            []Module // ascending by kind
	PlainContributions bool
	id                 messages.FederationID
	encoded            []byte
}

// New validates c and fixes its id and encoding. Its error wraps ErrConfig.
func New(c Config) (*Config, error) {
	texts := []string{c.Name}
	for _, m := range c.Members {
		texts = append(texts, m.Name, m.Address)
	}
	for _, m := range c.Modules {
		texts = append(texts, string(m.Kind))
	}
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return nil, fmt.Errorf("%w: text %q is no UTF-8", ErrConfig, t)
		}
	}
	return Decode(canonical.Marshal(c.wire()))
}

// ID names the federation for ever.
func (c *Config) ID() messages.FederationID { return c.id }

// Bytes is the canonical encoding; the caller must not change it.
func (c *Config) Bytes() []byte { return c.encoded }

// Size is the number of members.
func (c *Config) Size() int { return len(c.Members) }

// Faulty is how many members may be faulty: (n-1)/3.
func (c *Config) Faulty() int { return (len(c.Members) - 1) / 3 }

// Module returns a module's part, and false if the federation does not run it.
func (c *Config) Module(kind messages.ModuleKind) (Module, bool) {
	for _, m := range c.Modules {
		if m.Kind == kind {
			return m, true
		}
	}
	return Module{}, false
}

func (c *Config) wire() *wire.Federation {
	g := &wire.Genesis{
		Coin: c.Coin.wire(), Certificate: c.Certificate.wire(),
		Contributions: c.Contributions.wire(), Preimages: c.Preimages.wire(),
	}
	t := &wire.Terms{Era: uint32(c.Era), Name: c.Name, PlaintextContributions: c.PlainContributions}
	for _, m := range c.Members {
		g.Identities = append(g.Identities, m.Identity)
		t.Addresses = append(t.Addresses, m.Address)
		t.MemberNames = append(t.MemberNames, m.Name)
	}
	for _, m := range c.Modules {
		g.Modules = append(g.Modules, &wire.ModuleItem{Kind: string(m.Kind), Body: m.Genesis})
		t.Modules = append(t.Modules, &wire.ModuleItem{Kind: string(m.Kind), Body: m.Terms})
	}
	return &wire.Federation{Session: c.Session[:], Genesis: g, Terms: t}
}

func (k ThresholdKey) wire() *wire.ThresholdKey {
	return &wire.ThresholdKey{Threshold: uint32(k.Threshold), Group: k.Group, Members: k.Members}
}

// Decode reads a configuration. Its error wraps ErrConfig.
func Decode(b []byte) (*Config, error) {
	w := new(wire.Federation)
	if err := canonical.Unmarshal(b, w, MaxSize); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	g, t := w.GetGenesis(), w.GetTerms()
	session, ok := messages.DigestFrom(w.GetSession())
	n := len(g.GetIdentities())
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: session of %d bytes", ErrConfig, len(w.GetSession()))
	case n == 0 || n > messages.MaxPeers:
		return nil, fmt.Errorf("%w: %d members", ErrConfig, n)
	case len(t.GetAddresses()) != n || len(t.GetMemberNames()) != n:
		return nil, fmt.Errorf("%w: %d identities, %d addresses, %d names", ErrConfig, n, len(t.GetAddresses()), len(t.GetMemberNames()))
	case len(t.GetName()) > maxText:
		return nil, fmt.Errorf("%w: name of %d bytes", ErrConfig, len(t.GetName()))
	}
	c := &Config{
		Session: session, Era: messages.Era(t.GetEra()), Name: t.GetName(), PlainContributions: t.GetPlaintextContributions(),
		encoded: append([]byte(nil), b...),
		id:      domain.Hash(domain.FederationID, session[:], canonical.Marshal(g)),
	}
	for _, read := range []func(*wire.Genesis, *wire.Terms) error{c.readMembers, c.readKeys, c.readModules} {
		if err := read(g, t); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return c, nil
}

func (c *Config) readMembers(g *wire.Genesis, t *wire.Terms) error {
	for i, identity := range g.GetIdentities() {
		m := Member{Name: t.GetMemberNames()[i], Address: t.GetAddresses()[i], Identity: identity}
		if len(identity) != ed25519.PublicKeySize || len(m.Name) > maxText {
			return fmt.Errorf("member %d has a key of %d bytes, a name of %d", i, len(identity), len(m.Name))
		}
		if err := checkAddress(m.Address); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
		for j, other := range c.Members {
			if other.Identity.Equal(m.Identity) {
				return fmt.Errorf("members %d and %d have the same identity", j, i)
			}
		}
		c.Members = append(c.Members, m)
	}
	return nil
}

// checkAddress accepts host:port and [IPv6]:port, in at most maxText printable
// ASCII characters.
func checkAddress(address string) error {
	at := strings.LastIndexByte(address, ':')
	if len(address) > maxText || at < 1 {
		return fmt.Errorf("address %.40q is not host:port", address)
	}
	host, port := address[:at], address[at+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] < '1' || port[0] > '9' {
		return fmt.Errorf("address %.40q: its port is none", address)
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	} else if strings.Contains(host, ":") {
		return fmt.Errorf("address %.40q: an IPv6 address stands in brackets", address)
	}
	for _, c := range []byte(host) {
		if c <= ' ' || c > '~' || c == '[' || c == ']' {
			return fmt.Errorf("address %.40q: its host has characters that do not belong", address)
		}
	}
	if host == "" {
		return fmt.Errorf("address %.40q: its host is empty", address)
	}
	return nil
}

func (c *Config) readKeys(g *wire.Genesis, _ *wire.Terms) error {
	some, live := c.Faulty()+1, c.Size()-c.Faulty()
	for _, k := range []struct {
		role      string
		from      *wire.ThresholdKey
		to        *ThresholdKey
		threshold int
		size      int
	}{
		{"coin", g.GetCoin(), &c.Coin, some, 96},
		{"certificate", g.GetCertificate(), &c.Certificate, live, 96},
		{"contributions", g.GetContributions(), &c.Contributions, some, 32},
		{"preimages", g.GetPreimages(), &c.Preimages, live, 32},
	} {
		*k.to = ThresholdKey{Threshold: int(k.from.GetThreshold()), Group: k.from.GetGroup(), Members: k.from.GetMembers()}
		if err := k.to.check(c.Size(), k.threshold, k.size); err != nil {
			return fmt.Errorf("%s key: %w", k.role, err)
		}
	}
	return nil
}

func (k ThresholdKey) check(n, threshold, size int) error {
	if k.Threshold != threshold || len(k.Members) != n || len(k.Group) != size {
		return fmt.Errorf("threshold %d, %d members, %d bytes; want %d, %d, %d", k.Threshold, len(k.Members), len(k.Group), threshold, n, size)
	}
	for i, m := range k.Members {
		if len(m) != size {
			return fmt.Errorf("key of member %d has %d bytes, want %d", i, len(m), size)
		}
	}
	return nil
}

func (c *Config) readModules(g *wire.Genesis, t *wire.Terms) error {
	if len(g.GetModules()) != len(t.GetModules()) {
		return fmt.Errorf("keys of %d modules, terms of %d", len(g.GetModules()), len(t.GetModules()))
	}
	for i, m := range g.GetModules() {
		kind := messages.ModuleKind(m.GetKind())
		if !kind.Valid() || t.GetModules()[i].GetKind() != m.GetKind() || i > 0 && g.GetModules()[i-1].GetKind() >= m.GetKind() {
			return fmt.Errorf("module %d (%.40q) is out of order", i, m.GetKind())
		}
		c.Modules = append(c.Modules, Module{Kind: kind, Genesis: m.GetBody(), Terms: t.GetModules()[i].GetBody()})
	}
	return nil
}
