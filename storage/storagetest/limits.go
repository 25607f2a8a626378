package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"minimint/storage"
)

// recovered returns what fn panics with, or nil.
func recovered(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}

// expectPanic wants a panic whose text names the package that blames its
// caller.
func expectPanic(t *testing.T, what string, fn func()) {
	t.Helper()
	switch value := recovered(fn).(type) {
	case nil:
		t.Errorf("%s: no panic", what)
	case string:
		if !strings.Contains(value, ": ") {
			t.Errorf("%s: panic %q does not name its package", what, value)
		}
	default:
		t.Errorf("%s: panic with %v, want a text", what, value)
	}
}

func testLimits(t *testing.T, store storage.Store) {
	long := make([]byte, storage.MaxKeyBytes+1)
	huge := make([]byte, storage.MaxValueBytes+1)
	update(t, store, func(tx storage.Tx) {
		for _, in := range []storage.Tx{tx, storage.Scoped(tx, storage.Local("scope"))} {
			expectPanic(t, "put empty key", func() { in.Put(nil, nil) })
			expectPanic(t, "put long key", func() { in.Put(long, nil) })
			expectPanic(t, "put huge value", func() { in.Put([]byte("k"), huge) })
			expectPanic(t, "delete empty key", func() { in.Delete([]byte{}) })
			expectPanic(t, "delete long key", func() { in.Delete(long) })
			if in.Get(long) != nil {
				t.Error("a key beyond the limit is present")
			}
		}
	})
	expect(t, view(t, store))
}

func testScopes(t *testing.T, store storage.Store) {
	scopes := []storage.Scope{
		storage.Replicated("m"), storage.Replicated("mint"), storage.Replicated("mint2"),
		storage.Local("m"), storage.Local("mint"),
	}
	update(t, store, func(tx storage.Tx) {
		for i, scope := range scopes {
			in := storage.Scoped(tx, scope)
			expectScan(t, in, nil, nil)
			in.Put([]byte("int"), fmt.Append(nil, i))
			in.Put([]byte("t"), fmt.Append(nil, i))
			in.Put([]byte("u"), nil)
			in.Delete([]byte("u"))
			if in.Get([]byte("u")) != nil {
				t.Errorf("%v: deleted key is present", scope)
			}
		}
	})
	snapshot := view(t, store)
	defer snapshot.Release()
	for i, scope := range scopes {
		in := storage.ScopedReader(snapshot, scope)
		expectScan(t, in, nil, nil, fmt.Sprintf("int=%d", i), fmt.Sprintf("t=%d", i))
		expectScan(t, in, []byte("t"), nil, fmt.Sprintf("t=%d", i))
		expectScan(t, in, nil, []byte("j"), fmt.Sprintf("t=%d", i))
	}
	total, replicated := 0, 0
	for key := range snapshot.Scan(nil) {
		if _, _, ok := storage.SplitKey(key); !ok {
			t.Errorf("key %q has no scope", key)
		}
		total++
	}
	for range storage.ScanReplicated(snapshot) {
		replicated++
	}
	if total != 10 || replicated != 6 {
		t.Errorf("%d keys, %d of them replicated, want 10 and 6", total, replicated)
	}
}

func testRelease(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), nil); tx.Put([]byte("b"), nil) })
	snapshot := view(t, store)
	scan := snapshot.Scan(nil)
	snapshot.Release()
	snapshot.Release()
	expectPanic(t, "Get after Release", func() { snapshot.Get([]byte("a")) })
	expectPanic(t, "Scan after Release", func() { snapshot.Scan(nil) })
	expectPanic(t, "iteration after Release", func() {
		for range scan {
			t.Error("a released snapshot hands out keys")
		}
	})
	other := view(t, store)
	expectPanic(t, "Release inside an iteration", func() {
		for range other.Scan(nil) {
			other.Release()
		}
	})
}

func testClose(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), []byte("1")) })
	snapshot := view(t, store)
	if err := store.Close(); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("Close with a snapshot open: %v, want ErrInUse", err)
	}
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), []byte("2")) })
	expect(t, snapshot, "a=1")
	closeStore(t, store)
	if _, err := store.View(); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("View after Close: %v, want ErrClosed", err)
	}
	err := store.Update(func(storage.Tx) error { t.Error("Update after Close runs"); return nil })
	if !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Update after Close: %v, want ErrClosed", err)
	}
	closeStore(t, store)
}
