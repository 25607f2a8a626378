// Package agreement is what members agree on to set up a federation, apart from
// the key ceremony itself: the terms, who they are, the name of a run, and the
// configuration that comes of its keys. It is pure.
//
//	operators   agree on Terms and exchange identities; compare Terms.Digest
//	members     each say Hello: terms, name, address, wallet key, something fresh
//	            Session(hellos) names the run, Keys(terms) says what it makes
//	            … package dkg …
//	            Assemble(hellos, keys) is the configuration, which all confirm
//	            Complete(secrets, …) are a member's secrets, checked against it
//
// Whoever has a configuration and its transcript can check with
// VerifyTranscript that all members have confirmed exactly this.
package agreement

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/coins"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/dkg"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Terms are what all members must want alike before a key is made.
type Terms struct {
	// Name of the federation, for people.
	Name string
	// Members are the identity keys, in the order of PeerIDs.
	Members []ed25519.PublicKey
	// PlainContributions leaves contributions to consensus unencrypted.
	PlainContributions bool
	Mint               MintTerms
	Wallet             WalletTerms
	// Lightning is nil in a federation that runs no Lightning module.
	Lightning *LightningTerms
}

// MintTerms are those of the mint module.
type MintTerms struct {
	// Tiers are the exponents of the denominations in msat, ascending.
	Tiers []uint32
	// SpendFee and IssueFee are what one input and one output cost.
	SpendFee, IssueFee messages.Amount
}

// WalletTerms are those of the wallet module, see wallet.Config.
type WalletTerms struct {
	Network                                string
	Birthday, FinalityDelay                uint32
	MinFeeRate, DefaultFeeRate, MaxFeeRate coins.FeeRate
	PegInFee, PegOutFee                    messages.Amount
}

// termsTag hashes terms for people to compare.
const termsTag = domain.SetupTerms

// Digest names the terms: operators who see the same digest want the same.
func (t Terms) Digest() messages.Digest { return domain.Hash(termsTag, t.encode()) }

// Check says what a member could not live with. The modules judge their own.
func (t Terms) Check() error {
	if err := presentable(t.Name, "", "host:1"); err != nil {
		return fmt.Errorf("setup: name of the federation: %w", err)
	}
	if len(t.Members) == 0 {
		return errors.New("setup: no members")
	}
	if err := t.checkMint(); err != nil {
		return err
	}
	if err := t.checkLightning(); err != nil {
		return err
	}
	// The session does not matter for whether keys can be made.
	if err := (dkg.Config{Members: t.Members, Keys: Keys(t)}).Check(); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	// Keys that anybody can make stand for those that the members will bring.
	standIns := make([]*btcec.PublicKey, len(t.Members))
	for i := range standIns {
		_, standIns[i] = btcec.PrivKeyFromBytes([]byte{byte(i >> 8), byte(i), 1})
	}
	cfg, err := t.Wallet.config(standIns)
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	if _, err := wallet.New(cfg); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	return nil
}

func (t Terms) checkMint() error {
	m := t.Mint
	for i, e := range m.Tiers {
		if e > mint.MaxTier || i > 0 && m.Tiers[i-1] >= e {
			return fmt.Errorf("setup: tier 2^%d is out of order or above 2^%d", e, mint.MaxTier)
		}
	}
	if len(m.Tiers) == 0 || m.SpendFee > messages.MaxAmount || m.IssueFee > messages.MaxAmount {
		return fmt.Errorf("setup: %d tiers, fees of %d and %d msat", len(m.Tiers), m.SpendFee, m.IssueFee)
	}
	return nil
}

func (w WalletTerms) config(keys []*btcec.PublicKey) (wallet.Config, error) {
	network, err := wallet.Network(w.Network)
	if err != nil {
		return wallet.Config{}, err
	}
	return wallet.Config{
		Network: network, Keys: keys, Threshold: live(len(keys)), FinalityDelay: w.FinalityDelay, Birthday: w.Birthday,
		MinFeeRate: w.MinFeeRate, DefaultFeeRate: w.DefaultFeeRate, MaxFeeRate: w.MaxFeeRate, PegInFee: w.PegInFee, PegOutFee: w.PegOutFee,
	}, nil
}

// Differences tells people in which points two terms differ; none if they are
// equal.
func Differences(ours, theirs Terms) []string {
	var out []string
	for _, point := range []struct {
		what string
		of   func(Terms) string
	}{
		{"name", func(t Terms) string { return fmt.Sprintf("%q", t.Name) }},
		{"members", func(t Terms) string { return fmt.Sprintf("%x", t.Members) }},
		{"plain contributions", func(t Terms) string { return fmt.Sprint(t.PlainContributions) }},
		{"tiers", func(t Terms) string { return fmt.Sprint(t.Mint.Tiers) }},
		{"fee per note spent", func(t Terms) string { return fmt.Sprintf("%d msat", t.Mint.SpendFee) }},
		{"fee per note issued", func(t Terms) string { return fmt.Sprintf("%d msat", t.Mint.IssueFee) }},
		{"bitcoin network", func(t Terms) string { return fmt.Sprintf("%q", t.Wallet.Network) }},
		{"first block", func(t Terms) string { return fmt.Sprint(t.Wallet.Birthday) }},
		{"finality delay", func(t Terms) string { return fmt.Sprintf("%d blocks", t.Wallet.FinalityDelay) }},
		{"fee rates", func(t Terms) string {
			return fmt.Sprintf("%d ≤ %d ≤ %d sat/kvB", t.Wallet.MinFeeRate, t.Wallet.DefaultFeeRate, t.Wallet.MaxFeeRate)
		}},
		{"fee per deposit", func(t Terms) string { return fmt.Sprintf("%d msat", t.Wallet.PegInFee) }},
		{"Lightning", func(t Terms) string { return t.Lightning.String() }},
		{"fee per withdrawal", func(t Terms) string { return fmt.Sprintf("%d msat", t.Wallet.PegOutFee) }},
	} {
		if a, b := point.of(ours), point.of(theirs); a != b {
			out = append(out, fmt.Sprintf("%s: %s here, %s there", point.what, a, b))
		}
	}
	return out
}

func (t Terms) equal(o Terms) bool { return bytes.Equal(t.encode(), o.encode()) }

// Index returns the PeerID of an identity, false if it is no member's.
func (t Terms) Index(identity ed25519.PublicKey) (messages.PeerID, bool) {
	i := slices.IndexFunc(t.Members, func(m ed25519.PublicKey) bool { return m.Equal(identity) })
	return messages.PeerID(max(i, 0)), i >= 0
}

func (t Terms) encode() []byte { return canonical.Marshal(t.wire()) }

func (t Terms) wire() *setupwire.Terms {
	w := &setupwire.Terms{
		Name: t.Name, PlaintextContributions: t.PlainContributions,
		Mint: &setupwire.MintTerms{Tiers: t.Mint.Tiers, SpendFeeMsat: uint64(t.Mint.SpendFee), IssueFeeMsat: uint64(t.Mint.IssueFee)},
		Wallet: &setupwire.WalletTerms{
			Network: t.Wallet.Network, Birthday: t.Wallet.Birthday, FinalityDelay: t.Wallet.FinalityDelay,
			MinFeeRate: uint64(t.Wallet.MinFeeRate), DefaultFeeRate: uint64(t.Wallet.DefaultFeeRate), MaxFeeRate: uint64(t.Wallet.MaxFeeRate),
			PegInFeeMsat: uint64(t.Wallet.PegInFee), PegOutFeeMsat: uint64(t.Wallet.PegOutFee),
		},
	}
	if t.Lightning != nil {
		w.Lightning = t.Lightning.wire()
	}
	for _, m := range t.Members {
		w.Identities = append(w.Identities, m)
	}
	return w
}

// termsFrom reads terms without checking them: they may be another's wishes.
func termsFrom(w *setupwire.Terms) Terms {
	m, b := w.GetMint(), w.GetWallet()
	t := Terms{
		Name: w.GetName(), PlainContributions: w.GetPlaintextContributions(),
		Mint: MintTerms{
			Tiers: m.GetTiers(), SpendFee: messages.Amount(m.GetSpendFeeMsat()), IssueFee: messages.Amount(m.GetIssueFeeMsat()),
		},
		Wallet: WalletTerms{
			Network: b.GetNetwork(), Birthday: b.GetBirthday(), FinalityDelay: b.GetFinalityDelay(),
			MinFeeRate: coins.FeeRate(b.GetMinFeeRate()), DefaultFeeRate: coins.FeeRate(b.GetDefaultFeeRate()), MaxFeeRate: coins.FeeRate(b.GetMaxFeeRate()),
			PegInFee: messages.Amount(b.GetPegInFeeMsat()), PegOutFee: messages.Amount(b.GetPegOutFeeMsat()),
		},
	}
	if l := w.GetLightning(); l != nil {
		t.Lightning = lightningFrom(l)
	}
	for _, id := range w.GetIdentities() {
		t.Members = append(t.Members, id)
	}
	return t
}
