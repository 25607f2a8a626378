package wallet_test

import (
	"bytes"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/module/wallet"
	public "minimint/messages/federation"
)

// FuzzGenesis: the keys and terms of a configuration, which a client takes from
// strangers, are a wallet with the same configuration, or an error.
func FuzzGenesis(f *testing.F) {
	f.Add(config().Genesis(), config().Terms())
	f.Add([]byte{}, []byte{})
	base := *consensustest.Config(members)
	f.Fuzz(func(t *testing.T, genesis, terms []byte) {
		base.Modules = []public.Module{{Kind: wallet.Kind, Genesis: genesis, Terms: terms}}
		c, err := public.New(base)
		if err != nil {
			return
		}
		cfg, err := wallet.FromFederation(c)
		if err != nil {
			return
		}
		if _, err := wallet.New(cfg); err != nil {
			return
		}
		if !bytes.Equal(cfg.Genesis(), genesis) || !bytes.Equal(cfg.Terms(), terms) {
			t.Fatalf("read as %+v", cfg)
		}
	})
}
