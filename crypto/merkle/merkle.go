// Package merkle commits to a value that is cut into erasure-coded shards, one per member, so that reliable broadcast can hand
// each member its shard with a proof and anyone can put the value together from enough of them.
//
// # Code
//
// A value of L bytes becomes N shards of exactly max(1, ⌈L/K⌉) bytes each: the first K are the value padded by zeros, the other
// N−K are Reed–Solomon parity over GF(2^8), so any K shards give the value back. A federation of N = 3f+1 takes K = N−2f.
//
// # Commitment
//
//	leaf_i = H(MERKLE-LEAF, shard_i)
//	node   = H(MERKLE-NODE, left, right); an odd last node moves up unchanged
//	root   = H(MERKLE-ROOT, L, N, K, top of the tree)
//
// Leaves and nodes have tags of their own, so no node passes for a leaf. The root fixes L, N and K, hence the size of a shard and, with the
// index, the number of digests in a proof: whoever receives a [Proof] can refuse it by its length alone.
//
// # Not every root is good
//
// A dishonest proposer can commit to shards that are not the code of any value; different members would then decode different values.
// [Code.Reconstruct] therefore cuts and commits the decoded value again and compares roots. It succeeds for every set of K shards
// under a root, with one value, or for none; so members either all get the value or all refuse. It also refuses other paddings, so a
// value has one root. The cost is one decode; the caller does it at most once for a root.
//
//	code := merkle.NewCode(n, n-2*f)
//	tree := code.Commit(value)                             // proposer
//	tree.Root(); tree.Proof(i)
//	p, err := code.DecodeProof(bytes, maxProposal)         // member
//	err = code.Verify(root, p)
//	value, err := code.Reconstruct(root, p.Length, shards) // with K verified shards
//
// The package is pure: it starts no goroutine (the codec is limited to the caller's), and what depends on bytes from peers yields an
// error. Misuse panics.
package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"minimint/crypto/domain"
)

// Errors of this package; what is returned wraps one of them.
var (
	// ErrEncoding: bytes that are not the encoding of any proof of this code within the limit.
	ErrEncoding = errors.New("merkle: malformed proof")
	// ErrProof: the shard is not the one that the root commits to at this index.
	ErrProof = errors.New("merkle: proof does not lead to the root")
	// ErrTooFew: fewer than K shards.
	ErrTooFew = errors.New("merkle: too few shards")
	// ErrNotCode: what the root commits to is not the code of a value of the committed length.
	ErrNotCode = errors.New("merkle: committed shards are not the code of a value")
)

// Root commits to a value and to how it was cut.
type Root [32]byte

type digest = [32]byte

// rootTag commits to a tree together with how its value was cut; RBCRoot is for a broadcast, this for any value.
const rootTag = domain.MerkleRoot

// Tree is a committed list of shards. It is made by Code.Commit, or by Code.Build from shards of any origin.
type Tree struct {
	length int
	shards [][]byte
	levels [][]digest // levels[0] the leaves, the last one the top alone
	root   Root
}

// Build commits to N shards as they are, of ShardSize(length) bytes each, and keeps them. An honest proposer uses Commit; Build with
// anything else than an encoding makes a root that nobody can reconstruct from.
func (c *Code) Build(length int, shards [][]byte) *Tree {
	if len(shards) != c.total {
		panic(fmt.Sprintf("merkle: %d shards for a code of %d", len(shards), c.total))
	}
	level := make([]digest, len(shards))
	for i, shard := range shards {
		if len(shard) != c.ShardSize(length) {
			panic(fmt.Sprintf("merkle: shard of %d bytes, not %d", len(shard), c.ShardSize(length)))
		}
		level[i] = domain.Hash(domain.MerkleLeaf, shard)
	}
	t := &Tree{length: length, shards: shards, levels: [][]digest{level}}
	for len(level) > 1 {
		above := make([]digest, (len(level)+1)/2)
		for i := range above {
			above[i] = level[2*i]
			if 2*i+1 < len(level) {
				above[i] = node(level[2*i], level[2*i+1])
			}
		}
		t.levels = append(t.levels, above)
		level = above
	}
	t.root = c.root(length, level[0])
	return t
}

// Root is the commitment.
func (t *Tree) Root() Root { return t.root }

// Proof returns shard i, from 0 to N−1, with what shows that it belongs there. It shares the shard's memory with the tree.
func (t *Tree) Proof(i int) Proof {
	if i < 0 || i >= len(t.shards) {
		panic(fmt.Sprintf("merkle: proof of shard %d of %d", i, len(t.shards)))
	}
	p := Proof{Length: t.length, Index: i, Shard: t.shards[i]}
	for _, level := range t.levels {
		if sibling := i ^ 1; sibling < len(level) {
			p.Path = append(p.Path, level[sibling])
		}
		i /= 2
	}
	return p
}

// Proof is one shard and its way to the root. The receiver knows N, K and the root already.
type Proof struct {
	Length int        // L, bytes of the whole value
	Index  int        // of the shard, 0…N−1
	Shard  []byte     // ShardSize(Length) bytes
	Path   [][32]byte // siblings from the leaf upwards
}

// headerSize: length (4, big-endian) and index (1).
const headerSize = 5

// Encode returns the canonical bytes: length (4) ‖ index (1) ‖ path (32 each) ‖ shard.
func (p Proof) Encode() []byte {
	b := make([]byte, 0, headerSize+len(p.Path)*len(digest{})+len(p.Shard))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Length))
	b = append(b, byte(p.Index))
	for _, d := range p.Path {
		b = append(b, d[:]...)
	}
	return append(b, p.Shard...)
}

// DecodeProof takes apart the encoding of a proof for a value of at most maxLength bytes. All lengths follow from the header and are
// compared before anything is copied. Errors wrap ErrEncoding.
func (c *Code) DecodeProof(b []byte, maxLength int) (Proof, error) {
	if len(b) < headerSize {
		return Proof{}, fmt.Errorf("%w: %d bytes", ErrEncoding, len(b))
	}
	length, index := int64(binary.BigEndian.Uint32(b)), int(b[4])
	if length > int64(maxLength) || length > MaxLength {
		return Proof{}, fmt.Errorf("%w: value of %d bytes, at most %d", ErrEncoding, length, maxLength)
	}
	if index >= c.total {
		return Proof{}, fmt.Errorf("%w: shard %d of %d", ErrEncoding, index, c.total)
	}
	depth := c.depth(index)
	if size := headerSize + depth*len(digest{}) + c.ShardSize(int(length)); len(b) != size {
		return Proof{}, fmt.Errorf("%w: %d bytes, not %d", ErrEncoding, len(b), size)
	}

	p := Proof{Length: int(length), Index: index, Path: make([][32]byte, depth)}
	b = b[headerSize:]
	for i := range p.Path {
		b = b[copy(p.Path[i][:], b):]
	}
	p.Shard = append([]byte(nil), b...)
	return p, nil
}

// Verify checks that the shard is the one at p.Index under the root, and that the root is of a value of p.Length bytes cut by this
// code. Whether p.Index is the one that the sender may speak for, the caller checks. Errors wrap ErrProof.
func (c *Code) Verify(root Root, p Proof) error {
	if p.Index < 0 || p.Index >= c.total || p.Length < 0 || p.Length > MaxLength {
		return fmt.Errorf("%w: shard %d of %d", ErrProof, p.Index, c.total)
	}
	if len(p.Path) != c.depth(p.Index) || len(p.Shard) != c.ShardSize(p.Length) {
		return fmt.Errorf("%w: %d digests, %d bytes", ErrProof, len(p.Path), len(p.Shard))
	}
	top := domain.Hash(domain.MerkleLeaf, p.Shard)
	path, i := p.Path, p.Index
	for width := c.total; width > 1; width = (width + 1) / 2 {
		switch {
		case i%2 == 1:
			top, path = node(path[0], top), path[1:]
		case i+1 < width:
			top, path = node(top, path[0]), path[1:]
		}
		i /= 2
	}
	if c.root(p.Length, top) != root {
		return fmt.Errorf("%w: shard %d", ErrProof, p.Index)
	}
	return nil
}

// depth is the number of digests on the way of shard i: one for each level on which it has a sibling.
func (c *Code) depth(i int) int {
	depth := 0
	for width := c.total; width > 1; width = (width + 1) / 2 {
		if i^1 < width {
			depth++
		}
		i /= 2
	}
	return depth
}

func node(left, right digest) digest { return domain.Hash(domain.MerkleNode, left[:], right[:]) }

func (c *Code) root(length int, top digest) Root {
	return domain.Hash(rootTag,
		binary.BigEndian.AppendUint64(nil, uint64(length)),
		binary.BigEndian.AppendUint16(nil, uint16(c.total)),
		binary.BigEndian.AppendUint16(nil, uint16(c.data)),
		top[:])
}
