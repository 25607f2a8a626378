package merkle_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"minimint/crypto/domain"
	"minimint/crypto/merkle"
)

// needed is K = N−2f.
func needed(n int) int { return n - 2*((n-1)/3) }

func numbered(length int) []byte {
	value := make([]byte, length)
	for i := range value {
		value[i] = byte(i*7 + i>>8)
	}
	return value
}

// Every shard of every size of tree has a proof that holds; there is no proof beyond the last; and whatever is altered, the proof fails.
func TestProofs(t *testing.T) {
	for n := 1; n <= 17; n++ {
		code := merkle.NewCode(n, needed(n))
		tree := code.Commit(numbered(40))
		for i := range n {
			p := tree.Proof(i)
			if err := code.Verify(tree.Root(), p); err != nil {
				t.Fatalf("n=%d, shard %d: %v", n, i, err)
			}
			for name, altered := range alterations(n, p) {
				if err := code.Verify(tree.Root(), altered); !errors.Is(err, merkle.ErrProof) {
					t.Errorf("n=%d, shard %d, %s: %v", n, i, name, err)
				}
			}
			root := tree.Root()
			root[31] ^= 1
			if err := code.Verify(root, p); !errors.Is(err, merkle.ErrProof) {
				t.Errorf("n=%d, shard %d, other root: %v", n, i, err)
			}
		}
		mustPanic(t, func() { tree.Proof(n) })
		mustPanic(t, func() { tree.Proof(-1) })
	}
}

func alterations(n int, p merkle.Proof) map[string]merkle.Proof {
	alter := func(change func(p *merkle.Proof)) merkle.Proof {
		q := p
		q.Shard, q.Path = slices.Clone(p.Shard), slices.Clone(p.Path)
		change(&q)
		return q
	}
	altered := map[string]merkle.Proof{
		"altered value":  alter(func(p *merkle.Proof) { p.Shard[0] ^= 1 }),
		"shorter shard":  alter(func(p *merkle.Proof) { p.Shard = p.Shard[1:] }),
		"longer shard":   alter(func(p *merkle.Proof) { p.Shard = append(p.Shard, 0) }),
		"longer value":   alter(func(p *merkle.Proof) { p.Length++ }),
		"shorter value":  alter(func(p *merkle.Proof) { p.Length-- }),
		"negative value": alter(func(p *merkle.Proof) { p.Length = -1 }),
		"huge value":     alter(func(p *merkle.Proof) { p.Length = merkle.MaxLength + 1 }),
		"index beyond n": alter(func(p *merkle.Proof) { p.Index = n }),
		"negative index": alter(func(p *merkle.Proof) { p.Index = -1 }),
		"a digest too many": alter(func(p *merkle.Proof) {
			p.Path = append(p.Path, [32]byte{})
		}),
	}
	for i := range n {
		if i != p.Index {
			altered[fmt.Sprintf("index %d", i)] = alter(func(p *merkle.Proof) { p.Index = i })
		}
	}
	for i := range p.Path {
		altered[fmt.Sprintf("digest %d altered", i)] = alter(func(p *merkle.Proof) { p.Path[i][5] ^= 1 })
		altered[fmt.Sprintf("digest %d missing", i)] = alter(func(p *merkle.Proof) { p.Path = slices.Delete(p.Path, i, i+1) })
	}
	return altered
}

// A dishonest proposer hashes a shard of the wrong size into an otherwise valid tree. Its proof must fail: Reconstruct relies on sizes.
func TestShardOfWrongSize(t *testing.T) {
	code := merkle.NewCode(1, 1)
	for _, size := range []int{0, 1, 7, 9, 100} {
		shard := make([]byte, size)
		leaf := domain.Hash("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-MERKLE-LEAF", shard)
		root := domain.Hash("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-MERKLE-ROOT",
			[]byte{0, 0, 0, 0, 0, 0, 0, 8}, []byte{0, 1}, []byte{0, 1}, leaf[:])
		if err := code.Verify(root, merkle.Proof{Length: 8, Shard: shard}); !errors.Is(err, merkle.ErrProof) {
			t.Errorf("%d bytes instead of 8: %v", size, err)
		}
	}
}

// Equal data shards lie on a constant polynomial, so all shards and all leaves are equal. Each still has a proof of its own, found
// by index and not by content.
func TestEqualShards(t *testing.T) {
	code := merkle.NewCode(8, needed(8))
	value := bytes.Repeat([]byte{' '}, 32)
	tree := code.Commit(value)
	shards := make([][]byte, 8)
	for i := range shards {
		p := tree.Proof(i)
		if err := code.Verify(tree.Root(), p); err != nil || p.Index != i {
			t.Fatal(err)
		}
		shards[i] = p.Shard
		if !bytes.Equal(p.Shard, shards[0]) {
			t.Fatal("the shards are not equal")
		}
	}
	if got, err := code.Reconstruct(tree.Root(), 32, shards); err != nil || !bytes.Equal(got, value) {
		t.Fatal(err)
	}
}

// The tree by hand for five shards: the fifth leaf moves up twice, unchanged.
func TestRootByHand(t *testing.T) {
	code := merkle.NewCode(5, 3)
	value := []byte("abcdefgh")
	shards := code.Encode(value)
	if got := string(bytes.Join(shards[:3], nil)); got != "abcdefgh\x00" {
		t.Fatalf("data shards %q", got)
	}
	var leaf [5][32]byte
	for i, shard := range shards {
		leaf[i] = domain.Hash("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-MERKLE-LEAF", shard)
	}
	node := func(a, b [32]byte) [32]byte {
		return domain.Hash("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-MERKLE-NODE", a[:], b[:])
	}
	top := node(node(node(leaf[0], leaf[1]), node(leaf[2], leaf[3])), leaf[4])
	want := domain.Hash("MINIMINT-V01-CS01-with-SHA-256_TAGGED_-MERKLE-ROOT",
		[]byte{0, 0, 0, 0, 0, 0, 0, 8}, []byte{0, 5}, []byte{0, 3}, top[:])
	if got := code.Commit(value).Root(); got != want {
		t.Errorf("root %x, by hand %x", got, want)
	}
	if got := len(code.Commit(value).Proof(4).Path); got != 1 {
		t.Errorf("%d digests for the last shard", got)
	}
}

// Frozen shards and roots: another version of the codec, or another processor, must make the same ones, or members disagree.
func TestFrozen(t *testing.T) {
	for _, test := range []struct {
		n      int
		value  string
		parity string
		root   string
	}{
		{1, "", "", "f73cb78ba929209278ce75fa283e37f2aa854ebee70a82528c60fdefc6476494"},
		{4, "known answer", "7f6e57777884 756e4b7773d6", "6dbb41f25d44f23d9e5ac3305f571bccbfec9ac6dfb2c4c5112d2064ec921b86"},
		{10, "known answer", "3ff2d4 1fc822 65aa82 4f9b3a ea95d3 2e5167", "21b99aab47b8a42ae9036561d05753bbd471c307e591c3c9360936198a00a829"},
	} {
		code := merkle.NewCode(test.n, needed(test.n))
		tree := code.Commit([]byte(test.value))
		var parity []string
		for _, shard := range code.Encode([]byte(test.value))[code.Needed():] {
			parity = append(parity, hex.EncodeToString(shard))
		}
		root := tree.Root()
		if got := strings.Join(parity, " "); got != test.parity {
			t.Errorf("n=%d: parity %q", test.n, got)
		}
		if got := hex.EncodeToString(root[:]); got != test.root {
			t.Errorf("n=%d: root %q", test.n, got)
		}
	}
	code := merkle.NewCode(100, needed(100))
	root := code.Commit(numbered(64 << 10)).Root()
	if got := hex.EncodeToString(root[:]); got != "0b24575674dd9ff59213a7551275509150ab854fa77a311c9c921d29645839e8" {
		t.Errorf("n=100: root %q", got)
	}
}

// One value has one root for a code, and other codes and lengths have others.
func TestRootFixesShape(t *testing.T) {
	roots := make(map[merkle.Root]string)
	for _, shape := range [][2]int{{4, 2}, {4, 3}, {5, 2}, {5, 3}, {1, 1}, {2, 1}, {2, 2}} {
		for length := range 7 {
			name := fmt.Sprint(shape, length)
			root := merkle.NewCode(shape[0], shape[1]).Commit(make([]byte, length)).Root()
			if other, taken := roots[root]; taken {
				t.Errorf("%s and %s share a root", name, other)
			}
			roots[root] = name
		}
	}
}

func TestDecodeProof(t *testing.T) {
	for n := 1; n <= 17; n++ {
		code := merkle.NewCode(n, needed(n))
		tree := code.Commit(numbered(40))
		for i := range n {
			encoded := tree.Proof(i).Encode()
			p, err := code.DecodeProof(encoded, 40)
			if err != nil {
				t.Fatalf("n=%d, shard %d: %v", n, i, err)
			}
			if err := code.Verify(tree.Root(), p); err != nil || !bytes.Equal(p.Encode(), encoded) {
				t.Fatalf("n=%d, shard %d: %v", n, i, err)
			}
			for name, bad := range map[string][]byte{
				"short":          encoded[:len(encoded)-1],
				"long":           append(slices.Clone(encoded), 0),
				"header only":    encoded[:5],
				"nothing":        nil,
				"index beyond n": slices.Concat(encoded[:4], []byte{byte(n)}, encoded[5:]),
				"huge":           slices.Concat([]byte{255, 255, 255, 255}, encoded[4:]),
			} {
				if _, err := code.DecodeProof(bad, 40); !errors.Is(err, merkle.ErrEncoding) {
					t.Errorf("n=%d, shard %d, %s: %v", n, i, name, err)
				}
			}
			if _, err := code.DecodeProof(encoded, 39); !errors.Is(err, merkle.ErrEncoding) {
				t.Errorf("n=%d, shard %d, beyond the limit: %v", n, i, err)
			}
		}
	}
}

func TestMisusePanics(t *testing.T) {
	code := merkle.NewCode(4, 2)
	for _, shape := range [][2]int{{0, 0}, {4, 0}, {4, 5}, {256, 100}, {4, -1}} {
		mustPanic(t, func() { merkle.NewCode(shape[0], shape[1]) })
	}
	mustPanic(t, func() { code.Build(4, make([][]byte, 3)) })
	mustPanic(t, func() { code.Build(4, make([][]byte, 4)) })
	mustPanic(t, func() { code.ShardSize(-1) })
	mustPanic(t, func() { _, _ = code.Reconstruct(merkle.Root{}, 4, make([][]byte, 3)) })
	mustPanic(t, func() { _, _ = code.Reconstruct(merkle.Root{}, 4, [][]byte{{1}, {1}, {1}, {1}}) })
	if code.Shards() != 4 || code.Needed() != 2 {
		t.Error("the code does not remember what it is")
	}
}

func mustPanic(t *testing.T, misuse func()) {
	t.Helper()
	defer func() {
		if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "merkle: ") {
			t.Errorf("recovered %q", text)
		}
	}()
	misuse()
}

// What decodes is canonical, and verifies only if it is what the tree has.
func FuzzDecodeProof(f *testing.F) {
	code := merkle.NewCode(5, 3)
	tree := code.Commit(numbered(20))
	for i := range 5 {
		f.Add(tree.Proof(i).Encode())
	}
	f.Add(binary.BigEndian.AppendUint32(nil, 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := code.DecodeProof(b, 100)
		if err != nil {
			return
		}
		if p.Length > 100 || !bytes.Equal(p.Encode(), b) {
			t.Fatalf("%x encodes to %x", b, p.Encode())
		}
		if code.Verify(tree.Root(), p) == nil && !bytes.Equal(b, tree.Proof(p.Index).Encode()) {
			t.Fatalf("forged: %x", b)
		}
	})
}
