package mint

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// SliceSize is how many entries of the recovery log make a slice.
const SliceSize = 10_000

// How much one answer to a query holds at most. SliceSize is a multiple of both
// numbers of entries.
const (
	// PageSize bounds entries, and hashes of slices.
	PageSize = 1_000
	// SharesSize bounds entries whose shares are answered: each is a multiplication,
	// about 0.2 ms, and other questions wait.
	SharesSize = 100
)

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
//	"shares"  the number of an entry: this member's blind shares for up to 100
//	          entries from there on, see mintwire.Shares
//
// What lies beyond the end is empty. Shares are asked for by place in the log, so
// that a wallet that recovers can ask for those of everybody.
func (m *Module) Query(r storage.Reader, method string, body []byte) ([]byte, error) {
	answer, ok := map[string]func(storage.Reader, uint64) proto.Message{"slices": m.slices, "slice": m.slice, "shares": m.shares}[method]
	if !ok {
		return nil, messages.Reject(messages.RejectUnknownQuery, "the mint answers slices, slice and shares, not %.40q", method)
	}
	if len(body) != 8 {
		return nil, messages.Reject(messages.RejectMalformed, "the query %s takes 8 bytes, got %d", method, len(body))
	}
	return canonical.Marshal(answer(r, binary.BigEndian.Uint64(body))), nil
}

func (m *Module) slices(r storage.Reader, from uint64) proto.Message {
	answer := &mintwire.Slices{Entries: count(r)}
	for i := from; i < answer.Entries/SliceSize && i-from < PageSize; i++ {
		answer.Hashes = append(answer.Hashes, r.Get(sliceKey(i)))
	}
	return answer
}

func (m *Module) slice(r storage.Reader, from uint64) proto.Message {
	return &mintwire.Slice{Entries: entriesFrom(r, from, PageSize)}
}

func (m *Module) shares(r storage.Reader, from uint64) proto.Message {
	answer := &mintwire.Shares{}
	for _, e := range entriesFrom(r, from, SharesSize) {
		var share []byte
		if i := e.GetIssued(); i != nil {
			share = m.Share(r, messages.OutPoint{Tx: messages.TxID(i.GetTxid()), Index: i.GetIndex()})
		}
		answer.Shares = append(answer.Shares, share)
	}
	return answer
}

func entriesFrom(r storage.Reader, from, most uint64) (entries []*mintwire.Entry) {
	last := count(r)
	for i := from; i < last && i-from < most; i++ {
		e := new(mintwire.Entry)
		mustRead(r.Get(entryKey(i)), e)
		entries = append(entries, e)
	}
	return entries
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
