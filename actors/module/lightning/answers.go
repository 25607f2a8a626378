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

// KeyRequest is the body of the query "key"; ReadContracts reads its answer. After a
// full page, which has PageSize contracts, there may be more: see KeyRequestAfter.
func KeyRequest(key [32]byte) []byte {
	return canonical.Marshal(&lightningwire.KeyRequest{Key: key[:]})
}

// KeyRequestAfter is KeyRequest for what comes after the last contract of an answer.
func KeyRequestAfter(key [32]byte, last Status) []byte {
	after := last.since
	if last.Outgoing == nil && last.Offer.ClaimKey != key {
		after = last.bought
	}
	return canonical.Marshal(&lightningwire.KeyRequest{Key: key[:], After: after})
}

// ReadOffers reads the offers of a payment hash, the oldest first. They are as they
// were announced; whether one is worth its price nobody can see, but buying one
// that is not costs fees only.
func ReadOffers(federation messages.FederationID, hash messages.Digest, b []byte) ([]Status, error) {
	return readContracts(federation, b, func(s Status) bool {
		return s.State == lightningwire.State_STATE_OFFERED && s.Offer != nil && s.Offer.PaymentHash == hash
	})
}

// ReadContracts reads the contracts and offers in which a user or buyer has a key:
// with it, whoever has nothing but a seed finds what is his.
func ReadContracts(federation messages.FederationID, key [32]byte, b []byte) ([]Status, error) {
	return readContracts(federation, b, func(s Status) bool {
		return s.Outgoing != nil && s.Outgoing.UserKey == key || s.Offer != nil && (s.Offer.ClaimKey == key || s.RefundKey == key)
	})
}

// readContracts reads a list of what was asked for.
func readContracts(federation messages.FederationID, b []byte, asked func(Status) bool) ([]Status, error) {
	w := new(lightningwire.Contracts)
	if err := canonical.Unmarshal(b, w, maxAnswer); err != nil {
		return nil, fmt.Errorf("lightning: contracts: %w", err)
	}
	if n := len(w.GetContracts()); n > PageSize {
		return nil, fmt.Errorf("lightning: %d contracts in an answer", n)
	}
	var out []Status
	for i, c := range w.GetContracts() {
		s, err := statusOf(federation, c)
		if err == nil && !asked(s) {
			err = errors.New("nobody asked for it")
		}
		if err != nil {
			return nil, fmt.Errorf("lightning: contract %d of an answer: %w", i, err)
		}
		out = append(out, s)
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
