// Package bolt is a storage.Store in one file, with bbolt: a copy-on-write
// B+ tree, one writer, readers that never wait for it, and a commit that is on
// disk when Update returns.
//
// The file belongs to one process at a time, which holds a lock on it, and is
// created readable for its owner only: it contains shares of the federation's
// keys. Copy it only while the process is stopped.
//
// # Snapshots
//
// A snapshot pins every page that was live when it was opened. Pages that
// later commits free cannot be used again before it is released, so each
// commit grows the file, which never shrinks. Hold a snapshot for the work of
// one message, not for the life of an actor.
//
// bbolt maps the file into memory and would have to wait for all snapshots
// before it maps a larger part, while a snapshot's owner may be waiting for
// the commit. Open reserves 64 GiB of address space (1 GiB on 32-bit systems),
// which costs neither memory nor disk, so that this does not happen to files
// below that size.
package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"minimint/storage"
)

const (
	fileMode           = 0o600
	defaultLockTimeout = time.Second
	// growBytes is the step by which the file grows.
	growBytes = 1 << 20
	// reservedBytes is 2^36 where an int has 64 bits and 2^30 elsewhere.
	reservedBytes = 1 << (30 + 6*(^uint(0)>>63))
)

// bucketName names the one bucket. A file without it is new.
var bucketName = []byte("minimint")

// Options say how to open a Store. The zero Options are for production.
type Options struct {
	// LockTimeout is how long to wait for another process to let go of the
	// file; 0 means one second.
	LockTimeout time.Duration
	// NoSync leaves it to the operating system when a commit reaches the
	// disk. A power failure can then destroy the whole file, not only the
	// last commits: for tests.
	NoSync bool
}

// Store implements storage.Store. Make one with Open.
type Store struct {
	db   *bbolt.DB
	path string

	// mu guards what follows and is never held during a call of db.
	mu     sync.Mutex
	err    error // why the store refuses to work, or nil
	closed bool
	open   int // snapshots
}

// Open opens the store in the file at path, and creates the file if there is
// none. The directory must exist. The error says what an operator can do where
// there is something to do.
func Open(path string, options Options) (*Store, error) {
	config := *bbolt.DefaultOptions
	config.NoSync = options.NoSync
	config.Timeout = options.LockTimeout
	if config.Timeout == 0 {
		config.Timeout = defaultLockTimeout
	}
	config.FreelistType = bbolt.FreelistMapType
	config.NoStatistics = true
	if runtime.GOOS != "windows" { // where the file itself would grow to that size
		config.InitialMmapSize = reservedBytes
	}
	return open(path, &config)
}

func open(path string, config *bbolt.Options) (*Store, error) {
	db, err := bbolt.Open(path, fileMode, config)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %s%w", path, advice(err), err)
	}
	db.AllocSize = growBytes
	s := &Store{db: db, path: path}
	if err := s.prepare(config.NoSync); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	return s, nil
}

// advice says what the errors of bbolt mean to somebody who does not know it.
func advice(err error) string {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return "another process holds the lock on this file; stop it, or wait until it has ended, and start again: "
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum):
		return "the file is damaged or not a store; put it aside for examination and restore from a backup or from the other members: "
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return "the file was written by another version of the storage format: "
	default:
		return ""
	}
}

// prepare makes the bucket, and the file's name in its directory durable:
// bbolt syncs the file alone, and what cannot be found is not stored.
func (s *Store) prepare(noSync bool) error {
	fresh := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketName) == nil
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
	if err != nil || noSync || runtime.GOOS == "windows" {
		return err
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// View opens a snapshot of the last committed state.
func (s *Store) View() (storage.Snapshot, error) {
	s.mu.Lock()
	if err := s.refusal(); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.open++
	s.mu.Unlock()

	tx, err := s.db.Begin(false)
	if err != nil {
		s.released()
		return nil, fmt.Errorf("view store %s: %w", s.path, err)
	}
	return &snapshot{reader: reader{tx.Bucket(bucketName)}, tx: tx, store: s}, nil
}

func (s *Store) released() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// refusal says why the store does not work. The caller holds mu.
func (s *Store) refusal() error {
	if s.closed {
		return fmt.Errorf("store %s: %w", s.path, storage.ErrClosed)
	}
	return s.err
}

// Update runs fn and commits what it wrote.
func (s *Store) Update(fn func(storage.Tx) error) error {
	tx, err := s.begin()
	if err != nil {
		return err
	}
	// After a commit this does nothing. Until then it also serves an fn that
	// panics.
	defer func() { _ = tx.Rollback() }()

	// fn writes to an overlay, so that its scans are not disturbed by its
	// writes and the tree is changed in key order, which is its best case.
	bucket := tx.Bucket(bucketName)
	overlay := storage.NewOverlay(reader{bucket})
	if err := fn(overlay); err != nil {
		return err
	}
	if overlay.Len() == 0 {
		return nil
	}
	w := writer{reader: reader{bucket}}
	overlay.ApplyTo(&w)
	if w.err == nil {
		w.err = tx.Commit()
	}
	if w.err != nil {
		return s.breakDown(w.err)
	}
	return nil
}

// begin waits for its turn to write.
func (s *Store) begin() (*bbolt.Tx, error) {
	tx, err := s.db.Begin(true)
	if err != nil && !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return nil, fmt.Errorf("update store %s: %w", s.path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		if tx != nil {
			_ = tx.Rollback()
		}
		return nil, err
	}
	return tx, nil
}

// breakDown records that a commit failed. It may have failed in its very last
// step, when the new root is already in the file but perhaps not on the disk:
// what the store would show from now on need not be what a restart finds.
func (s *Store) breakDown(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = fmt.Errorf("store %s: %w: %w", s.path, storage.ErrBroken, cause)
	return fmt.Errorf("commit to store %s: %w", s.path, cause)
}

// Close releases the file, unless snapshots are open.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.open > 0 {
		defer s.mu.Unlock()
		return fmt.Errorf("close store %s: %w: %d", s.path, storage.ErrInUse, s.open)
	}
	s.closed = true
	s.mu.Unlock()
	if err := s.db.Close(); err != nil { // harmless if closed before
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}
