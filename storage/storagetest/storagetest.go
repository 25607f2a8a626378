// Package storagetest is the contract of storage.Store as tests. Every
// implementation passes Run and RunReopen, and so may stand in for any other.
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Store { return memory.New() })
//	}
package storagetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"minimint/storage"
)

// Run tests everything that can be seen of a store while it is open. The
// function open returns a new, empty store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Store)
	}{
		{"AbsentAndEmptyDiffer", testAbsentAndEmpty},
		{"PutReplacesDeleteRemoves", testReplace},
		{"ScanAscends", testScan},
		{"ScanFromResumes", testScanFrom},
		{"ScanSeesTheStateAtItsBeginning", testWriteDuringScan},
		{"TransactionSeesItsWrites", testOwnWrites},
		{"ErrorUndoesEverything", testError},
		{"PanicUndoesEverything", testPanic},
		{"SnapshotsAreIsolated", testSnapshots},
		{"ViewInsideUpdateSeesCommitted", testViewInsideUpdate},
		{"ReadersNeedNotWait", testConcurrentReaders},
		{"ArgumentsAreCopied", testArgumentsCopied},
		{"LargeKeysAndValues", testLarge},
		{"LimitsPanic", testLimits},
		{"ScopesDoNotLeak", testScopes},
		{"ReleaseEndsASnapshot", testRelease},
		{"CloseEndsTheStore", testClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := open(t)
			defer closeStore(t, store)
			c.test(t, store)
		})
	}
	t.Run("Model", func(t *testing.T) { testModel(t, open) })
}

// RunReopen tests what a restart keeps. The function reopen takes the store
// that open returned, or that an earlier reopen returned, ends it as the end
// of a process would, and returns what the next process finds.
func RunReopen(
	t *testing.T,
	open func(t *testing.T) storage.Store,
	reopen func(t *testing.T, old storage.Store) storage.Store,
) {
	t.Run("CommitsSurvive", func(t *testing.T) {
		store := open(t)
		want := []string{}
		for i := range 4 {
			update(t, store, func(tx storage.Tx) {
				tx.Put(fmt.Appendf(nil, "key %d", i), fmt.Appendf(nil, "value %d", i))
				tx.Put([]byte("last"), fmt.Append(nil, i))
			})
			want = append(want, fmt.Sprintf("key %d=value %d", i, i))
			store = reopen(t, store)
			expect(t, view(t, store), append(slices.Clone(want), fmt.Sprintf("last=%d", i))...)
		}
		closeStore(t, store)
	})
	t.Run("FailedUpdatesDoNot", func(t *testing.T) {
		store := open(t)
		update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), []byte("1")) })
		_ = store.Update(func(tx storage.Tx) error {
			tx.Put([]byte("a"), []byte("2"))
			tx.Put([]byte("b"), nil)
			return errTest
		})
		store = reopen(t, store)
		expect(t, view(t, store), "a=1")
		closeStore(t, store)
	})
	t.Run("DeletionsSurvive", func(t *testing.T) {
		store := open(t)
		update(t, store, func(tx storage.Tx) {
			tx.Put([]byte("a"), []byte("1"))
			tx.Put([]byte("b"), []byte{})
		})
		update(t, store, func(tx storage.Tx) { tx.Delete([]byte("a")) })
		store = reopen(t, store)
		expect(t, view(t, store), "b=")
		closeStore(t, store)
	})
}

// update commits what fn writes.
func update(t testing.TB, store storage.Store, fn func(storage.Tx)) {
	t.Helper()
	err := store.Update(func(tx storage.Tx) error { fn(tx); return nil })
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// view opens a snapshot that the end of the test releases.
func view(t *testing.T, store storage.Store) storage.Snapshot {
	t.Helper()
	snapshot, err := store.View()
	if err != nil {
		t.Fatalf("View: %v", err)
	}
	return snapshot
}

// expect releases r, if it is a snapshot, after comparing its whole content
// with pairs of the form key=value, ascending.
func expect(t *testing.T, r storage.Reader, pairs ...string) {
	t.Helper()
	if s, ok := r.(storage.Snapshot); ok {
		defer s.Release()
	}
	expectScan(t, r, nil, nil, pairs...)
}

func expectScan(t *testing.T, r storage.Reader, prefix, start []byte, pairs ...string) {
	t.Helper()
	got := []string{}
	for key, value := range r.ScanFrom(prefix, start) {
		if value == nil {
			t.Errorf("scan hands out nil as the value of %q", key)
		}
		if !bytes.Equal(r.Get(key), value) {
			t.Errorf("scan says %q, Get says %q", value, r.Get(key))
		}
		got = append(got, fmt.Sprintf("%s=%s", key, value))
	}
	if pairs == nil {
		pairs = []string{}
	}
	if !slices.Equal(got, pairs) {
		t.Errorf("prefix %q from %q: got %q, want %q", prefix, start, got, pairs)
	}
}

func closeStore(t *testing.T, store storage.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
