package tsig_test

import (
	"testing"

	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/crypto/bls"
	"minimint/crypto/shamir"
	"minimint/crypto/tsig"
)

// BenchmarkFigures measures, in b.N rounds, how much cheaper shares are combined by small integers, as notes, coins and certificates are,
// than by plain Lagrange interpolation over the field. Both begin with the indices and leave the check out; all sets of 3 members of 4
// have their turn.
func BenchmarkFigures(b *testing.B) {
	sets := [][]uint32{{1, 2, 3}, {1, 2, 4}, {1, 3, 4}, {2, 3, 4}}
	const turns = 20
	points := make([]bls.G1, 3)
	for i := range points {
		points[i] = bls.MulG1(bls.HashToScalar("bench", []byte{byte(i)}))
	}
	every := func(combine func([]uint32) error) func() {
		return func() {
			for range turns {
				for _, indices := range sets {
					if err := combine(indices); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	}
	r := rounds.Run(b.N,
		rounds.Contestant{Times: 10 * turns * len(sets), Run: func() {
			for range 10 { // it is too quick for one turn to be measured
				every(func(indices []uint32) error {
					at0, err := tsig.NewInterpolation(indices)
					if err == nil {
						at0.Sum(points)
					}
					return err
				})()
			}
		}},
		rounds.Contestant{Times: turns * len(sets), Run: every(func(indices []uint32) error {
			lambda, err := shamir.Lagrange(shamir.BLS12381(), indices)
			if err != nil {
				return err
			}
			sum := bls.G1Identity()
			for i := range points {
				sum = sum.Add(points[i].Mul(lambda[i]))
			}
			return nil
		})},
	)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.Median(func(ms []float64) float64 { return ms[0] / ms[1] }), "combine_ratio_3of4")
}
