// Package memory is a storage.Store that forgets everything when the process
// ends. Tests and the simulator use it, and can make it fail the way a disk
// and a power supply fail.
//
// A Store keeps an immutable tree, so that snapshots, clones and transactions
// that are rolled back cost nothing, and a write costs O(log n).
//
// # Restarts
//
// Clone returns another Store with the committed state and without faults. A
// simulated process that dies leaves its Store behind, whatever still holds
// it, and its successor starts from the Clone.
//
// # Faults
//
// LoseCommit and KeepCommit let the process die in a commit; FailWrite lets
// the disk refuse one. All count from now, so that a seed can draw them at any
// moment of a run. After a crash every call returns ErrCrashed, after a
// refused write storage.ErrBroken.
package memory

import (
	"errors"
	"fmt"
	"sync"

	"minimint/storage"
	"minimint/storage/internal/ordered"
)

var (
	// ErrCrashed is returned by a Store whose process has died.
	ErrCrashed = errors.New("memory store has crashed")
	// ErrInjected is what FailWrite makes a commit fail with.
	ErrInjected = errors.New("injected write error")
)

// Store implements storage.Store. Make one with New.
type Store struct {
	// update is held during Update: one writer at a time. It is taken
	// before mu.
	update sync.Mutex

	// mu guards what follows. It is held for moments only, so that readers
	// never wait for the writer.
	mu     sync.Mutex
	state  ordered.Map
	err    error // why the store refuses to work, or nil
	closed bool
	open   int // snapshots
	faults faults
}

// faults counts down; 0 means that the fault is not planned.
type faults struct {
	loseCommit, keepCommit, failWrite int
}

// New returns an empty Store.
func New() *Store { return &Store{} }

// Clone returns a Store with the committed state of s and without its faults,
// whether s is open, closed, broken or crashed. Later the two have nothing to
// do with each other.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{state: s.state}
}

// LoseCommit makes the process die in the n-th commit from now (1 is the
// next), before it is durable. An Update that writes nothing does not commit.
func (s *Store) LoseCommit(n int) { s.plan(n, &s.faults.loseCommit) }

// KeepCommit makes the process die in the n-th commit from now, when it is
// durable but Update has not returned: the writer cannot know.
func (s *Store) KeepCommit(n int) { s.plan(n, &s.faults.keepCommit) }

// FailWrite makes the n-th write from now fail, and with it the commit that it
// is part of. A transaction writes each of its keys once, when it commits.
func (s *Store) FailWrite(n int) { s.plan(n, &s.faults.failWrite) }

func (s *Store) plan(n int, countdown *int) {
	if n < 1 {
		panic(fmt.Sprintf("memory: fault planned for event %d, want 1 or more", n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*countdown = n
}

// due counts one event and says whether the fault strikes at it.
func due(countdown *int) bool {
	if *countdown == 0 {
		return false
	}
	*countdown--
	return *countdown == 0
}

// View opens a snapshot of the last committed state.
func (s *Store) View() (storage.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return nil, err
	}
	s.open++
	return &snapshot{reader: reader{s.state}, store: s}, nil
}

// refusal says why the store does not work. The caller holds mu.
func (s *Store) refusal() error {
	if s.closed {
		return storage.ErrClosed
	}
	return s.err
}

// Update runs fn and commits what it wrote.
func (s *Store) Update(fn func(storage.Tx) error) error {
	s.update.Lock()
	defer s.update.Unlock()
	s.mu.Lock()
	before, err := s.state, s.refusal()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	tx := storage.NewOverlay(reader{before})
	if err := fn(tx); err != nil {
		return err
	}
	if tx.Len() == 0 {
		return nil
	}
	return s.commit(tx)
}

func (s *Store) commit(tx *storage.Overlay) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	after := writer{reader: reader{s.state}, countdown: &s.faults.failWrite}
	tx.ApplyTo(&after)
	if after.failed {
		s.err = fmt.Errorf("%w: %w", storage.ErrBroken, ErrInjected)
		return fmt.Errorf("commit: %w", ErrInjected)
	}
	if due(&s.faults.loseCommit) {
		s.err = ErrCrashed
		return s.err
	}
	s.state = after.state
	if due(&s.faults.keepCommit) {
		s.err = ErrCrashed
		return s.err
	}
	return nil
}

// Close ends the store, unless snapshots are open. What it held can still be
// cloned.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 {
		return fmt.Errorf("close memory store: %w: %d", storage.ErrInUse, s.open)
	}
	s.closed = true
	return nil
}
