package wallet

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
)

// maxConfig bounds an encoded part of the configuration.
const maxConfig = 64 << 10

// networks are the bitcoin networks that a federation can hold coins of.
var networks = []*chaincfg.Params{
	&chaincfg.MainNetParams, &chaincfg.TestNet3Params, &chaincfg.SigNetParams, &chaincfg.RegressionNetParams, &chaincfg.SimNetParams,
}

// Network returns the parameters of a bitcoin network by its name.
func Network(name string) (*chaincfg.Params, error) {
	for _, p := range networks {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("wallet: no bitcoin network is called %.40q", name)
}

// Genesis encodes what never changes of cfg, for the federation's configuration.
func (cfg Config) Genesis() []byte {
	w := &walletwire.Genesis{Network: cfg.Network.Name, Birthday: cfg.Birthday}
	for _, k := range cfg.Keys {
		w.Keys = append(w.Keys, k.SerializeCompressed())
	}
	return canonical.Marshal(w)
}

// Terms encodes what may change of cfg, for the federation's configuration.
func (cfg Config) Terms() []byte {
	return canonical.Marshal(&walletwire.Terms{
		FinalityDelay: cfg.FinalityDelay, MinFeeRate: uint64(cfg.MinFeeRate), DefaultFeeRate: uint64(cfg.DefaultFeeRate),
		MaxFeeRate: uint64(cfg.MaxFeeRate), PegInFeeMsat: uint64(cfg.PegInFee), PegOutFeeMsat: uint64(cfg.PegOutFee),
	})
}

// FromFederation reads the wallet's configuration; a member adds its secret.
// New checks the values.
func FromFederation(c *federation.Config) (Config, error) {
	part, ok := c.Module(Kind)
	if !ok {
		return Config{}, fmt.Errorf("wallet: federation %s runs no wallet", c.ID())
	}
	g, t := new(walletwire.Genesis), new(walletwire.Terms)
	if err := canonical.Unmarshal(part.Genesis, g, maxConfig); err != nil {
		return Config{}, fmt.Errorf("wallet: keys: %w", err)
	}
	if err := canonical.Unmarshal(part.Terms, t, maxConfig); err != nil {
		return Config{}, fmt.Errorf("wallet: terms: %w", err)
	}
	cfg := Config{
		Federation: c.ID(), Threshold: c.Size() - c.Faulty(), FinalityDelay: t.GetFinalityDelay(), Birthday: g.GetBirthday(),
		MinFeeRate: coins.FeeRate(t.GetMinFeeRate()), DefaultFeeRate: coins.FeeRate(t.GetDefaultFeeRate()), MaxFeeRate: coins.FeeRate(t.GetMaxFeeRate()),
		PegInFee: messages.Amount(t.GetPegInFeeMsat()), PegOutFee: messages.Amount(t.GetPegOutFeeMsat()),
	}
	var err error
	if cfg.Network, err = Network(g.GetNetwork()); err != nil {
		return Config{}, err
	}
	if len(g.GetKeys()) != c.Size() {
		return Config{}, fmt.Errorf("wallet: %d keys for %d members", len(g.GetKeys()), c.Size())
	}
	for i, b := range g.GetKeys() {
		key, err := btcec.ParsePubKey(b)
		if err != nil || len(b) != btcec.PubKeyBytesLenCompressed {
			return Config{}, fmt.Errorf("wallet: key of member %d is no compressed public key", i)
		}
		cfg.Keys = append(cfg.Keys, key)
	}
	return cfg, nil
}
