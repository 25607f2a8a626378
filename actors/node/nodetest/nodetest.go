// Package nodetest makes whole federations for tests and simulation: with keys
// from a dealer that knows all secrets, which no real federation has.
//
// [New] only deals. [NewHouse] runs the federation as well, with wallets, in one
// process, and can make any actor of it panic at any message, or take the power
// from any member. [NewCeremony] does the same with a key ceremony.
package nodetest

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"fmt"
	"io"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/node"
	"minimint/crypto/domain"
	"minimint/crypto/tenc/tenctest"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	"minimint/messages/federation"
)

// Terms are what a test may want to set; the zero value is a good federation.
type Terms struct {
	// Tiers are the exponents of the denominations; 0 … 25 if nil.
	Tiers []uint32
	// Birthday is the first bitcoin block that is agreed on; 1 if 0.
	Birthday uint32
	// Plain leaves contributions unencrypted.
	Plain bool
	// Hollow deals no threshold keys and has no mint: it is for nodes that bring
	// their own cryptography, and takes no time.
	Hollow bool
	// NoWallet leaves the wallet out, which has a limit to its members.
	NoWallet bool
	// More are further modules.
	More []federation.Module
}

// A Federation is a configuration with the secrets of all its members.
type Federation struct {
	Config  *federation.Config
	Secrets []node.Secrets // by PeerID
}

// New deals a federation with a member at each address.
func New(random io.Reader, terms Terms, addresses ...string) Federation {
	n := len(addresses)
	f := (n - 1) / 3
	out := Federation{Secrets: make([]node.Secrets, n)}
	c := federation.Config{Name: "test", PlainContributions: terms.Plain}
	read(random, c.Session[:])
	for i, address := range addresses {
		seed := make([]byte, ed25519.SeedSize)
		read(random, seed)
		out.Secrets[i].IdentitySeed = seed
		public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		c.Members = append(c.Members, federation.Member{Name: fmt.Sprintf("member %d", i), Address: address, Identity: public})
	}
	c.Modules = append(c.Modules, terms.More...)
	if !terms.NoWallet {
		c.Modules = append(c.Modules, out.wallet(random, terms, n))
	}
	if terms.Hollow {
		hollow(&c, f+1, n-f)
	} else {
		out.keys(random, &c, f)
		c.Modules = append(c.Modules, out.mint(random, terms, n, f))
	}
	slices.SortFunc(c.Modules, func(a, b federation.Module) int { return cmp.Compare(a.Kind, b.Kind) })
	var err error
	if out.Config, err = federation.New(c); err != nil {
		panic(fmt.Sprintf("nodetest: %v", err))
	}
	return out
}

// keys deals what HBBFT and Lightning use.
func (f *Federation) keys(random io.Reader, c *federation.Config, faulty int) {
	n := len(c.Members)
	coin := tsigtest.Deal(random, faulty+1, n)
	c.Coin = signatureKey(faulty+1, coin)
	certificate := tsigtest.Deal(random, n-faulty, n)
	c.Certificate = signatureKey(n-faulty, certificate)
	contributions := tenctest.Deal(random, tenctest.Config{Role: domain.TenC, Threshold: faulty + 1, Members: n})
	c.Contributions = encryptionKey(contributions)
	preimages := tenctest.Deal(random, tenctest.Config{Role: domain.LightningPreimage, Threshold: n - faulty, Members: n})
	c.Preimages = encryptionKey(preimages)
	for i := range f.Secrets {
		f.Secrets[i].Coin = coin.Secrets[i].Bytes()
		f.Secrets[i].Certificate = certificate.Secrets[i].Bytes()
		f.Secrets[i].Contributions = contributions.Scalars[i]
		f.Secrets[i].Preimages = preimages.Scalars[i]
	}
}

// hollow fills in keys that nobody can use.
func hollow(c *federation.Config, some, live int) {
	key := func(threshold, size int) federation.ThresholdKey {
		k := federation.ThresholdKey{Threshold: threshold, Group: make([]byte, size)}
		for i := range c.Members {
			k.Members = append(k.Members, bytes.Repeat([]byte{byte(i)}, size))
		}
		return k
	}
	c.Coin, c.Contributions = key(some, 96), key(some, 32)
	c.Certificate, c.Preimages = key(live, 96), key(live, 32)
}

func (f *Federation) mint(random io.Reader, terms Terms, n, faulty int) federation.Module {
	if terms.Tiers == nil {
		for e := range uint32(26) {
			terms.Tiers = append(terms.Tiers, e)
		}
	}
	var tiers []mint.PublicTier
	for _, e := range terms.Tiers {
		d := tsigtest.Deal(random, n-faulty, n)
		tiers = append(tiers, mint.PublicTier{Exponent: e, Key: signatureKey(n-faulty, d)})
		for i := range f.Secrets {
			f.Secrets[i].Tiers = append(f.Secrets[i].Tiers, d.Secrets[i].Bytes())
		}
	}
	return federation.Module{Kind: mint.Kind, Genesis: mint.Genesis(tiers), Terms: mint.Terms(0, 0)}
}

func (f *Federation) wallet(random io.Reader, terms Terms, n int) federation.Module {
	cfg := wallet.Config{
		Network: &chaincfg.SimNetParams, FinalityDelay: 2, Birthday: max(terms.Birthday, 1),
		MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000,
	}
	for i := range n {
		secret := make([]byte, 32)
		read(random, secret)
		_, public := btcec.PrivKeyFromBytes(secret)
		f.Secrets[i].Wallet = secret
		cfg.Keys = append(cfg.Keys, public)
	}
	return federation.Module{Kind: wallet.Kind, Genesis: cfg.Genesis(), Terms: cfg.Terms()}
}

func signatureKey(threshold int, d tsigtest.Dealing) federation.ThresholdKey {
	k := federation.ThresholdKey{Threshold: threshold, Group: d.Group.Bytes()}
	for _, m := range d.Members {
		k.Members = append(k.Members, m.Bytes())
	}
	return k
}

func encryptionKey(d tenctest.Keys) federation.ThresholdKey {
	group := d.Public.GroupKey()
	k := federation.ThresholdKey{Threshold: d.Public.Threshold(), Group: group[:]}
	for i := range d.Public.Members() {
		m := d.Public.MemberKey(i + 1)
		k.Members = append(k.Members, m[:])
	}
	return k
}

func read(random io.Reader, b []byte) {
	if _, err := io.ReadFull(random, b); err != nil {
		panic(fmt.Sprintf("nodetest: %v", err))
	}
}

// Kinds are the modules that these federations run.
var Kinds = []messages.ModuleKind{mint.Kind, wallet.Kind}
