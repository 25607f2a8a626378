package tenc

import (
	"github.com/cloudflare/circl/group"

	"minimint/crypto/domain"
)

// What tests need to act as dishonest senders and members, and to look at single steps.

// Forge makes a ciphertext whose public proof holds, around any exponent and any body.
func Forge(keys *PublicKeys, label []byte, rho group.Scalar, body []byte) Ciphertext {
	c := Ciphertext{
		u:      newPoint(curve.NewElement().MulGen(rho)),
		second: newPoint(curve.NewElement().Mul(secondGenerator, rho)),
		body:   body,
	}
	about := c.statement(keys, label)
	c.proof = c.equation(about).prove(rho, hashToScalar(proofNonceTag, about[:]))
	return c
}

// Exponent is ρ of an honest encryption.
func Exponent(keys *PublicKeys, seed, label, message []byte) group.Scalar {
	return keys.exponent(seed, label, message)
}

// BodyKey is the key of the body for a shared point, right or wrong.
func BodyKey(keys *PublicKeys, shared group.Element, rho group.Scalar, label []byte) []byte {
	return keys.bodyKey(newPoint(shared), newPoint(curve.NewElement().MulGen(rho)), label)
}

// Unseal opens a body as [Verified.Open] does, up to but not including the recheck.
func (v Verified) Unseal(shares []Share) (shared group.Element, seed, message []byte, ok bool) {
	p := v.sharedPoint(shares)
	seed, message, ok = v.keys.unseal(p, v.ciphertext.u, v.label, v.ciphertext.body)
	return p.element, seed, message, ok
}

// ChangeBody changes the body of the ciphertext behind the back of its verification.
func (v Verified) ChangeBody() { v.ciphertext.body[0] ^= 1 }

// Interpolate combines in the exponent.
func Interpolate(indices []int, elements []group.Element) group.Element {
	return interpolate(indices, elements)
}

// InterpolateInField does the same with coefficients modulo the order.
func InterpolateInField(indices []uint32, elements []group.Element) group.Element {
	return multiSum(fieldLagrange(indices), elements)
}

// SecondGenerator is Ḡ.
func SecondGenerator() group.Element { return secondGenerator.Copy() }

// Tags that are defined here and not in package domain.
var LocalTags = []domain.Tag{statementTag, proofNonceTag, shareNonceTag}
