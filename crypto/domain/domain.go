// Package domain is the one table of domain separation tags of the whole system, and the tagged hash that goes with it.
//
// A federation hashes for many reasons with few functions. If two reasons shared a function and an input, whoever may ask for
// one would get the other: a share of the common coin is s·H1(name) and a note is s·H1(nonce), so without tags the coin would be a
// mint. Therefore every hash in the system takes a [Tag] from this table, each role has its own, and a test that
// reads this package's source checks that they are distinct and fit RFC 9380 (one to 255 bytes).
//
// A tag reads MINIMINT-V01-CS01-with-<suite>-<ROLE>. The suite says which function the tag may feed:
//
//	BLS12381G1_XMD:SHA-256_SSWU_RO_        hash to curve, G1 (bls.HashToG1)
//	BLS12381SCALAR_XMD:SHA-256_            hash to a scalar of BLS12-381 (bls.HashToScalar)
//	ristretto255_XMD:SHA-512_R255MAP_RO_   hash to an element of ristretto255
//	ristretto255SCALAR_XMD:SHA-512_        hash to a scalar of ristretto255
//	SHA-256_TAGGED_                        [Hash] in this package
//	HKDF-SHA-256_                          info string of a key derivation
//
// Beside the tag, every hashed input starts with the federation id (the ceremony's own hashes: with its session id), so that
// nothing signed in one federation means anything in another. [Frame] puts fields together without ambiguity.
package domain

import (
	"crypto/sha256"
	"encoding/binary"
)

// lengthSize is the width of the big-endian length in front of each field.
const lengthSize = 8

// Hash is SHA-256 over the fields under a tag. It starts as the tagged hash of BIP-340 does, with SHA-256(tag) twice (one whole
// block), and continues with [Frame] of the fields, so ("ab","c") and ("a","bc") differ, and so do no field and one empty field.
// The tag must be one with the suite SHA-256_TAGGED_; any number of fields of any length is allowed. Not for secrets shorter
// than a key: it is a fast hash, not a password hash.
func Hash(tag Tag, fields ...[]byte) [sha256.Size]byte {
	prefix := sha256.Sum256([]byte(tag))

	h := sha256.New()
	h.Write(prefix[:])
	h.Write(prefix[:])

	var length [lengthSize]byte
	for _, field := range fields {
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write(field)
	}

	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// Frame joins fields into one message for a hash that takes a single byte string, such as bls.HashToG1: each field after its length as
// eight big-endian bytes. Different lists of fields give different bytes.
func Frame(fields ...[]byte) []byte {
	size := 0
	for _, field := range fields {
		size += lengthSize + len(field)
	}

	framed := make([]byte, 0, size)
	for _, field := range fields {
		framed = binary.BigEndian.AppendUint64(framed, uint64(len(field)))
		framed = append(framed, field...)
	}
	return framed
}
