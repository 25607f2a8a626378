package vss

import (
	"encoding/binary"

	"minimint/crypto/domain"
)

// proofSize is the encoded length of a proof: challenge ‖ response.
const proofSize = 2 * ScalarSize

// claim is what a proof of knowledge speaks of: the constant that a dealer deals for one key in one run. A proof copied from another
// dealer, key or run therefore proves nothing.
type claim struct {
	session [32]byte
	dealer  int
	key     Key
}

func (c claim) bytes() []byte {
	return domain.Frame(c.session[:], binary.BigEndian.AppendUint16(nil, uint16(c.dealer)), []byte(c.key.Role),
		binary.BigEndian.AppendUint32(nil, c.key.Tier), []byte{uint8(c.key.Group)})
}

// prove shows knowledge of a where A = a·g: Schnorr's identification made non-interactive (Schnorr 1991; Fiat and Shamir 1986).
// It is what stops a dealer from using others' points, with which it could fix the sum of all constants (rogue key).
//
// The one-time exponent is hashed from the secret, the claim and a salt, so it cannot repeat under another claim even if the randomness does.
func (g *group[S, P]) prove(c claim, secret S, public P, salt []byte) []byte {
	secretBytes := secret.Bytes()
	nonce := g.hash(g.nonce, domain.Frame(c.bytes(), salt, secretBytes))
	challenge := g.challenge(c, public, g.base(nonce))
	response := challenge.Mul(secret).Add(nonce)
	clear(secretBytes)
	nonce.Wipe()
	return append(challenge.Bytes(), response.Bytes()...)
}

// proven checks a proof.
func (g *group[S, P]) proven(c claim, public P, proof []byte) bool {
	challenge, err := g.decodeScalar(proof[:ScalarSize])
	if err != nil {
		return false
	}
	response, err := g.decodeScalar(proof[ScalarSize:])
	if err != nil {
		return false
	}
	nonce := g.combine([]P{g.generator, public}, []S{response, g.field.Integer(0).Sub(challenge)})
	return g.challenge(c, public, nonce).Equal(challenge)
}

func (g *group[S, P]) challenge(c claim, public, nonce P) S {
	return g.hash(g.possession, domain.Frame(c.bytes(), public.Bytes(), nonce.Bytes()))
}
