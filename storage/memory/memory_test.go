package memory_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"minimint/storage"
	"minimint/storage/memory"
	"minimint/storage/storagetest"
)

func open(*testing.T) storage.Store { return memory.New() }

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, open)
}

func TestContractReopen(t *testing.T) {
	t.Parallel()
	storagetest.RunReopen(t, open, func(t *testing.T, old storage.Store) storage.Store {
		next := old.(*memory.Store).Clone()
		if err := old.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		return next
	})
}

// put commits a key, and a second one, so that a commit has two writes.
func put(s *memory.Store, key string) error {
	return s.Update(func(tx storage.Tx) error {
		tx.Put([]byte(key), []byte("v"))
		tx.Put([]byte(key+"'"), []byte("v"))
		return nil
	})
}

func has(t *testing.T, s *memory.Store, key string) bool {
	t.Helper()
	snapshot, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Release()
	first, second := snapshot.Get([]byte(key)), snapshot.Get([]byte(key+"'"))
	if (first == nil) != (second == nil) {
		t.Errorf("half of the commit of %q is there", key)
	}
	return first != nil
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		plan     func(*memory.Store)
		during   error // what the faulty Update returns
		after    error // what every later call returns
		survives bool
	}{
		{"lost", func(s *memory.Store) { s.LoseCommit(2) }, memory.ErrCrashed, memory.ErrCrashed, false},
		{"kept", func(s *memory.Store) { s.KeepCommit(2) }, memory.ErrCrashed, memory.ErrCrashed, true},
		{"first write", func(s *memory.Store) { s.FailWrite(3) }, memory.ErrInjected, storage.ErrBroken, false},
		{"last write", func(s *memory.Store) { s.FailWrite(4) }, memory.ErrInjected, storage.ErrBroken, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := memory.New()
			c.plan(s)
			if err := put(s, "one"); err != nil {
				t.Fatalf("first commit: %v", err)
			}
			if err := s.Update(func(storage.Tx) error { return nil }); err != nil {
				t.Fatalf("update without writes: %v", err)
			}
			snapshot, err := s.View()
			if err != nil {
				t.Fatal(err)
			}
			if err := put(s, "two"); !errors.Is(err, c.during) {
				t.Errorf("faulty commit: %v, want %v", err, c.during)
			}
			if snapshot.Get([]byte("one")) == nil || snapshot.Get([]byte("two")) != nil {
				t.Error("an open snapshot has changed")
			}
			if err := put(s, "three"); !errors.Is(err, c.after) {
				t.Errorf("Update after the fault: %v, want %v", err, c.after)
			}
			if _, err := s.View(); !errors.Is(err, c.after) {
				t.Errorf("View after the fault: %v, want %v", err, c.after)
			}
			next := s.Clone()
			if !has(t, next, "one") || has(t, next, "two") != c.survives || has(t, next, "three") {
				t.Error("the restart finds another state")
			}
			if err := put(next, "four"); err != nil || !has(t, next, "four") {
				t.Errorf("commit after the restart: %v", err)
			}
		})
	}
}

func TestClonesAreIndependent(t *testing.T) {
	t.Parallel()
	a := memory.New()
	if err := put(a, "common"); err != nil {
		t.Fatal(err)
	}
	b := a.Clone()
	if err := errors.Join(put(a, "only a"), put(b, "only b")); err != nil {
		t.Fatal(err)
	}
	if !has(t, a, "common") || !has(t, b, "common") || has(t, a, "only b") || has(t, b, "only a") {
		t.Error("clones share what came later")
	}
}

func TestFaultInThePastPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	memory.New().FailWrite(0)
}

func BenchmarkCommit1000Of100k(b *testing.B) {
	s := memory.New()
	key := func(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)*2654435761) }
	write := func(from, to int) {
		_ = s.Update(func(tx storage.Tx) error {
			for i := from; i < to; i++ {
				tx.Put(key(i), key(i))
			}
			return nil
		})
	}
	write(0, 100_000)
	for i := 0; b.Loop(); i++ {
		write(i*1000%100_000, i*1000%100_000+1000)
	}
}
