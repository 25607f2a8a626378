package payments

import (
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// The states of contracts.
const (
	stateOffered    = lightningwire.State_STATE_OFFERED
	stateFunded     = lightningwire.State_STATE_FUNDED
	stateDecrypting = lightningwire.State_STATE_DECRYPTING
	stateValid      = lightningwire.State_STATE_VALID
	stateInvalid    = lightningwire.State_STATE_INVALID
	stateClaimed    = lightningwire.State_STATE_CLAIMED
	stateRefunded   = lightningwire.State_STATE_REFUNDED
	stateForfeited  = lightningwire.State_STATE_FORFEITED
)

// What stands in records was written by this program; a record that cannot be read
// stops its operation.

func readListing(b []byte) terms.Listing {
	w := new(lightningwire.Listing)
	mustRead(canonical.Unmarshal(b, w, transaction.MaxSize))
	l, err := terms.ListingOf(w)
	mustRead(err)
	return l
}

func readOutgoing(b []byte) terms.Outgoing {
	w := new(lightningwire.Outgoing)
	mustRead(canonical.Unmarshal(b, w, transaction.MaxSize))
	o, err := terms.OutgoingOf(w)
	mustRead(err)
	return o
}

func readOffer(b []byte) terms.Offer {
	w := new(lightningwire.Offer)
	mustRead(canonical.Unmarshal(b, w, transaction.MaxSize))
	o, err := terms.OfferOf(w)
	mustRead(err)
	return o
}

func mustRead(err error) {
	if err != nil {
		panic("payments: stored record: " + err.Error())
	}
}
