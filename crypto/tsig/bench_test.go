package tsig_test

import (
	"testing"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/shamir"
	"minimint/crypto/tsig"
	"minimint/crypto/tsig/tsigtest"
)

// BenchmarkCombine compares combining by small integers with plain Lagrange interpolation over the field, both without the check.
func BenchmarkCombine(b *testing.B) {
	for _, set := range []struct {
		name    string
		indices []uint32
	}{
		{"3-of-4", []uint32{1, 2, 3}},
		{"3-of-4,D=3", []uint32{1, 2, 4}},
		{"7-of-10", []uint32{1, 2, 4, 5, 7, 9, 10}},
	} {
		var points []bls.G1
		for _, i := range set.indices {
			points = append(points, bls.MulG1(bls.HashToScalar("bench", []byte{byte(i)})))
		}
		b.Run(set.name+"/integers", func(b *testing.B) {
			for b.Loop() {
				at0, err := tsig.NewInterpolation(set.indices)
				if err != nil {
					b.Fatal(err)
				}
				at0.Sum(points)
			}
		})
		b.Run(set.name+"/plain", func(b *testing.B) {
			for b.Loop() {
				lambda, err := shamir.Lagrange(shamir.BLS12381(), set.indices)
				if err != nil {
					b.Fatal(err)
				}
				sum := bls.G1Identity()
				for i := range points {
					sum = sum.Add(points[i].Mul(lambda[i]))
				}
			}
		})
	}
}

// BenchmarkSignature is what a member pays for one coin or certificate.
func BenchmarkSignature(b *testing.B) {
	keys, secrets := tsigtest.Keys(source(44), domain.Coin, federation, 3, 4)
	message := []byte("message")
	shares := signAll(secrets, message)
	lie := append([]tsig.Share{wrong(b, shares[0])}, shares[1:]...)
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			secrets[0].Sign(message)
		}
	})
	b.Run("combine", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := keys.Combine(message, shares); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("combine, one liar", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := keys.Combine(message, lie); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new keys", func(b *testing.B) {
		d := tsigtest.Deal(source(44), 7, 10)
		c := tsig.Config{Tag: domain.Coin, Context: federation, Threshold: 7, Group: d.Group, Members: d.Members}
		for b.Loop() {
			if _, err := tsig.NewPublicKeys(c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
