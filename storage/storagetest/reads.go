package storagetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"minimint/storage"
)

func testAbsentAndEmpty(t *testing.T, store storage.Store) {
	check := func(r storage.Reader) {
		t.Helper()
		if got := r.Get([]byte("absent")); got != nil {
			t.Errorf("absent key: %q, want nil", got)
		}
		for _, key := range []string{"nil", "empty"} {
			if got := r.Get([]byte(key)); got == nil || len(got) != 0 {
				t.Errorf("%s value: %#v, want an empty slice that is not nil", key, got)
			}
		}
		if got := r.Get(nil); got != nil {
			t.Errorf("empty key: %q, want nil", got)
		}
	}
	update(t, store, func(tx storage.Tx) {
		tx.Put([]byte("nil"), nil)
		tx.Put([]byte("empty"), []byte{})
		check(tx)
	})
	update(t, store, func(tx storage.Tx) { check(tx) })
	snapshot := view(t, store)
	check(snapshot)
	expect(t, snapshot, "empty=", "nil=")
}

func testReplace(t *testing.T, store storage.Store) {
	update(t, store, func(tx storage.Tx) {
		tx.Put([]byte("a"), []byte("1"))
		tx.Put([]byte("b"), []byte("1"))
		tx.Put([]byte("c"), []byte("1"))
	})
	update(t, store, func(tx storage.Tx) {
		tx.Put([]byte("a"), []byte("longer than before"))
		tx.Delete([]byte("b"))
		tx.Delete([]byte("never there"))
		tx.Delete([]byte("c"))
		tx.Put([]byte("c"), []byte("back"))
		tx.Put([]byte("d"), []byte("short"))
		tx.Delete([]byte("d"))
	})
	expect(t, view(t, store), "a=longer than before", "c=back")
}

// Keys around a prefix, the hardest of which has no successor of its length.
var orderedKeys = []string{
	"\x00", "a", "a\x00", "aa", "ab", "b", "b\x00", "ba", "\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\x01",
}

// fill puts the ordered keys, each as its own value, in another order.
func fill(tx storage.Tx) {
	for i := range orderedKeys {
		key := []byte(orderedKeys[i*5%len(orderedKeys)]) // 5 and 13 have no common divisor
		tx.Put(key, key)
	}
}

func testScan(t *testing.T, store storage.Store) {
	check := func(r storage.Reader) {
		t.Helper()
		for _, prefix := range append([]string{"", "c", "a\x00\x00"}, orderedKeys...) {
			want := []string{}
			for _, key := range orderedKeys {
				if bytes.HasPrefix([]byte(key), []byte(prefix)) {
					want = append(want, key)
				}
			}
			got := []string{}
			for key, value := range r.Scan([]byte(prefix)) {
				if !bytes.Equal(key, value) {
					t.Errorf("key %q has the value of %q", key, value)
				}
				got = append(got, string(key))
			}
			if !slices.Equal(got, want) {
				t.Errorf("Scan(%q): %q, want %q", prefix, got, want)
			}
		}
	}
	update(t, store, func(tx storage.Tx) { fill(tx); check(tx) })
	update(t, store, func(tx storage.Tx) { check(tx) })
	snapshot := view(t, store)
	defer snapshot.Release()
	check(snapshot)
	for key := range snapshot.Scan(nil) {
		if string(key) == "aa" {
			break
		}
	}
	twice := snapshot.Scan([]byte("a"))
	for range 2 { // an iterator may be used again
		count := 0
		for range twice {
			count++
		}
		if count != 4 {
			t.Errorf("scan of 4 keys visits %d", count)
		}
	}
}

func testScanFrom(t *testing.T, store storage.Store) {
	check := func(r storage.Reader) {
		t.Helper()
		probes := append([]string{"", "a\x00\x00", "c", "\xff\xff\xff"}, orderedKeys...)
		for _, prefix := range probes {
			for _, start := range probes {
				want := []string{}
				for _, key := range orderedKeys {
					if bytes.HasPrefix([]byte(key), []byte(prefix)) && key >= start {
						want = append(want, key+"="+key)
					}
				}
				expectScan(t, r, []byte(prefix), []byte(start), want...)
			}
		}
	}
	update(t, store, func(tx storage.Tx) { fill(tx); check(tx) })
	update(t, store, func(tx storage.Tx) { check(tx) })
	snapshot := view(t, store)
	defer snapshot.Release()
	check(snapshot)
}

func testWriteDuringScan(t *testing.T, store storage.Store) {
	const n = 300 // several pages
	key := func(i int) []byte { return fmt.Appendf(nil, "%04d", i) }
	update(t, store, func(tx storage.Tx) {
		for i := range n {
			tx.Put(key(2*i), key(i))
		}
	})
	update(t, store, func(tx storage.Tx) {
		tx.Delete(key(0)) // seen by the scan, as it happens before
		visited := 0
		for k, v := range tx.Scan(nil) {
			visited++
			if !bytes.Equal(k, key(2*visited)) || !bytes.Equal(v, key(visited)) {
				t.Fatalf("visit %d: %q is %q", visited, k, v)
			}
			tx.Delete(k)
			tx.Put(append(bytes.Clone(k), "+"...), v)      // right behind
			tx.Put(key(2*visited+2), key(visited+1))       // the next, unchanged
			tx.Put(key(2*n+visited), []byte("at the end")) // beyond the last
			tx.Delete(key(2 * (n - visited)))              // ahead, or done
		}
		if visited != n-1 {
			t.Errorf("scan visits %d keys, want %d", visited, n-1)
		}
	})
}
