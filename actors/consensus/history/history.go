// Package history is what one member keeps of the past, in its own store and
// outside the replicated state: where it is, the outcomes it applied, and why
// transactions were refused. Position and outcome are written in the very
// commit that writes the state they led to, so a crash never separates them
// (H45).
//
// What is read back was written here. Anything else in the store means that the
// disk or we are wrong, and nothing may go on from there: reading it panics.
package history

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/statehash"
)

var (
	positionScope = storage.Local("position")
	outcomeScope  = storage.Local("outcomes")
)

var positionKey = []byte("now")

// A Position says which epoch comes next, and what the replicated state is
// before it. The zero Position is that of an empty store.
type Position struct {
	Next  messages.Epoch
	State statehash.LtHash
}

// StateHash is what members compare: the hash of the replicated state.
func (p Position) StateHash() messages.Digest { return p.State.Sum() }

// ReadPosition returns the position, the zero one in an empty store.
func ReadPosition(r storage.Reader) Position {
	b := storage.ScopedReader(r, positionScope).Get(positionKey)
	if b == nil {
		return Position{}
	}
	w := new(wire.Position)
	mustDecode(b, w)
	state, err := statehash.Decode(w.GetLattice())
	if err != nil {
		panic(fmt.Sprintf("history: stored position: %v", err))
	}
	p := Position{Next: messages.Epoch(w.GetNextEpoch()), State: state}
	if hash := p.StateHash(); !bytes.Equal(hash[:], w.GetStateHash()) {
		panic(fmt.Sprintf("history: stored position of epoch %d: its state hash is not that of its lattice", p.Next))
	}
	return p
}

// WritePosition writes where the member is after a commit.
func WritePosition(tx storage.Tx, p Position) {
	hash := p.StateHash()
	storage.Scoped(tx, positionScope).Put(positionKey, canonical.Marshal(&wire.Position{
		NextEpoch: uint64(p.Next), StateHash: hash[:], Lattice: p.State.Encode(),
	}))
}

// WriteOutcome keeps what an epoch agreed on.
func WriteOutcome(tx storage.Tx, o outcome.Outcome) {
	storage.Scoped(tx, outcomeScope).Put(epochKey(o.Epoch), o.Encode())
}

// FindOutcome returns what an epoch of a federation of n members agreed on, and
// false if this member does not know.
func FindOutcome(r storage.Reader, epoch messages.Epoch, n int) (outcome.Outcome, bool) {
	b := storage.ScopedReader(r, outcomeScope).Get(epochKey(epoch))
	if b == nil {
		return outcome.Outcome{}, false
	}
	o, err := outcome.Decode(b, n)
	if err != nil || o.Epoch != epoch {
		panic(fmt.Sprintf("history: stored outcome of epoch %d is of epoch %d: %v", epoch, o.Epoch, err))
	}
	return o, true
}

// EncodedOutcomes returns the canonical outcomes of consecutive epochs, from a
// given one on: at most limit of them and size bytes together, but at least one
// if there is one. They are copies.
func EncodedOutcomes(r storage.Reader, from messages.Epoch, limit, size int) [][]byte {
	var out [][]byte
	total := 0
	for key, b := range storage.ScopedReader(r, outcomeScope).ScanFrom(nil, epochKey(from)) {
		total += len(b)
		switch {
		case binary.BigEndian.Uint64(key) != uint64(from)+uint64(len(out)), len(out) == limit, len(out) > 0 && total > size:
			return out
		}
		out = append(out, bytes.Clone(b))
	}
	return out
}

func epochKey(e messages.Epoch) []byte { return binary.BigEndian.AppendUint64(nil, uint64(e)) }

func mustDecode(b []byte, m proto.Message) {
	if err := canonical.Unmarshal(b, m, math.MaxInt32); err != nil {
		panic(fmt.Sprintf("history: stored record: %v", err))
	}
}
