package home

import (
	"fmt"
	"os"
	"path/filepath"

	"minimint/actors/node"
	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
)

// Secrets decrypts the member's secrets and checks that they belong to its
// place in the federation. It fails for a member whose ceremony is not over.
func (h Home) Secrets(passphrase string) (node.Secrets, error) {
	s, err := keystore.Open(h.SecretsFile(), passphrase)
	if err != nil {
		return node.Secrets{}, err
	}
	if err := agreement.Check(h.Federation, h.Settings.Member, s); err != nil {
		return node.Secrets{}, fmt.Errorf("%s: %w", h.SecretsFile(), err)
	}
	out := node.Secrets{
		IdentitySeed: s.Identity.Bytes(), Coin: s.Coin.Bytes(), Certificate: s.Certificate.Bytes(), Contributions: s.Contributions.Bytes(),
		Preimages: s.Preimages.Bytes(), Wallet: s.Wallet.Bytes(),
	}
	for _, t := range s.Tiers {
		out.Tiers = append(out.Tiers, t.Bytes())
	}
	return out, nil
}

// WriteTranscript keeps the confirmations of all members, with which anybody
// can check that they made this configuration together.
func (h Home) WriteTranscript(transcript []byte) error {
	if err := os.WriteFile(filepath.Join(h.Dir, transcriptFile), transcript, 0o600); err != nil {
		return fmt.Errorf("member directory: %w", err)
	}
	return nil
}
