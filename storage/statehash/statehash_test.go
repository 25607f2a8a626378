package statehash

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/storage"
	"minimint/storage/memory"
)

func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/lthash.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		EmptySum string `json:"empty_sum"`
		Elements []struct {
			Data  string
			Lanes []string
			Sum   string
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	var empty LtHash
	if got := empty.Sum(); hex.EncodeToString(got[:]) != vectors.EmptySum {
		t.Errorf("sum of the empty set: %x, want %s", got, vectors.EmptySum)
	}
	for _, v := range vectors.Elements {
		e := element([]byte(v.Data))
		for i, want := range v.Lanes {
			if got := fmt.Sprintf("%04x", e.lane[i]); got != want {
				t.Errorf("%q lane %d: %s, want %s", v.Data, i, got, want)
			}
		}
		if got := e.Sum(); hex.EncodeToString(got[:]) != v.Sum {
			t.Errorf("%q sum: %x, want %s", v.Data, got, v.Sum)
		}
	}
	if len(vectors.Elements) == 0 {
		t.Error("no vectors")
	}
}

// TestCanonical fixes our own encoding of a pair, which the vectors of others
// cannot know: a change of it is a change of the protocol.
func TestCanonical(t *testing.T) {
	t.Parallel()
	got := hex.EncodeToString(canonical([]byte("ab"), []byte("c")))
	if want := "00000002" + "6162" + "00000001" + "63"; got != want {
		t.Errorf("canonical: %s, want %s", got, want)
	}
	var a, b LtHash
	a.Add([]byte("ab"), []byte("c"))
	b.Add([]byte("a"), []byte("bc"))
	if a == b {
		t.Error("the border between key and value does not matter")
	}
}

type pair struct{ key, value string }

func drawPairs(t *rapid.T, label string) []pair {
	keys := rapid.SliceOfNDistinct(rapid.StringN(1, 4, 8), 0, 12, rapid.ID[string]).Draw(t, label)
	pairs := make([]pair, len(keys))
	for i, k := range keys {
		pairs[i] = pair{k, rapid.StringN(0, 4, 8).Draw(t, "value")}
	}
	return pairs
}

func hashOf(pairs []pair) LtHash {
	var h LtHash
	for _, p := range pairs {
		h.Add([]byte(p.key), []byte(p.value))
	}
	return h
}

func TestOrderIndependence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pairs := drawPairs(t, "pairs")
		shuffled := rapid.Permutation(slices.Clone(pairs)).Draw(t, "shuffled")
		if hashOf(pairs) != hashOf(shuffled) {
			t.Fatal("the order of additions matters")
		}
	})
}

func TestRemoveUndoesAdd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pairs := drawPairs(t, "pairs")
		keep := rapid.IntRange(0, len(pairs)).Draw(t, "keep")
		h := hashOf(pairs)
		for _, p := range pairs[keep:] {
			h.Remove([]byte(p.key), []byte(p.value))
		}
		if h != hashOf(pairs[:keep]) {
			t.Fatal("removed pairs leave a trace")
		}
		if keep < len(pairs) && h == hashOf(pairs) {
			t.Fatal("removing changed nothing")
		}
	})
}

func TestHomomorphic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pairs := drawPairs(t, "pairs")
		cut := rapid.IntRange(0, len(pairs)).Draw(t, "cut")
		a, b := hashOf(pairs[:cut]), hashOf(pairs[cut:])
		a.Merge(&b)
		if a != hashOf(pairs) {
			t.Fatal("the hash of the union is not the sum of the hashes")
		}
	})
}

func TestDecodeInvertsEncode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := hashOf(drawPairs(t, "pairs"))
		got, err := Decode(h.Encode())
		if err != nil || got != h {
			t.Fatalf("decoded to another hash, error %v", err)
		}
	})
}

// TestApplyEqualsCompute is the property that snapshots rely on: following the
// changes epoch by epoch gives what a scan of everything gives.
func TestApplyEqualsCompute(t *testing.T) {
	t.Parallel()
	scopes := []storage.Scope{storage.Replicated("mint"), storage.Replicated("wallet"), storage.Local("mint")}
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		var followed LtHash
		for range rapid.IntRange(1, 4).Draw(t, "epochs") {
			snapshot, err := store.View()
			if err != nil {
				t.Fatal(err)
			}
			overlay := storage.NewOverlay(snapshot)
			for range rapid.IntRange(0, 12).Draw(t, "writes") {
				tx := storage.Scoped(overlay, rapid.SampledFrom(scopes).Draw(t, "scope"))
				key := []byte(rapid.StringN(1, 1, 4).Draw(t, "key"))
				if rapid.Bool().Draw(t, "delete") {
					tx.Delete(key)
				} else {
					tx.Put(key, []byte(rapid.StringN(0, 1, 4).Draw(t, "value")))
				}
			}
			followed.Apply(overlay.Changes())
			if got := Compute(overlay); got != followed {
				t.Fatal("the overlay hashes to something else than its changes")
			}
			if err := store.Update(func(tx storage.Tx) error { overlay.ApplyTo(tx); return nil }); err != nil {
				t.Fatal(err)
			}
			snapshot.Release()
		}
		snapshot, err := store.View()
		if err != nil {
			t.Fatal(err)
		}
		defer snapshot.Release()
		if Compute(snapshot) != followed {
			t.Fatal("the committed state hashes to something else than its changes")
		}
	})
}

func TestLocalScopesDoNotCount(t *testing.T) {
	t.Parallel()
	overlay := storage.NewOverlay(emptyReader(t))
	storage.Scoped(overlay, storage.Local("journal")).Put([]byte("k"), []byte("v"))
	var h LtHash
	h.Apply(overlay.Changes())
	if h != (LtHash{}) || Compute(overlay) != (LtHash{}) {
		t.Error("a local key changed the state hash")
	}
	storage.Scoped(overlay, storage.Replicated("journal")).Put([]byte("k"), []byte("v"))
	h.Apply(overlay.Changes())
	if h == (LtHash{}) {
		t.Error("a replicated key did not change the state hash")
	}
}

func emptyReader(t *testing.T) storage.Reader {
	snapshot, err := memory.New().View()
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, Bytes-1))
	f.Add(make([]byte, Bytes))
	f.Add(slices.Repeat([]byte{0xff, 0x01}, Bytes/2))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Decode(b)
		if (err == nil) != (len(b) == Bytes) {
			t.Fatalf("%d bytes: error %v", len(b), err)
		}
		if err == nil && !slices.Equal(h.Encode(), b) {
			t.Fatal("encodes to something else")
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	var h LtHash
	key, value := make([]byte, 40), make([]byte, 120)
	b.ReportAllocs()
	for b.Loop() {
		h.Add(key, value)
	}
}
