package dkg

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"

	"minimint/crypto/domain"
)

// promise is the content of a commit: hash of what will be revealed (32) ‖ sealing key (32).
type promise struct {
	opening [32]byte
	sealKey []byte
}

// opening is the hash of what a member reveals. The points in it cannot be guessed, so it hides them.
func opening(session [32]byte, from int, revealed []byte) [32]byte {
	return domain.Hash(domain.DKGCommit, session[:], binary.BigEndian.AppendUint16(nil, uint16(from)), revealed)
}

func parseCommit(content []byte) (promise, flaw) {
	var p promise
	s := cryptobyte.String(content)
	if !s.CopyBytes(p.opening[:]) || !s.ReadBytes(&p.sealKey, sealKeySize) || !s.Empty() {
		return promise{}, flaw{Malformed, "commit"}
	}
	if err := checkSealKey(p.sealKey); err != nil {
		return promise{}, flaw{BadSealingKey, err.Error()}
	}
	return p, flaw{}
}

func sayCommit(c *Ceremony, step *Step) {
	public, err := sealPublic(c.random.sealKey[:])
	if err != nil {
		panic("dkg: " + err.Error())
	}
	c.revealed = c.sharing.Reveal(c.me, c.random.salt[:])
	h := opening(c.cfg.Session, c.me, c.revealed)
	c.say(0, append(h[:], public...), step)
}

func checkCommit(c *Ceremony, m *Message) charge {
	if c.commits == nil {
		c.commits = make([]promise, len(c.cfg.Members))
	}
	p, f := parseCommit(m.content)
	c.commits[m.from-1] = p
	return single(f, m)
}
