// Package ledger is what a gateway remembers: its federations, the offers that it
// promised to buy, and every payment in both directions, in tables of its own store. It
// reads and writes; what to write is decided elsewhere. It knows two rules of its own,
// which must hold in the transaction that writes: a payment hash is tried for one
// contract (H82), and one offer stands for a payment hash.
//
// Records are written before what they say is acted on.
package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// The tables.
var (
	federations = storage.Local("gateway-federations") // id → Federation
	payments    = storage.Local("gateway-payments")    // contract → Payment
	hashes      = storage.Local("gateway-hashes")      // payment hash → contract that it is tried for
	purchases   = storage.Local("gateway-purchases")   // federation, payment hash → Purchase
	offers      = storage.Local("gateway-offers")      // federation, payment hash → Offer
	expiries    = storage.Local("gateway-expiries")    // federation, height, payment hash
	open        = storage.Local("gateway-open")        // number of what is not over
	history     = storage.Local("gateway-history")     // number → which table, key
	counters    = storage.Local("gateway-counters")
)

var (
	paymentCounter = []byte("payment")
	offerCounter   = []byte("offers ") // and a federation
)

// ErrTried says that a payment hash was tried for another contract.
var ErrTried = errors.New("this payment hash was paid, or tried, for another contract")

// Federations returns all of them, in the order in which they were connected.
func Federations(r storage.Reader) []*ledgerwire.Federation {
	var out []*ledgerwire.Federation
	for _, b := range storage.ScopedReader(r, federations).Scan(nil) {
		f := decode(b, new(ledgerwire.Federation))
		at := len(out)
		for at > 0 && out[at-1].GetNumber() > f.GetNumber() {
			at--
		}
		out = append(out[:at], append([]*ledgerwire.Federation{f}, out[at:]...)...)
	}
	return out
}

// Federation returns one, nil if the gateway does not work there.
func Federation(r storage.Reader, id messages.FederationID) *ledgerwire.Federation {
	return read(storage.ScopedReader(r, federations), id[:], new(ledgerwire.Federation))
}

// PutFederation writes one; a new one gets its number.
func PutFederation(tx storage.Tx, f *ledgerwire.Federation) {
	if f.GetNumber() == 0 {
		f.Number = uint32(len(Federations(tx))) + 1
	}
	storage.Scoped(tx, federations).Put(f.GetId(), canonical.Marshal(f))
}

// TakeKey returns the index of a refund key that was never used. It lies above all that
// the client itself uses.
func TakeKey(tx storage.Tx, id messages.FederationID) uint32 {
	const firstKey = 1 << 31
	f := Federation(tx, id)
	f.Keys++
	PutFederation(tx, f)
	return firstKey + f.Keys - 1
}

// Count adds to the totals of a federation.
func Count(tx storage.Tx, id []byte, add func(*ledgerwire.Totals)) {
	f := read(storage.ScopedReader(tx, federations), id, new(ledgerwire.Federation))
	if f.GetTotals() == nil {
		f.Totals = new(ledgerwire.Totals)
	}
	add(f.Totals)
	PutFederation(tx, f)
}

// Payment returns what became of an outgoing contract, nil if the gateway never agreed
// to anything.
func Payment(r storage.Reader, contract terms.ID) *ledgerwire.Payment {
	return read(storage.ScopedReader(r, payments), contract[:], new(ledgerwire.Payment))
}

// Begin writes a new payment. With tried set it takes its hash for ever, or returns
// ErrTried and has written nothing.
func Begin(tx storage.Tx, p *ledgerwire.Payment) error {
	taken := storage.Scoped(tx, hashes)
	if p.GetTried() {
		if taken.Get(p.GetPaymentHash()) != nil {
			return ErrTried
		}
		taken.Put(p.GetPaymentHash(), p.GetContract())
	}
	p.Number = enter(tx, 'p', p.GetContract())
	PutPayment(tx, p)
	return nil
}

// Tried reports whether a payment hash was tried for a contract.
func Tried(r storage.Reader, hash messages.Digest) bool {
	return storage.ScopedReader(r, hashes).Get(hash[:]) != nil
}

// PutPayment writes a payment over its former record.
func PutPayment(tx storage.Tx, p *ledgerwire.Payment) {
	storage.Scoped(tx, payments).Put(p.GetContract(), canonical.Marshal(p))
	mark(tx, p.GetNumber(), PaymentOpen(p))
}

// PaymentOpen reports whether a payment is not over.
func PaymentOpen(p *ledgerwire.Payment) bool {
	switch p.GetState() {
	case ledgerwire.PaymentState_PAYMENT_PAYING, ledgerwire.PaymentState_PAYMENT_BUYING, ledgerwire.PaymentState_PAYMENT_PAID:
		return true
	default:
		return false
	}
}

// Purchase returns what became of an offer, nil if nobody wanted to buy it.
func Purchase(r storage.Reader, id messages.FederationID, hash messages.Digest) *ledgerwire.Purchase {
	return read(storage.ScopedReader(r, purchases), place(id, hash), new(ledgerwire.Purchase))
}

// PutPurchase writes a purchase, the first time or again.
func PutPurchase(tx storage.Tx, p *ledgerwire.Purchase) {
	key := append(p.GetFederation()[:len(p.GetFederation()):len(p.GetFederation())], p.GetOffer().GetPaymentHash()...)
	if p.GetNumber() == 0 {
		p.Number = enter(tx, 'o', key)
	}
	storage.Scoped(tx, purchases).Put(key, canonical.Marshal(p))
	mark(tx, p.GetNumber(), PurchaseOpen(p))
}

// PurchaseOpen reports whether a purchase is not over.
func PurchaseOpen(p *ledgerwire.Purchase) bool {
	return p.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING || p.GetState() == ledgerwire.PurchaseState_PURCHASE_INVALID
}

// An Entry is a payment in one direction: the one of both that is not nil.
type Entry struct {
	Payment  *ledgerwire.Payment
	Purchase *ledgerwire.Purchase
}

// Open returns what is not over, the oldest first.
func Open(r storage.Reader) []Entry {
	var out []Entry
	for number := range storage.ScopedReader(r, open).Scan(nil) {
		out = append(out, entry(r, storage.ScopedReader(r, history).Get(number)))
	}
	return out
}

// History returns at most limit entries with a number below before, the newest first;
// before 0 is no bound.
func History(r storage.Reader, before uint64, limit int) []Entry {
	if end := binaryNumber(storage.ScopedReader(r, counters).Get(paymentCounter)) + 1; before == 0 || before > end {
		before = end
	}
	var out []Entry
	for n := before - 1; n > 0 && len(out) < limit; n-- {
		out = append(out, entry(r, storage.ScopedReader(r, history).Get(be64(n))))
	}
	return out
}

func entry(r storage.Reader, at []byte) Entry {
	if at[0] == 'p' {
		return Entry{Payment: read(storage.ScopedReader(r, payments), at[1:], new(ledgerwire.Payment))}
	}
	return Entry{Purchase: read(storage.ScopedReader(r, purchases), at[1:], new(ledgerwire.Purchase))}
}

// enter gives a record its number.
func enter(tx storage.Tx, table byte, key []byte) uint64 {
	c := storage.Scoped(tx, counters)
	n := binaryNumber(c.Get(paymentCounter)) + 1
	c.Put(paymentCounter, be64(n))
	storage.Scoped(tx, history).Put(be64(n), append([]byte{table}, key...))
	return n
}

func mark(tx storage.Tx, number uint64, isOpen bool) {
	if s := storage.Scoped(tx, open); isOpen {
		s.Put(be64(number), []byte{})
	} else {
		s.Delete(be64(number))
	}
}

// AtStake is what the open payments of a federation bind there: contracts to be claimed,
// offers to be decided.
func AtStake(r storage.Reader, id messages.FederationID) messages.Amount {
	sum := messages.Amount(0)
	for _, e := range Open(r) {
		switch {
		case e.Payment != nil && messages.FederationID(e.Payment.GetFederation()) == id:
			sum += messages.Amount(e.Payment.GetHeldMsat())
		case e.Purchase != nil && messages.FederationID(e.Purchase.GetFederation()) == id:
			sum += messages.Amount(e.Purchase.GetOffer().GetAmountMsat())
		}
	}
	return sum
}

func place(id messages.FederationID, hash messages.Digest) []byte {
	return append(append(make([]byte, 0, 64), id[:]...), hash[:]...)
}

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// binaryNumber reads what be64 wrote; nothing is 0.
func binaryNumber(b []byte) uint64 {
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// read returns the record under a key, nil if there is none.
func read[M proto.Message](r storage.Reader, key []byte, m M) M {
	b := r.Get(key)
	if b == nil {
		var none M
		return none
	}
	return decode(b, m)
}

func decode[M proto.Message](b []byte, m M) M {
	if err := canonical.Unmarshal(b, m, math.MaxInt32); err != nil {
		panic(fmt.Sprintf("ledger: stored record: %v", err))
	}
	return m
}

// maxReason bounds what is kept of a reason, in bytes, so that every reply fits.
const maxReason = 400

// Reason is what a record keeps of a reason.
func Reason(text string) string {
	return messages.Reject(messages.RejectModuleOwn, "%.*s", maxReason, text).Text
}
