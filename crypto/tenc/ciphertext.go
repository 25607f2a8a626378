package tenc

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/zk/dleq"
	"golang.org/x/crypto/chacha20poly1305"

	"minimint/crypto/domain"
)

// Ciphertext is well-formed but not yet known to be valid; Verify tells. Its encoding is canonical:
//
//	U (32) ‖ Ū (32) ‖ challenge (32) ‖ response (32) ‖ body (32 + message + 16)
//
// Make one with Encrypt or DecodeCiphertext; the zero Ciphertext is unusable.
type Ciphertext struct {
	u, second point
	proof     *dleq.Proof
	body      []byte
}

// Encrypt seals message to the members under the label. It reads 32 bytes from rand, the only randomness, so one reader, key, label and
// message give one ciphertext; an error is the reader's. The label must not be empty and must name federation and slot; the
// message may be of any length, and its length is visible.
func Encrypt(rand io.Reader, keys *PublicKeys, label, message []byte) (Ciphertext, error) {
	mustLabel(label)
	var seed [seedSize]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return Ciphertext{}, fmt.Errorf("tenc: reading the seed: %w", err)
	}
	rho := keys.exponent(seed[:], label, message)
	shared := newPoint(curve.NewElement().Mul(keys.group.element, rho))
	c := Ciphertext{
		u:      newPoint(curve.NewElement().MulGen(rho)),
		second: newPoint(curve.NewElement().Mul(secondGenerator, rho)),
	}
	c.body = keys.seal(shared, c.u, label, slices.Concat(seed[:], message))

	about := c.statement(keys, label)
	oneTime := hashToScalar(proofNonceTag, seed[:], about[:])
	c.proof = c.equation(about).prove(rho, oneTime)
	return c, nil
}

// DecodeCiphertext takes apart the encoding of a ciphertext whose message has at most maxMessage bytes. Length is checked before
// any point is decoded. Errors wrap ErrEncoding. It keeps a copy of what it needs from b.
func DecodeCiphertext(b []byte, maxMessage int) (Ciphertext, error) {
	if len(b) < Overhead || len(b)-Overhead > maxMessage {
		return Ciphertext{}, fmt.Errorf("%w: ciphertext of %d bytes", ErrEncoding, len(b))
	}
	var c Ciphertext
	var err error
	if c.u, err = decodePoint(b[:PointSize]); err != nil {
		return Ciphertext{}, fmt.Errorf("first point: %w", err)
	}
	if c.second, err = decodePoint(b[PointSize : 2*PointSize]); err != nil {
		return Ciphertext{}, fmt.Errorf("second point: %w", err)
	}
	if c.proof, err = decodeProof(b[2*PointSize : 2*PointSize+proofSize]); err != nil {
		return Ciphertext{}, err
	}
	c.body = slices.Clone(b[2*PointSize+proofSize:])
	return c, nil
}

// Encode returns the canonical bytes, Overhead longer than the message.
func (c Ciphertext) Encode() []byte {
	c.mustBeSet()
	return slices.Concat(c.u.bytes[:], c.second.bytes[:], encodeProof(c.proof), c.body)
}

// Verify checks the public proof: that whoever made exactly this ciphertext, for this role, group key and label, knew its ρ. Anyone
// can do it and everyone gets the same answer. Errors wrap ErrProof.
func (c Ciphertext) Verify(keys *PublicKeys, label []byte) (Verified, error) {
	c.mustBeSet()
	mustLabel(label)
	about := c.statement(keys, label)
	if !c.equation(about).holds(c.proof) {
		return Verified{}, fmt.Errorf("%w: ciphertext", ErrProof)
	}
	return Verified{ciphertext: c, keys: keys, label: slices.Clone(label), about: about}, nil
}

// statement hashes everything that the proofs are about. Members' keys are not part of it, so ciphertexts outlive a refresh of the
// shares under the same group key.
func (c Ciphertext) statement(keys *PublicKeys, label []byte) statement {
	return domain.Hash(statementTag, []byte(keys.role), keys.group.bytes[:], label, c.u.bytes[:], c.second.bytes[:], c.body)
}

func (c Ciphertext) equation(about statement) logEqual {
	return logEqual{domain.TenCProof, about, c.u.element, secondGenerator, c.second.element}
}

func (c Ciphertext) mustBeSet() {
	if c.proof == nil {
		panic("tenc: zero Ciphertext")
	}
}

func mustLabel(label []byte) {
	if len(label) == 0 {
		panic("tenc: empty label")
	}
}

// exponent is ρ, which the whole plaintext determines.
func (k *PublicKeys) exponent(seed, label, message []byte) group.Scalar {
	return hashToScalar(domain.TenCNonce, seed, []byte(k.role), k.group.bytes[:], label, message)
}

// bodyKey derives the key of the body from the point that only the sender and t members can make.
func (k *PublicKeys) bodyKey(shared, u point, label []byte) []byte {
	info := string(domain.TenCKey) + string(domain.Frame([]byte(k.role), k.group.bytes[:], u.bytes[:], label))
	key, err := hkdf.Key(sha256.New, shared.bytes[:], nil, info, chacha20poly1305.KeySize)
	if err != nil {
		panic(fmt.Sprintf("tenc: deriving the body key: %v", err))
	}
	return key
}

// bodyNonce is constant because each body key serves once: ρ, hence the key, is a function of the whole plaintext.
var bodyNonce [chacha20poly1305.NonceSize]byte

func (k *PublicKeys) seal(shared, u point, label, plain []byte) []byte {
	aead, err := chacha20poly1305.New(k.bodyKey(shared, u, label))
	if err != nil {
		panic(fmt.Sprintf("tenc: %v", err))
	}
	return aead.Seal(nil, bodyNonce[:], plain, nil)
}

// unseal is the inverse of seal. A key other than the sender's opens it only if the sender arranged that, so success says nothing
// yet about the plaintext.
func (k *PublicKeys) unseal(shared, u point, label, body []byte) (seed, message []byte, ok bool) {
	aead, err := chacha20poly1305.New(k.bodyKey(shared, u, label))
	if err != nil {
		panic(fmt.Sprintf("tenc: %v", err))
	}
	plain, err := aead.Open(nil, bodyNonce[:], body, nil)
	if err != nil || len(plain) < seedSize {
		return nil, nil, false
	}
	return plain[:seedSize], plain[seedSize:], true
}
