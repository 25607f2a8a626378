// Package statehash commits to a set of keys and values in 2,048 bytes that
// are cheap to keep up to date: a change costs one hash of the old pair and
// one of the new, however large the state is. Members of a federation sign the
// 32-byte Sum with every epoch; whoever receives a copy of the state checks it
// by computing the LtHash again from nothing.
//
// It is LtHash of Bellare and Micciancio ("A New Paradigm for Collision-Free
// Hashing: Incrementality at Reduced Cost", 1997), with the parameters that
// Lewi, Kim, Maykov and Weis propose ("Securing Update Propagation with
// Homomorphic Hashing", 2019): 1,024 lanes of 16 bits added modulo 2^16, at
// least 200 bits of security. The hash of an element is the extended output of
// BLAKE3 over
//
//	len(key) ‖ key ‖ len(value) ‖ value       lengths as 4 bytes, big-endian
//
// and its lanes are little-endian.
//
// The sum does not depend on the order of additions, Remove undoes Add, and
// the sum of two disjoint sets is the sum of their union (Merge). It commits
// to a multiset, and removing what was never added goes unnoticed: it is for
// the caller to add each pair once and to remove only pairs that are there,
// which Apply gets right by construction.
//
// Store the LtHash of the replicated state in a local scope. In a replicated
// one it would have to contain itself.
package statehash

import (
	"encoding/binary"
	"fmt"
	"iter"

	"lukechampine.com/blake3"

	"minimint/storage"
)

// Bytes is the length of an encoded LtHash.
const Bytes = 2 * lanes

const lanes = 1024

// An LtHash is the hash of a set of pairs. The zero LtHash is that of the
// empty set. Equal sets give equal LtHashes, so == compares them.
type LtHash struct {
	lane [lanes]uint16
}

// Compute returns the hash of all replicated scopes that r sees. It reads all
// of them, so it is for checking; epochs use Apply.
func Compute(r storage.Reader) LtHash {
	var h LtHash
	for key, value := range storage.ScanReplicated(r) {
		h.Add(key, value)
	}
	return h
}

// Add adds a pair that is not in the set.
func (h *LtHash) Add(key, value []byte) {
	e := element(canonical(key, value))
	h.Merge(&e)
}

// Remove removes a pair that is in the set.
func (h *LtHash) Remove(key, value []byte) {
	e := element(canonical(key, value))
	for i := range h.lane {
		h.lane[i] -= e.lane[i]
	}
}

// Apply follows changes of the state below an overlay. It passes over keys
// outside the replicated scopes. Old values must be those that h covers.
func (h *LtHash) Apply(changes iter.Seq[storage.Change]) {
	for c := range changes {
		if !storage.IsReplicated(c.Key) {
			continue
		}
		if c.Old != nil {
			h.Remove(c.Key, c.Old)
		}
		if c.New != nil {
			h.Add(c.Key, c.New)
		}
	}
}

// Merge adds all pairs of other, a set that has none in common with h.
func (h *LtHash) Merge(other *LtHash) {
	for i := range h.lane {
		h.lane[i] += other.lane[i]
	}
}

// Sum returns BLAKE3 of the encoding: what members compare and sign.
func (h *LtHash) Sum() [32]byte { return blake3.Sum256(h.Encode()) }

// Encode returns the lanes in order, little-endian, Bytes long.
func (h *LtHash) Encode() []byte {
	b := make([]byte, 0, Bytes)
	for _, lane := range h.lane {
		b = binary.LittleEndian.AppendUint16(b, lane)
	}
	return b
}

// Decode is the inverse of Encode. Every string of Bytes bytes is an LtHash;
// other lengths give an error.
func Decode(b []byte) (LtHash, error) {
	if len(b) != Bytes {
		return LtHash{}, fmt.Errorf("decode state hash: %d bytes, want %d", len(b), Bytes)
	}
	return decode(b), nil
}

func decode(b []byte) LtHash {
	var h LtHash
	for i := range h.lane {
		h.lane[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return h
}

// canonical is injective: the lengths say where each part ends.
func canonical(key, value []byte) []byte {
	b := make([]byte, 0, 8+len(key)+len(value))
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// element hashes one element of the set to its lanes.
func element(data []byte) LtHash {
	hasher := blake3.New(Bytes, nil)
	_, _ = hasher.Write(data) // a hash never fails
	return decode(hasher.Sum(make([]byte, 0, Bytes)))
}
