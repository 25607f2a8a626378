package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"minimint/storage"
)

var errTest = errors.New("test")

func testOwnWrites(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) {
		tx.Put([]byte("a"), []byte("1"))
		tx.Put([]byte("c"), []byte("3"))
	})
	update(t, store, func(tx storage.Tx) {
		tx.Put([]byte("b"), []byte("2"))
		tx.Put([]byte("a"), []byte("one"))
		tx.Delete([]byte("c"))
		expect(t, tx, "a=one", "b=2")
		if got := tx.Get([]byte("c")); got != nil {
			t.Errorf("deleted key: %q", got)
		}
	})
	expect(t, view(t, store), "a=one", "b=2")
}

func testError(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), []byte("1")) })
	err := store.Update(func(tx storage.Tx) error {
		tx.Put([]byte("a"), []byte("2"))
		tx.Put([]byte("b"), []byte("2"))
		return errTest
	})
	if !errors.Is(err, errTest) || err.Error() != errTest.Error() { // unchanged, so nothing is added either
		t.Errorf("Update returns %v, want the error of its function", err)
	}
	expect(t, view(t, store), "a=1")
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("c"), []byte("3")) })
	expect(t, view(t, store), "a=1", "c=3")
}

func testPanic(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), []byte("1")) })
	if got := recovered(func() {
		_ = store.Update(func(tx storage.Tx) error {
			tx.Put([]byte("a"), []byte("2"))
			panic("test")
		})
	}); got != "test" {
		t.Errorf("Update panics with %v, want what its function panics with", got)
	}
	expect(t, view(t, store), "a=1")
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("c"), []byte("3")) })
	expect(t, view(t, store), "a=1", "c=3")
}

func testSnapshots(t *testing.T, store storage.Store) {
	const n = 8
	payload := bytes.Repeat([]byte("x"), 256<<10) // so that a file has to grow
	var snapshots []storage.Snapshot
	for i := range n {
		snapshots = append(snapshots, view(t, store))
		update(t, store, func(tx storage.Tx) {
			tx.Put([]byte("epoch"), fmt.Append(nil, i))
			tx.Put(fmt.Appendf(nil, "added %d", i), payload)
			tx.Delete(fmt.Appendf(nil, "added %d", i-2))
		})
	}
	for i, s := range snapshots {
		want := fmt.Append(nil, i-1)
		if i == 0 {
			want = nil
		}
		if got := s.Get([]byte("epoch")); !bytes.Equal(got, want) {
			t.Errorf("snapshot %d: epoch %q, want %q", i, got, want)
		}
		count := 0
		for _, v := range s.Scan([]byte("added ")) {
			if !bytes.Equal(v, payload) {
				t.Errorf("snapshot %d: value of %d bytes has changed", i, len(v))
			}
			count++
		}
		if count != min(i, 2) {
			t.Errorf("snapshot %d: %d keys, want %d", i, count, min(i, 2))
		}
		s.Release()
	}
}

func testViewInsideUpdate(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) { tx.Put([]byte("a"), []byte("1")) })
	var during storage.Snapshot
	update(t, store, func(tx storage.Tx) {
		tx.Put([]byte("a"), []byte("2"))
		expect(t, view(t, store), "a=1")
		during = view(t, store)
	})
	expect(t, during, "a=1")
	expect(t, view(t, store), "a=2")
}

func testConcurrentReaders(t *testing.T, store storage.Store) {
	const epochs, readers = 40, 3
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			last := -1
			for {
				select {
				case <-done:
					return
				default:
				}
				s, err := store.View()
				if err != nil {
					t.Errorf("View: %v", err)
					return
				}
				// Both keys belong to one epoch, and epochs only advance.
				a, b := s.Get([]byte("a")), s.Get([]byte("z"))
				if !bytes.Equal(a, b) {
					t.Errorf("snapshot shows epochs %v and %v", a, b)
				}
				if len(a) == 1 {
					if int(a[0]) < last {
						t.Errorf("epoch %d after %d", a[0], last)
					}
					last = int(a[0])
				}
				s.Release()
			}
		})
	}
	for i := range epochs {
		update(t, store, func(tx storage.Tx) {
			tx.Put([]byte("a"), []byte{byte(i)})
			tx.Put(fmt.Append(nil, i), make([]byte, 1000))
			tx.Put([]byte("z"), []byte{byte(i)})
		})
	}
	close(done)
	wg.Wait()
}

func testArgumentsCopied(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) {
		key, value := []byte("key"), []byte("value")
		tx.Put(key, value)
		copy(key, "xxx")
		copy(value, "xxxxx")
		gone := []byte("gone")
		tx.Put(gone, nil)
		tx.Delete(gone)
		copy(gone, "xxxx")
		prefix := []byte("k")
		scan := tx.Scan(prefix)
		prefix[0] = 'x'
		count := 0
		for range scan {
			count++
		}
		if count != 1 {
			t.Errorf("scan with a prefix that changed later: %d keys, want 1", count)
		}
	})
	expect(t, view(t, store), "key=value")
}

func testLarge(t *testing.T, store storage.Store) {
	key := bytes.Repeat([]byte("k"), storage.MaxKeyBytes)
	value := bytes.Repeat([]byte("v"), 5<<20)
	for _, v := range [][]byte{value, value[:1], value[:4096], value} {
		update(t, store, func(tx storage.Tx) { tx.Put(key, v) })
		snapshot := view(t, store)
		if got := snapshot.Get(key); !bytes.Equal(got, v) {
			t.Errorf("wrote %d bytes, read %d, or others", len(v), len(got))
		}
		snapshot.Release()
	}
}
