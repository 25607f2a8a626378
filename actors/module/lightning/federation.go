package lightning

import (
	"fmt"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/federation"
)

// maxConfig bounds an encoded part of the configuration.
const maxConfig = 16 << 10

// Genesis encodes what never changes, for the federation's configuration: nothing,
// since the keys for preimages stand in the federation's own part.
func Genesis() []byte { return canonical.Marshal(&lightningwire.Genesis{}) }

// Terms encodes what may change of cfg, for the federation's configuration.
func (cfg Config) Terms() []byte {
	w := &lightningwire.Terms{
		ContractFeeMsat: uint64(cfg.Fees.Contract), ClaimFeeMsat: uint64(cfg.Fees.Claim),
		OfferFeeMsat: uint64(cfg.Fees.Offer), ListingFeeMsat: uint64(cfg.Fees.Listing),
	}
	for _, k := range cfg.Vetted {
		w.Vetted = append(w.Vetted, k[:])
	}
	return canonical.Marshal(w)
}

// FromFederation reads the module's configuration; a member adds its secret. New
// checks the values.
func FromFederation(c *federation.Config) (Config, error) {
	part, ok := c.Module(Kind)
	if !ok {
		return Config{}, fmt.Errorf("lightning: federation %s runs no Lightning module", c.ID())
	}
	t := new(lightningwire.Terms)
	if err := canonical.Unmarshal(part.Genesis, new(lightningwire.Genesis), maxConfig); err != nil {
		return Config{}, fmt.Errorf("lightning: genesis: %w", err)
	}
	if err := canonical.Unmarshal(part.Terms, t, maxConfig); err != nil {
		return Config{}, fmt.Errorf("lightning: terms: %w", err)
	}
	k := c.Preimages
	keys, err := tenc.NewPublicKeys(domain.LightningPreimage, k.Threshold, k.Group, k.Members)
	if err != nil {
		return Config{}, fmt.Errorf("lightning: keys for preimages: %w", err)
	}
	cfg := Config{
		Seal: terms.Sealer{Federation: c.ID(), Keys: keys},
		Fees: Fees{
			Contract: messages.Amount(t.GetContractFeeMsat()), Claim: messages.Amount(t.GetClaimFeeMsat()),
			Offer: messages.Amount(t.GetOfferFeeMsat()), Listing: messages.Amount(t.GetListingFeeMsat()),
		},
	}
	for i, b := range t.GetVetted() {
		if len(b) != len([32]byte{}) {
			return Config{}, fmt.Errorf("lightning: key of vetted gateway %d has %d bytes", i, len(b))
		}
		cfg.Vetted = append(cfg.Vetted, [32]byte(b))
	}
	return cfg, nil
}
