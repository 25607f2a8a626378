package recovery

import (
	"encoding/binary"
	"fmt"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/module/mint"
	"minimint/crypto/tbs"
	"minimint/messages/canonical"
	"minimint/storage"
)

// scope holds, by a letter: how many slices were read, what was found in them by
// nonce, and the nonces of the notes that were added.
var scope = storage.Local("client-recovery")

var (
	slicesKey   = []byte("s")
	foundPrefix = []byte("f")
	addedPrefix = []byte("a")
)

// The keys of one note.
func foundKey(nonce tbs.Nonce) []byte { return append(foundPrefix[:1:1], nonce[:]...) }
func addedKey(nonce tbs.Nonce) []byte { return append(addedPrefix[:1:1], nonce[:]...) }

// Resume returns the scan of all slices that were read with this store.
func Resume(r storage.Reader, owner Owner) *Scan {
	s := storage.ScopedReader(r, scope)
	var found []Found
	for key, b := range s.Scan(foundPrefix) {
		f := Found{tbs.Nonce(key[1:]), new(clientwire.Recovered)}
		if err := canonical.Unmarshal(b, f.Recovered, maxEntry); err != nil {
			panic(fmt.Sprintf("recovery: stored note: %v", err))
		}
		found = append(found, f)
	}
	slices := uint64(0)
	if b := s.Get(slicesKey); b != nil {
		slices = binary.BigEndian.Uint64(b)
	}
	return NewScan(owner, slices*mint.SliceSize, found)
}

// Advance stores a scan that stands at the end of a slice: how far it is, and what it has
// found and found spent since.
func Advance(tx storage.Tx, scan *Scan) {
	if scan.next%mint.SliceSize != 0 {
		panic(fmt.Sprintf("recovery: stored in the middle of a slice, at entry %d", scan.next))
	}
	s := storage.Scoped(tx, scope)
	for _, nonce := range scan.spent {
		s.Delete(foundKey(nonce))
		s.Delete(addedKey(nonce))
	}
	for _, f := range scan.Found() {
		s.Put(foundKey(f.Nonce), canonical.Marshal(f.Recovered))
	}
	s.Put(slicesKey, binary.BigEndian.AppendUint64(nil, scan.next/mint.SliceSize))
}

// Missing returns those of found that this store does not know of: it does not hold
// them, they were not added before, and no operation of its own asked for them. What an
// own operation asked for is in its record, and added, handed over or spent by it.
func Missing(r storage.Reader, found []Found) (missing []Found) {
	asked := map[keys.Tweak]bool{}
	for _, op := range book.Operations(r) {
		for _, a := range op.GetAttempts() {
			asked[keys.Tweak(a.GetTweak())] = true
		}
	}
	s := storage.ScopedReader(r, scope)
	for _, f := range found {
		_, held := book.FindNote(r, f.Nonce)
		if !held && !asked[keys.Tweak(f.GetTweak())] && s.Get(addedKey(f.Nonce)) == nil {
			missing = append(missing, f)
		}
	}
	return missing
}

// Adopt adds the notes that are still missing, counts them in op, and writes op: all of
// that is one commit. It must only be called by whoever owns the notes.
func Adopt(tx storage.Tx, op *clientwire.Operation, made []Note) {
	signatures := map[tbs.Nonce]tbs.Signature{}
	var found []Found
	for _, n := range made {
		signatures[n.Nonce] = n.Signature
		found = append(found, n.Found)
	}
	for _, f := range Missing(tx, found) {
		book.PutNote(tx, book.Note{Nonce: f.Nonce, Note: &clientwire.Note{
			Tier: f.GetTier(), Tweak: f.GetTweak(), Position: f.GetPosition(), Signature: signatures[f.Nonce].Bytes(),
		}})
		storage.Scoped(tx, scope).Put(addedKey(f.Nonce), []byte{})
		op.Restore.Notes++
		op.AmountMsat += uint64(notes.Worth(f.GetTier()))
	}
	book.Put(tx, op)
}
