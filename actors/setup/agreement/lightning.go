package agreement

import (
	"fmt"

	"minimint/actors/module/lightning"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/messages"
	"minimint/messages/federation"
)

// LightningTerms are those of the Lightning module, see lightning.Config. Its keys
// are made in every ceremony.
type LightningTerms struct {
	Fees lightning.Fees
	// Vetted are the keys of gateways that the operators know, ascending.
	Vetted [][32]byte
}

// String tells people what the terms are; nil is none.
func (l *LightningTerms) String() string {
	if l == nil {
		return "none"
	}
	f := l.Fees
	return fmt.Sprintf("fees of %d, %d, %d, %d msat per contract, claim, offer, listing; gateways %x", f.Contract, f.Claim, f.Offer, f.Listing, l.Vetted)
}

func (l *LightningTerms) config() lightning.Config {
	return lightning.Config{Fees: l.Fees, Vetted: l.Vetted}
}

func (l *LightningTerms) wire() *setupwire.LightningTerms {
	w := &setupwire.LightningTerms{
		ContractFeeMsat: uint64(l.Fees.Contract), ClaimFeeMsat: uint64(l.Fees.Claim),
		OfferFeeMsat: uint64(l.Fees.Offer), ListingFeeMsat: uint64(l.Fees.Listing),
	}
	for _, k := range l.Vetted {
		w.Vetted = append(w.Vetted, k[:])
	}
	return w
}

// lightningFrom reads terms without checking them. A key of another length becomes
// one that no federation vets, so that such terms are nobody's.
func lightningFrom(w *setupwire.LightningTerms) *LightningTerms {
	l := &LightningTerms{Fees: lightning.Fees{
		Contract: messages.Amount(w.GetContractFeeMsat()), Claim: messages.Amount(w.GetClaimFeeMsat()),
		Offer: messages.Amount(w.GetOfferFeeMsat()), Listing: messages.Amount(w.GetListingFeeMsat()),
	}}
	for _, b := range w.GetVetted() {
		var k [32]byte
		if len(b) == len(k) {
			k = [32]byte(b)
		}
		l.Vetted = append(l.Vetted, k)
	}
	return l
}

func (t Terms) checkLightning() error {
	if t.Lightning == nil {
		return nil
	}
	if err := t.Lightning.config().CheckTerms(); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	return nil
}

// checkLightning checks a configuration that names the module. The keys were
// checked with the others.
func checkLightning(c *federation.Config, _ messages.PeerID, _ *keystore.Secrets) error {
	if _, runs := c.Module(lightning.Kind); !runs {
		return nil
	}
	cfg, err := lightning.FromFederation(c)
	if err != nil {
		return err
	}
	_, err = lightning.New(cfg)
	return err
}
