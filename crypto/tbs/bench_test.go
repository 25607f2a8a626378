package tbs_test

import (
	"fmt"
	"testing"

	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/crypto/tsig/tsigtest"
)

// spent makes notes that one dealer signs directly, and returns what a spender sends for them.
func spent(b *testing.B, notes, tiers int) (nonces []tbs.Nonce, keys []*tbs.TierKeys, signatures [][]byte) {
	b.Helper()
	rng := source(70)
	var tier []*tbs.TierKeys
	var secrets []bls.Scalar
	for range tiers {
		d := tsigtest.Deal(rng, 1, 1)
		k, err := tbs.NewTierKeys(tbs.Config{Federation: federation, Threshold: 1, Group: d.Group, Members: d.Members})
		if err != nil {
			b.Fatal(err)
		}
		tier, secrets = append(tier, k), append(secrets, d.Secrets[0])
	}
	for i := range notes {
		nonces = append(nonces, nonceOf(i))
		keys = append(keys, tier[i%tiers])
		signatures = append(signatures, message(nonceOf(i)).Mul(secrets[i%tiers]).Bytes())
	}
	return nonces, keys, signatures
}

// BenchmarkVerifyBatch verifies from bytes: decoding, hashing, the product. ns/note is the figure to compare.
func BenchmarkVerifyBatch(b *testing.B) {
	for _, size := range []struct{ notes, tiers, perTransaction int }{{1, 1, 1}, {10, 10, 10}, {1000, 16, 10}} {
		nonces, keys, signatures := spent(b, size.notes, size.tiers)
		for _, bad := range []int{0, 1} {
			if bad > 0 && size.notes < 1000 {
				continue
			}
			b.Run(fmt.Sprintf("notes=%d,tiers=%d,bad=%d", size.notes, size.tiers, bad), func(b *testing.B) {
				rng := source(71)
				for b.Loop() {
					var transactions [][]tbs.Note
					for i := range nonces {
						if i%size.perTransaction == 0 {
							transactions = append(transactions, nil)
						}
						s, err := tbs.DecodeSignature(signatures[i])
						if err != nil {
							b.Fatal(err)
						}
						note := tbs.Note{Keys: keys[i], Nonce: nonces[i], Signature: s}
						if i < bad {
							note.Nonce[31] ^= 1
							note.Nonce[0] ^= 1
						}
						last := len(transactions) - 1
						transactions[last] = append(transactions[last], note)
					}
					verdicts, err := tbs.VerifyBatch(transactions, rng)
					if err != nil || verdicts[0] != (bad == 0) {
						b.Fatal(verdicts, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.notes), "ns/note")
			})
		}
	}
}

// BenchmarkVerifySingly is the way of the original: per note two pairings, each prepared and finished on its own.
func BenchmarkVerifySingly(b *testing.B) {
	nonces, keys, signatures := spent(b, 1, 1)
	for b.Loop() {
		sigma, err := bls.DecodeG1(signatures[0])
		if err != nil {
			b.Fatal(err)
		}
		bls.PairingCheck([]bls.Pair{{P: sigma, Q: bls.Prepare(bls.G2Generator())}})
		bls.PairingCheck([]bls.Pair{{P: message(nonces[0]), Q: bls.Prepare(keys[0].Group())}})
	}
}

// BenchmarkIssue is one payment of ten notes in ten tiers among four members: what each side pays.
func BenchmarkIssue(b *testing.B) {
	m := newMint(72, 10, 3, 4)
	tiers := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	o := m.request(b, 73, tiers...)
	all := m.answers(b, o)
	blind := o.issuances[0].BlindNonce().Bytes()
	factor := scalar(b, source(74))

	b.Run("member signs one, from bytes to bytes", func(b *testing.B) {
		for b.Loop() {
			point, err := tbs.DecodeBlindNonce(blind)
			if err != nil {
				b.Fatal(err)
			}
			m.secrets[0][0].Sign(point).Bytes()
		}
	})
	b.Run("client blinds one", func(b *testing.B) {
		for b.Loop() {
			issue(b, m.tiers[0], nonceOf(1), factor).BlindNonce().Bytes()
		}
	})
	finalize := func(name string, answers []tbs.Answer) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := tbs.Finalize(o.issuances, answers, source(75)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	finalize("client finalizes ten", all)
	finalize("client finalizes ten, one liar", append([]tbs.Answer{falsified(b, all[0], 3, 1)}, all[1:]...))
}
