package storage_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/storage"
	"minimint/storage/memory"
)

// committed returns a store with the given content and a snapshot of it.
func committed(t testing.TB, content map[string]string) (*memory.Store, storage.Snapshot) {
	t.Helper()
	store := memory.New()
	err := store.Update(func(tx storage.Tx) error {
		for _, k := range slices.Sorted(maps.Keys(content)) {
			tx.Put([]byte(k), []byte(content[k]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := store.View()
	if err != nil {
		t.Fatal(err)
	}
	return store, snapshot
}

func list(r storage.Reader) []string {
	var pairs []string
	for k, v := range r.Scan(nil) {
		pairs = append(pairs, fmt.Sprintf("%s=%s", k, v))
	}
	return pairs
}

func want(t *testing.T, r storage.Reader, pairs ...string) {
	t.Helper()
	if got := list(r); !slices.Equal(got, pairs) {
		t.Errorf("got %q, want %q", got, pairs)
	}
}

func expectPanic(t *testing.T, what string, fn func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	fn()
}

// model is an Overlay beside what it must show, with its open savepoints.
type model struct {
	overlay *storage.Overlay
	base    map[string]string
	want    map[string]string
	saved   []struct {
		token storage.Savepoint
		want  map[string]string
	}
}

var (
	drawKey   = rapid.StringOfN(rapid.SampledFrom([]rune("ab")), 1, 3, -1)
	drawValue = rapid.SampledFrom([]string{"", "1", "2"})
)

func (m *model) put(t *rapid.T) {
	k, v := drawKey.Draw(t, "key"), drawValue.Draw(t, "value")
	m.overlay.Put([]byte(k), []byte(v))
	m.want[k] = v
}

func (m *model) delete(t *rapid.T) {
	k := drawKey.Draw(t, "key")
	m.overlay.Delete([]byte(k))
	delete(m.want, k)
}

func (m *model) savepoint(*rapid.T) {
	m.saved = append(m.saved, struct {
		token storage.Savepoint
		want  map[string]string
	}{m.overlay.Savepoint(), maps.Clone(m.want)})
}

// pick draws an open savepoint, not only the innermost; without any it makes
// one.
func (m *model) pick(t *rapid.T) int {
	if len(m.saved) == 0 {
		m.savepoint(t)
	}
	return rapid.IntRange(0, len(m.saved)-1).Draw(t, "savepoint")
}

func (m *model) rollback(t *rapid.T) {
	i := m.pick(t)
	m.overlay.Rollback(m.saved[i].token)
	m.want, m.saved = m.saved[i].want, m.saved[:i]
}

func (m *model) release(t *rapid.T) {
	i := m.pick(t)
	m.overlay.Release(m.saved[i].token)
	m.saved = m.saved[:i]
}

func (m *model) check(t *rapid.T) {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(m.want)) {
		pairs = append(pairs, k+"="+m.want[k])
	}
	if got := list(m.overlay); !slices.Equal(got, pairs) {
		t.Fatalf("scan: %q, want %q", got, pairs)
	}
	k := drawKey.Draw(t, "probe")
	v, present := m.want[k]
	if got := m.overlay.Get([]byte(k)); (got != nil) != present || string(got) != v {
		t.Fatalf("Get(%q) = %q, want %q, present %t", k, got, v, present)
	}

	// Following the changes must lead from the base to the present state, and
	// name neither a key twice nor one that is as it was.
	follow, last := maps.Clone(m.base), ""
	for c := range m.overlay.Changes() {
		key := string(c.Key)
		if key <= last {
			t.Fatalf("change of %q after %q", key, last)
		}
		last = key
		old, had := follow[key]
		if (c.Old != nil) != had || string(c.Old) != old {
			t.Fatalf("change of %q: old value %q, want %q", key, c.Old, old)
		}
		if (c.Old != nil) == (c.New != nil) && string(c.Old) == string(c.New) {
			t.Fatalf("change of %q changes nothing", key)
		}
		if c.New == nil {
			delete(follow, key)
		} else {
			follow[key] = string(c.New)
		}
	}
	if !maps.Equal(follow, m.want) {
		t.Fatalf("changes lead to %v, want %v", follow, m.want)
	}
}

func TestOverlayAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		base := rapid.MapOfN(drawKey, drawValue, 0, 6).Draw(rt, "base")
		store, snapshot := committed(t, base)
		m := &model{overlay: storage.NewOverlay(snapshot), base: base, want: maps.Clone(base)}
		rt.Repeat(map[string]func(*rapid.T){
			"put": m.put, "delete": m.delete, "savepoint": m.savepoint,
			"rollback": m.rollback, "release": m.release, "": m.check,
		})
		for len(m.saved) > 0 {
			m.release(rt)
		}
		err := store.Update(func(tx storage.Tx) error { m.overlay.ApplyTo(tx); return nil })
		if err != nil {
			rt.Fatal(err)
		}
		after, err := store.View()
		if err != nil {
			rt.Fatal(err)
		}
		if got := list(after); !slices.Equal(got, list(m.overlay)) {
			rt.Fatalf("applied: %q, overlay: %q", got, list(m.overlay))
		}
		if !slices.Equal(list(snapshot), list(storage.NewOverlay(snapshot))) {
			rt.Fatal("an overlay without writes differs from what is below")
		}
	})
}

func TestSavepointsNest(t *testing.T) {
	t.Parallel()
	_, snapshot := committed(t, map[string]string{"a": "0"})
	o := storage.NewOverlay(snapshot)
	put := func(k, v string) { o.Put([]byte(k), []byte(v)) }

	outer := o.Savepoint()
	put("a", "1")
	inner := o.Savepoint()
	put("b", "1")
	o.Release(inner)
	want(t, o, "a=1", "b=1")
	failed := o.Savepoint()
	o.Delete([]byte("a"))
	o.Delete([]byte("b"))
	want(t, o)
	o.Rollback(failed)
	want(t, o, "a=1", "b=1")
	expectPanic(t, "rollback twice", func() { o.Rollback(failed) })
	expectPanic(t, "release after rollback", func() { o.Release(failed) })
	expectPanic(t, "apply with a savepoint open", func() { o.ApplyTo(storage.NewOverlay(snapshot)) })
	inside := o.Savepoint()
	o.Rollback(outer)
	want(t, o, "a=0")
	if o.Len() != 0 {
		t.Errorf("%d writes left after rolling everything back", o.Len())
	}
	expectPanic(t, "rollback of a savepoint that ended with the one around it", func() { o.Rollback(inside) })
	again := o.Savepoint()
	expectPanic(t, "old token at the depth of a new one", func() { o.Rollback(outer) })
	o.Release(again)
	expectPanic(t, "savepoint of another overlay", func() {
		o.Rollback(storage.NewOverlay(snapshot).Savepoint())
	})
}

func TestChangesAreNet(t *testing.T) {
	t.Parallel()
	_, snapshot := committed(t, map[string]string{"same": "1", "back": "1", "new": "1", "gone": "", "emptied": "1"})
	o := storage.NewOverlay(snapshot)
	o.Put([]byte("same"), []byte("1"))
	o.Delete([]byte("back"))
	o.Put([]byte("back"), []byte("1"))
	o.Put([]byte("new"), []byte("2"))
	o.Put([]byte("new"), []byte("3"))
	o.Delete([]byte("gone"))
	o.Delete([]byte("never there"))
	o.Put([]byte("brief"), []byte("1"))
	o.Delete([]byte("brief"))
	o.Put([]byte("emptied"), nil)
	o.Put([]byte("added empty"), nil)
	var got []string
	for c := range o.Changes() {
		got = append(got, fmt.Sprintf("%s: %#v -> %#v", c.Key, c.Old, c.New))
	}
	wantChanges := []string{
		`added empty: []byte(nil) -> []byte{}`,
		`emptied: []byte{0x31} -> []byte{}`,
		`gone: []byte{} -> []byte(nil)`,
		`new: []byte{0x31} -> []byte{0x33}`,
	}
	if !slices.Equal(got, wantChanges) {
		t.Errorf("got %q, want %q", got, wantChanges)
	}
	for range o.Changes() {
		break
	}
}

// TestOverlaysStack: an overlay is itself a Reader, so another may lie over it.
func TestOverlaysStack(t *testing.T) {
	t.Parallel()
	_, snapshot := committed(t, map[string]string{"a": "0", "b": "0", "c": "0"})
	lower := storage.NewOverlay(snapshot)
	lower.Put([]byte("b"), []byte("1"))
	lower.Delete([]byte("c"))
	upper := storage.NewOverlay(lower)
	upper.Delete([]byte("b"))
	upper.Put([]byte("c"), []byte("2"))
	want(t, upper, "a=0", "c=2")
	want(t, lower, "a=0", "b=1")
	upper.ApplyTo(lower)
	want(t, lower, "a=0", "c=2")
	want(t, snapshot, "a=0", "b=0", "c=0")
}

func BenchmarkOverlay(b *testing.B) {
	_, snapshot := committed(b, nil)
	key := func(i int) []byte { return fmt.Appendf(nil, "%08x", uint32(i)*2654435761) }
	b.Run("transaction of 4 writes, rolled back", func(b *testing.B) {
		o := storage.NewOverlay(snapshot)
		for i := range 1000 {
			o.Put(key(i), key(i))
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			save := o.Savepoint()
			for j := range 4 {
				o.Put(key(i+j), key(i))
			}
			o.Rollback(save)
		}
	})
}
