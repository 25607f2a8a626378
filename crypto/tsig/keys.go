package tsig

import (
	"bytes"
	"errors"
	"fmt"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
)

// preparedGenerator is the fixed right side of every check, made ready once for the process.
var preparedGenerator = bls.Prepare(bls.G2Generator())

// Config is what a key ceremony publishes about one key.
type Config struct {
	// Tag is the role of the key. Every role has a key of its own; the tag keeps a share for one from meaning anything in another.
	Tag domain.Tag
	// Context starts every signed message: the federation id. Not empty.
	Context []byte
	// Threshold is t, how many members it takes: 1 ≤ t ≤ n.
	Threshold int
	// Group is PK, the key that signatures verify under.
	Group bls.G2
	// Members are VK_1 … VK_n in order: Members[i] belongs to index i+1.
	Members []bls.G2
}

// PublicKeys is the public half of one threshold key. It is immutable and may be used by many at once.
type PublicKeys struct {
	tag       domain.Tag
	context   []byte
	threshold int
	group     bls.G2
	members   []bls.G2
	prepared  *bls.PreparedG2 // group
}

// NewPublicKeys checks that the keys belong together: no key is the identity, and the group key at 0 and the members' keys at 1 … n lie
// on one polynomial of degree exactly t−1. So any t members make the same signature, and no t−1 can. It fails on anything else;
// points that were never set panic.
func NewPublicKeys(c Config) (*PublicKeys, error) {
	switch n := len(c.Members); {
	case c.Tag == "":
		return nil, errors.New("tsig: keys without a domain tag")
	case len(c.Context) == 0:
		return nil, errors.New("tsig: keys without a context")
	case c.Threshold < 1 || c.Threshold > n:
		return nil, fmt.Errorf("tsig: threshold %d of %d members", c.Threshold, n)
	}
	if c.Group.IsIdentity() {
		return nil, errors.New("tsig: the group key is the identity")
	}
	for i, member := range c.Members {
		if member.IsIdentity() {
			return nil, fmt.Errorf("tsig: the key of member %d is the identity", i+1)
		}
	}
	if err := checkPolynomial(c.Threshold, c.Group, c.Members); err != nil {
		return nil, err
	}
	return &PublicKeys{
		tag:       c.Tag,
		context:   bytes.Clone(c.Context),
		threshold: c.Threshold,
		group:     c.Group,
		members:   append([]bls.G2(nil), c.Members...),
		prepared:  bls.Prepare(c.Group),
	}, nil
}

// checkPolynomial tells whether the points at x = 0, 1, …, n lie on one polynomial of degree exactly t−1. Since the x are
// consecutive, finite differences decide it with additions only: the (t−1)-th differences of such a polynomial are all equal and not
// zero, and the t-th are all zero; and n+1 points with vanishing t-th differences lie on a polynomial of degree below t.
func checkPolynomial(t int, group bls.G2, members []bls.G2) error {
	differences := append([]bls.G2{group}, members...)
	for order := 1; order <= t; order++ {
		if order == t && differences[0].IsIdentity() {
			return fmt.Errorf("tsig: fewer than the threshold of %d members could sign", t)
		}
		last := len(differences) - 1
		for i := range last {
			differences[i] = differences[i+1].Add(differences[i].Neg())
		}
		differences = differences[:last]
	}
	for _, d := range differences {
		if !d.IsIdentity() {
			return fmt.Errorf("tsig: the keys do not lie on one polynomial of degree %d", t-1)
		}
	}
	return nil
}

// Threshold returns t, how many shares make a signature.
func (k *PublicKeys) Threshold() int { return k.threshold }

// Size returns n, the number of members. Their indices are 1 … n.
func (k *PublicKeys) Size() int { return len(k.members) }

// Group returns the key that signatures verify under.
func (k *PublicKeys) Group() bls.G2 { return k.group }

// Prepared returns the group key made ready for pairings.
func (k *PublicKeys) Prepared() *bls.PreparedG2 { return k.prepared }

// Member returns the verification key of a member. It panics unless index is 1 … n.
func (k *PublicKeys) Member(index uint32) bls.G2 {
	if !k.has(index) {
		panic(fmt.Sprintf("tsig: no member %d among %d", index, len(k.members)))
	}
	return k.members[index-1]
}

func (k *PublicKeys) has(index uint32) bool {
	return index >= 1 && uint64(index) <= uint64(len(k.members))
}

// Hash returns the point that a message is signed on: H1(tag, frame(context, message)), see [domain.Frame].
func (k *PublicKeys) Hash(message []byte) bls.G1 {
	return bls.HashToG1(string(k.tag), domain.Frame(k.context, message))
}

// Verify tells whether the group signed the message: e(σ, g2) = e(M, PK). A Signature that was never set is not valid.
func (k *PublicKeys) Verify(message []byte, s Signature) bool {
	return s.set && signed(k.Hash(message), s.point, k.prepared)
}

// VerifyShare tells whether a member's share of the message is right: e(S_i, g2) = e(M, VK_i). It costs as much as all of Combine
// and is for shares that must be judged alone, not a step before combining.
func (k *PublicKeys) VerifyShare(message []byte, s Share) bool {
	return k.has(s.index) && k.verifyShare(k.Hash(message), s)
}

// verifyShare readies the member's key only now: shares are judged alone only after something went wrong.
func (k *PublicKeys) verifyShare(m bls.G1, s Share) bool {
	return signed(m, s.point, bls.Prepare(k.members[s.index-1]))
}

// signed tells whether signature = s·m, where key = s·g2.
func signed(m, signature bls.G1, key *bls.PreparedG2) bool {
	return bls.PairingCheck([]bls.Pair{{P: signature, Q: preparedGenerator}, {P: m.Neg(), Q: key}})
}
