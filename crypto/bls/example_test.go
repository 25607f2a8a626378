package bls_test

import (
	"crypto/rand"
	"fmt"

	"minimint/crypto/bls"
)

// Three members hold a third of a key each, sign, and the sum of their signatures is the signature of the key that nobody holds.
func Example() {
	const tag = "EXAMPLE-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_-NOTE"
	m := bls.HashToG1(tag, []byte("message"))
	key, signature := bls.G2Identity(), bls.G1Identity()
	for range 3 {
		secret, err := bls.RandomScalar(rand.Reader)
		if err != nil {
			panic(err)
		}
		key = key.Add(bls.MulG2(secret))
		signature = signature.Add(m.Mul(secret))
		fmt.Printf("%v\n", secret)
	}

	received, err := bls.DecodeG1(signature.Bytes()) // as from a peer: on the curve, in the subgroup, not the identity
	if err != nil {
		panic(err)
	}
	pk, g2 := bls.Prepare(key), bls.Prepare(bls.G2Generator())
	fmt.Println(bls.PairingCheck([]bls.Pair{{P: m, Q: pk}, {P: received.Neg(), Q: g2}}))
	// Output:
	// [redacted scalar]
	// [redacted scalar]
	// [redacted scalar]
	// true
}
