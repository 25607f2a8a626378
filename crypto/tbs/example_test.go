package tbs_test

import (
	"crypto/rand"
	"fmt"

	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
)

// One note from request to spend, with the second of four members lying.
func Example() {
	tier, secrets := tbstest.Tier(source(1), [32]byte{1}, 3, 4)

	// The client asks for a note.
	factor, err := bls.RandomScalar(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	nonce := tbs.Nonce{2} // an x-only public key
	issuance, err := tbs.NewIssuance(tier, nonce, factor)
	if err != nil {
		fmt.Println(err)
		return
	}
	request := issuance.BlindNonce().Bytes()

	// Each member signs what it decoded, and nothing else.
	var answers []tbs.Answer
	for i, secret := range secrets {
		blind, err := tbs.DecodeBlindNonce(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		share := secret.Sign(blind)
		if i == 1 {
			share, err = tbs.DecodeBlindShare(request) // B instead of s·B
			if err != nil {
				fmt.Println(err)
				return
			}
		}
		answers = append(answers, tbs.Answer{Index: secret.Index(), Shares: []tbs.BlindShare{share}})
	}

	// The client makes the note, and the federation takes it.
	signatures, liars, err := tbs.Finalize([]*tbs.Issuance{issuance}, answers, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("liars:", liars)
	verdicts, err := tbs.VerifyBatch([][]tbs.Note{{issuance.Note(signatures[0])}}, rand.Reader)
	fmt.Println("verdicts:", verdicts, err)
	// Output:
	// liars: [2]
	// verdicts: [true] <nil>
}
