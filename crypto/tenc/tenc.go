// Package tenc is labelled threshold encryption: anyone can encrypt to a federation, and the plaintext appears only when a threshold
// of members each give a share of the decryption. Members' contributions to an epoch (threshold f+1) and the preimages of Lightning
// offers (threshold n−f) travel this way, each under keys of its own.
//
// # The scheme
//
// TDH2 of Shoup and Gennaro ("Securing threshold cryptosystems against chosen ciphertext attack", J. Cryptology 2002) over
// ristretto255 (RFC 9496) with an AEAD body and the Fujisaki–Okamoto check. G is the group's generator, Ḡ a second one that nobody
// knows the logarithm of, HS a hash to a scalar. Member i of n holds x_i = p(i) of a polynomial p of degree t−1; the group key is
// P = p(0)·G and its own key X_i = x_i·G.
//
//	encrypt    seed ← 32 random bytes, ρ = HS(seed, role, P, label, m), U = ρ·G, Ū = ρ·Ḡ,
//	           body = ChaCha20-Poly1305 of seed ‖ m under HKDF(ρ·P; role, P, U, label),
//	           proof that log_G U = log_Ḡ Ū, whose challenge covers role, P, label and the whole body
//	verify     the proof. Anyone can; it needs no secret
//	share      D_i = x_i·U with a proof that log_U D_i = log_G X_i, whose challenge covers the ciphertext too
//	open       ρ·P = Σ λ_i·D_i over t members, open the body, recompute ρ from what came out
//
// Two properties carry consensus:
//
//   - Chosen-ciphertext security with labels. A share is released only for a [Verified] ciphertext, and only [Ciphertext.Verify]
//     makes one; whoever altered a body, or copied a ciphertext to another label, does not know the ρ that a new proof needs. So
//     nobody learns or duplicates a proposal by proposing something derived from it.
//   - One outcome. An opening counts only if the recomputed ρ gives U = ρ·G and the combined point is ρ·P. So whichever members' shares
//     a node happens to hold, it gets the one plaintext or none, even if the sender and a member work together to build a body that opens
//     under two keys (Poly1305 does not commit to its key). What is publicly invalid, or stays shut with t proven shares, is
//     [Unopenable] for every node alike.
//
// # Use
//
// A label says for what slot a ciphertext is: make it with domain.Hash(domain.Label, federation id, …) and never let it be chosen by the
// sender. The flow is
//
//	c, err := tenc.Encrypt(rand, keys, label, message)           // sender
//	c, err := tenc.DecodeCiphertext(bytes, maxMessage)           // everybody else, error: empty contribution
//	v, err := c.Verify(keys, label)                              // error: empty contribution
//	s, err := tenc.DecryptShare(rand, secret, v)                 // each member, only after agreement on c
//	s, err := tenc.DecodeShare(sender+1, bytes)                  // index from the channel, never from the wire
//	o := v.Open(shares)                                          // or v.OpenVerified(shares)
//
// [Verified.Open] combines the first t shares unseen, which costs a fraction of checking them, and looks for liars only if that fails.
// [Verified.OpenVerified] checks each share before it counts.
//
// The package is pure: no goroutine, no clock, randomness is an argument. Values are immutable and safe for concurrent use. Whatever comes
// from a peer yields an error; our own misuse (a zero value, an index outside 1…n) panics. Multiplications with a secret are circl's
// constant-time ones; combining and interpolation work on public points in variable time. The scheme is proven against static
// corruption of fewer than t members, not against adaptive corruption.
package tenc

import "errors"

// Errors of this package; what is returned wraps one of them and says where.
var (
	// ErrEncoding: bytes that no honest encoder writes (length, point, scalar, identity).
	ErrEncoding = errors.New("tenc: malformed encoding")
	// ErrProof: well-formed, but the proof does not hold: a ciphertext that is not publicly valid under this key and label, or a share
	// that its member did not make for this ciphertext.
	ErrProof = errors.New("tenc: proof does not hold")
	// ErrKeys: keys that do not belong together.
	ErrKeys = errors.New("tenc: inconsistent keys")
)

// Sizes in bytes, and the bound on the number of members.
const (
	PointSize  = 32
	ScalarSize = 32

	// Overhead is by how much an encoded ciphertext is longer than its message: U, Ū, the proof, and in the body seed and tag.
	Overhead = 2*PointSize + proofSize + seedSize + tagSize
	// ShareSize is the length of an encoded share: point and proof.
	ShareSize = PointSize + proofSize

	// MaxMembers bounds n.
	MaxMembers = 255

	proofSize = 2 * ScalarSize
	seedSize  = 32
	tagSize   = 16
)
