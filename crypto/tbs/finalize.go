package tbs

import (
	"errors"
	"fmt"
	"io"

	"minimint/crypto/bls"
	"minimint/crypto/tsig"
)

// ErrTooFewShares says that fewer than t members have answered rightly yet: ask further members, or the silent ones again.
var ErrTooFewShares = errors.New("tbs: too few members have answered rightly")

// Answer is what one member returned for a list of outputs: one share each, in the order of the outputs. Index is the member's, known
// from the link the answer came by.
type Answer struct {
	Index  uint32
	Shares []BlindShare
}

// Finalize turns the members' answers for a list of issuances into the signatures of their notes, in the same order. The issuances may be
// of different tiers of one federation; each answer covers all of them.
//
// It combines the first t answers and checks all notes in one batch. If that fails it judges the members one by one, in the order
// given, until t are right, and combines theirs. Liars are the indices of members that answered wrongly, or for another number of
// outputs; members beyond the t-th right one are not judged. A caller that keeps answers drops the liars' for good: then each member
// can make Finalize slow only once. Signatures are returned all or none.
//
// rng gives the coefficients of the checks and must be unpredictable to the members. Errors: ErrTooFewShares (together with the liars
// found so far); an index that no member has or that occurs twice, and issuances under keys of different threshold or size, which
// are the caller's mistakes; failure of rng.
func Finalize(issuances []*Issuance, answers []Answer, rng io.Reader) (signatures []Signature, liars []uint32, err error) {
	if len(issuances) == 0 {
		return nil, nil, nil
	}
	if err := checkRequest(issuances, answers); err != nil {
		return nil, nil, err
	}
	var full []Answer
	for _, a := range answers {
		if len(a.Shares) == len(issuances) {
			full = append(full, a)
		} else {
			liars = append(liars, a.Index)
		}
	}
	t := issuances[0].keys.Threshold()
	if len(full) < t {
		return nil, liars, ErrTooFewShares
	}

	signatures, valid, err := combine(issuances, full[:t], rng)
	if err != nil {
		return nil, liars, err
	}
	if valid {
		return signatures, liars, nil
	}

	right, wrong, err := judge(issuances, full, rng)
	if err != nil {
		return nil, liars, err
	}
	liars = append(liars, wrong...)
	if len(right) < t {
		return nil, liars, ErrTooFewShares
	}
	signatures, valid, err = combine(issuances, right, rng)
	if err != nil {
		return nil, liars, err
	}
	if !valid {
		panic("tbs: right shares of keys on one polynomial made a wrong signature")
	}
	return signatures, liars, nil
}

// checkRequest finds mistakes of the caller that would divide by zero or mix federations.
func checkRequest(issuances []*Issuance, answers []Answer) error {
	n, t := issuances[0].keys.Size(), issuances[0].keys.Threshold()
	for _, i := range issuances {
		if i.keys.Size() != n || i.keys.Threshold() != t {
			return fmt.Errorf("tbs: issuances with %d of %d and with %d of %d members", t, n, i.keys.Threshold(), i.keys.Size())
		}
	}
	seen := make([]bool, n)
	for _, a := range answers {
		if a.Index == 0 || uint64(a.Index) > uint64(n) {
			return fmt.Errorf("tbs: answer with index %d among %d members", a.Index, n)
		}
		if seen[a.Index-1] {
			return fmt.Errorf("tbs: two answers with index %d", a.Index)
		}
		seen[a.Index-1] = true
	}
	return nil
}

// combine interpolates and unblinds the signature of every issuance from exactly t answers, and tells whether all are valid. The
// common denominator D of the interpolation is divided out together with the blinding factor: σ = (r·D)^−1·Σ n_i·C_i.
func combine(issuances []*Issuance, answers []Answer, rng io.Reader) (signatures []Signature, valid bool, err error) {
	indices := make([]uint32, len(answers))
	for i, a := range answers {
		indices[i] = a.Index
	}
	at0, err := tsig.NewInterpolation(indices)
	if err != nil {
		return nil, false, fmt.Errorf("tbs: combining answers: %w", err)
	}
	denominator := at0.Denominator()

	signatures = make([]Signature, len(issuances))
	claims := make([]claim, len(issuances))
	shares := make([]bls.G1, len(answers))
	for j, issuance := range issuances {
		for i, a := range answers {
			shares[i] = a.Shares[j].share
		}
		inverse, err := issuance.factor.Mul(denominator).Inverse()
		if err != nil {
			return nil, false, fmt.Errorf("tbs: unblinding: %w", err)
		}
		point := at0.Sum(shares).Mul(inverse)
		signatures[j] = Signature{point: point, set: true}
		claims[j] = claim{keys: issuance.keys, message: issuance.message, signature: point}
	}
	if err := draw(claims, rng); err != nil {
		return nil, false, err
	}
	return signatures, hold(claims), nil
}

// judge sorts answers into right and wrong ones, up to the t-th right one. One product per member covers all its shares:
//
//	e(Σ_j ρ_j·C_ij, g2) = Π_d e(Σ_{j in tier d} ρ_j·B_j, VK_id)
//
// Its right side differs between members in the keys only, so the sums over B are computed once.
func judge(issuances []*Issuance, answers []Answer, rng io.Reader) (right []Answer, wrong []uint32, err error) {
	coefficients, err := bls.RandomCoefficients(rng, len(issuances))
	if err != nil {
		return nil, nil, fmt.Errorf("tbs: judging answers: %w", err)
	}
	var blinds grouping
	for j, issuance := range issuances {
		blinds.add(issuance.keys, issuance.blind, coefficients[j])
	}
	sums := make([]bls.G1, len(blinds.groups))
	for d := range blinds.groups {
		sums[d] = blinds.groups[d].sum().Neg()
	}

	t := issuances[0].keys.Threshold()
	points := make([]bls.G1, len(issuances))
	for _, a := range answers {
		if len(right) == t {
			break
		}
		for j, share := range a.Shares {
			points[j] = share.share
		}
		product := []bls.Pair{{P: bls.MultiMulG1Short(points, coefficients), Q: preparedGenerator}}
		for d := range blinds.groups {
			// Members' keys are made ready only now: nobody is judged unless somebody lied.
			key := bls.Prepare(blinds.groups[d].keys.keys.Member(a.Index))
			product = append(product, bls.Pair{P: sums[d], Q: key})
		}
		if bls.PairingCheck(product) {
			right = append(right, a)
		} else {
			wrong = append(wrong, a.Index)
		}
	}
	return right, wrong, nil
}
