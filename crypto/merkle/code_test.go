package merkle_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/merkle"
)

// The parity is Reed–Solomon: as polynomials over GF(2^8), position i of the shards is the value at i of one polynomial of
// a degree below K. Computed here with a field of a few lines.
func TestParityIsOfLowDegree(t *testing.T) {
	mul := func(a, b byte) (product byte) {
		for ; b > 0; b >>= 1 {
			if b&1 == 1 {
				product ^= a
			}
			carry := a >> 7
			a = a<<1 ^ carry*0x1d
		}
		return product
	}
	inverse := func(a byte) byte {
		for b := 1; b < 256; b++ {
			if mul(a, byte(b)) == 1 {
				return byte(b)
			}
		}
		panic("no inverse")
	}
	for _, n := range []int{4, 7, 10, 16} {
		k := needed(n)
		shards := merkle.NewCode(n, k).Encode(numbered(k))
		for at := k; at < n; at++ {
			var sum byte
			for i := range k {
				term := shards[i][0]
				for j := range k {
					if j != i {
						term = mul(term, mul(byte(at^j), inverse(byte(i^j))))
					}
				}
				sum ^= term
			}
			if sum != shards[at][0] {
				t.Errorf("n=%d, shard %d: %d, Lagrange gives %d", n, at, shards[at][0], sum)
			}
		}
	}
}

// Reconstruction: any K shards give the value back, fewer give nothing, and the shards that went in stay as they were.
func TestReconstruction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "n")
		k := rapid.OneOf(rapid.Just(needed(n)), rapid.IntRange(1, n)).Draw(t, "k")
		code := merkle.NewCode(n, k)
		// Around multiples of K lie the lengths where padding begins and ends.
		length := max(0, k*rapid.IntRange(0, 5).Draw(t, "rows")+rapid.IntRange(-1, 1).Draw(t, "more"))
		value := rapid.SliceOfN(rapid.Byte(), length, length).Draw(t, "value")
		tree := code.Commit(value)

		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		order = rapid.Permutation(order).Draw(t, "order")
		shards := make([][]byte, n)
		for _, i := range order[:k-1] {
			shards[i] = tree.Proof(i).Shard
		}
		if _, err := code.Reconstruct(tree.Root(), length, shards); !errors.Is(err, merkle.ErrTooFew) {
			t.Fatalf("K−1 shards: %v", err)
		}
		for _, i := range order[k-1 : rapid.IntRange(k, n).Draw(t, "present")] {
			shards[i] = tree.Proof(i).Shard
		}
		before := slices.Clone(shards)
		got, err := code.Reconstruct(tree.Root(), length, shards)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%x, %v", got, err)
		}
		for i := range shards {
			if (shards[i] == nil) != (before[i] == nil) {
				t.Fatal("shards were filled in")
			}
		}
	})
}

// A valid tree over shards that are no code, or over a padding that is not zero, or under a wrong length, gives nothing whichever shards
// one has.
func TestNotACode(t *testing.T) {
	const n, k = 7, 3
	code := merkle.NewCode(n, k)
	for name, spoil := range map[string]func(shards [][]byte) (length int){
		"data shard altered":   func(shards [][]byte) int { shards[1][0] ^= 1; return 8 },
		"parity shard altered": func(shards [][]byte) int { shards[6][2] ^= 1; return 8 },
		"padding": func(shards [][]byte) int {
			copy(shards, code.Encode([]byte("8 bytes!x")))
			return 8
		},
		"shorter length": func([][]byte) int { return 7 },
		"longer length":  func(shards [][]byte) int { copy(shards, code.Encode([]byte("1234567"))); return 8 },
	} {
		shards := code.Encode([]byte("8 bytes!"))
		length := spoil(shards)
		tree := code.Build(length, shards)
		accepted := 0
		for set := range 1 << n {
			held, count := make([][]byte, n), 0
			for i := range n {
				if set>>i&1 == 1 {
					p := tree.Proof(i)
					if err := code.Verify(tree.Root(), p); err != nil {
						t.Fatal(err)
					}
					held[i] = p.Shard
					count++
				}
			}
			if count < k {
				continue
			}
			if _, err := code.Reconstruct(tree.Root(), length, held); err == nil {
				accepted++
			} else if !errors.Is(err, merkle.ErrNotCode) {
				t.Fatal(err)
			}
		}
		// "1234567" is as good a value of eight bytes, with a zero at its end, and then every set gives it.
		if want := map[bool]int{true: 99, false: 0}[name == "longer length"]; accepted != want {
			t.Errorf("%s: %d sets of shards were accepted, want %d", name, accepted, want)
		}
	}
}

func FuzzReconstruct(f *testing.F) {
	f.Add([]byte("some shards of seven bytes each, then more"), uint8(20), uint8(31))
	f.Fuzz(func(t *testing.T, raw []byte, length, present uint8) {
		code := merkle.NewCode(5, 3)
		size := code.ShardSize(int(length))
		all, held := make([][]byte, 5), make([][]byte, 5)
		for i := range all {
			all[i] = make([]byte, size)
			copy(all[i], raw[min(len(raw), i*size):])
			if present>>i&1 == 1 {
				held[i] = all[i]
			}
		}
		root := code.Build(int(length), all).Root()
		value, err := code.Reconstruct(root, int(length), held)
		if err == nil && code.Commit(value).Root() != root {
			t.Fatal("a value under a root that is not its own")
		}
	})
}

func BenchmarkCode(b *testing.B) {
	for _, n := range []int{4, 10, 100} {
		code := merkle.NewCode(n, needed(n))
		value := numbered(64 << 10)
		tree := code.Commit(value)
		proof := tree.Proof(0)
		shards := make([][]byte, n)
		for i := n - needed(n); i < n; i++ {
			shards[i] = tree.Proof(i).Shard
		}
		b.Run(fmt.Sprintf("commit/n=%d", n), func(b *testing.B) {
			for b.Loop() {
				code.Commit(value)
			}
		})
		b.Run(fmt.Sprintf("verify/n=%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := code.Verify(tree.Root(), proof); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("reconstruct/n=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := code.Reconstruct(tree.Root(), len(value), shards); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
