package customer

import (
	"errors"
	"fmt"
	"path/filepath"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/notes"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/bolt"
)

// books are the sums of a wallet, in millisatoshi.
type books struct {
	notes   int64 // worth of all notes, free or not
	brought int64 // by operations that are over, less what they took
}

// audit reads a wallet's store, which no process may have open.
func audit(dir string) (b books, err error) {
	store, err := bolt.Open(filepath.Join(dir, "client.db"), bolt.Options{NoSync: true})
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	snap, err := store.View()
	if err != nil {
		return b, err
	}
	defer snap.Release()
	return sums(snap)
}

func sums(r storage.Reader) (b books, err error) {
	defer func() { // what cannot be read back is a panic of the code that reads it
		if reason := recover(); reason != nil {
			err = fmt.Errorf("books: %v", reason)
		}
	}()
	for _, n := range book.Notes(r) {
		b.notes += int64(notes.Worth(n.GetTier()))
	}
	for _, op := range book.Operations(r) {
		b.brought += brought(op)
	}
	return b, nil
}

// brought is what an operation has brought into a wallet by its end, negative if it
// took something. One that is pending has done neither: its notes are reserved.
func brought(op *clientwire.Operation) int64 {
	if op.GetState() == clientwire.State_STATE_PENDING {
		return 0
	}
	sum := -int64(op.GetFeeMsat())
	if op.GetState() != clientwire.State_STATE_DONE {
		return sum
	}
	switch op.GetKind() {
	case clientwire.Kind_KIND_CLAIM, clientwire.Kind_KIND_RECEIVE, clientwire.Kind_KIND_RECLAIM:
		return sum + int64(op.GetAmountMsat())
	case clientwire.Kind_KIND_SPEND:
		return sum - int64(op.GetAmountMsat())
	case clientwire.Kind_KIND_WITHDRAW: // what it does not need for the fee stays with the federation
		w := op.GetWithdrawal()
		return sum - int64(w.GetSats()+w.GetMaxFeeSats())*int64(messages.Sat)
	case clientwire.Kind_KIND_FUND:
		return sum - int64(op.GetAmountMsat())
	case clientwire.Kind_KIND_REDEEM:
		return sum + int64(op.GetAmountMsat())
	case clientwire.Kind_KIND_PAY, clientwire.Kind_KIND_INVOICE: // what they cost stands with their parts
		return 0
	case clientwire.Kind_KIND_DEPOSIT, clientwire.Kind_KIND_REISSUE, clientwire.Kind_KIND_RESTORE, clientwire.Kind_KIND_UNKNOWN:
	}
	return sum
}
