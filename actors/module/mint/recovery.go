package mint

import (
	"encoding/binary"
	"fmt"

	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// SliceSize is how many entries of the recovery log make a slice.
const SliceSize = 10_000

// maxPage bounds how many entries, or hashes of slices, one answer holds.
const maxPage = 1_000

var (
	countKey = []byte("n") // entries so far
	chainKey = []byte("d") // hash over the entries of the unfinished slice
)

// appendEntry adds one entry to the recovery log: its number, its bytes, and a
// running hash that becomes the slice's hash when the slice is full.
func appendEntry(tx storage.Tx, e *mintwire.Entry) {
	n := count(tx)
	b := canonical.Marshal(e)
	tx.Put(entryKey(n), b)
	chain := domain.Hash(domain.RecoverySlice, tx.Get(chainKey), b)
	if n++; n%SliceSize == 0 {
		tx.Put(sliceKey(n/SliceSize-1), chain[:])
		tx.Put(chainKey, []byte{})
	} else {
		tx.Put(chainKey, chain[:])
	}
	tx.Put(countKey, binary.BigEndian.AppendUint64(nil, n))
}

func count(r storage.Reader) uint64 {
	b := r.Get(countKey)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Query implements contract.Querier. A number is 8 bytes big-endian.
//
//	"slices"  the number of a complete slice: the hashes of up to 1,000 slices
//	          from there on, and the number of all entries
//	"slice"   the number of an entry: up to 1,000 entries from there on
//
// What lies beyond the end is empty.
func (m *Module) Query(r storage.Reader, method string, body []byte) ([]byte, error) {
	if method != "slices" && method != "slice" {
		return nil, messages.Reject(messages.RejectUnknownQuery, "the mint answers slices and slice, not %.40q", method)
	}
	if len(body) != 8 {
		return nil, messages.Reject(messages.RejectMalformed, "the query %s takes 8 bytes, got %d", method, len(body))
	}
	from, entries := binary.BigEndian.Uint64(body), count(r)
	if method == "slices" {
		answer := &mintwire.Slices{Entries: entries}
		for i := from; i < entries/SliceSize && i-from < maxPage; i++ {
			answer.Hashes = append(answer.Hashes, r.Get(sliceKey(i)))
		}
		return canonical.Marshal(answer), nil
	}
	answer := &mintwire.Slice{}
	for i := from; i < entries && i-from < maxPage; i++ {
		e := new(mintwire.Entry)
		mustRead(r.Get(entryKey(i)), e)
		answer.Entries = append(answer.Entries, e)
	}
	return canonical.Marshal(answer), nil
}

func entryKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'l'}, n) }

func sliceKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'h'}, n) }

// SliceHash is the hash of a complete slice: what a wallet compares with the
// hash that f+1 members gave.
func SliceHash(entries [][]byte) (messages.Digest, error) {
	if len(entries) != SliceSize {
		return messages.Digest{}, fmt.Errorf("slice of %d entries, want %d", len(entries), SliceSize)
	}
	var chain []byte
	for _, e := range entries {
		next := domain.Hash(domain.RecoverySlice, chain, e)
		chain = next[:]
	}
	return messages.Digest(chain), nil
}
