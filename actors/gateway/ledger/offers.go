package ledger

import (
	"encoding/binary"

	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// Offer returns the offer that is registered for a payment hash, nil if none is.
func Offer(r storage.Reader, id messages.FederationID, hash messages.Digest) *terms.Offer {
	w := read(storage.ScopedReader(r, offers), place(id, hash), new(lightningwire.Offer))
	if w == nil {
		return nil
	}
	o, err := terms.OfferOf(w)
	if err != nil {
		panic("ledger: stored offer: " + err.Error())
	}
	return &o
}

// Register writes an offer. There must be none for its payment hash.
func Register(tx storage.Tx, id messages.FederationID, o terms.Offer) {
	key := place(id, o.PaymentHash)
	s := storage.Scoped(tx, offers)
	if s.Get(key) != nil {
		panic("ledger: a second offer for a payment hash")
	}
	s.Put(key, canonical.Marshal(o.Wire()))
	storage.Scoped(tx, expiries).Put(expiryKey(id, o.Expiry, o.PaymentHash), []byte{})
	count(tx, id, 1)
}

// Expire forgets the offers that expire at a height or before, at most limit of them.
func Expire(tx storage.Tx, id messages.FederationID, height uint32, limit int) {
	s := storage.Scoped(tx, expiries)
	for k := range s.Scan(id[:]) {
		at := k[len(id):]
		if binary.BigEndian.Uint32(at) > height || limit == 0 {
			return
		}
		limit--
		storage.Scoped(tx, offers).Delete(place(id, messages.Digest(at[4:])))
		s.Delete(k)
		count(tx, id, -1)
	}
}

// Due reports whether there is an offer that Expire would forget.
func Due(r storage.Reader, id messages.FederationID, height uint32) bool {
	for k := range storage.ScopedReader(r, expiries).Scan(id[:]) {
		return binary.BigEndian.Uint32(k[len(id):]) <= height
	}
	return false
}

// Offers counts the offers that are registered.
func Offers(r storage.Reader, id messages.FederationID) int {
	return int(binaryNumber(storage.ScopedReader(r, counters).Get(offersKey(id))))
}

func count(tx storage.Tx, id messages.FederationID, by int) {
	storage.Scoped(tx, counters).Put(offersKey(id), be64(uint64(Offers(tx, id)+by)))
}

func offersKey(id messages.FederationID) []byte {
	return append(offerCounter[:len(offerCounter):len(offerCounter)], id[:]...)
}

func expiryKey(id messages.FederationID, height uint32, hash messages.Digest) []byte {
	return append(binary.BigEndian.AppendUint32(append(make([]byte, 0, 68), id[:]...), height), hash[:]...)
}
