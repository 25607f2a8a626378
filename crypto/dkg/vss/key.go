package vss

import (
	"bytes"
	"fmt"
	"io"
)

// Group says where a key lives.
type Group uint8

// The groups. Their numbers are part of the format.
const (
	BLS12381     Group = 1 // public keys in G2 (96 bytes), secrets 32 bytes big-endian
	Ristretto255 Group = 2 // public keys 32 bytes, secrets 32 bytes little-endian
)

// String names the group.
func (g Group) String() string {
	switch g {
	case BLS12381:
		return "BLS12-381"
	case Ristretto255:
		return "ristretto255"
	}
	return fmt.Sprintf("group(%d)", uint8(g))
}

// Valid tells whether there is such a group.
func (g Group) Valid() bool { return g == BLS12381 || g == Ristretto255 }

// PointSize is the encoded length of a public key.
func (g Group) PointSize() int {
	if g == BLS12381 {
		return blsGroup.pointSize
	}
	return ristrettoGroup.pointSize
}

// Key describes one key to make.
type Key struct {
	// Role and Tier name the key; no two keys of a ceremony have the same name.
	Role string
	Tier uint32
	// Group is where it lives.
	Group Group
	// Threshold is how many members it takes to use the key: its polynomials have degree Threshold−1.
	Threshold int
}

// String names the key.
func (k Key) String() string { return fmt.Sprintf("%s/%d", k.Role, k.Tier) }

// PublicKey is one key as everybody knows it, encoded as its group encodes points.
type PublicKey struct {
	Key Key
	// Public is the key of all together, Members[i] that of the member with index i+1. They lie on one polynomial of degree
	// Threshold−1 in the exponent.
	Public  []byte
	Members [][]byte
}

// Secret is one member's secret of one key. It prints and marshals as a placeholder; Bytes is the one way out. Copies share one cell.
type Secret struct{ cell *[ScalarSize]byte }

// newSecret takes over b and clears it.
func newSecret(b []byte) Secret {
	s := Secret{new([ScalarSize]byte)}
	copy(s.cell[:], b)
	clear(b)
	return s
}

// Bytes returns the encoded scalar, as a slice of the caller's own to wipe.
func (s Secret) Bytes() []byte { return bytes.Clone(s.cell[:]) }

// Wipe overwrites the secret and all copies, best effort.
func (s Secret) Wipe() { clear(s.cell[:]) }

const redacted = "[redacted secret]"

// Format prints a placeholder for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns a placeholder.
func (Secret) String() string { return redacted }

// MarshalText yields a placeholder to every encoder that asks for text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
