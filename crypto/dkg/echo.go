package dkg

import (
	"golang.org/x/crypto/cryptobyte"

	"minimint/crypto/domain"
)

// The content of an echo is the signed commits of all members in order, each after its length (3 bytes).

func sayEcho(c *Ceremony, step *Step) {
	var b cryptobyte.Builder
	bodies := [][]byte{c.cfg.Session[:]}
	for i := range c.cfg.Members {
		m := c.collected(RoundCommit, i+1)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.Bytes()) })
		bodies = append(bodies, m.body)
	}
	c.echo = domain.Hash(domain.DKGEcho, bodies...)
	c.say(0, b.BytesOrPanic(), step)
}

// parseEcho returns the commits in an echo. Each must be signed by its member: the echoer has seen it so, or lies.
func parseEcho(cfg Config, content []byte) ([]*Message, flaw) {
	s := cryptobyte.String(content)
	commits := make([]*Message, len(cfg.Members))
	for i := range commits {
		var raw cryptobyte.String
		if !s.ReadUint24LengthPrefixed(&raw) {
			return nil, flaw{Malformed, "echo"}
		}
		m, err := Decode(raw)
		if err != nil || m.round != RoundCommit || m.from != i+1 || !m.signed(cfg) {
			return nil, flaw{BadEcho, "a commit in it is not its member's"}
		}
		commits[i] = m
	}
	if !s.Empty() {
		return nil, flaw{Malformed, "echo"}
	}
	return commits, flaw{}
}

// checkEcho compares what another member has seen. A difference convicts whoever signed two commits.
func checkEcho(c *Ceremony, m *Message) charge {
	commits, f := parseEcho(c.cfg, m.content)
	if f.kind != 0 {
		return single(f, m)
	}
	for i, theirs := range commits {
		if mine := c.collected(RoundCommit, i+1); !mine.same(theirs) {
			return charge{flaw: flaw{Equivocation, "commit"}, accused: []int{i + 1}, evidence: []*Message{mine, theirs}}
		}
	}
	return charge{}
}
