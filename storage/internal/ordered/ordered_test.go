package ordered

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// check panics the test unless the tree under n is ordered and balanced.
func check(t *rapid.T, n *node) {
	if n == nil {
		return
	}
	check(t, n.left)
	check(t, n.right)
	l, r := height(n.left), height(n.right)
	if n.height != 1+max(l, r) {
		t.Fatalf("height %d over %d and %d", n.height, l, r)
	}
	if l-r > 1 || r-l > 1 {
		t.Fatalf("unbalanced: %d beside %d", l, r)
	}
	if n.left != nil && bytes.Compare(n.left.key, n.key) >= 0 {
		t.Fatalf("left key %x not below %x", n.left.key, n.key)
	}
	if n.right != nil && bytes.Compare(n.right.key, n.key) <= 0 {
		t.Fatalf("right key %x not above %x", n.right.key, n.key)
	}
}

func equal(t *rapid.T, m Map, want map[string]string) {
	if m.Len() != len(want) {
		t.Fatalf("%d keys, want %d", m.Len(), len(want))
	}
	keys := slices.Sorted(maps.Keys(want))
	i := 0
	for k, v := range m.From(nil) {
		if i == len(keys) || string(k) != keys[i] || string(v) != want[keys[i]] {
			t.Fatalf("entry %d is %q: %q", i, k, v)
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("visited %d keys of %d", i, len(keys))
	}
}

func TestMapAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			m    Map
			want map[string]string
		}
		var m Map
		want := map[string]string{}
		var old []version
		key := rapid.SliceOfN(rapid.ByteRange(0, 7), 0, 3)
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			k := key.Draw(t, "key")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				v := rapid.StringN(0, 2, 8).Draw(t, "value")
				m = m.With(k, []byte(v))
				want[string(k)] = v
			case 3, 4:
				m = m.Without(k)
				delete(want, string(k))
			case 5:
				old = append(old, version{m, maps.Clone(want)})
			}
			check(t, m.root)
			v, ok := m.Get(k)
			if w, has := want[string(k)]; ok != has || string(v) != w {
				t.Fatalf("Get(%q) = %q, %t, want %q, %t", k, v, ok, w, has)
			}
		}
		equal(t, m, want)
		for _, o := range old {
			equal(t, o.m, o.want)
		}
		start := key.Draw(t, "start")
		for k := range m.From(start) {
			if bytes.Compare(k, start) < 0 {
				t.Fatalf("From(%x) visits %x", start, k)
			}
			delete(want, string(k))
		}
		for k := range want {
			if k >= string(start) {
				t.Fatalf("From(%x) misses %x", start, k)
			}
		}
	})
}

func TestAscendingInsertsStayFlat(t *testing.T) {
	t.Parallel()
	var m Map
	for i := range uint32(1 << 14) {
		m = m.With(binary.BigEndian.AppendUint32(nil, i), nil)
	}
	if h := height(m.root); h != 15 {
		t.Fatalf("2^14 ascending keys give height %d, want 15", h)
	}
}

func BenchmarkWith(b *testing.B) {
	var m Map
	for i := range uint32(100_000) {
		m = m.With(binary.BigEndian.AppendUint32(nil, i*2654435761), nil)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.With(binary.BigEndian.AppendUint32(nil, uint32(i)*2246822519), nil)
	}
}
