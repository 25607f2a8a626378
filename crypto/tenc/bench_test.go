package tenc_test

import (
	"fmt"
	"testing"

	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
)

// Each step for the federations of 4 and 10, threshold f+1, with a message of 1 kB.
func BenchmarkSteps(b *testing.B) {
	for _, n := range []int{4, 10} {
		threshold := (n-1)/3 + 1
		keys := deal(threshold, n)
		c := encrypt(b, seeded(1), keys.Public, label, make([]byte, 1000))
		v := verify(b, c, keys.Public, label)
		shares := sharesOf(b, seeded(2), keys, v, upTo(n)...)
		encodedShare, encoded := shares[0].Encode(), c.Encode()
		r := seeded(3)
		for _, step := range []struct {
			name string
			run  func()
		}{
			{"encrypt", func() { must(tenc.Encrypt(r, keys.Public, label, make([]byte, 1000))) }},
			{"decode", func() { must(tenc.DecodeCiphertext(encoded, 1000)) }},
			{"verify", func() { must(c.Verify(keys.Public, label)) }},
			{"share", func() { must(tenc.DecryptShare(r, keys.Secrets[0], v)) }},
			{"decode-share", func() { must(tenc.DecodeShare(1, encodedShare)) }},
			{"verify-share", func() { must(v.VerifyShare(shares[0])) }},
			{"open", func() { v.Open(shares[n-threshold:]) }},
			{"open-verified", func() { v.OpenVerified(shares[n-threshold:]) }},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", step.name, n), func(b *testing.B) {
				for b.Loop() {
					step.run()
				}
			})
		}
	}
}

// BenchmarkEpoch is what one node computes for the contributions of one epoch when nobody lies.
func BenchmarkEpoch(b *testing.B) {
	for _, n := range []int{4, 10} {
		work := newEpochWork(b, n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				work.do(b)
			}
		})
	}
}

// BenchmarkFigures measures the same for n = 10 as CPU time, in b.N rounds.
func BenchmarkFigures(b *testing.B) {
	const epochs = 5
	work := newEpochWork(b, 10)
	r := rounds.Run(b.N, rounds.Contestant{Times: epochs, Run: func() {
		for range epochs {
			work.do(b)
		}
	}})
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.Median(func(ms []float64) float64 { return ms[0] }), "epoch_open_cpu_ms_n10")
}

// epochWork is what a node of n holds in one epoch: everybody's ciphertext, and for each everybody's share.
type epochWork struct {
	keys        tenctest.Keys
	ciphertexts [][]byte
	shares      [][][]byte // by ciphertext, by member
}

func newEpochWork(b *testing.B, n int) epochWork {
	w := epochWork{keys: deal((n-1)/3+1, n)}
	for i := range n {
		c := encrypt(b, seeded(uint64(i)), w.keys.Public, label, make([]byte, 1000))
		w.ciphertexts = append(w.ciphertexts, c.Encode())
		var encoded [][]byte
		for _, s := range sharesOf(b, seeded(9), w.keys, verify(b, c, w.keys.Public, label), upTo(n)...) {
			encoded = append(encoded, s.Encode())
		}
		w.shares = append(w.shares, encoded)
	}
	return w
}

// do encrypts the node's own contribution; decodes and verifies n ciphertexts; makes n shares; decodes the others' shares; opens all.
func (w epochWork) do(b *testing.B) {
	r := seeded(3)
	must(tenc.Encrypt(r, w.keys.Public, label, make([]byte, 1000)))
	for i, encoded := range w.ciphertexts {
		v := must(must(tenc.DecodeCiphertext(encoded, 1000)).Verify(w.keys.Public, label))
		held := []tenc.Share{must(tenc.DecryptShare(r, w.keys.Secrets[0], v))}
		for at, share := range w.shares[i][1:] {
			held = append(held, must(tenc.DecodeShare(at+2, share)))
		}
		if o := v.Open(held); o.Status != tenc.Opened {
			b.Fatal(o.Status)
		}
	}
}
