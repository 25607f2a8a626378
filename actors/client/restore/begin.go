package restore

import (
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/storage"
)

// gap is how many addresses beyond the last one that was paid to are watched: nobody
// hands out so many in a row that are never used (BIP 44). The window grows in steps of
// it, since the chain is searched again each time.
const gap = 20

// windowScope holds the end of the window of addresses, if there was ever a search, and
// whether the chain was searched for all of them.
var (
	windowScope = storage.Local("client-window")
	windowKey   = []byte("end")
	searchedKey = []byte("searched")
)

// Begin writes a new operation, unless one is pending: then op becomes that one. The
// first one has the chain searched for payments to the first addresses of the seed, too.
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

// Paid notes that the address of a deposit key was paid to: the key is not handed out
// again, and the window reaches a gap beyond it. Without a search it does nothing.
func Paid(tx storage.Tx, index uint32) {
	if window(tx) == 0 {
		return
	}
	book.SkipDeposits(tx, index+1)
	widen(tx, (index/gap+2)*gap)
}

// Searched notes that the chain was searched for all addresses, up to its tip if tip is
// set. Paid may come later and widen the window.
func Searched(tx storage.Tx, tip bool) {
	if tip && window(tx) > 0 && !isSearched(tx) {
		storage.Scoped(tx, windowScope).Put(searchedKey, []byte{})
	}
}

func isSearched(r storage.Reader) bool {
	return storage.ScopedReader(r, windowScope).Get(searchedKey) != nil
}

// widen has the whole chain searched for what is new in the window.
func widen(tx storage.Tx, end uint32) {
	if end > window(tx) {
		s := storage.Scoped(tx, windowScope)
		s.Put(windowKey, binary.BigEndian.AppendUint32(nil, end))
		s.Delete(searchedKey)
		book.PutScanned(tx, 0)
	}
}

// window is the number of the first key that is not watched, 0 without a search.
func window(r storage.Reader) uint32 {
	b := storage.ScopedReader(r, windowScope).Get(windowKey)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}
