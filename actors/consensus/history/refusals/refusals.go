// Package refusals remembers why transactions were refused, in a member's own store and
// outside the replicated state, written in the very commit of the epoch that refused
// them. It keeps the newest, a bounded number, whatever else of the past is kept.
//
// What is read back was written here. Anything else in the store means that the disk
// or we are wrong, and nothing may go on from there: reading it panics.
package refusals

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/wire"
	"minimint/storage"
)

var (
	refusedScope = storage.Local("rejected")
	orderScope   = storage.Local("rejected-order")
)

// Max is how many refusals are remembered, the newest. A client whose
// refusal was forgotten submits again and is refused again.
const Max = 10_000

// A Refusal says why an epoch refused one signed form of a transaction.
type Refusal struct {
	Epoch     messages.Epoch
	Tx        messages.TxID
	Rejection *messages.Rejection
}

// A List writes refusals in their order. Make one with [Read].
type List struct{ next uint64 }

// Read returns where the order goes on.
func Read(r storage.Reader) List {
	var l List
	for key := range storage.ScopedReader(r, orderScope).Scan(nil) {
		l.next = binary.BigEndian.Uint64(key) + 1
	}
	return l
}

// Write remembers why one signed form of a transaction was refused, instead of
// what is remembered about it already, and forgets the oldest refusal beyond
// Max.
func (l *List) Write(tx storage.Tx, witness messages.WitnessID, r Refusal) {
	refused, order := storage.Scoped(tx, refusedScope), storage.Scoped(tx, orderScope)
	if b := refused.Get(witness[:]); b != nil {
		order.Delete(b[:sequenceSize])
	}
	number := binary.BigEndian.AppendUint64(nil, l.next)
	order.Put(number, witness[:])
	refused.Put(witness[:], append(number, encodeRefusal(r)...))
	l.next++
	if l.next <= Max {
		return
	}
	oldest := binary.BigEndian.AppendUint64(nil, l.next-Max-1)
	if forgotten := order.Get(oldest); forgotten != nil {
		refused.Delete(forgotten)
		order.Delete(oldest)
	}
}

// Find returns why one signed form of a transaction was refused, and
// false if it was not or that is forgotten.
func Find(r storage.Reader, witness messages.WitnessID) (Refusal, bool) {
	b := storage.ScopedReader(r, refusedScope).Get(witness[:])
	if b == nil {
		return Refusal{}, false
	}
	if len(b) < sequenceSize {
		panic(fmt.Sprintf("refusals: stored refusal of %d bytes", len(b)))
	}
	w := new(wire.Rejected)
	if err := canonical.Unmarshal(b[sequenceSize:], w, math.MaxInt32); err != nil {
		panic(fmt.Sprintf("refusals: stored record: %v", err))
	}
	id, ok := messages.DigestFrom(w.GetTxid())
	if !ok {
		panic(fmt.Sprintf("refusals: stored refusal of a transaction with an id of %d bytes", len(w.GetTxid())))
	}
	return Refusal{
		Epoch: messages.Epoch(w.GetEpoch()), Tx: id,
		Rejection: &messages.Rejection{Code: messages.RejectionCode(w.GetCode()), Final: w.GetFinal(), Text: w.GetText()},
	}, true
}

// A stored refusal is its number in the order, which its place there has too,
// and then the record.
const sequenceSize = 8

func encodeRefusal(r Refusal) []byte {
	return canonical.Marshal(&wire.Rejected{
		Txid: r.Tx[:], Code: uint32(r.Rejection.Code), Final: r.Rejection.Final, Epoch: uint64(r.Epoch),
		// A module may quote what a client sent, and a text that was cut may
		// end within a character. Neither may stop a commit.
		Text: strings.ToValidUTF8(r.Rejection.Text, "\uFFFD"),
	})
}
