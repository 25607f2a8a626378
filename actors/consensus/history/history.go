// Package history is what one member keeps of the past, in its own store and outside
// the replicated state: where it is, and the outcomes it applied with what it signs
// about them and what certifies them. Position, outcome and statement are written in
// the very commit that writes the state they led to, so a crash never separates them
// (H45). A certificate comes later; if a crash loses it, others have it. Package
// refusals, below this one, keeps why transactions were refused.
//
// The past is forgotten from its beginning (Prune), up to where a certificate
// proves all of it: whoever needs more takes a snapshot.
//
// What is read back was written here. Anything else in the store means that the
// disk or we are wrong, and nothing may go on from there: reading it panics.
package history

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/statehash"
)

var (
	positionScope    = storage.Local("position")
	outcomeScope     = storage.Local("outcomes")
	statementScope   = storage.Local("statements")
	certificateScope = storage.Local("certificates")
	evidenceScope    = storage.Local("evidence")
)

// The keys of the position's scope.
var (
	positionKey  = []byte("now")
	certifiedKey = []byte("certified") // epoch of the newest certificate
	alarmKey     = []byte("alarm")
)

// A Position says which epoch comes next, and what the replicated state is
// before it. The zero Position is that of an empty store.
type Position struct {
	Next     messages.Epoch
	Previous messages.Digest // link of the epoch before Next; zero at the beginning
	State    statehash.LtHash
	Size     uint64 // of the replicated state as a snapshot, in bytes
}

// pairBytes is what a pair adds to a snapshot beside key and value: their lengths.
const pairBytes = 8

// Follow takes the effect of writes on the replicated state, as an overlay tells
// them. It costs one hash for each changed pair, not one for each that is there.
func (p *Position) Follow(changes iter.Seq[storage.Change]) {
	for c := range changes {
		if !storage.IsReplicated(c.Key) {
			continue
		}
		if c.Old != nil {
			p.State.Remove(c.Key, c.Old)
			p.Size -= uint64(pairBytes + len(c.Key) + len(c.Old))
		}
		if c.New != nil {
			p.State.Add(c.Key, c.New)
			p.Size += uint64(pairBytes + len(c.Key) + len(c.New))
		}
	}
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
	previous, ok := messages.DigestFrom(w.GetPrevious())
	if !ok {
		panic(fmt.Sprintf("history: stored position: link of %d bytes", len(w.GetPrevious())))
	}
	p := Position{Next: messages.Epoch(w.GetNextEpoch()), Previous: previous, State: state, Size: w.GetSize()}
	if hash := p.StateHash(); !bytes.Equal(hash[:], w.GetStateHash()) {
		panic(fmt.Sprintf("history: stored position of epoch %d: its state hash is not that of its lattice", p.Next))
	}
	return p
}

// WritePosition writes where the member is after a commit.
func WritePosition(tx storage.Tx, p Position) {
	hash := p.StateHash()
	storage.Scoped(tx, positionScope).Put(positionKey, canonical.Marshal(&wire.Position{
		NextEpoch: uint64(p.Next), StateHash: hash[:], Previous: p.Previous[:], Lattice: p.State.Encode(), Size: p.Size,
	}))
}

// WriteEpoch keeps what an epoch agreed on, in canonical bytes, and what is signed
// about it.
func WriteEpoch(tx storage.Tx, s statement.Statement, outcome []byte) {
	storage.Scoped(tx, outcomeScope).Put(epochKey(s.Epoch), outcome)
	storage.Scoped(tx, statementScope).Put(epochKey(s.Epoch), s.Bytes())
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

// An Excerpt is what of the past fits into one message: the canonical outcomes of
// consecutive epochs, or a part of the first if that is too long. They are copies.
type Excerpt struct {
	Outcomes [][]byte
	Part     []byte
	Last     bool // the part ends the outcome
}

// ReadExcerpt returns the outcomes from an epoch on, at most limit of them and size
// bytes together; if the first is longer, up to size bytes of it from offset on.
func ReadExcerpt(r storage.Reader, from messages.Epoch, limit int, offset uint64, size int) Excerpt {
	var e Excerpt
	total := 0
	for key, b := range storage.ScopedReader(r, outcomeScope).ScanFrom(nil, epochKey(from)) {
		total += len(b)
		switch {
		case binary.BigEndian.Uint64(key) != uint64(from)+uint64(len(e.Outcomes)), len(e.Outcomes) == limit:
			return e
		case len(e.Outcomes) == 0 && len(b) > size:
			b = b[min(offset, uint64(len(b))):]
			return Excerpt{Part: bytes.Clone(b[:min(size, len(b))]), Last: len(b) <= size}
		case total > size:
			return e
		}
		e.Outcomes = append(e.Outcomes, bytes.Clone(b))
	}
	return e
}

func epochKey(e messages.Epoch) []byte { return binary.BigEndian.AppendUint64(nil, uint64(e)) }

// epochOf is the inverse of epochKey.
func epochOf(key []byte) messages.Epoch {
	if len(key) != 8 {
		panic(fmt.Sprintf("history: stored under a key of %d bytes", len(key)))
	}
	return messages.Epoch(binary.BigEndian.Uint64(key))
}

func mustDecode(b []byte, m proto.Message) {
	if err := canonical.Unmarshal(b, m, math.MaxInt32); err != nil {
		panic(fmt.Sprintf("history: stored record: %v", err))
	}
}
