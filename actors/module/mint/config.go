package mint

import (
	"fmt"

	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
	"minimint/messages/wire"
)

// maxConfig bounds an encoded configuration of the module.
const maxConfig = 1 << 20

// A PublicTier is one tier's keys as the ceremony made them.
type PublicTier struct {
	Exponent uint32
	Key      federation.ThresholdKey
}

// Genesis encodes the tiers' public keys for the federation's configuration.
func Genesis(tiers []PublicTier) []byte {
	w := &mintwire.Genesis{}
	for _, t := range tiers {
		w.Tiers = append(w.Tiers, &mintwire.TierKey{Tier: t.Exponent, Key: &wire.ThresholdKey{
			Threshold: uint32(t.Key.Threshold), Group: t.Key.Group, Members: t.Key.Members,
		}})
	}
	return canonical.Marshal(w)
}

// FromFederation reads the module's configuration: every key is decoded and
// each tier's keys must lie on one polynomial. The caller adds Secrets and Rand.
func FromFederation(c *federation.Config) (Config, error) {
	part, ok := c.Module(Kind)
	if !ok {
		return Config{}, fmt.Errorf("mint: federation %s runs no mint", c.ID())
	}
	g, t := new(mintwire.Genesis), new(mintwire.Terms)
	if err := canonical.Unmarshal(part.Genesis, g, maxConfig); err != nil {
		return Config{}, fmt.Errorf("mint: keys: %w", err)
	}
	if err := canonical.Unmarshal(part.Terms, t, maxConfig); err != nil {
		return Config{}, fmt.Errorf("mint: terms: %w", err)
	}
	var cfg Config
	var err error
	if cfg.SpendFee, err = messages.NewAmount(t.GetSpendFeeMsat()); err != nil {
		return Config{}, fmt.Errorf("mint: fee: %w", err)
	}
	if cfg.IssueFee, err = messages.NewAmount(t.GetIssueFeeMsat()); err != nil {
		return Config{}, fmt.Errorf("mint: fee: %w", err)
	}
	if len(g.GetTiers()) > MaxTier+1 {
		return Config{}, fmt.Errorf("mint: %d tiers", len(g.GetTiers()))
	}
	for _, w := range g.GetTiers() {
		keys, err := tierKeys(c, w.GetKey())
		if err != nil {
			return Config{}, fmt.Errorf("mint: tier 2^%d: %w", w.GetTier(), err)
		}
		cfg.Tiers = append(cfg.Tiers, Tier{Exponent: w.GetTier(), Keys: keys})
	}
	return cfg, nil
}

func tierKeys(c *federation.Config, w *wire.ThresholdKey) (*tbs.TierKeys, error) {
	if live := c.Size() - c.Faulty(); int(w.GetThreshold()) != live || len(w.GetMembers()) != c.Size() {
		return nil, fmt.Errorf("threshold %d of %d members; want %d of %d", w.GetThreshold(), len(w.GetMembers()), live, c.Size())
	}
	group, err := bls.DecodeG2(w.GetGroup())
	if err != nil {
		return nil, fmt.Errorf("group key: %w", err)
	}
	members := make([]bls.G2, c.Size())
	for i, b := range w.GetMembers() {
		if members[i], err = bls.DecodeG2(b); err != nil {
			return nil, fmt.Errorf("key of member %d: %w", i, err)
		}
	}
	return tbs.NewTierKeys(tbs.Config{Federation: c.ID(), Threshold: int(w.GetThreshold()), Group: group, Members: members})
}
