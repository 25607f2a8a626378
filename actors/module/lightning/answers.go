package lightning

import (
	"bytes"
	"errors"
	"fmt"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
)

// maxAnswer bounds an answer that a client reads: a full list of gateways.
const maxAnswer = 128 << 10

// ContractRequest is the body of the query "contract"; ReadStatus reads its answer.
func ContractRequest(id terms.ID) []byte {
	return canonical.Marshal(&lightningwire.ContractRequest{Id: id[:]})
}

// OffersRequest is the body of the query "offers"; ReadOffers reads its answer.
func OffersRequest(hash messages.Digest) []byte {
	return canonical.Marshal(&lightningwire.OffersRequest{PaymentHash: hash[:]})
}

// ReadOffers reads the offers of a payment hash, the oldest first. They are as they
// were announced; whether one is worth its price nobody can see, but buying one
// that is not costs fees only.
func ReadOffers(hash messages.Digest, b []byte) ([]terms.Offer, error) {
	w := new(lightningwire.Offers)
	if err := canonical.Unmarshal(b, w, maxAnswer); err != nil {
		return nil, fmt.Errorf("lightning: offers: %w", err)
	}
	if n := len(w.GetOffers()); n > maxOffers {
		return nil, fmt.Errorf("lightning: %d offers in an answer", n)
	}
	var out []terms.Offer
	for _, c := range w.GetOffers() {
		o, err := terms.OfferOf(c.GetOffer())
		if err == nil && o.PaymentHash != hash {
			err = errors.New("it is of another payment hash")
		}
		if err != nil {
			return nil, fmt.Errorf("lightning: offer: %w", err)
		}
		out = append(out, o)
	}
	return out, nil
}

// A Listed gateway is one that can be chosen.
type Listed struct {
	terms.Listing
	// Vetted says that the operators know it.
	Vetted bool
}

// ReadGateways reads the answer to the query "gateways": who is listed at the
// agreed height, in the order of their keys. Each listing's signature is verified:
// a member may leave gateways out, but can say nothing in their names.
func ReadGateways(federation messages.FederationID, b []byte) (height uint32, list []Listed, err error) {
	w := new(lightningwire.Gateways)
	if err := canonical.Unmarshal(b, w, maxAnswer); err != nil {
		return 0, nil, fmt.Errorf("lightning: gateways: %w", err)
	}
	if n := len(w.GetGateways()); n > MaxGateways+MaxVetted {
		return 0, nil, fmt.Errorf("lightning: %d gateways in an answer", n)
	}
	for i, g := range w.GetGateways() {
		l, err := terms.ListingOf(g.GetListing())
		if err == nil {
			err = l.Verify(federation)
		}
		if err == nil && i > 0 && bytes.Compare(list[i-1].Key[:], l.Key[:]) >= 0 {
			err = errors.New("out of order")
		}
		if err != nil {
			return 0, nil, fmt.Errorf("lightning: gateway %d: %w", i, err)
		}
		list = append(list, Listed{Listing: l, Vetted: g.GetVetted()})
	}
	return w.GetHeight(), list, nil
}
