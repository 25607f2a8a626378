// Package tbstest deals note keys from one hand, for tests and simulation only: the dealer knows every secret and could print money.
// Real keys come from the ceremony of crypto/dkg.
package tbstest

import (
	"fmt"
	"io"

	"minimint/crypto/tbs"
	"minimint/crypto/tsig/tsigtest"
)

// Tier deals the key of one tier, threshold of n members, on a polynomial of its own drawn from r. Element i of the secret shares is that
// of index i+1. The same r gives the same keys. It panics if r fails or if 1 ≤ threshold ≤ n does not hold.
func Tier(r io.Reader, federation [32]byte, threshold, n int) (*tbs.TierKeys, []*tbs.SecretShare) {
	d := tsigtest.Deal(r, threshold, n)
	keys, err := tbs.NewTierKeys(tbs.Config{Federation: federation, Threshold: threshold, Group: d.Group, Members: d.Members})
	if err != nil {
		panic(fmt.Sprintf("tbstest: %v", err))
	}
	shares := make([]*tbs.SecretShare, n)
	for i, secret := range d.Secrets {
		if shares[i], err = tbs.NewSecretShare(keys, uint32(i)+1, secret); err != nil {
			panic(fmt.Sprintf("tbstest: %v", err))
		}
	}
	return keys, shares
}
