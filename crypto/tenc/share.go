package tenc

import (
	"fmt"
	"io"
	"slices"

	"github.com/cloudflare/circl/zk/dleq"

	"minimint/crypto/domain"
)

// Verified is a ciphertext whose public proof holds under a key and a label. Only Ciphertext.Verify makes one, and shares are made, checked
// and combined only for one, so no member can be brought to release a share for something that was not checked. The zero
// Verified is unusable.
type Verified struct {
	ciphertext Ciphertext
	keys       *PublicKeys
	label      []byte
	about      statement
}

// Ciphertext returns what was verified.
func (v Verified) Ciphertext() Ciphertext { return v.ciphertext }

func (v Verified) mustBeSet() {
	if v.keys == nil {
		panic("tenc: zero Verified")
	}
}

// Share is one member's part of one decryption: the point x_i·U and a proof that it is. Encoded: point (32) ‖ challenge (32) ‖
// response (32). The zero Share is unusable.
type Share struct {
	index  int
	point  point
	proof  *dleq.Proof
	proven statement // of the ciphertext for which the proof was seen to hold; zero: not checked
}

// DecryptShare makes a member's share. A share helps to reveal the plaintext, so call it only once agreement has put the ciphertext
// where its label says. It reads 32 bytes from rand for the proof; an error is the reader's. The secret must belong to the keys that v was
// verified with. The member's own share counts as proven.
func DecryptShare(rand io.Reader, secret SecretShare, v Verified) (Share, error) {
	v.mustBeSet()
	if secret.keys == nil || !sameKeys(secret.keys, v.keys, secret.index) {
		panic("tenc: secret of another key")
	}
	var fresh [32]byte
	if _, err := io.ReadFull(rand, fresh[:]); err != nil {
		return Share{}, fmt.Errorf("tenc: reading the proof's randomness: %w", err)
	}
	x := secret.scalar.scalar
	if x.IsZero() {
		panic("tenc: secret was wiped")
	}
	raw, err := x.MarshalBinary()
	if err != nil {
		panic(fmt.Sprintf("tenc: scalar does not encode: %v", err))
	}
	// With secret and statement in the hash a reader that repeats itself cannot make two proofs share an exponent.
	oneTime := hashToScalar(shareNonceTag, fresh[:], raw, v.about[:])
	clear(raw)

	s := Share{
		index:  secret.index,
		point:  newPoint(curve.NewElement().Mul(v.ciphertext.u.element, x)),
		proven: v.about,
	}
	s.proof = v.equation(s).prove(x, oneTime)
	return s, nil
}

// sameKeys compares by value: a node may have loaded the keys twice.
func sameKeys(a, b *PublicKeys, index int) bool {
	return a == b || a.role == b.role && a.group.bytes == b.group.bytes &&
		index <= len(b.members) && a.member(index).bytes == b.member(index).bytes
}

// DecodeShare takes apart the share that member index (1…MaxMembers) sent. The index comes from the channel that the bytes came
// through and is not in them, so nobody can speak for another. Errors wrap ErrEncoding.
func DecodeShare(index int, b []byte) (Share, error) {
	if index < 1 || index > MaxMembers {
		panic(fmt.Sprintf("tenc: share of member %d", index))
	}
	if len(b) != ShareSize {
		return Share{}, fmt.Errorf("%w: share of %d bytes", ErrEncoding, len(b))
	}
	p, err := decodePoint(b[:PointSize])
	if err != nil {
		return Share{}, fmt.Errorf("share: %w", err)
	}
	proof, err := decodeProof(b[PointSize:])
	if err != nil {
		return Share{}, fmt.Errorf("share: %w", err)
	}
	return Share{index: index, point: p, proof: proof}, nil
}

// Encode returns the ShareSize canonical bytes; the index is not among them.
func (s Share) Encode() []byte {
	s.mustBeSet()
	return slices.Concat(s.point.bytes[:], encodeProof(s.proof))
}

// Index is the number of the member who made it, 1…n.
func (s Share) Index() int { return s.index }

func (s Share) mustBeSet() {
	if s.proof == nil {
		panic("tenc: zero Share")
	}
}

// VerifyShare checks the proof of a share of this ciphertext and returns the share marked, so that Open and OpenVerified do not check
// it again. Errors wrap ErrProof; the fault is then the member's.
func (v Verified) VerifyShare(s Share) (Share, error) {
	v.mustBeSet()
	s.mustBeSet()
	if s.proven == v.about {
		return s, nil
	}
	if !v.equation(s).holds(s.proof) {
		return Share{}, fmt.Errorf("%w: share of member %d", ErrProof, s.index)
	}
	s.proven = v.about
	return s, nil
}

func (v Verified) equation(s Share) logEqual {
	return logEqual{domain.TenCShareProof, v.about, v.keys.member(s.index).element, v.ciphertext.u.element, s.point.element}
}
