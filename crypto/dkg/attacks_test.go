package dkg

import (
	"bytes"
	"slices"

	oracle "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"minimint/crypto/bls"
	"minimint/crypto/dkg/vss"
)

// liar deals something else than it draws. To itself it looks honest.
type liar struct {
	sharing
	me     int
	salt   []byte
	reveal func(honest []byte) []byte
	shares func(to int, honest []byte) []byte
}

func (l *liar) Reveal(me int, salt []byte) []byte {
	l.me, l.salt = me, salt
	honest := l.sharing.Reveal(me, salt)
	if l.reveal == nil {
		return honest
	}
	return l.reveal(honest)
}

func (l *liar) Accept(dealer int, revealed []byte) error {
	if dealer == l.me {
		revealed = l.sharing.Reveal(l.me, l.salt)
	}
	return l.sharing.Accept(dealer, revealed)
}

func (l *liar) Shares(to int) []byte {
	honest := l.sharing.Shares(to)
	if l.shares == nil || to == l.me {
		return honest
	}
	return l.shares(to, honest)
}

// attackKeys has one key in each group. In an encoded reveal the points of the first begin at 5 (lengths of group and key), in a
// list of shares its share at 0.
func attackKeys(n int) []Key {
	return []Key{
		{Role: "b", Group: BLS12381, Threshold: min(2, n)},
		{Role: "r", Group: Ristretto255, Threshold: n - (n-1)/3},
	}
}

const firstPoint = 3 + 2

// attacks are the ways to misbehave: each prepares a network in which member by does.
var attacks = map[string]func(n *network, by int){
	"wrong-opening": func(n *network, by int) {
		n.change(by, RoundReveal, 0, func(c []byte) []byte { return flip(c, len(c)-1) })
	},
	"degree-too-high": func(n *network, by int) { n.lie(by, dealDegree(n, by, 0, 1), nil) },
	"degree-too-low":  func(n *network, by int) { n.lie(by, dealDegree(n, by, 0, -1), nil) },
	"identity":        func(n *network, by int) { n.lie(by, put(firstPoint, append([]byte{0xc0}, make([]byte, 95)...)), nil) },
	"leading-identity": func(n *network, by int) {
		n.lie(by, put(firstPoint+96, append([]byte{0xc0}, make([]byte, 95)...)), nil)
	},
	"outside-subgroup": func(n *network, by int) { n.lie(by, put(firstPoint, outsideSubgroup()), nil) },
	"not-reduced":      func(n *network, by int) { n.lie(by, func(c []byte) []byte { return flipHigh(c) }, nil) },
	"bad-proof":        func(n *network, by int) { n.lie(by, func(c []byte) []byte { return flip(c, len(c)-33) }, nil) },
	"rogue-key":        func(n *network, by int) { n.lie(by, rogueKey(n, by), nil) },
	"copied-points":    func(n *network, by int) { n.lie(by, copied(n, by), nil) },
	"cut-reveal":       func(n *network, by int) { n.lie(by, func(c []byte) []byte { return c[:len(c)-1] }, nil) },
	"long-reveal":      func(n *network, by int) { n.lie(by, func(c []byte) []byte { return append(slices.Clone(c), 0) }, nil) },
	"wrong-share": func(n *network, by int) {
		n.lie(by, nil, func(to int, c []byte) []byte {
			if to == 1 {
				c = flip(c, 31)
			}
			return c
		})
	},
	"cancelling-shares": func(n *network, by int) {
		n.cfg.Keys = append(n.cfg.Keys, Key{Role: "b", Tier: 1, Group: BLS12381, Threshold: 1})
		for i := range n.members {
			n.members[i] = n.prepare(i + 1)
		}
		n.lie(by, nil, cancel)
	},
	"share-not-reduced": func(n *network, by int) {
		n.lie(by, nil, func(_ int, c []byte) []byte { return put(0, bytes.Repeat([]byte{0xff}, 32))(c) })
	},
	"unopenable-deal": func(n *network, by int) {
		n.change(by, RoundDeal, 1, func(c []byte) []byte { return flip(c, 40) })
	},
	"short-deal":     func(n *network, by int) { n.change(by, RoundDeal, 1, func(c []byte) []byte { return c[1:] }) },
	"short-commit":   func(n *network, by int) { n.change(by, RoundCommit, 0, func(c []byte) []byte { return c[1:] }) },
	"short-echo":     func(n *network, by int) { n.change(by, RoundEcho, 0, func(c []byte) []byte { return c[:len(c)-1] }) },
	"empty-confirm":  func(n *network, by int) { n.change(by, RoundConfirm, 0, func([]byte) []byte { return nil }) },
	"zero-seal-key":  func(n *network, by int) { n.change(by, RoundCommit, 0, put(32, make([]byte, 32))) },
	"two-commits":    func(n *network, by int) { n.change(by, RoundCommit, 1, func(c []byte) []byte { return flip(c, 0) }) },
	"two-seal-keys":  func(n *network, by int) { n.change(by, RoundCommit, 1, func(c []byte) []byte { return flip(c, 40) }) },
	"forged-echo":    func(n *network, by int) { n.change(by, RoundEcho, 0, func(c []byte) []byte { return flip(c, 60) }) },
	"two-reveals":    func(n *network, by int) { n.twice(by, RoundReveal) },
	"two-deals":      func(n *network, by int) { n.twice(by, RoundDeal) },
	"early-second":   func(n *network, by int) { n.twice(by, RoundCommit) },
	"silent-reveal":  func(n *network, by int) { n.drop(by, RoundReveal) },
	"silent-to-one":  func(n *network, by int) { n.drop(by, RoundDeal) },
	"silent-confirm": func(n *network, by int) { n.drop(by, RoundConfirm) },
	"other-result": func(n *network, by int) {
		n.public = func(i int, r *Result) []byte {
			if i == by {
				return []byte("another")
			}
			return encode(r)
		}
	},
	"false-share": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, key []byte) charge { return shareCharge(c, 1, key) })
	},
	"complaint-to-one": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, key []byte) charge { return shareCharge(c, 1, key) })
		n.tamper = func(from, to int, m *Message) []*Message {
			if from == by && m.round == Complaint && to == 1 {
				return nil
			}
			return []*Message{m}
		}
	},
	"false-key": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, key []byte) charge { return shareCharge(c, 1, flip(key, 9)) })
	},
	"false-deal-to-other": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, key []byte) charge {
			ch := shareCharge(c, 1, key)
			ch.evidence[2] = n.log[1][slices.IndexFunc(n.log[1], func(m *Message) bool { return m.round == RoundDeal && m.from == 1 })]
			return ch
		})
	},
	"false-swapped-evidence": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, key []byte) charge {
			ch := shareCharge(c, 1, key)
			ch.evidence[1] = c.collected(RoundReveal, 2)
			return ch
		})
	},
	"false-opening": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, _ []byte) charge {
			ev := []*Message{c.collected(RoundCommit, 1), c.collected(RoundReveal, 1)}
			return charge{flaw: flaw{kind: WrongOpening}, accused: []int{1}, evidence: ev}
		})
	},
	"false-equivocation": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, _ []byte) charge {
			ev := []*Message{c.collected(RoundCommit, 1), c.collected(RoundCommit, 2)}
			return charge{flaw: flaw{kind: Equivocation}, accused: []int{1}, evidence: ev}
		})
	},
	"false-proof": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, _ []byte) charge {
			return charge{flaw: flaw{kind: BadProof}, accused: []int{1}, evidence: []*Message{c.collected(RoundReveal, 1)}}
		})
	},
	"no-evidence": func(n *network, by int) {
		n.complain(by, func(*Ceremony, []byte) charge { return charge{flaw: flaw{kind: BadProof}, accused: []int{1}} })
	},
	"nobody-accused": func(n *network, by int) {
		n.complain(by, func(*Ceremony, []byte) charge { return charge{flaw: flaw{kind: Silent}} })
	},
	"unknown-kind": func(n *network, by int) {
		n.complain(by, func(c *Ceremony, _ []byte) charge {
			return charge{flaw: flaw{kind: 99}, accused: []int{1}, evidence: []*Message{c.collected(RoundReveal, 1)}}
		})
	},
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1
	return b
}

// flipHigh makes the last scalar of a reveal, the response of a proof over ristretto255, one that is not reduced.
func flipHigh(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-1] |= 0x80
	return b
}

func put(at int, with []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		b = slices.Clone(b)
		copy(b[at:], with)
		return b
	}
}

// outsideSubgroup is a point of the curve of G2 that is not in the group, found with another library.
func outsideSubgroup() []byte {
	b := make([]byte, 96)
	b[0] = 0x80
	for x := range 256 {
		b[95] = byte(x)
		var p oracle.G2Affine
		if oracle.NewDecoder(bytes.NewReader(b), oracle.NoSubgroupChecks()).Decode(&p) == nil && !p.IsInSubGroup() {
			return b
		}
	}
	panic("no such point")
}

// dealDegree deals, with honest proofs, a polynomial for one key of another degree than agreed.
func dealDegree(n *network, by, key, more int) func([]byte) []byte {
	cfg := n.cfg.clone()
	cfg.Keys[key].Threshold += more
	s, err := cfg.sharing(stream("degree"))
	if err != nil {
		n.t.Fatal(err)
	}
	return func([]byte) []byte { return s.Reveal(by, make([]byte, 32)) }
}

// rogueKey is the attack of a dealer that knows what all others reveal: its constant is a point of its choice minus the sum of
// theirs, so the group key would be that point. It lacks nothing but the proof.
func rogueKey(n *network, by int) func([]byte) []byte {
	return func(honest []byte) []byte {
		wanted := bls.MulG2(bls.NewScalar(42))
		for i := range n.members {
			if i+1 == by {
				continue
			}
			theirs, err := n.cfg.sharing(stream("member", i+1, "polynomials"))
			if err != nil {
				n.t.Fatal(err)
			}
			p, err := bls.DecodeG2(theirs.Reveal(i+1, make([]byte, 32))[firstPoint:][:96])
			if err != nil {
				n.t.Fatal(err)
			}
			wanted = wanted.Add(p.Neg())
		}
		return put(firstPoint, wanted.Bytes())(honest)
	}
}

// copied presents points and proofs of member 1 as its own.
func copied(n *network, by int) func([]byte) []byte {
	return func([]byte) []byte {
		c := n.prepare(1)
		return c.sharing.Reveal(1, c.random.salt[:])
	}
}

// cancel makes two shares of one group wrong by the same amount in opposite directions.
func cancel(_ int, shares []byte) []byte {
	// Order of shares: b/0, b/1, r/0.
	out := slices.Clone(shares)
	for i, by := range []bls.Scalar{bls.NewScalar(1), bls.NewScalar(1).Neg()} {
		s, err := bls.DecodeScalar(shares[i*vss.ScalarSize:][:vss.ScalarSize])
		if err != nil {
			panic(err)
		}
		copy(out[i*vss.ScalarSize:], s.Add(by).Bytes())
	}
	return out
}

func (n *network) lie(by int, reveal func([]byte) []byte, shares func(int, []byte) []byte) {
	c := n.members[by-1]
	c.sharing = &liar{sharing: c.sharing, reveal: reveal, shares: shares}
}

// change rewrites what by says in a round, to one member or to all (0).
func (n *network) change(by int, r Round, to int, f func([]byte) []byte) {
	n.tamper = func(from, dest int, m *Message) []*Message {
		if from == by && m.round == r && (to == 0 || to == dest) {
			m = n.resign(m, f(m.content))
		}
		return []*Message{m}
	}
}

// twice says two things to everybody.
func (n *network) twice(by int, r Round) {
	n.tamper = func(from, _ int, m *Message) []*Message {
		if from == by && m.round == r {
			return []*Message{m, n.resign(m, flip(m.content, 3))}
		}
		return []*Message{m}
	}
}

// drop loses what by says in a round to member 1.
func (n *network) drop(by int, r Round) {
	n.tamper = func(from, to int, m *Message) []*Message {
		if from == by && m.round == r && to == 1 {
			return nil
		}
		return []*Message{m}
	}
}

// complain makes by complain instead of confirming.
func (n *network) complain(by int, f func(c *Ceremony, sealKey []byte) charge) {
	c := n.members[by-1]
	key := slices.Clone(c.random.sealKey[:])
	n.public = func(i int, r *Result) []byte {
		if i != by {
			return encode(r)
		}
		m := sign(c.identity, n.cfg.Session, Message{round: Complaint, from: by, content: f(c, key).encode()})
		n.send(by, Outgoing{Message: m})
		return nil
	}
}

func shareCharge(c *Ceremony, dealer int, key []byte) charge {
	return charge{
		flaw: flaw{kind: BadShare}, accused: []int{dealer}, sealKey: key,
		evidence: []*Message{c.collected(RoundEcho, dealer), c.collected(RoundReveal, dealer), c.collected(RoundDeal, dealer)},
	}
}
