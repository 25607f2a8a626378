// Package tsigtest deals threshold keys from one hand, for tests and simulation only: the dealer knows every secret, so money under
// such keys belongs to whoever ran it. Real keys come from the ceremony of crypto/dkg.
package tsigtest

import (
	"fmt"
	"io"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/shamir"
	"minimint/crypto/tsig"
)

// Dealing is one polynomial, in public and in secret.
type Dealing struct {
	Group   bls.G2
	Members []bls.G2     // Members[i] belongs to index i+1
	Secrets []bls.Scalar // likewise
}

// Deal draws a polynomial of degree threshold−1 from r and evaluates it for n members. The same r gives the same keys. It panics if r
// fails or if 1 ≤ threshold ≤ n does not hold.
func Deal(r io.Reader, threshold, n int) Dealing {
	if threshold < 1 || threshold > n {
		panic(fmt.Sprintf("tsigtest: threshold %d of %d", threshold, n))
	}
	polynomial, err := shamir.Random(shamir.BLS12381(), threshold-1, r)
	if err != nil {
		panic(fmt.Sprintf("tsigtest: %v", err))
	}
	d := Dealing{Group: bls.MulG2(polynomial.Coefficients()[0])}
	for i := range n {
		secret := polynomial.Evaluate(uint32(i) + 1)
		d.Secrets = append(d.Secrets, secret)
		d.Members = append(d.Members, bls.MulG2(secret))
	}
	return d
}

// Keys deals a key for a role. Element i of the secret shares is that of index i+1. It panics as Deal does, and on an empty tag or
// context.
func Keys(r io.Reader, tag domain.Tag, context []byte, threshold, n int) (*tsig.PublicKeys, []*tsig.SecretShare) {
	d := Deal(r, threshold, n)
	keys, err := tsig.NewPublicKeys(tsig.Config{Tag: tag, Context: context, Threshold: threshold, Group: d.Group, Members: d.Members})
	if err != nil {
		panic(fmt.Sprintf("tsigtest: %v", err))
	}
	shares := make([]*tsig.SecretShare, n)
	for i, secret := range d.Secrets {
		if shares[i], err = tsig.NewSecretShare(keys, uint32(i)+1, secret); err != nil {
			panic(fmt.Sprintf("tsigtest: %v", err))
		}
	}
	return keys, shares
}
