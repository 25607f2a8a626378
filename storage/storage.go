// Package storage keeps bytes under bytes, atomically. It knows no module and
// no message.
//
// # Who does what
//
// A Store has one writer and any number of readers. The writer collects the
// effects of an epoch in an Overlay, where a failing transaction can be rolled
// back to its Savepoint, and moves the result into the Store with one Update.
// Everyone else opens a Snapshot with View, reads one committed state for as
// long as needed, and releases it.
//
//	overlay := storage.NewOverlay(snapshot)
//	mint := storage.Scoped(overlay, storage.Replicated("mint"))
//	save := overlay.Savepoint()
//	if rejected := spend(mint, note); rejected {
//		overlay.Rollback(save)
//	} else {
//		overlay.Release(save)
//	}
//	state.Apply(overlay.Changes()) // package statehash
//	err := store.Update(func(tx storage.Tx) error {
//		overlay.ApplyTo(tx)
//		return nil
//	})
//
// # Keys
//
// Keys are 1 to MaxKeyBytes bytes, values 0 to MaxValueBytes; an empty value
// is present and differs from an absent one. All scans ascend in the order of
// bytes.Compare. Each owner of data holds one Scope and sees only the keys in
// it. Replicated scopes hold what every member of a federation must hold
// alike and are what the state hash covers; local scopes hold the rest.
//
// # Failure
//
// Reads and writes have no error results. Reads of a consistent store cannot
// fail, writes are buffered, and the one moment that can fail is the commit at
// the end of Update. A Store whose commit failed is broken: whether that
// commit survives is known only after opening it again, so it refuses all
// further work with ErrBroken.
package storage

import (
	"errors"
	"fmt"
	"iter"
)

const (
	// MaxKeyBytes bounds a key as the Store sees it, its scope included.
	MaxKeyBytes = 4 << 10
	// MaxValueBytes bounds a value.
	MaxValueBytes = 64 << 20
)

var (
	// ErrClosed is returned by a Store after Close.
	ErrClosed = errors.New("store is closed")
	// ErrBroken is returned by a Store after a commit failed. Open the store
	// again to learn whether that commit survived.
	ErrBroken = errors.New("store is broken by a failed commit")
	// ErrInUse is returned by Close while snapshots are open.
	ErrInUse = errors.New("snapshots are still open")
)

// A Reader sees one state. Slices that it hands out must not be modified and
// stay valid until the transaction or snapshot ends.
type Reader interface {
	// Get returns the value under key, or nil if there is none. A present
	// empty value is an empty slice that is not nil.
	Get(key []byte) []byte

	// Scan visits all keys that begin with prefix (nil: all keys), ascending.
	// An iteration sees the state at the moment when it began: writes made by
	// the loop body neither appear in it nor disturb it.
	Scan(prefix []byte) iter.Seq2[[]byte, []byte]

	// ScanFrom is Scan without the keys below start. It resumes a listing:
	// start is a whole key, prefix included, that need not be present.
	ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte]
}

// A Tx is a Reader that sees its own writes, which all happen or none. Writes
// cannot fail from the caller's point of view; trouble surfaces at the commit.
// The slices given to Put and Delete belong to the caller again on return. A
// key or value outside the limits is a bug of the caller and panics.
type Tx interface {
	Reader
	Put(key, value []byte)
	// Delete removes key; without such a key it does nothing.
	Delete(key []byte)
}

// A Snapshot is one committed state that later commits do not change. It
// belongs to one goroutine at a time. Reading after Release panics.
type Snapshot interface {
	Reader
	// Release ends the snapshot and every slice that came from it. Only the
	// first call counts, so it may be deferred as well as called early.
	Release()
}

// A Store holds the last committed state. Its methods may be called from any
// goroutine.
type Store interface {
	// View opens a snapshot of the last committed state without waiting for
	// a running Update. The caller must release it.
	View() (Snapshot, error)

	// Update runs fn and commits what it wrote, durably before returning. If
	// fn returns an error or panics, nothing is written and Update returns
	// that error unchanged, or goes on panicking. Every other error means
	// that the commit failed; see ErrBroken. Updates run one after another;
	// calling Update inside fn blocks for ever. The Tx ends with fn.
	Update(fn func(Tx) error) error

	// Close ends the store. While snapshots are open it does nothing but
	// return ErrInUse. Closing twice is harmless.
	Close() error
}

// checkKey panics unless key may be written.
func checkKey(key []byte) {
	if len(key) == 0 || len(key) > MaxKeyBytes {
		panic(fmt.Sprintf("storage: key of %d bytes, want 1 to %d", len(key), MaxKeyBytes))
	}
}

// checkValue panics unless value may be written.
func checkValue(key, value []byte) {
	if len(value) > MaxValueBytes {
		panic(fmt.Sprintf("storage: value of %d bytes under key %q, want at most %d", len(value), key, MaxValueBytes))
	}
}
