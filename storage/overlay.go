package storage

import (
	"bytes"
	"fmt"
	"iter"

	"minimint/storage/internal/ordered"
)

// An Overlay buffers writes over a Reader and reads as if they had happened.
// It is a Tx. Savepoints nest: what happened since one of them can be undone.
//
// The Reader must not change, nor end, while the Overlay is in use. An Overlay
// belongs to one goroutine. Undoing is as cheap as setting a savepoint, both
// take constant time, whatever was written in between.
type Overlay struct {
	base Reader
	// writes maps a key to its new value, or to nil if it was deleted. It is
	// immutable: an older version of it is a savepoint, and an iteration that
	// holds it is not disturbed by writes.
	writes ordered.Map
	open   []savepoint
	serial uint64
}

type savepoint struct {
	serial uint64
	writes ordered.Map
}

// A Savepoint is a moment in the life of the Overlay that made it. Every
// Savepoint ends by exactly one Rollback or Release, its own or that of one
// around it.
type Savepoint struct {
	overlay *Overlay
	depth   int
	serial  uint64
}

// A Change is the effect of an Overlay on one key. Old is nil if the key was
// absent, New is nil if it is now. The slices must not be modified; Old lives
// as long as the Reader below the Overlay.
type Change struct {
	Key, Old, New []byte
}

// NewOverlay returns an Overlay without writes.
func NewOverlay(base Reader) *Overlay { return &Overlay{base: base} }

// Get returns the value under key, or nil if there is none.
func (o *Overlay) Get(key []byte) []byte {
	if value, ok := o.writes.Get(key); ok {
		return value
	}
	return o.base.Get(key)
}

// Put sets the value under key. It copies both.
func (o *Overlay) Put(key, value []byte) {
	checkKey(key)
	checkValue(key, value)
	// Not bytes.Clone, which keeps nil: a nil value means deleted here.
	o.writes = o.writes.With(bytes.Clone(key), append([]byte{}, value...))
}

// Delete removes key.
func (o *Overlay) Delete(key []byte) {
	checkKey(key)
	o.writes = o.writes.With(bytes.Clone(key), nil)
}

// Scan visits all keys that begin with prefix, ascending.
func (o *Overlay) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return o.ScanFrom(prefix, nil)
}

// ScanFrom is Scan without the keys below start.
func (o *Overlay) ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte] {
	prefix, start = bytes.Clone(prefix), bytes.Clone(start)
	return func(yield func(key, value []byte) bool) {
		own := newPending(o.writes, prefix, start)
		for key, value := range o.base.ScanFrom(prefix, start) {
			for own.before(key) {
				if !own.yield(yield) {
					return
				}
			}
			if own.at(key) {
				if !own.yield(yield) {
					return
				}
				continue
			}
			if !yield(key, value) {
				return
			}
		}
		for own.ok {
			if !own.yield(yield) {
				return
			}
		}
	}
}

// Savepoint marks the present state. It lies inside every Savepoint that is
// open.
func (o *Overlay) Savepoint() Savepoint {
	o.serial++
	o.open = append(o.open, savepoint{serial: o.serial, writes: o.writes})
	return Savepoint{overlay: o, depth: len(o.open), serial: o.serial}
}

// Rollback undoes every write since s and ends s and all savepoints inside it.
// It panics if s has ended before.
func (o *Overlay) Rollback(s Savepoint) {
	o.writes = o.end(s).writes
}

// Release keeps every write since s and ends s and all savepoints inside it. A
// savepoint around s can still undo them. It panics if s has ended before.
func (o *Overlay) Release(s Savepoint) {
	o.end(s)
}

func (o *Overlay) end(s Savepoint) savepoint {
	if s.overlay != o {
		panic("storage: savepoint of another overlay")
	}
	if s.depth > len(o.open) || o.open[s.depth-1].serial != s.serial {
		panic(fmt.Sprintf("storage: savepoint %d has ended before", s.serial))
	}
	ended := o.open[s.depth-1]
	clear(o.open[s.depth-1:])
	o.open = o.open[:s.depth-1]
	return ended
}

// Len returns the number of keys with a buffered write, effective or not.
func (o *Overlay) Len() int { return o.writes.Len() }

// Changes visits every key whose value differs from that below the Overlay,
// ascending. Keys that were written but are as they were before do not appear.
func (o *Overlay) Changes() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for key, value := range o.writes.From(nil) {
			old := o.base.Get(key)
			if (old == nil) == (value == nil) && bytes.Equal(old, value) {
				continue
			}
			if !yield(Change{Key: key, Old: old, New: value}) {
				return
			}
		}
	}
}

// ApplyTo repeats the buffered writes on tx, one for each key, ascending. The
// Overlay keeps them. It panics while a savepoint is open: somebody has not
// yet decided whether the writes shall happen.
func (o *Overlay) ApplyTo(tx Tx) {
	if len(o.open) > 0 {
		panic(fmt.Sprintf("storage: overlay applied with %d savepoints open", len(o.open)))
	}
	for key, value := range o.writes.From(nil) {
		if value == nil {
			tx.Delete(key)
		} else {
			tx.Put(key, value)
		}
	}
}

// pending walks the Overlay's own writes beside a scan of what is below.
type pending struct {
	cursor     ordered.Cursor
	prefix     []byte
	key, value []byte
	ok         bool
}

func newPending(writes ordered.Map, prefix, start []byte) *pending {
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	p := &pending{cursor: writes.Seek(start), prefix: prefix}
	p.next()
	return p
}

func (p *pending) next() {
	p.key, p.value, p.ok = p.cursor.Next()
	p.ok = p.ok && bytes.HasPrefix(p.key, p.prefix)
}

func (p *pending) before(key []byte) bool { return p.ok && bytes.Compare(p.key, key) < 0 }
func (p *pending) at(key []byte) bool     { return p.ok && bytes.Equal(p.key, key) }

// yield hands out the present write unless it is a deletion, and moves on. It
// returns false if the loop wants no more.
func (p *pending) yield(yield func(key, value []byte) bool) bool {
	key, value := p.key, p.value
	p.next()
	return value == nil || yield(key, value)
}
