package storage_test

import (
	"bytes"
	"strings"
	"testing"

	"minimint/storage"
)

func TestScopeKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope      storage.Scope
		text, key  string
		replicated bool
	}{
		{storage.Replicated("mint"), `replicated "mint"`, "r\x04mintkey", true},
		{storage.Local("mint"), `local "mint"`, "l\x04mintkey", false},
		{storage.Local("\x00"), `local "\x00"`, "l\x01\x00key", false},
	} {
		key := c.scope.Key([]byte("key"))
		if string(key) != c.key || c.scope.String() != c.text || c.scope.IsReplicated() != c.replicated {
			t.Errorf("%v, replicated %t: key %q, want %q", c.scope, c.scope.IsReplicated(), key, c.key)
		}
		scope, inner, ok := storage.SplitKey(key)
		if !ok || scope != c.scope || string(inner) != "key" {
			t.Errorf("SplitKey(%q) = %v, %q, %t", key, scope, inner, ok)
		}
	}
	var none storage.Scope
	if none.String() != "no scope" || none.Name() != "" || none.IsReplicated() {
		t.Errorf("zero scope: %v", none)
	}
}

func TestSplitKeyRejects(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "r", "l\x00", "l\x00key", "x\x01mkey", "r\x04min", "r\x04mint", "R\x01mk"} {
		if scope, inner, ok := storage.SplitKey([]byte(key)); ok {
			t.Errorf("SplitKey(%q) = %v, %q", key, scope, inner)
		}
	}
}

func TestScopeMisusePanics(t *testing.T) {
	t.Parallel()
	_, snapshot := committed(t, nil)
	overlay := storage.NewOverlay(snapshot)
	mint := storage.Scoped(overlay, storage.Replicated("mint"))
	expectPanic(t, "empty name", func() { storage.Replicated("") })
	expectPanic(t, "long name", func() { storage.Local(strings.Repeat("x", 256)) })
	expectPanic(t, "zero scope", func() { storage.Scoped(overlay, storage.Scope{}) })
	expectPanic(t, "key in the zero scope", func() { storage.Scope{}.Key(nil) })
	expectPanic(t, "local inside replicated", func() { storage.Scoped(mint, storage.Local("cache")) })
	expectPanic(t, "replicated inside local", func() {
		storage.ScopedReader(storage.ScopedReader(snapshot, storage.Local("cache")), storage.Replicated("mint"))
	})
	storage.Local(strings.Repeat("x", 255))
}

func TestScopesNest(t *testing.T) {
	t.Parallel()
	_, snapshot := committed(t, nil)
	overlay := storage.NewOverlay(snapshot)
	mint := storage.Scoped(overlay, storage.Replicated("mint"))
	tiers := storage.Scoped(mint, storage.Replicated("tiers"))
	tiers.Put([]byte("k"), []byte("v"))
	mint.Put([]byte("k"), []byte("outer"))
	want(t, tiers, "k=v")
	want(t, mint, "k=outer", "r\x05tiersk=v")
	want(t, overlay, "r\x04mintk=outer", "r\x04mintr\x05tiersk=v")
}

// FuzzScopeKey: keys of different scopes never meet, neither as equals nor
// because the prefix of one scope begins a key of the other.
func FuzzScopeKey(f *testing.F) {
	f.Add("mint", []byte("key"), "min", []byte("tkey"), true, true)
	f.Add("m", []byte{}, "m", []byte{0}, true, false)
	f.Add("\x01", []byte{1, 1}, "\x01\x01", []byte{1}, false, false)
	f.Fuzz(func(t *testing.T, nameA string, keyA []byte, nameB string, keyB []byte, replA, replB bool) {
		if len(nameA) < 1 || len(nameA) > 255 || len(nameB) < 1 || len(nameB) > 255 || len(keyA) == 0 {
			return
		}
		scope := func(name string, replicated bool) storage.Scope {
			if replicated {
				return storage.Replicated(name)
			}
			return storage.Local(name)
		}
		a, b := scope(nameA, replA), scope(nameB, replB)
		fullA, fullB := a.Key(keyA), b.Key(keyB)
		got, inner, ok := storage.SplitKey(fullA)
		if !ok || got != a || !bytes.Equal(inner, keyA) {
			t.Fatalf("SplitKey(%q) = %v, %q, %t", fullA, got, inner, ok)
		}
		if storage.IsReplicated(fullA) != replA {
			t.Fatalf("%q: replicated is not %t", fullA, replA)
		}
		if a != b && (bytes.HasPrefix(fullA, b.Key(nil)) || bytes.HasPrefix(fullB, a.Key(nil))) {
			t.Fatalf("%v and %v meet: %q, %q", a, b, fullA, fullB)
		}
	})
}

// FuzzSplitKey: what splits is what a scope writes, byte for byte.
func FuzzSplitKey(f *testing.F) {
	f.Add([]byte("r\x04mintkey"))
	f.Add([]byte("l\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, full []byte) {
		scope, key, ok := storage.SplitKey(full)
		if ok && !bytes.Equal(scope.Key(key), full) {
			t.Fatalf("%q splits into %v, %q", full, scope, key)
		}
	})
}
