package merkle

import (
	"fmt"
	"slices"

	"github.com/klauspost/reedsolomon"
)

const (
	// MaxShards bounds N: points of GF(2^8), and an index is one byte.
	MaxShards = 255
	// MaxLength bounds L, in bytes; callers set a lower limit.
	MaxLength = 1 << 30
)

// Code cuts values into N shards of which any K suffice. Make it with NewCode, once for a federation. It is immutable and
// safe for concurrent use.
type Code struct {
	total, data int
	codec       reedsolomon.Encoder
}

// NewCode makes the code for N = total shards of which any K = data suffice. It panics unless 1 ≤ data ≤ total ≤ MaxShards.
func NewCode(total, data int) *Code {
	if data < 1 || data > total || total > MaxShards {
		panic(fmt.Sprintf("merkle: code of %d out of %d", data, total))
	}
	codec, err := reedsolomon.New(data, total-data,
		reedsolomon.WithMaxGoroutines(1),
		// The cache keeps one matrix for each set of missing shards, and peers choose which are missing: it would grow without bound.
		reedsolomon.WithInversionCache(false))
	if err != nil {
		panic(fmt.Sprintf("merkle: code of %d out of %d: %v", data, total, err))
	}
	return &Code{total: total, data: data, codec: codec}
}

// Shards is N.
func (c *Code) Shards() int { return c.total }

// Needed is K.
func (c *Code) Needed() int { return c.data }

// ShardSize is the length of each shard of a value of length bytes; at least 1, also for the empty value.
func (c *Code) ShardSize(length int) int {
	if length < 0 || length > MaxLength {
		panic(fmt.Sprintf("merkle: value of %d bytes", length))
	}
	return max(1, (length+c.data-1)/c.data)
}

// Encode cuts value into N shards. It copies.
func (c *Code) Encode(value []byte) [][]byte {
	size := c.ShardSize(len(value))
	buffer := make([]byte, c.total*size)
	copy(buffer, value)
	shards := slices.Collect(slices.Chunk(buffer, size))
	if err := c.codec.Encode(shards); err != nil {
		panic(fmt.Sprintf("merkle: encoding: %v", err))
	}
	return shards
}

// Commit is Encode and Build: what an honest proposer does.
func (c *Code) Commit(value []byte) *Tree { return c.Build(len(value), c.Encode(value)) }

// Reconstruct puts together the value of length bytes that root commits to. shards has N entries, shard i at i, nil where it is missing;
// those present must have been verified under root with that length. It succeeds for any K of the shards, with the same value, or for
// no K of them (ErrNotCode): then the proposer is at fault, and the answer is final. ErrTooFew asks for more. It does not change shards.
func (c *Code) Reconstruct(root Root, length int, shards [][]byte) ([]byte, error) {
	if len(shards) != c.total {
		panic(fmt.Sprintf("merkle: %d shards for a code of %d", len(shards), c.total))
	}
	size, present := c.ShardSize(length), 0
	for i, shard := range shards {
		if shard == nil {
			continue
		}
		if len(shard) != size {
			panic(fmt.Sprintf("merkle: shard %d was not verified: %d bytes, not %d", i, len(shard), size))
		}
		present++
	}
	if present < c.data {
		return nil, fmt.Errorf("%w: %d of %d", ErrTooFew, present, c.data)
	}
	work := slices.Clone(shards)
	if err := c.codec.ReconstructData(work); err != nil {
		panic(fmt.Sprintf("merkle: decoding: %v", err))
	}
	value := slices.Concat(work[:c.data]...)[:length]
	if c.Commit(value).Root() != root {
		return nil, ErrNotCode
	}
	return value, nil
}
