package tbs_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	gnark "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"minimint/crypto/bls"
	"minimint/crypto/shamir"
	"minimint/crypto/tbs"
	"minimint/crypto/tbs/tbstest"
	"minimint/crypto/tsig/tsigtest"
)

// Aggregate forgery: the sum of ten blinded messages, signed once and paid for once, unblinds to the sum of ten signatures. A verifier
// that checks the sum of what it is given takes ten notes for it; ours takes none, in one transaction or in ten.
func TestAggregateForgery(t *testing.T) {
	m := newMint(30, 1, 2, 3)
	rng := source(31)
	r := scalar(t, rng)

	sum := bls.G1Identity()
	nonces := make([]tbs.Nonce, 10)
	for i := range nonces {
		nonces[i] = nonceOf(i)
		sum = sum.Add(message(nonces[i]))
	}
	blind, err := tbs.DecodeBlindNonce(sum.Mul(r).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	// λ for indices 1, 2 is (2, −1).
	one := decodeG1(t, m.secrets[0][0].Sign(blind).Bytes())
	two := decodeG1(t, m.secrets[0][1].Sign(blind).Bytes())
	inverse, err := r.Inverse()
	if err != nil {
		t.Fatal(err)
	}
	aggregate := one.Add(one).Add(two.Neg()).Mul(inverse)

	// Ten parts of the aggregate: nine of them are anything at all.
	notes := make([]tbs.Note, len(nonces))
	rest := aggregate
	for i, nonce := range nonces {
		part := bls.HashToG1("anything", nonce[:])
		if i == len(nonces)-1 {
			part = rest
		}
		rest = rest.Add(part.Neg())
		notes[i] = tbs.Note{Keys: m.tiers[0], Nonce: nonce, Signature: signature(t, part)}
	}

	total := bls.G1Identity()
	for _, note := range notes {
		total = total.Add(decodeG1(t, note.Signature.Bytes()))
	}
	if !bls.PairingCheck([]bls.Pair{
		{P: total, Q: bls.Prepare(bls.G2Generator())},
		{P: sum.Neg(), Q: bls.Prepare(m.tiers[0].Group())},
	}) {
		t.Fatal("the attack must pass a verifier without coefficients, or this test shows nothing")
	}
	if verify(t, notes)[0] {
		t.Error("ten forged notes in one transaction were taken")
	}
	alone := make([][]tbs.Note, len(notes))
	for i := range notes {
		alone[i] = notes[i : i+1]
	}
	if verdicts := verify(t, alone...); slices.Contains(verdicts, true) {
		t.Errorf("forged notes in ten transactions: %v", verdicts)
	}
}

// Errors that cancel between two notes pass a sum. They must not pass a batch, whether the notes share a transaction or not, and honest
// transactions beside them must not suffer.
func TestErrorsThatCancelBetweenNotes(t *testing.T) {
	m := newMint(32, 2, 1, 1)
	notes := m.notes(t, 33, 0, 1, 0)
	a, b := plus(t, notes[0], offset(1)), plus(t, notes[1], offset(1).Neg())
	if got := verify(t, []tbs.Note{a, b}, notes[2:]); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("in one transaction: %v", got)
	}
	if got := verify(t, []tbs.Note{a}, notes[2:], []tbs.Note{b}); !slices.Equal(got, []bool{false, true, false}) {
		t.Errorf("in two transactions: %v", got)
	}
}

// A member whose errors cancel between two outputs is a liar and named; two members whose errors cancel under interpolation do no
// harm, since the notes come out right.
func TestErrorsThatCancelBetweenShares(t *testing.T) {
	m := newMint(34, 1, 2, 3)
	o := m.request(t, 35, 0, 0)
	honest := m.answers(t, o)
	want, _, err := tbs.Finalize(o.issuances, honest, source(36))
	if err != nil {
		t.Fatal(err)
	}
	add := func(a tbs.Answer, output int, e bls.G1) tbs.Answer {
		a.Shares = slices.Clone(a.Shares)
		a.Shares[output] = decodeShare(t, decodeG1(t, a.Shares[output].Bytes()).Add(e).Bytes())
		return a
	}
	e := offset(1)
	check := func(name string, liars []uint32, answers ...tbs.Answer) {
		t.Helper()
		got, named, err := tbs.Finalize(o.issuances, answers, source(37))
		if err != nil || !slices.Equal(named, liars) {
			t.Fatalf("%s: liars %v, want %v (%v)", name, named, liars, err)
		}
		for j := range want {
			if !slices.Equal(got[j].Bytes(), want[j].Bytes()) {
				t.Errorf("%s: note %d is wrong", name, j)
			}
		}
	}
	check("between outputs", []uint32{1}, add(add(honest[0], 0, e), 1, e.Neg()), honest[1], honest[2])
	// λ for indices 1, 2 is (2, −1): e and 2e cancel.
	check("between members", nil, add(honest[0], 0, e), add(honest[1], 0, e.Add(e)), honest[2])
	// 2·C_1 − C_2 is the identity, for which e(O, ·) = 1 must not count.
	one := decodeG1(t, honest[0].Shares[0].Bytes())
	cancel := honest[1]
	cancel.Shares = []tbs.BlindShare{decodeShare(t, one.Add(one).Bytes()), cancel.Shares[1]}
	check("to the identity", []uint32{2}, honest[0], cancel, honest[2])
}

// One polynomial for all tiers: with tier keys s_d = p(d), deg p = 2, three cheap notes on one nonce interpolate to a note of
// tier 20. With independent polynomials the same recipe gives nothing.
func TestRelatedTierKeysAreBroken(t *testing.T) {
	p, err := shamir.Random(shamir.BLS12381(), 2, source(40))
	if err != nil {
		t.Fatal(err)
	}
	related := func(tier uint32) mint {
		group := bls.MulG2(p.Evaluate(tier))
		keys, err := tbs.NewTierKeys(tbs.Config{Federation: federation, Threshold: 1, Group: group, Members: []bls.G2{group}})
		if err != nil {
			t.Fatal(err)
		}
		secret, err := tbs.NewSecretShare(keys, 1, p.Evaluate(tier))
		if err != nil {
			t.Fatal(err)
		}
		return mint{tiers: []*tbs.TierKeys{keys}, secrets: [][]*tbs.SecretShare{{secret}}}
	}
	independent := func(tier uint32) mint { return newMint(byte(41+tier), 1, 1, 1) }

	// Coefficients that take values at 1, 2, 3 to the value at 20: Π (20−j)/(i−j).
	coefficients := []int64{153, -323, 171}
	nonce := nonceOf(1)
	for name, c := range map[string]struct {
		tier   func(uint32) mint
		forged bool
	}{"one polynomial": {related, true}, "independent": {independent, false}} {
		var cheap []bls.G1
		for tier := uint32(1); tier <= 3; tier++ {
			m := c.tier(tier)
			o := order{tiers: []int{0}, issuances: []*tbs.Issuance{issue(t, m.tiers[0], nonce, bls.NewScalar(uint64(tier)+5))}}
			signatures, _, err := tbs.Finalize(o.issuances, m.answers(t, o), source(39))
			if err != nil {
				t.Fatal(err)
			}
			cheap = append(cheap, decodeG1(t, signatures[0].Bytes()))
		}
		dear := tbs.Note{Keys: c.tier(20).tiers[0], Nonce: nonce, Signature: signature(t, bls.CombineG1(cheap, coefficients))}
		if got := verify(t, []tbs.Note{dear})[0]; got != c.forged {
			t.Errorf("%s: a note of tier 20 out of three cheap ones verifies: %v", name, got)
		}
	}
}

// What was never decoded, and the identity, are nothing: e(O, ·) = 1 makes them valid for a verifier that does not look.
func TestIdentityAndZero(t *testing.T) {
	m := newMint(50, 1, 2, 3)
	if verify(t, []tbs.Note{{Keys: m.tiers[0]}})[0] {
		t.Error("a note with the zero signature was taken")
	}
	good := m.notes(t, 51, 0)
	if got := verify(t, nil, []tbs.Note{good[0], {Keys: m.tiers[0]}}, good, []tbs.Note{}); !slices.Equal(got, []bool{true, false, true, true}) {
		t.Errorf("beside a good one: %v", got)
	}
	if got := verify(t); len(got) != 0 {
		t.Errorf("no transactions: %v", got)
	}
	identity := bls.G1Identity().Bytes()
	if _, err := tbs.DecodeSignature(identity); err == nil {
		t.Error("the identity was decoded as a signature")
	}
	defer func() {
		if recover() == nil {
			t.Error("the zero BlindNonce was signed")
		}
	}()
	m.secrets[0][0].Sign(tbs.BlindNonce{})
}

// Small subgroup: a share on a point of order 11 is one of eleven points and tells the secret modulo 11; a signature plus such a point
// is another encoding that satisfies the pairing. Both end at the decoder. gnark-crypto plays the careless member.
func TestSmallSubgroup(t *testing.T) {
	var torsion gnark.G1Affine
	x := unhex(badPoints["order 11"])
	if err := gnark.NewDecoder(strings.NewReader(string(x)), gnark.NoSubgroupChecks()).Decode(&torsion); err != nil {
		t.Fatal(err)
	}
	eleven := multiple(torsion, big.NewInt(11))
	if !torsion.IsOnCurve() || torsion.IsInSubGroup() || !eleven.IsInfinity() {
		t.Fatal("the point is not one of order 11 on the curve")
	}

	secret := new(big.Int).SetBytes(tsigtest.Deal(source(52), 1, 1).Secrets[0].Bytes())
	leaked := multiple(torsion, secret)
	guess := big.NewInt(0)
	for small := multiple(torsion, guess); !small.Equal(&leaked); small = multiple(torsion, guess) {
		guess.Add(guess, big.NewInt(1))
	}
	if want := new(big.Int).Mod(secret, big.NewInt(11)); guess.Cmp(want) != 0 {
		t.Fatalf("the attack must work on a careless member: %v, want %v", guess, want)
	}
	if _, err := tbs.DecodeBlindNonce(x); err == nil {
		t.Error("a point of order 11 may be signed")
	}

	note := newMint(53, 1, 1, 1).notes(t, 54, 0)[0]
	var twin gnark.G1Affine
	if _, err := twin.SetBytes(note.Signature.Bytes()); err != nil {
		t.Fatal(err)
	}
	twin.Add(&twin, &torsion)
	encoded := twin.Bytes()
	if _, err := tbs.DecodeSignature(encoded[:]); err == nil {
		t.Error("a signature has a twin outside the group")
	}
}

// multiple is double-and-add; the library's own multiplication is only right inside the group.
func multiple(p gnark.G1Affine, k *big.Int) gnark.G1Affine {
	var sum, base gnark.G1Jac
	sum.FromAffine(new(gnark.G1Affine))
	base.FromAffine(&p)
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum.DoubleAssign()
		if k.Bit(i) == 1 {
			sum.AddAssign(&base)
		}
	}
	var out gnark.G1Affine
	out.FromJacobian(&sum)
	return out
}

// Too few members: interpolating t−1 right shares as if they were enough gives no note.
func TestOneMemberTooFew(t *testing.T) {
	deal := tsigtest.Deal(source(55), 3, 4)
	keys, _ := tbstest.Tier(source(55), federation, 3, 4)
	if !keys.Group().Equal(deal.Group) {
		t.Fatal("the two deals differ")
	}
	m := message(nonceOf(1))
	forged := bls.CombineG1([]bls.G1{m.Mul(deal.Secrets[0]), m.Mul(deal.Secrets[1])}, []int64{2, -1})
	if verify(t, []tbs.Note{{Keys: keys, Nonce: nonceOf(1), Signature: signature(t, forged)}})[0] {
		t.Error("two of three members made a note")
	}
}

// A note of one federation is nothing in another, even if both had the same keys.
func TestFederationsAreSeparate(t *testing.T) {
	deal := tsigtest.Deal(source(56), 1, 1)
	here, secrets := tbstest.Tier(source(56), federation, 1, 1)
	there, err := tbs.NewTierKeys(tbs.Config{Federation: [32]byte{1}, Threshold: 1, Group: deal.Group, Members: deal.Members})
	if err != nil {
		t.Fatal(err)
	}
	m := mint{tiers: []*tbs.TierKeys{here}, secrets: [][]*tbs.SecretShare{secrets}}
	note := m.notes(t, 57, 0)[0]
	if !verify(t, []tbs.Note{note})[0] {
		t.Fatal("not valid at home")
	}
	note.Keys = there
	if verify(t, []tbs.Note{note})[0] {
		t.Error("valid in another federation")
	}
}
