package restore

import (
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/storage"
)

// gap is how many addresses beyond the last one that was paid to are watched: nobody
// hands out so many in a row that are never used (BIP 44). The window grows in steps of it, since the
// chain is searched again each time.
const gap = 20

// windowScope holds the end of the window of addresses, if there was ever a search.
var (
	windowScope = storage.Local("client-window")
	windowKey   = []byte("end")
)

// Begin writes a new operation, unless one is pending: then op becomes that one. The first
// one has the chain searched for payments to the first addresses of the seed, too.
func Begin(tx storage.Tx, op *clientwire.Operation) {
	for _, id := range book.Pending(tx) {
		if old := book.Operation(tx, id); old.GetKind() == clientwire.Kind_KIND_RESTORE {
			proto.Reset(op)
			proto.Merge(op, old)
			return
		}
	}
	op.Kind, op.State, op.Restore = clientwire.Kind_KIND_RESTORE, clientwire.State_STATE_PENDING, &clientwire.Restore{}
	book.Add(tx, op)
	widen(tx, gap)
}

// Addresses returns the numbers of the deposit keys that are watched although this
// store has no record of their addresses. They can have been paid to at any height.
func Addresses(r storage.Reader) []uint32 {
	end := window(r)
	if end == 0 {
		return nil
	}
	known := map[uint32]bool{}
	for _, op := range book.Operations(r) {
		if d := op.GetDeposit(); d != nil {
			known[d.GetIndex()] = true
		}
	}
	var list []uint32
	for i := range end {
		if !known[i] {
			list = append(list, i)
		}
	}
	return list
}

// Paid notes that the address of a deposit key was paid to: the key is not handed out again, and the
// window reaches beyond it.
func Paid(tx storage.Tx, index uint32) {
	if window(tx) == 0 {
		return
	}
	book.SkipDeposits(tx, index+1)
	widen(tx, (index/gap+2)*gap)
}

// widen has the whole chain searched for what is new in the window.
func widen(tx storage.Tx, end uint32) {
	if end > window(tx) {
		storage.Scoped(tx, windowScope).Put(windowKey, binary.BigEndian.AppendUint32(nil, end))
		book.PutScanned(tx, 0)
	}
}

func window(r storage.Reader) uint32 {
	b := storage.ScopedReader(r, windowScope).Get(windowKey)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}
