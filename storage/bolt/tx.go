package bolt

import (
	"bytes"
	"iter"

	"go.etcd.io/bbolt"
)

// reader reads one bucket. Its slices point into the mapped file: writing to
// them is a fault that no recover catches.
type reader struct{ bucket *bbolt.Bucket }

func (r reader) Get(key []byte) []byte { return r.bucket.Get(key) }

func (r reader) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return r.ScanFrom(prefix, nil)
}

func (r reader) ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte] {
	prefix, start = bytes.Clone(prefix), bytes.Clone(start)
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	return func(yield func(key, value []byte) bool) {
		cursor := r.bucket.Cursor()
		for key, value := cursor.Seek(start); key != nil; key, value = cursor.Next() {
			if !bytes.HasPrefix(key, prefix) || !yield(key, value) {
				return
			}
		}
	}
}

// writer moves an overlay into a bucket and remembers the first error. Its
// slices are the overlay's own copies, which stay as they are until the
// commit, as bbolt requires.
type writer struct {
	reader
	err error
}

func (w *writer) Put(key, value []byte) {
	if w.err == nil {
		w.err = w.bucket.Put(key, value)
	}
}

func (w *writer) Delete(key []byte) {
	if w.err == nil {
		w.err = w.bucket.Delete(key)
	}
}

// snapshot is a reader over a read transaction of bbolt.
type snapshot struct {
	reader
	tx    *bbolt.Tx
	store *Store // nil after Release
}

func (s *snapshot) Get(key []byte) []byte {
	s.check()
	return s.reader.Get(key)
}

func (s *snapshot) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return s.ScanFrom(prefix, nil)
}

func (s *snapshot) ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte] {
	s.check()
	return func(yield func(key, value []byte) bool) {
		s.check()
		for key, value := range s.reader.ScanFrom(prefix, start) {
			if !yield(key, value) {
				return
			}
			s.check()
		}
	}
}

func (s *snapshot) Release() {
	if s.store == nil {
		return
	}
	_ = s.tx.Rollback() // fails only for a transaction that has ended
	s.store.released()
	s.store = nil
}

func (s *snapshot) check() {
	if s.store == nil {
		panic("bolt: snapshot read after Release")
	}
}
