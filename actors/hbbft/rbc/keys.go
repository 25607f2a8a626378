package rbc

import (
	"crypto/ed25519"

	"minimint/messages"
)

// Identity signs with an ed25519 key; it implements [Signer].
type Identity struct{ Key ed25519.PrivateKey }

// Sign returns the signature of the digest.
func (i Identity) Sign(statement messages.Digest) [64]byte {
	return [64]byte(ed25519.Sign(i.Key, statement[:]))
}

// Identities are the ed25519 keys of all members, by PeerID; it implements
// [Verifier].
type Identities []ed25519.PublicKey

// Verify reports whether signature is that member's on the digest.
func (i Identities) Verify(member messages.PeerID, statement messages.Digest, signature [64]byte) bool {
	return ed25519.Verify(i[member], statement[:], signature[:])
}
