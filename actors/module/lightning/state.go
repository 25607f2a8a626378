package lightning

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"minimint/actors/module/contract"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// The module's keys. Integers are big-endian.
const (
	keyHeight   = 'h' // → agreed height at the end of the last epoch (4)
	keyContract = 'c' // id → Contract, also an offer, until it is forgotten
	keyFunding  = 'o' // outpoint (36) → id of the contract that it funded
	keyTask     = 't' // number (8) → id of a contract whose preimage is being decrypted
	keyNext     = 'n' // → number of the last contract, offer or task (8), from 1
	keyShare    = 's' // id, member (2) → share; while it is being decrypted
	keyByHash   = 'q' // payment hash, number (8) → id of an offer that waits to be bought
	keyParty    = 'k' // key of a user or buyer (32), number (8) → id; as long as the contract
	keyOffers   = 'a' // → number of offers that wait to be bought (8)
	keyExcess   = 'x' // id → nothing; of an offer beyond MaxOffers, to the end of the epoch
	keyGateway  = 'g' // gateway's key → Listed
	keyDue      = 'e' // height (4), letter of its table, id or key → nothing; may be forgotten then
)

// Lines of the audit.
const (
	lineOutgoing = "outgoing" // liability: in outgoing contracts
	lineIncoming = "incoming" // liability: in incoming contracts
)

func key(prefix byte, parts ...[]byte) []byte {
	return append([]byte{prefix}, bytes.Join(parts, nil)...)
}

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func readUint(b []byte) uint64 {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func fundingKey(at messages.OutPoint) []byte { return key(keyFunding, at.Tx[:], be32(at.Index)) }

// maxRecord bounds what one record may take.
const maxRecord = 4 << 10

// read decodes a record of ours; one that cannot be decoded is a broken store.
func read[M proto.Message](b []byte, m M) M {
	if err := canonical.Unmarshal(b, m, maxRecord); err != nil {
		panic(fmt.Sprintf("lightning: stored record: %v", err))
	}
	return m
}

// stored returns the contract or offer of an id, nil if there is none.
func stored(r storage.Reader, id terms.ID) *lightningwire.Contract {
	raw := r.Get(key(keyContract, id[:]))
	if raw == nil {
		return nil
	}
	return read(raw, new(lightningwire.Contract))
}

// store writes a contract or offer, and under which keys it can be found.
func store(tx storage.Tx, c *lightningwire.Contract) {
	tx.Put(key(keyContract, c.GetId()), canonical.Marshal(c))
	for _, k := range partiesOf(c) {
		if tx.Get(k) == nil {
			tx.Put(k, c.GetId())
		}
	}
}

func remove(tx storage.Tx, c *lightningwire.Contract) {
	tx.Delete(key(keyContract, c.GetId()))
	for _, k := range partiesOf(c) {
		tx.Delete(k)
	}
}

// partiesOf says under which keys it is found: those of whoever may have lost all but a
// seed, users, and payers who buy for themselves. A gateway's key stands in all its
// contracts. A key's contracts are in order of their age, so what others give it
// later hides none of them.
func partiesOf(c *lightningwire.Contract) [][]byte {
	if o := c.GetOutgoing(); o != nil {
		return [][]byte{key(keyParty, o.GetUserKey(), be64(c.GetSince()))}
	}
	claim, refund := c.GetOffer().GetClaimKey(), c.GetRefundKey()
	found := [][]byte{key(keyParty, claim, be64(c.GetSince()))}
	if refund != nil && !bytes.Equal(refund, claim) {
		found = append(found, key(keyParty, refund, be64(c.GetNumber())))
	}
	return found
}

// offerOf returns the terms of an incoming contract of ours.
func offerOf(c *lightningwire.Contract) terms.Offer {
	o, err := terms.OfferOf(c.GetOffer())
	if err != nil {
		panic(fmt.Sprintf("lightning: stored offer: %v", err))
	}
	return o
}

// agreedHeight is the height that members agree on; until there is one, nothing
// that has an expiry is possible.
func agreedHeight(env contract.Env) (uint32, error) {
	b := env.Fact(contract.FactHeight)
	if len(b) != 4 {
		return 0, messages.RejectForNow(messages.RejectBlockUnknown, "the federation has not agreed on a block yet")
	}
	return binary.BigEndian.Uint32(b), nil
}

// within refuses an expiry that has come, or lies more than life blocks ahead. The
// latter is not for ever.
func within(expiry, height, life uint32) error {
	switch {
	case expiry <= height:
		return messages.Reject(messages.RejectExpiry, "expiry %d has come: the agreed height is %d", expiry, height)
	case expiry-height > life:
		return messages.RejectForNow(messages.RejectExpiry, "expiry %d lies too far ahead: at agreed height %d, at most %d is allowed", expiry, height, height+life)
	}
	return nil
}

// putOffer lets an offer wait, and takeOffer ends that.
func putOffer(tx storage.Tx, c *lightningwire.Contract) {
	tx.Put(offerKey(c), c.GetId())
	tx.Put(key(keyOffers), be64(openOffers(tx)+1))
}

func takeOffer(tx storage.Tx, c *lightningwire.Contract) {
	tx.Delete(offerKey(c))
	tx.Put(key(keyOffers), be64(openOffers(tx)-1))
}

func offerKey(c *lightningwire.Contract) []byte {
	return key(keyByHash, c.GetOffer().GetPaymentHash(), be64(c.GetNumber()))
}

// number gives the next contract, offer or task its place.
func number(tx storage.Tx) uint64 {
	n := readUint(tx.Get(key(keyNext))) + 1
	tx.Put(key(keyNext), be64(n))
	return n
}

func openOffers(r storage.Reader) uint64 { return readUint(r.Get(key(keyOffers))) }

// due notes that something may be forgotten at a height. It is looked at again
// then, so a note too many does no harm.
func due(tx storage.Tx, height uint32, table byte, name []byte) {
	tx.Put(key(keyDue, be32(height), []byte{table}, name), []byte{})
}

// maxForgotten bounds how much one epoch forgets; the rest waits for the next.
const maxForgotten = 256

// EndEpoch implements contract.Module: it keeps the agreed height for queries, and
// forgets what is over or has no room.
func (m *Module) EndEpoch(tx storage.Tx, env contract.Env) error {
	forgetExcess(tx)
	height, err := agreedHeight(env)
	if err != nil {
		return nil // nothing has an expiry yet
	}
	if h := be32(height); !bytes.Equal(tx.Get(key(keyHeight)), h) {
		tx.Put(key(keyHeight), h)
	}
	var notes [][]byte
	for k := range tx.Scan(key(keyDue)) {
		if len(notes) == maxForgotten || uint32(readUint(k[1:5])) > height {
			break
		}
		notes = append(notes, bytes.Clone(k))
	}
	for _, k := range notes {
		tx.Delete(k)
		forget(tx, height, k[5], k[6:])
	}
	return nil
}

// forgetExcess ends the offers that found no room and were not bought at once.
func forgetExcess(tx storage.Tx) {
	var notes [][]byte
	for k := range tx.Scan(key(keyExcess)) {
		notes = append(notes, bytes.Clone(k))
	}
	for _, k := range notes {
		tx.Delete(k)
		if c := stored(tx, terms.ID(k[1:])); c.GetState() == lightningwire.State_STATE_OFFERED {
			remove(tx, c)
			takeOffer(tx, c)
		}
	}
}

// forget deletes what a note is about, if it is over.
func forget(tx storage.Tx, height uint32, table byte, name []byte) {
	switch table {
	case keyGateway:
		raw := tx.Get(key(keyGateway, name))
		if raw != nil && read(raw, new(lightningwire.Listed)).GetUntil() <= height {
			tx.Delete(key(keyGateway, name))
		}
	case keyContract:
		c := stored(tx, terms.ID(name))
		switch {
		case c == nil:
		case c.GetState() == lightningwire.State_STATE_OFFERED:
			remove(tx, c)
			takeOffer(tx, c)
		case closed(c) && forgottenAt(c) <= height:
			remove(tx, c)
			tx.Delete(fundingKey(messages.OutPoint{Tx: messages.TxID(c.GetTransaction()), Index: c.GetIndex()}))
		}
	}
}

// forgottenAt is when a closed contract may be forgotten: long enough after its
// end to tell about it, and never before its terms lie in the past.
func forgottenAt(c *lightningwire.Contract) uint32 {
	return max(c.GetOutgoing().GetExpiry(), c.GetOffer().GetExpiry(), c.GetClosedHeight()) + Retention
}

// closed reports whether a contract's money has left it.
func closed(c *lightningwire.Contract) bool {
	switch c.GetState() {
	case lightningwire.State_STATE_CLAIMED, lightningwire.State_STATE_REFUNDED, lightningwire.State_STATE_FORFEITED:
		return true
	default:
		return false
	}
}
