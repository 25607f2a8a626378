package tbs

import (
	"errors"
	"fmt"
	"io"

	"minimint/crypto/bls"
)

// Nonce names a note: the x-only secp256k1 key that must sign its spend. This package takes any 32 bytes.
type Nonce [32]byte

// Issuance is the client's side of one output until its note is signed. It holds the blinding factor, which links output and note, and
// prints without it. Immutable.
type Issuance struct {
	keys    *TierKeys
	nonce   Nonce
	message bls.G1     // M
	factor  bls.Scalar // r
	blind   bls.G1     // B = r·M
}

// NewIssuance blinds a nonce for a tier. The factor must be uniform, secret and used for this output alone: whoever learns it can link
// the note, and equal factors link notes to each other. Zero is an error.
func NewIssuance(keys *TierKeys, nonce Nonce, factor bls.Scalar) (*Issuance, error) {
	if factor.IsZero() {
		return nil, errors.New("tbs: blinding factor is zero")
	}
	message := keys.keys.Hash(nonce[:])
	return &Issuance{keys: keys, nonce: nonce, message: message, factor: factor, blind: message.Mul(factor)}, nil
}

// BlindNonce returns what the members are asked to sign.
func (i *Issuance) BlindNonce() BlindNonce { return BlindNonce{point: i.blind} }

// Note puts the issuance's tier and nonce together with the signature that Finalize returned for it.
func (i *Issuance) Note(s Signature) Note { return Note{Keys: i.keys, Nonce: i.nonce, Signature: s} }

// String says what it is and nothing that could link it.
func (i *Issuance) String() string { return "tbs.Issuance" }

// Format prints what String returns, for every verb.
func (i *Issuance) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, i.String()) }

// BlindNonce is a blinded message B, fit to be signed. The zero BlindNonce cannot be used.
type BlindNonce struct{ point bls.G1 }

// DecodeBlindNonce reads a blind nonce from its 48 bytes. It refuses everything that is not the one encoding of a point of the group
// other than the identity: nothing else may meet a secret.
func DecodeBlindNonce(b []byte) (BlindNonce, error) {
	point, err := bls.DecodeG1(b)
	if err != nil {
		return BlindNonce{}, fmt.Errorf("tbs: blind nonce: %w", err)
	}
	return BlindNonce{point: point}, nil
}

// Bytes returns the 48-byte encoding. Equal blind nonces have equal bytes, so it may key what was signed before.
func (b BlindNonce) Bytes() []byte { return b.point.Bytes() }

// BlindShare is one member's share C_i = s_i·B for one output. The zero BlindShare cannot be used. Its field has a name
// of its own so that the language does not convert a share into a BlindNonce.
type BlindShare struct{ share bls.G1 }

// DecodeBlindShare reads a share from its 48 bytes, as strictly as DecodeBlindNonce. It says nothing about whether the share is right.
func DecodeBlindShare(b []byte) (BlindShare, error) {
	point, err := bls.DecodeG1(b)
	if err != nil {
		return BlindShare{}, fmt.Errorf("tbs: blind share: %w", err)
	}
	return BlindShare{share: point}, nil
}

// Bytes returns the 48-byte encoding.
func (s BlindShare) Bytes() []byte { return s.share.Bytes() }

// Signature is a note's signature σ, unblinded: unique for nonce and tier. The zero Signature is none, and never valid.
type Signature struct {
	point bls.G1
	set   bool
}

// DecodeSignature reads a signature from its 48 bytes, as strictly as DecodeBlindNonce. It does not verify.
func DecodeSignature(b []byte) (Signature, error) {
	point, err := bls.DecodeG1(b)
	if err != nil {
		return Signature{}, fmt.Errorf("tbs: signature: %w", err)
	}
	return Signature{point: point, set: true}, nil
}

// Bytes returns the 48-byte encoding, part of the note.
func (s Signature) Bytes() []byte { return s.point.Bytes() }
