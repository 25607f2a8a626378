package dkg

import (
	"errors"

	"minimint/crypto/dkg/vss"
)

// The content of a reveal is what vss.Sharing.Reveal encodes.

func sayReveal(c *Ceremony, step *Step) { c.say(0, c.revealed, step) }

// acceptReveal reads and checks a dealer's points and proofs.
func acceptReveal(s sharing, m *Message) flaw {
	err := s.Accept(m.from, m.content)
	if err == nil {
		return flaw{}
	}
	for _, known := range []struct {
		err  error
		kind Kind
	}{{vss.ErrDegree, WrongDegree}, {vss.ErrPoint, BadPoint}, {vss.ErrProof, BadProof}} {
		if errors.Is(err, known.err) {
			return flaw{known.kind, err.Error()}
		}
	}
	return flaw{Malformed, err.Error()}
}

func checkReveal(c *Ceremony, m *Message) charge {
	if opening(c.cfg.Session, m.from, m.content) != c.commits[m.from-1].opening {
		return charge{
			flaw: flaw{WrongOpening, ""}, accused: []int{m.from},
			evidence: []*Message{c.collected(RoundCommit, m.from), m},
		}
	}
	return single(acceptReveal(c.sharing, m), m)
}
