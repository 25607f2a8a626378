package tbs

import (
	"fmt"
	"io"

	"minimint/crypto/bls"
)

// Note is a signed note as it is spent: Keys is the key of its tier.
type Note struct {
	Keys      *TierKeys
	Nonce     Nonce
	Signature Signature
}

// VerifyBatch tells for each transaction, in order, whether all its notes are validly signed. It is the only way to verify notes.
//
// All notes of all transactions go into one product with a random 128-bit coefficient ρ_j each,
//
//	Π_d e(Σ_{j in tier d} ρ_j·M_j, PK_d) · e(−Σ_j ρ_j·σ_j, g2) = 1,
//
// which costs one Miller loop per tier and one more, and one final exponentiation (Bellare, Garay and Rabin, Eurocrypt 1998). If it
// does not hold, the transactions are halved until the bad ones stand alone, so one bad transaction among k costs about 2·log k further
// products. A valid transaction is never refused; an invalid one passes with probability 2^-128.
//
// A transaction without notes is valid. rng must be unpredictable to whoever made the notes; its failure is the only error.
func VerifyBatch(transactions [][]Note, rng io.Reader) ([]bool, error) {
	verdicts := make([]bool, len(transactions))
	var spans []span
	var claims []claim
	for i, notes := range transactions {
		verdicts[i] = true
		for _, note := range notes {
			verdicts[i] = verdicts[i] && note.Signature.set
		}
		if len(notes) == 0 || !verdicts[i] {
			continue
		}
		for _, note := range notes {
			claims = append(claims, claim{
				keys:      note.Keys,
				message:   note.Keys.keys.Hash(note.Nonce[:]),
				signature: note.Signature.point,
			})
		}
		spans = append(spans, span{transaction: i, end: len(claims)})
	}
	if len(spans) == 0 {
		return verdicts, nil
	}
	if err := draw(claims, rng); err != nil {
		return nil, err
	}
	if !hold(claims) {
		search{claims: claims, spans: spans, verdicts: verdicts}.bisect(0, len(spans))
	}
	return verdicts, nil
}

// span is where the claims of a transaction end; they begin where those of the span before end.
type span struct {
	transaction int
	end         int
}

// search looks for the bad transactions of a batch.
type search struct {
	claims   []claim
	spans    []span
	verdicts []bool
}

// between returns the claims of the spans first … last−1.
func (s search) between(first, last int) []claim {
	begin := 0
	if first > 0 {
		begin = s.spans[first-1].end
	}
	return s.claims[begin:s.spans[last-1].end]
}

// bisect marks the bad transactions among the spans first … last−1, whose product is known not to be one. The product of the whole is
// that of the halves multiplied, because coefficients stay what they are: so if the left half holds, the right one does not, and need
// not be tried.
func (s search) bisect(first, last int) {
	if last-first == 1 {
		s.verdicts[s.spans[first].transaction] = false
		return
	}
	middle := (first + last) / 2
	if hold(s.between(first, middle)) {
		s.bisect(middle, last)
		return
	}
	s.bisect(first, middle)
	if !hold(s.between(middle, last)) {
		s.bisect(middle, last)
	}
}

// claim says that signature is the group's on message, under the coefficient that it carries into a batch.
type claim struct {
	keys               *TierKeys
	message, signature bls.G1
	coefficient        bls.Coefficient
}

// draw gives every claim a fresh coefficient. The claims must be complete before: a coefficient known to their maker checks nothing.
func draw(claims []claim, rng io.Reader) error {
	coefficients, err := bls.RandomCoefficients(rng, len(claims))
	if err != nil {
		return fmt.Errorf("tbs: verifying notes: %w", err)
	}
	for i := range claims {
		claims[i].coefficient = coefficients[i]
	}
	return nil
}

// hold tells whether the product over the claims, of which there is at least one, is one.
func hold(claims []claim) bool {
	var messages grouping
	signatures := group{}
	for _, c := range claims {
		messages.add(c.keys, c.message, c.coefficient)
		signatures.points = append(signatures.points, c.signature)
		signatures.coefficients = append(signatures.coefficients, c.coefficient)
	}
	product := []bls.Pair{{P: signatures.sum().Neg(), Q: preparedGenerator}}
	for _, g := range messages.groups {
		product = append(product, bls.Pair{P: g.sum(), Q: g.keys.keys.Prepared()})
	}
	return bls.PairingCheck(product)
}

// grouping collects points by tier, in the order in which tiers first occur.
type grouping struct {
	groups []group
	place  map[*TierKeys]int
}

// group is the points of one tier with their coefficients.
type group struct {
	keys         *TierKeys
	points       []bls.G1
	coefficients []bls.Coefficient
}

func (g *grouping) add(keys *TierKeys, point bls.G1, coefficient bls.Coefficient) {
	at, known := g.place[keys]
	if !known {
		if g.place == nil {
			g.place = make(map[*TierKeys]int)
		}
		at = len(g.groups)
		g.place[keys] = at
		g.groups = append(g.groups, group{keys: keys})
	}
	g.groups[at].points = append(g.groups[at].points, point)
	g.groups[at].coefficients = append(g.groups[at].coefficients, coefficient)
}

// sum returns Σ ρ·P.
func (g group) sum() bls.G1 { return bls.MultiMulG1Short(g.points, g.coefficients) }
