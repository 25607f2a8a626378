package payments

import (
	"google.golang.org/protobuf/proto"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

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

// What stands in records was written by this program; one that cannot be read stops its
// operation.
func readListing(b []byte) terms.Listing {
	return readRecord(b, new(lightningwire.Listing), terms.ListingOf)
}

func readOutgoing(b []byte) terms.Outgoing {
	return readRecord(b, new(lightningwire.Outgoing), terms.OutgoingOf)
}

func readOffer(b []byte) terms.Offer { return readRecord(b, new(lightningwire.Offer), terms.OfferOf) }

func readRecord[W proto.Message, T any](b []byte, w W, of func(W) (T, error)) T {
	mustRead(canonical.Unmarshal(b, w, transaction.MaxSize))
	t, err := of(w)
	mustRead(err)
	return t
}

func mustRead(err error) {
	if err != nil {
		panic("payments: stored record: " + err.Error())
	}
}
