package dkg

import (
	"encoding/binary"
	"slices"

	"minimint/crypto/dkg/vss"
	"minimint/crypto/domain"
)

// The content of a deal is what vss.Sharing.Shares returns, sealed.

// sealSeedTag derives the ephemeral key of each deal.
const sealSeedTag = domain.DKGSealSeed

// sayDeals sends each member its shares, and forgets the polynomials. No shares have been taken yet.
func sayDeals(c *Ceremony, step *Step) {
	for i, p := range c.commits {
		to := i + 1
		shares := c.sharing.Shares(to)
		index := binary.BigEndian.AppendUint16(nil, uint16(to))
		seed := domain.Hash(sealSeedTag, c.cfg.Session[:], c.random.sealSeed[:], index, p.sealKey)
		c.say(to, seal(p.sealKey, sealInfo(c.cfg.Session, c.me, to), shares, seed), step)
		clear(shares)
	}
	c.sharing.Wipe()
}

func dealSize(cfg Config) int { return sealKeySize + sealOverhead + len(cfg.Keys)*vss.ScalarSize }

// openDeal opens a deal with the recipient's sealing key and takes the shares; the dealer's points have been accepted.
func openDeal(s sharing, m *Message, sealKey, salt []byte) flaw {
	shares, err := open(sealKey, sealInfo(m.session, m.from, m.to), m.content)
	if err != nil {
		return flaw{BadShare, "does not open"}
	}
	defer clear(shares)
	if err := s.Take(m.from, m.to, shares, salt); err != nil {
		return flaw{BadShare, err.Error()}
	}
	return flaw{}
}

// checkDeal opens and checks shares. To prove that they are wrong it gives the sealing key away; the dealer's own echo shows that the
// dealer knew it to be this member's.
func checkDeal(c *Ceremony, m *Message) charge {
	if len(m.content) != dealSize(c.cfg) {
		return single(flaw{Malformed, "deal"}, m)
	}
	f := openDeal(c.sharing, m, c.random.sealKey[:], c.random.salt[:])
	if f.kind == 0 {
		return charge{}
	}
	return charge{
		flaw: f, accused: []int{m.from}, sealKey: slices.Clone(c.random.sealKey[:]),
		evidence: []*Message{c.collected(RoundEcho, m.from), c.collected(RoundReveal, m.from), m},
	}
}
