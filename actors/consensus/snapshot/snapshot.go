// Package snapshot copies the replicated state of one member to another that is
// too far behind for outcomes. It is pure.
//
// A snapshot is all pairs of the replicated scopes, ascending by key, each in the
// canonical form that the state hash is made of:
//
//	len(key) ‖ key ‖ len(value) ‖ value       lengths as 4 bytes, big-endian
//
// It begins with the statement about the epoch that led to the state, which tells the
// state's hash and the length of all this, and with the certificate that attests it,
// or the shares of f+1 members. So whoever receives it knows beforehand how long it
// is, and at its end that it is whole and right, whoever it came from. The serving
// member reads from one snapshot of its store; it remembers nothing of those it
// serves, since each question says from where on.
//
// # Liars
//
// What a peer serves is looked at while it comes: what attests it before anything
// is kept, then the form, the order of keys, and the length. A wrong pair is
// noticed at the end, by the hash; that costs as much memory as the true state
// and names the peer, and another one is asked.
package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"minimint/messages"
	"minimint/messages/statement"
	"minimint/storage"
	"minimint/storage/statehash"
)

const lengthBytes = 4

// Cut returns at most size bytes of the snapshot of what r sees: from the pair
// behind the key after on (nil: from the beginning), without its first skip bytes.
func Cut(r storage.Reader, after []byte, skip uint64, size int) []byte {
	var out []byte
	for key, value := range storage.ScanReplicated(from(r, after)) {
		if bytes.Equal(key, after) {
			continue
		}
		pair := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
		pair = append(pair, key...)
		pair = binary.BigEndian.AppendUint32(pair, uint32(len(value)))
		pair = append(pair, value...)
		pair = pair[min(skip, uint64(len(pair))):]
		skip = 0
		out = append(out, pair[:min(len(pair), size-len(out))]...)
		if len(out) == size {
			break
		}
	}
	return out
}

// from hides from a reader what is before a key.
func from(r storage.Reader, start []byte) storage.Reader { return resumed{r, start} }

type resumed struct {
	storage.Reader
	start []byte
}

// Scan implements storage.Reader.
func (r resumed) Scan(prefix []byte) iter.Seq2[[]byte, []byte] { return r.ScanFrom(prefix, r.start) }

// ErrSnapshot says that bytes are no snapshot, or not the one that they should be.
var ErrSnapshot = errors.New("no snapshot of this state")

// A State is a snapshot that arrives in pieces.
type State struct {
	attested statement.Attested
	pairs    []pair
	lattice  statehash.LtHash
	offset   uint64 // bytes that came
	rest     []byte // the beginning of the next pair
}

type pair struct{ key, value []byte }

// newState expects the state of a statement that is attested.
func newState(a statement.Attested) *State { return &State{attested: a} }

// Attested returns the statement about the state.
func (s *State) Attested() statement.Attested { return s.attested }

// Lattice returns the running state hash of a whole snapshot.
func (s *State) Lattice() statehash.LtHash { return s.lattice }

// size is how long the snapshot is.
func (s *State) size() uint64 { return s.attested.Statement.Header.Size }

// add takes the next piece, which is no longer than what is missing, and reports
// whether it was the last. Its error wraps ErrSnapshot.
func (s *State) add(body []byte) (whole bool, err error) {
	s.offset += uint64(len(body))
	s.rest = append(s.rest, body...)
	if err := s.parse(); err != nil || s.offset < s.size() {
		return false, err
	}
	hash := messages.Digest(s.lattice.Sum())
	if len(s.rest) > 0 || hash != s.attested.Statement.Header.State {
		return false, fmt.Errorf("%w: its hash is %s, attested is %s", ErrSnapshot, hash, s.attested.Statement.Header.State)
	}
	return true, nil
}

// parse takes the whole pairs out of what has come.
func (s *State) parse() error {
	b := s.rest
	for {
		key, n, err := field(b, storage.MaxKeyBytes)
		if err != nil {
			return err
		}
		if n > 0 {
			if err := s.checkKey(key); err != nil {
				return err
			}
		}
		value, m, err := field(b[n:], storage.MaxValueBytes)
		if err != nil {
			return err
		}
		if n == 0 || m == 0 {
			break
		}
		s.pairs = append(s.pairs, pair{key, value})
		s.lattice.Add(key, value)
		b = b[n+m:]
	}
	if len(b) < len(s.rest) { // what was parsed is kept in place
		s.rest = bytes.Clone(b)
	}
	return nil
}

// field returns what begins with its length, and how long both are; 0 if it is not
// all there yet.
func field(b []byte, limit int) (content []byte, size int, err error) {
	if len(b) < lengthBytes {
		return nil, 0, nil
	}
	n := binary.BigEndian.Uint32(b)
	if n > uint32(limit) {
		return nil, 0, fmt.Errorf("%w: key or value of %d bytes", ErrSnapshot, n)
	}
	if len(b)-lengthBytes < int(n) {
		return nil, 0, nil
	}
	end := lengthBytes + int(n)
	return b[lengthBytes:end:end], end, nil
}

// checkKey refuses what is in no replicated scope or not behind the last key: the
// hash is that of a multiset, so no pair may come twice.
func (s *State) checkKey(key []byte) error {
	if _, _, ok := storage.SplitKey(key); !ok || !storage.IsReplicated(key) {
		return fmt.Errorf("%w: a key that is not replicated", ErrSnapshot)
	}
	if n := len(s.pairs); n > 0 && bytes.Compare(s.pairs[n-1].key, key) >= 0 {
		return fmt.Errorf("%w: keys do not ascend", ErrSnapshot)
	}
	return nil
}

// position is from where the next piece is wanted.
func (s *State) position() (after []byte, skip uint64) {
	if n := len(s.pairs); n > 0 {
		after = s.pairs[n-1].key
	}
	return after, uint64(len(s.rest))
}

// Install makes the replicated state in tx equal to a whole snapshot. What is equal
// already is not written.
func (s *State) Install(tx storage.Tx) {
	next := 0
	for key, value := range storage.ScanReplicated(tx) {
		for next < len(s.pairs) && bytes.Compare(s.pairs[next].key, key) < 0 {
			tx.Put(s.pairs[next].key, s.pairs[next].value)
			next++
		}
		if next == len(s.pairs) || !bytes.Equal(s.pairs[next].key, key) {
			tx.Delete(key)
			continue
		}
		if !bytes.Equal(s.pairs[next].value, value) {
			tx.Put(key, s.pairs[next].value)
		}
		next++
	}
	for ; next < len(s.pairs); next++ {
		tx.Put(s.pairs[next].key, s.pairs[next].value)
	}
}
