package tenc

import (
	"crypto"
	"fmt"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/zk/dleq"

	"minimint/crypto/domain"
)

// statement is the digest of what a proof speaks about besides its points: role, group key, label and the ciphertext's parts.
type statement [32]byte

// logEqual says log_G A = log_B C: the member or sender who knows that logarithm made both A and C from it.
type logEqual struct {
	tag     domain.Tag
	about   statement
	a, b, c group.Element
}

// params ties the proof to its statement through the domain separation tag of the challenge: circl's transcript has the
// points but no place for a message, and a different tag is a different random oracle.
func (l logEqual) params() dleq.Params {
	dst := make([]byte, 0, len(l.tag)+len(l.about))
	dst = append(append(dst, l.tag...), l.about[:]...)
	return dleq.Params{G: curve, H: crypto.SHA512, DST: dst}
}

// prove needs the logarithm and a one-time exponent that nobody can guess and that never serves two statements: two proofs
// with one exponent give the logarithm away.
func (l logEqual) prove(logarithm, oneTime group.Scalar) *dleq.Proof {
	prover := dleq.Prover{Params: l.params()}
	proof, err := prover.ProveWithRandomness(logarithm, generator, l.a, l.b, l.c, oneTime)
	if err != nil {
		panic(fmt.Sprintf("tenc: proving: %v", err))
	}
	return proof
}

func (l logEqual) holds(proof *dleq.Proof) bool {
	return dleq.Verifier{Params: l.params()}.Verify(generator, l.a, l.b, l.c, proof)
}

// decodeProof accepts exactly 64 bytes: challenge and response, both reduced.
func decodeProof(b []byte) (*dleq.Proof, error) {
	proof := new(dleq.Proof)
	if err := proof.UnmarshalBinary(curve, b); err != nil {
		return nil, fmt.Errorf("%w: proof", ErrEncoding)
	}
	return proof, nil
}

func encodeProof(proof *dleq.Proof) []byte {
	b, err := proof.MarshalBinary()
	if err != nil || len(b) != proofSize {
		panic(fmt.Sprintf("tenc: proof does not encode: %v", err))
	}
	return b
}
