package memory

import (
	"bytes"
	"iter"

	"minimint/storage/internal/ordered"
)

// reader shows one state.
type reader struct{ state ordered.Map }

func (r reader) Get(key []byte) []byte {
	value, _ := r.state.Get(key)
	return value
}

func (r reader) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return r.ScanFrom(prefix, nil)
}

func (r reader) ScanFrom(prefix, start []byte) iter.Seq2[[]byte, []byte] {
	prefix, start = bytes.Clone(prefix), bytes.Clone(start)
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	return func(yield func(key, value []byte) bool) {
		for key, value := range r.state.From(start) {
			if !bytes.HasPrefix(key, prefix) || !yield(key, value) {
				return
			}
		}
	}
}

// writer builds the state after a commit. Its input is an overlay's own copy
// of keys and values, which nobody modifies, so it keeps the slices.
type writer struct {
	reader
	countdown *int
	failed    bool
}

func (w *writer) Put(key, value []byte) {
	w.failed = due(w.countdown) || w.failed
	w.state = w.state.With(key, value)
}

func (w *writer) Delete(key []byte) {
	w.failed = due(w.countdown) || w.failed
	w.state = w.state.Without(key)
}

// snapshot is a reader that notices its own end.
type snapshot struct {
	reader
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
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.open--
	s.store = nil
}

func (s *snapshot) check() {
	if s.store == nil {
		panic("memory: snapshot read after Release")
	}
}
