package messages

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// MaxPeers bounds the members of a federation: sets of peers are bit sets and
// erasure codes over GF(2^8), which both end at 255.
const MaxPeers = 255

// PeerID names one member of the federation: its index in the configuration,
// so 0 <= PeerID < n.
type PeerID uint16

// String returns the decimal index, as it stands in addresses such as peer/2.
func (p PeerID) String() string { return fmt.Sprintf("%d", uint16(p)) }

// Epoch counts the epochs of HoneyBadgerBFT, from 0. An epoch that has an
// outcome is never run again.
type Epoch uint64

// Era counts the sets of members that a federation has had, from 0. It stands
// in every name that is signed or hashed, so that votes of one membership mean
// nothing under another.
type Era uint32

// A Digest is a SHA-256 hash (or a hash of the same width).
type Digest [sha256.Size]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes the digest in lower-case hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// DigestFrom returns b as a digest, and false unless b is 32 bytes long.
func DigestFrom(b []byte) (Digest, bool) {
	if len(b) != sha256.Size {
		return Digest{}, false
	}
	return Digest(b), true
}

// ParseDigest reads 64 hexadecimal digits.
func ParseDigest(text string) (Digest, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %.70q: %w", text, err)
	}
	d, ok := DigestFrom(b)
	if !ok {
		return Digest{}, fmt.Errorf("digest %.70q: has %d bytes, want %d", text, len(b), sha256.Size)
	}
	return d, nil
}

// FederationID names a federation for ever: the hash of its ceremony's session
// and its genesis public keys. It starts every hashed and signed input.
type FederationID = Digest

// TxID names what a transaction does: the hash of its inputs, outputs and fee.
// A TxID is accepted at most once.
type TxID = Digest

// WitnessID names one signed form of a transaction: TxID and signature. Pool,
// verification cache and rejections use it, so that a badly signed twin can
// neither displace the good form nor borrow its verdict (H25).
type WitnessID = Digest

// OutPoint names one output of one federation transaction.
type OutPoint struct {
	Tx    TxID
	Index uint32
}

// String returns "txid:index".
func (o OutPoint) String() string { return fmt.Sprintf("%s:%d", o.Tx, o.Index) }

// ModuleKind names a sort of module ("mint", "wallet", …). It is the module's
// tag on the wire and its scope in storage.
type ModuleKind string

// MaxModuleKind is the longest name that a module kind may have, in bytes.
const MaxModuleKind = 32

// Valid reports whether k is one to MaxModuleKind lower-case ASCII letters,
// digits or hyphens, starting with a letter.
func (k ModuleKind) Valid() bool {
	if len(k) == 0 || len(k) > MaxModuleKind || k[0] < 'a' || k[0] > 'z' {
		return false
	}
	for _, c := range []byte(k) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
