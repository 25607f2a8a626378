package tbs_test

import (
	"testing"

	curve "github.com/cloudflare/circl/ecc/bls12381"

	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/crypto/domain"
	"minimint/crypto/tbs"
)

// original verifies a note as Minimint did in 2022, on the library that this project uses: from bytes, by two whole pairings that are compared.
func original(signature []byte, nonce tbs.Nonce, key *curve.G2) bool {
	var sigma, m curve.G1
	if err := sigma.SetBytes(signature); err != nil {
		return false
	}
	m.Hash(domain.Frame(federation[:], nonce[:]), []byte(domain.Note))
	return curve.Pair(&sigma, curve.G2Generator()).IsEqual(curve.Pair(&m, key))
}

// BenchmarkFigures measures what one note costs a member, in b.N rounds. A note is checked once, when it is spent, and signed once, when
// it is reissued; the figures with both are the whole cryptography of a note that changes hands.
func BenchmarkFigures(b *testing.B) {
	const many, signed, singles = 1000, 50, 20
	m := newMint(80, 1, 3, 4)
	blind := m.request(b, 81, 0).issuances[0].BlindNonce().Bytes()
	sign := func() {
		point, err := tbs.DecodeBlindNonce(blind)
		if err != nil {
			b.Fatal(err)
		}
		m.secrets[0][0].Sign(point).Bytes()
	}
	nonces, keys, signatures := spent(b, many, 16)
	payment := newSpend(b, 10, 10)
	batch := spend{nonces, keys, signatures}
	var key curve.G2
	if err := key.SetBytes(keys[0].Group().Bytes()); err != nil {
		b.Fatal(err)
	}
	const inBatch, inPayment, alone, signing = 0, 1, 2, 3
	r := rounds.Run(b.N,
		rounds.Contestant{Times: many, Run: func() { batch.verify(b, 10) }},
		rounds.Contestant{Times: 10 * 5, Run: func() { repeat(5, func() { payment.verify(b, 10) }) }},
		rounds.Contestant{Times: singles, Run: func() {
			repeat(singles, func() {
				if !original(signatures[0], nonces[0], &key) {
					b.Fatal("a good note is refused")
				}
			})
		}},
		rounds.Contestant{Times: signed, Run: func() { repeat(signed, sign) }},
	)
	b.ReportMetric(0, "ns/op")
	for name, figure := range map[string]func(ms []float64) float64{
		"note_batch1000_ratio":     func(ms []float64) float64 { return ms[inBatch] / ms[alone] },
		"note_cpu_ms_original":     func(ms []float64) float64 { return ms[alone] + ms[signing] },
		"note_cpu_ms_payment10":    func(ms []float64) float64 { return ms[inPayment] + ms[signing] },
		"note_cpu_ms_batch1000":    func(ms []float64) float64 { return ms[inBatch] + ms[signing] },
		"note_cpu_ratio_payment10": func(ms []float64) float64 { return (ms[inPayment] + ms[signing]) / (ms[alone] + ms[signing]) },
		"note_cpu_ratio_batch1000": func(ms []float64) float64 { return (ms[inBatch] + ms[signing]) / (ms[alone] + ms[signing]) },
	} {
		b.ReportMetric(r.Median(figure), name)
	}
}

// spend is what spenders send for notes.
type spend struct {
	nonces     []tbs.Nonce
	keys       []*tbs.TierKeys
	signatures [][]byte
}

func newSpend(b *testing.B, notes, tiers int) (s spend) {
	s.nonces, s.keys, s.signatures = spent(b, notes, tiers)
	return s
}

// verify decodes and checks all notes, so many to a transaction.
func (s spend) verify(b *testing.B, perTransaction int) {
	var transactions [][]tbs.Note
	for i := range s.nonces {
		if i%perTransaction == 0 {
			transactions = append(transactions, nil)
		}
		signature, err := tbs.DecodeSignature(s.signatures[i])
		if err != nil {
			b.Fatal(err)
		}
		last := len(transactions) - 1
		transactions[last] = append(transactions[last], tbs.Note{Keys: s.keys[i], Nonce: s.nonces[i], Signature: signature})
	}
	verdicts, err := tbs.VerifyBatch(transactions, source(71))
	if err != nil {
		b.Fatal(err)
	}
	for i, valid := range verdicts {
		if !valid {
			b.Fatalf("transaction %d is refused", i)
		}
	}
}

func repeat(n int, f func()) {
	for range n {
		f()
	}
}
