package tbs_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
)

var federation = [32]byte([]byte("a federation id of thirty-two by"))

// source is a reproducible stream of bytes.
func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// mint is a federation that signs whatever it is asked to: tiers with all members' secrets.
type mint struct {
	tiers   []*tbs.TierKeys
	secrets [][]*tbs.SecretShare // by tier, by member
}

func newMint(seed byte, tiers, threshold, n int) mint {
	var m mint
	rng := source(seed)
	for range tiers {
		keys, secrets := tbstest.Tier(rng, federation, threshold, n)
		m.tiers, m.secrets = append(m.tiers, keys), append(m.secrets, secrets)
	}
	return m
}

// order is a list of issuances with the tiers they are in.
type order struct {
	tiers     []int
	issuances []*tbs.Issuance
}

// request blinds one nonce per tier named; nonces and factors follow from the seed.
func (m mint) request(t testing.TB, seed byte, tiers ...int) order {
	t.Helper()
	rng := source(seed)
	o := order{tiers: tiers}
	for _, tier := range tiers {
		var nonce tbs.Nonce
		_, _ = rng.Read(nonce[:])
		o.issuances = append(o.issuances, issue(t, m.tiers[tier], nonce, scalar(t, rng)))
	}
	return o
}

func issue(t testing.TB, keys *tbs.TierKeys, nonce tbs.Nonce, factor bls.Scalar) *tbs.Issuance {
	t.Helper()
	issuance, err := tbs.NewIssuance(keys, nonce, factor)
	if err != nil {
		t.Fatal(err)
	}
	return issuance
}

func scalar(t testing.TB, rng *rand.ChaCha8) bls.Scalar {
	t.Helper()
	s, err := bls.RandomScalar(rng)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is what an honest member returns, through the wire.
func (m mint) answer(t testing.TB, o order, index uint32) tbs.Answer {
	t.Helper()
	a := tbs.Answer{Index: index}
	for j, issuance := range o.issuances {
		blind, err := tbs.DecodeBlindNonce(issuance.BlindNonce().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		a.Shares = append(a.Shares, decodeShare(t, m.secrets[o.tiers[j]][index-1].Sign(blind).Bytes()))
	}
	return a
}

func (m mint) answers(t testing.TB, o order) []tbs.Answer {
	t.Helper()
	var all []tbs.Answer
	for i := range m.tiers[0].Size() {
		all = append(all, m.answer(t, o, uint32(i)+1))
	}
	return all
}

// notes issues honestly, for tests about spending.
func (m mint) notes(t testing.TB, seed byte, tiers ...int) []tbs.Note {
	t.Helper()
	o := m.request(t, seed, tiers...)
	signatures, _, err := tbs.Finalize(o.issuances, m.answers(t, o), source(99))
	if err != nil {
		t.Fatal(err)
	}
	var notes []tbs.Note
	for j, issuance := range o.issuances {
		notes = append(notes, issuance.Note(signatures[j]))
	}
	return notes
}

func decodeShare(t testing.TB, b []byte) tbs.BlindShare {
	t.Helper()
	s, err := tbs.DecodeBlindShare(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decodeG1(t testing.TB, b []byte) bls.G1 {
	t.Helper()
	p, err := bls.DecodeG1(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signature(t testing.TB, p bls.G1) tbs.Signature {
	t.Helper()
	s, err := tbs.DecodeSignature(p.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// falsified returns the answer with an error added to one share; errors with different names are unrelated.
func falsified(t testing.TB, a tbs.Answer, output int, name byte) tbs.Answer {
	t.Helper()
	a.Shares = slices.Clone(a.Shares)
	a.Shares[output] = decodeShare(t, decodeG1(t, a.Shares[output].Bytes()).Add(offset(name)).Bytes())
	return a
}

func offset(name byte) bls.G1 { return bls.HashToG1("error", []byte{name}) }

// plus returns the note with an error added to its signature.
func plus(t testing.TB, n tbs.Note, e bls.G1) tbs.Note {
	t.Helper()
	n.Signature = signature(t, decodeG1(t, n.Signature.Bytes()).Add(e))
	return n
}

func verify(t testing.TB, transactions ...[]tbs.Note) []bool {
	t.Helper()
	verdicts, err := tbs.VerifyBatch(transactions, source(98))
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}

// valid is the slow path that the batch is compared with: one note alone, with a pairing of its own and no coefficients.
func valid(t testing.TB, n tbs.Note) bool {
	t.Helper()
	return bls.PairingCheck([]bls.Pair{
		{P: decodeG1(t, n.Signature.Bytes()), Q: bls.Prepare(bls.G2Generator())},
		{P: message(n.Nonce).Neg(), Q: bls.Prepare(n.Keys.Group())},
	})
}

// message is M of a nonce, computed as the package comment defines it.
func message(nonce tbs.Nonce) bls.G1 {
	return bls.HashToG1(string(domain.Note), domain.Frame(federation[:], nonce[:]))
}

// nonceOf makes distinct nonces.
func nonceOf(i int) (n tbs.Nonce) {
	binary.BigEndian.PutUint64(n[:], uint64(i))
	return n
}
