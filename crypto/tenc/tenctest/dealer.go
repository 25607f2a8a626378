// Package tenctest deals threshold encryption keys from one hand, for tests and simulations. A real federation runs the ceremony of
// package dkg; whoever calls Deal knows every secret.
package tenctest

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"

	"minimint/crypto/domain"
	"minimint/crypto/tenc"
)

// Keys is one dealt key: what is public, and each member's secret, member i's at position i−1. Scalars has the same secrets as bytes, for code that
// stores and loads them.
type Keys struct {
	Public  *tenc.PublicKeys
	Secrets []tenc.SecretShare
	Scalars [][]byte
}

// Config says what to deal: for which role (default domain.TenC), with what threshold, to how many members.
type Config struct {
	Role      domain.Tag
	Threshold int
	Members   int
}

// dealTag separates the dealer's coefficients from everything that is hashed for real.
const dealTag = "MINIMINT-V01-CS01-with-ristretto255SCALAR_XMD:SHA-512_-TENC-TEST-DEALER"

// Deal draws a polynomial of degree Threshold−1 from rand and evaluates it at 1…Members. The same bytes from rand deal the same
// keys. It panics if rand fails or the Config makes no sense.
func Deal(rand io.Reader, c Config) Keys {
	if c.Role == "" {
		c.Role = domain.TenC
	}
	curve := group.Ristretto255
	coefficients := make([]group.Scalar, c.Threshold)
	for i := range coefficients {
		var raw [64]byte
		if _, err := io.ReadFull(rand, raw[:]); err != nil {
			panic(fmt.Sprintf("tenctest: %v", err))
		}
		coefficients[i] = curve.HashToScalar(raw[:], []byte(dealTag))
	}

	var keys Keys
	members := make([][]byte, c.Members)
	for i := range members {
		x := curve.NewScalar().SetUint64(uint64(i + 1))
		y := curve.NewScalar()
		for d := len(coefficients) - 1; d >= 0; d-- {
			y.Mul(y, x)
			y.Add(y, coefficients[d])
		}
		keys.Scalars = append(keys.Scalars, must(y.MarshalBinary()))
		members[i] = must(curve.NewElement().MulGen(y).MarshalBinary())
	}
	groupKey := must(curve.NewElement().MulGen(coefficients[0]).MarshalBinary())

	keys.Public = must(tenc.NewPublicKeys(c.Role, c.Threshold, groupKey, members))
	for i, scalar := range keys.Scalars {
		keys.Secrets = append(keys.Secrets, must(tenc.NewSecretShare(keys.Public, i+1, scalar)))
	}
	return keys
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("tenctest: %v", err))
	}
	return value
}
