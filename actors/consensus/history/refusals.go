package history

import (
	"encoding/binary"
	"fmt"
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

// MaxRefusals is how many refusals are remembered, the newest. A client whose
// refusal was forgotten submits again and is refused again.
const MaxRefusals = 10_000

// A Refusal says why an epoch refused one signed form of a transaction.
type Refusal struct {
	Epoch     messages.Epoch
	Tx        messages.TxID
	Rejection *messages.Rejection
}

// Refusals writes refusals in their order. Make one with [ReadRefusals].
type Refusals struct{ next uint64 }

// ReadRefusals returns where the order goes on.
func ReadRefusals(r storage.Reader) Refusals {
	var s Refusals
	for key := range storage.ScopedReader(r, orderScope).Scan(nil) {
		s.next = binary.BigEndian.Uint64(key) + 1
	}
	return s
}

// Write remembers why one signed form of a transaction was refused, instead of
// what is remembered about it already, and forgets the oldest refusal beyond
// MaxRefusals.
func (s *Refusals) Write(tx storage.Tx, witness messages.WitnessID, r Refusal) {
	refused, order := storage.Scoped(tx, refusedScope), storage.Scoped(tx, orderScope)
	if b := refused.Get(witness[:]); b != nil {
		order.Delete(b[:sequenceSize])
	}
	number := binary.BigEndian.AppendUint64(nil, s.next)
	order.Put(number, witness[:])
	refused.Put(witness[:], append(number, encodeRefusal(r)...))
	s.next++
	if s.next <= MaxRefusals {
		return
	}
	oldest := binary.BigEndian.AppendUint64(nil, s.next-MaxRefusals-1)
	if forgotten := order.Get(oldest); forgotten != nil {
		refused.Delete(forgotten)
		order.Delete(oldest)
	}
}

// FindRefusal returns why one signed form of a transaction was refused, and
// false if it was not or that is forgotten.
func FindRefusal(r storage.Reader, witness messages.WitnessID) (Refusal, bool) {
	b := storage.ScopedReader(r, refusedScope).Get(witness[:])
	if b == nil {
		return Refusal{}, false
	}
	if len(b) < sequenceSize {
		panic(fmt.Sprintf("history: stored refusal of %d bytes", len(b)))
	}
	w := new(wire.Rejected)
	mustDecode(b[sequenceSize:], w)
	id, ok := messages.DigestFrom(w.GetTxid())
	if !ok {
		panic(fmt.Sprintf("history: stored refusal of a transaction with an id of %d bytes", len(w.GetTxid())))
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
