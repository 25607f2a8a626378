package storagetest

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/storage"
)

// version is a snapshot beside what it must show.
type version struct {
	snapshot storage.Snapshot
	want     map[string]string
}

// testModel compares a store with a map, and its snapshots with copies of it.
func testModel(t *testing.T, open func(t *testing.T) storage.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		store := open(t)
		committed := map[string]string{}
		var versions []version
		for range rapid.IntRange(1, 8).Draw(rt, "updates") {
			if rapid.Bool().Draw(rt, "view") {
				snapshot, err := store.View()
				if err != nil {
					rt.Fatalf("View: %v", err)
				}
				versions = append(versions, version{snapshot, committed})
			}
			want := maps.Clone(committed)
			fail := rapid.IntRange(0, 3).Draw(rt, "fail") == 0
			err := store.Update(func(tx storage.Tx) error {
				modelWrites(rt, tx, want)
				modelCompare(rt, tx, want)
				if fail {
					return errTest
				}
				return nil
			})
			switch {
			case fail != (err != nil):
				rt.Fatalf("Update: %v", err)
			case !fail:
				committed = want
			}
		}
		for _, v := range versions {
			modelCompare(rt, v.snapshot, v.want)
			v.snapshot.Release()
		}
		if err := store.Close(); err != nil {
			rt.Fatalf("Close: %v", err)
		}
	})
}

var modelKey = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xff}), 1, 3)

func modelWrites(t *rapid.T, tx storage.Tx, want map[string]string) {
	for range rapid.IntRange(0, 10).Draw(t, "writes") {
		key := modelKey.Draw(t, "key")
		if rapid.IntRange(0, 2).Draw(t, "write") == 0 {
			tx.Delete(key)
			delete(want, string(key))
			continue
		}
		value := rapid.StringN(0, 3, 12).Draw(t, "value")
		tx.Put(key, []byte(value))
		want[string(key)] = value
	}
}

func modelCompare(t *rapid.T, r storage.Reader, want map[string]string) {
	prefix, start := modelKey.Draw(t, "prefix"), modelKey.Draw(t, "start")
	prefix = prefix[:rapid.IntRange(0, len(prefix)).Draw(t, "prefix length")]
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if k >= string(start) && len(k) >= len(prefix) && k[:len(prefix)] == string(prefix) {
			keys = append(keys, k)
		}
	}
	i := 0
	for k, v := range r.ScanFrom(prefix, start) {
		if i == len(keys) || string(k) != keys[i] || string(v) != want[keys[i]] {
			t.Fatalf("ScanFrom(%x, %x): entry %d is %x: %q, want keys %x", prefix, start, i, k, v, keys)
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("ScanFrom(%x, %x) ends after %d keys of %x", prefix, start, i, keys)
	}
	key := modelKey.Draw(t, "get")
	value, present := want[string(key)]
	if got := r.Get(key); (got != nil) != present || string(got) != value {
		t.Fatalf("Get(%x) = %q, want %q, present %t", key, got, value, present)
	}
}
