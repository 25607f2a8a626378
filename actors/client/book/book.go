// Package book is the layout of a client's store: who the client is, its notes,
// its operations and their names, the tweaks that were ground ahead, its deposit addresses.
//
// Everything here works inside a transaction of the caller, so that what
// belongs together (notes that are taken and the record that says what for) is
// one commit. A record that cannot be read means that the disk or we are wrong,
// and panics.
//
// It has more names than packages here usually have. Each scope of the store has a reader
// and a writer that do nothing else, and who knows one pair knows them all; a second
// package would have to share the counters and the encoding. What payments need is in
// payments.go, the rest is here.
package book

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/crypto/tbs"
	"minimint/messages/canonical"
	"minimint/storage"
)

var (
	memberScope  = storage.Local("client")
	noteScope    = storage.Local("client-notes")      // nonce → Note
	recordScope  = storage.Local("client-operations") // id → Operation
	pendingScope = storage.Local("client-pending")    // id of those that are not over
	tweakScope   = storage.Local("client-tweaks")
	claimScope   = storage.Local("client-claims")     // bitcoin outpoint → id of its claim
	nameScope    = storage.Local("client-references") // reference → id of its operation
)

var (
	membershipKey = []byte("membership")
	lastKey       = []byte("last operation")
	depositKey    = []byte("next deposit")
	scannedKey    = []byte("scanned height")
)

// Membership returns who the client is, nil if it has not joined.
func Membership(r storage.Reader) *clientwire.Membership {
	m := new(clientwire.Membership)
	if !read(storage.ScopedReader(r, memberScope), membershipKey, m) {
		return nil
	}
	return m
}

// PutMembership writes who the client is.
func PutMembership(tx storage.Tx, m *clientwire.Membership) {
	storage.Scoped(tx, memberScope).Put(membershipKey, canonical.Marshal(m))
}

// Add gives an operation its id and writes it. A reference that another one has is
// the caller's mistake, and panics.
func Add(tx storage.Tx, op *clientwire.Operation) {
	s := storage.Scoped(tx, memberScope)
	op.Id = number(s.Get(lastKey)) + 1
	s.Put(lastKey, be64(op.Id))
	if name := op.GetReference(); name != "" {
		if other := Named(tx, name); other != 0 {
			panic(fmt.Sprintf("book: %q is operation %d already", name, other))
		}
		storage.Scoped(tx, nameScope).Put([]byte(name), be64(op.Id))
	}
	Put(tx, op)
}

// Named returns the operation with a reference, 0 if there is none.
func Named(r storage.Reader, reference string) uint64 {
	return number(storage.ScopedReader(r, nameScope).Get([]byte(reference)))
}

// Put writes an operation over its former record.
func Put(tx storage.Tx, op *clientwire.Operation) {
	key := be64(op.GetId())
	storage.Scoped(tx, recordScope).Put(key, canonical.Marshal(op))
	if op.GetState() == clientwire.State_STATE_PENDING {
		storage.Scoped(tx, pendingScope).Put(key, []byte{})
	} else {
		storage.Scoped(tx, pendingScope).Delete(key)
	}
}

// Operation returns a record, nil if there is none.
func Operation(r storage.Reader, id uint64) *clientwire.Operation {
	op := new(clientwire.Operation)
	if !read(storage.ScopedReader(r, recordScope), be64(id), op) {
		return nil
	}
	return op
}

// Operations returns all records, the oldest first.
func Operations(r storage.Reader) []*clientwire.Operation {
	var out []*clientwire.Operation
	for _, b := range storage.ScopedReader(r, recordScope).Scan(nil) {
		op := new(clientwire.Operation)
		decode(b, op)
		out = append(out, op)
	}
	return out
}

// Pending returns the ids of the operations that are not over, ascending.
func Pending(r storage.Reader) []uint64 {
	var out []uint64
	for k := range storage.ScopedReader(r, pendingScope).Scan(nil) {
		out = append(out, number(k))
	}
	return out
}

// A Note is one stored note.
type Note struct {
	Nonce tbs.Nonce
	*clientwire.Note
}

// Notes returns all notes, ascending by nonce, which is no order at all.
func Notes(r storage.Reader) []Note {
	var out []Note
	for k, b := range storage.ScopedReader(r, noteScope).Scan(nil) {
		n := Note{Nonce: tbs.Nonce(k), Note: new(clientwire.Note)}
		decode(b, n.Note)
		out = append(out, n)
	}
	return out
}

// FindNote returns a note, and false if there is none with that nonce.
func FindNote(r storage.Reader, nonce tbs.Nonce) (Note, bool) {
	n := Note{Nonce: nonce, Note: new(clientwire.Note)}
	return n, read(storage.ScopedReader(r, noteScope), nonce[:], n.Note)
}

// PutNote writes a note.
func PutNote(tx storage.Tx, n Note) {
	storage.Scoped(tx, noteScope).Put(n.Nonce[:], canonical.Marshal(n.Note))
}

// DeleteNote forgets a note.
func DeleteNote(tx storage.Tx, nonce tbs.Nonce) { storage.Scoped(tx, noteScope).Delete(nonce[:]) }

// Tweaks counts the tweaks in stock.
func Tweaks(r storage.Reader) int {
	n := 0
	for range storage.ScopedReader(r, tweakScope).Scan(nil) {
		n++
	}
	return n
}

// AddTweak puts a tweak into stock.
func AddTweak(tx storage.Tx, t keys.Tweak) { storage.Scoped(tx, tweakScope).Put(t[:], []byte{}) }

// TakeTweak takes a tweak out of the stock, and reports false if it is empty.
func TakeTweak(tx storage.Tx) (keys.Tweak, bool) {
	s := storage.Scoped(tx, tweakScope)
	for k := range s.Scan(nil) {
		t := keys.Tweak(k)
		s.Delete(k)
		return t, true
	}
	return keys.Tweak{}, false
}

// TakeDepositIndex returns the number of the next deposit key, from 0.
func TakeDepositIndex(tx storage.Tx) uint32 {
	s := storage.Scoped(tx, memberScope)
	next := number(s.Get(depositKey))
	s.Put(depositKey, be64(next+1))
	return uint32(next)
}

// SkipDeposits sees to it that no deposit key below next is handed out.
func SkipDeposits(tx storage.Tx, next uint32) {
	s := storage.Scoped(tx, memberScope)
	s.Put(depositKey, be64(max(number(s.Get(depositKey)), uint64(next))))
}

// Scanned returns the height up to which blocks were searched for deposits.
func Scanned(r storage.Reader) uint32 {
	return uint32(number(storage.ScopedReader(r, memberScope).Get(scannedKey)))
}

// PutScanned writes that height.
func PutScanned(tx storage.Tx, height uint32) {
	storage.Scoped(tx, memberScope).Put(scannedKey, be64(uint64(height)))
}

// ClaimOf returns the operation that claims a bitcoin output, 0 if none does.
func ClaimOf(r storage.Reader, outpoint []byte) uint64 {
	return number(storage.ScopedReader(r, claimScope).Get(outpoint))
}

// PutClaim writes that an operation claims a bitcoin output.
func PutClaim(tx storage.Tx, outpoint []byte, id uint64) {
	storage.Scoped(tx, claimScope).Put(outpoint, be64(id))
}

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number reads what be64 wrote; nothing is 0.
func number(b []byte) uint64 {
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func read(r storage.Reader, key []byte, m proto.Message) bool {
	b := r.Get(key)
	if b == nil {
		return false
	}
	decode(b, m)
	return true
}

func decode(b []byte, m proto.Message) {
	if err := canonical.Unmarshal(b, m, math.MaxInt32); err != nil {
		panic(fmt.Sprintf("book: stored record: %v", err))
	}
}
