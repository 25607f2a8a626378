package node

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tenc"
)

// modules makes the modules that the federation runs, with this member's
// secrets. A module of a kind that nobody knows is an error: the member could not
// follow the others.
func (n *Node) modules() ([]contract.Module, error) {
	var list []contract.Module
	for _, part := range n.cfg.Federation.Modules {
		var m contract.Module
		var err error
		switch part.Kind {
		case mint.Kind:
			m, err = n.mint()
		case wallet.Kind:
			n.wallet, err = n.walletModule()
			m = n.wallet
		case lightning.Kind:
			m, err = n.lightning()
		default:
			m, err = n.cfg.Ports.Module(part)
		}
		if err != nil {
			return nil, fmt.Errorf("node: %w", err)
		}
		list = append(list, m)
	}
	return list, nil
}

func (n *Node) mint() (contract.Module, error) {
	cfg, err := mint.FromFederation(n.cfg.Federation)
	if err != nil {
		return nil, err
	}
	if len(n.cfg.Secrets.Tiers) != len(cfg.Tiers) {
		return nil, fmt.Errorf("secrets for %d tiers, but the federation has %d", len(n.cfg.Secrets.Tiers), len(cfg.Tiers))
	}
	for i := range cfg.Tiers {
		scalar, err := bls.DecodeScalar(n.cfg.Secrets.Tiers[i])
		if err != nil {
			return nil, fmt.Errorf("secret of tier 2^%d: %w", cfg.Tiers[i].Exponent, err)
		}
		if cfg.Tiers[i].Secret, err = tbs.NewSecretShare(cfg.Tiers[i].Keys, uint32(n.cfg.Self)+1, scalar); err != nil {
			return nil, fmt.Errorf("secret of tier 2^%d: %w", cfg.Tiers[i].Exponent, err)
		}
	}
	cfg.Rand = n.cfg.Ports.Rand
	return mint.New(cfg)
}

func (n *Node) walletModule() (*wallet.Module, error) {
	cfg, err := wallet.FromFederation(n.cfg.Federation)
	if err != nil {
		return nil, err
	}
	cfg.Secret, _ = btcec.PrivKeyFromBytes(n.cfg.Secrets.Wallet)
	cfg.Me = n.cfg.Self
	return wallet.New(cfg)
}

func (n *Node) lightning() (contract.Module, error) {
	cfg, err := lightning.FromFederation(n.cfg.Federation)
	if err != nil {
		return nil, err
	}
	secret, err := tenc.NewSecretShare(cfg.Seal.Keys, int(n.cfg.Self)+1, n.cfg.Secrets.Preimages)
	if err != nil {
		return nil, fmt.Errorf("secret for preimages: %w", err)
	}
	cfg.Secret = &secret
	return lightning.New(cfg)
}
