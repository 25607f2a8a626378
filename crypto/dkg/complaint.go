package dkg

import (
	"crypto/ecdh"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// A flaw is what is wrong with something that a member has said; its zero value means nothing is.
type flaw struct {
	kind   Kind
	detail string
}

// charge is the content of a complaint:
//
//	kind (1) ‖ accused, 2 bytes each, after their length (2) ‖ sealing key after its length (1) ‖ evidence, each after its length (3)
//
// A sealing key comes with BadShare only.
type charge struct {
	flaw
	accused  []int
	sealKey  []byte
	evidence []*Message
}

// maxEvidence is how many messages a complaint carries at most.
const maxEvidence = 3

// single is a charge that one message proves alone.
func single(f flaw, m *Message) charge {
	return charge{flaw: f, accused: []int{m.from}, evidence: []*Message{m}}
}

func (ch charge) encode() []byte {
	var b cryptobyte.Builder
	b.AddUint8(uint8(ch.kind))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, i := range ch.accused {
			b.AddUint16(uint16(i))
		}
	})
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(ch.sealKey) })
	for _, m := range ch.evidence {
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.Bytes()) })
	}
	return b.BytesOrPanic()
}

var errCharge = errors.New("dkg: malformed complaint")

// parseCharge reads a charge whose accused are members in ascending order and whose evidence is signed in this session.
func parseCharge(cfg Config, content []byte) (charge, error) {
	var ch charge
	s := cryptobyte.String(content)
	var kind uint8
	var accused, sealKey cryptobyte.String
	if !s.ReadUint8(&kind) || !s.ReadUint16LengthPrefixed(&accused) || !s.ReadUint8LengthPrefixed(&sealKey) {
		return charge{}, errCharge
	}
	ch.kind, ch.sealKey = Kind(kind), sealKey
	for last := 0; !accused.Empty(); {
		var i uint16
		if !accused.ReadUint16(&i) || int(i) <= last || int(i) > len(cfg.Members) {
			return charge{}, errCharge
		}
		last = int(i)
		ch.accused = append(ch.accused, last)
	}
	for !s.Empty() {
		var raw cryptobyte.String
		if len(ch.evidence) == maxEvidence || !s.ReadUint24LengthPrefixed(&raw) {
			return charge{}, errCharge
		}
		m, err := Decode(raw)
		if err != nil || !m.signed(cfg) {
			return charge{}, errCharge
		}
		ch.evidence = append(ch.evidence, m)
	}
	if len(ch.accused) == 0 || len(ch.accused) > 1 && ch.kind != Silent || (len(ch.sealKey) != 0) != (ch.kind == BadShare) {
		return charge{}, errCharge
	}
	return ch, nil
}

// accuse ends the run, tells everybody why, and checks the own complaint first: what does not convince Judge must not be sent.
func (c *Ceremony) accuse(ch charge, step *Step) {
	if c.fault != nil {
		return
	}
	m := sign(c.identity, c.cfg.Session, Message{round: Complaint, from: c.me, content: ch.encode()})
	fault, err := Judge(c.cfg, m)
	if err != nil || fault.Kind != ch.kind {
		panic("dkg: own complaint does not hold: " + ch.kind.String())
	}
	c.die(fault, step)
}

// complained takes another member's complaint. It is passed on, since its author may have told this member alone.
func (c *Ceremony) complained(m *Message, step *Step) {
	fault, err := Judge(c.cfg, m)
	if err != nil {
		step.Ignored = err.Error()
		return
	}
	step.Kept = true
	c.die(fault, step)
}

func (c *Ceremony) die(fault *Fault, step *Step) {
	c.fault, step.Fault = fault, fault
	if len(c.cfg.Members) > 1 {
		step.Send = append(step.Send, Outgoing{Message: fault.Evidence})
	}
	c.Wipe()
}

// Judge decides about a complaint, from nothing but the public configuration: the fault that it returns accuses whom the evidence
// convicts, or the complainer itself. An error says that the message is no signed complaint of this session; it accuses nobody.
func Judge(cfg Config, complaint *Message) (*Fault, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if complaint.round != Complaint || !complaint.signed(cfg) {
		return nil, errors.New("dkg: no signed complaint of this session")
	}
	f := &Fault{By: complaint.from, Evidence: complaint, Proven: true}
	ch, err := parseCharge(cfg, complaint.content)
	if err == nil {
		var detail string
		if detail, err = ch.holds(cfg, complaint.from); err == nil {
			f.Kind, f.Accused, f.Detail = ch.kind, ch.accused, detail
			f.Proven = ch.kind != Silent && ch.kind != DifferentResult
			return f, nil
		}
	}
	f.Kind, f.Accused, f.Detail = FalseComplaint, []int{complaint.from}, err.Error()
	return f, nil
}

var errUnfounded = errors.New("dkg: the evidence does not show the fault")

// holds returns nil if the evidence shows what the charge says, and details for people.
func (ch charge) holds(cfg Config, complainer int) (string, error) {
	if ch.kind == Silent && len(ch.evidence) == 0 {
		return "gave up waiting", nil
	}
	if len(ch.evidence) == 0 {
		return "", errUnfounded
	}
	for i, m := range ch.evidence {
		if m.from != ch.accused[0] && !(ch.kind == DifferentResult && i == 1) {
			return "", errUnfounded
		}
	}
	switch ev := ch.evidence; ch.kind {
	case Equivocation:
		if len(ev) == 2 && ev[0].round == ev[1].round && ev[0].to == ev[1].to && ev[0].round != Complaint && !ev[0].same(ev[1]) {
			return "two messages of round " + ev[0].round.String(), nil
		}
	case WrongOpening:
		if len(ev) == 2 && ev[0].round == RoundCommit && ev[1].round == RoundReveal {
			if p, f := parseCommit(ev[0].content); f.kind == 0 && p.opening != opening(cfg.Session, ch.accused[0], ev[1].content) {
				return "", nil
			}
		}
	case BadShare:
		return ch.badShare(cfg, complainer)
	case DifferentResult:
		if len(ev) == 2 && ev[0].round == RoundConfirm && ev[1].round == RoundConfirm && !slices.Equal(ev[0].content, ev[1].content) {
			return "members confirm different results", nil
		}
	default:
		if f := flawOf(cfg, ev[0]); len(ev) == 1 && f.kind == ch.kind && f.kind != 0 {
			return f.detail, nil
		}
	}
	return "", errUnfounded
}

// flawOf returns what is wrong with a message by itself.
func flawOf(cfg Config, m *Message) flaw {
	switch m.round {
	case RoundCommit:
		_, f := parseCommit(m.content)
		return f
	case RoundEcho:
		_, f := parseEcho(cfg, m.content)
		return f
	case RoundReveal:
		return acceptReveal(judging(cfg), m)
	case RoundDeal:
		if len(m.content) != dealSize(cfg) {
			return flaw{Malformed, "deal"}
		}
	case RoundConfirm:
		_, f := parseConfirm(m.content)
		return f
	case Complaint: // judged by what it shows, not by itself
	}
	return flaw{}
}

// badShare judges three messages of the accused, an echo, a reveal and a deal to the complainer. The echo holds the complainer's
// signed commit as the dealer saw it before it dealt, so neither can pretend another sealing key.
func (ch charge) badShare(cfg Config, complainer int) (string, error) {
	ev := ch.evidence
	if len(ev) != 3 || ev[0].round != RoundEcho || ev[1].round != RoundReveal || ev[2].round != RoundDeal || ev[2].to != complainer {
		return "", errUnfounded
	}
	commits, f := parseEcho(cfg, ev[0].content)
	if f.kind != 0 {
		return "", errUnfounded
	}
	seen, f := parseCommit(commits[complainer-1].content)
	if f.kind != 0 {
		return "", errUnfounded
	}
	key, err := ecdh.X25519().NewPrivateKey(ch.sealKey)
	if err != nil || !slices.Equal(key.PublicKey().Bytes(), seen.sealKey) {
		return "", errors.New("dkg: the sealing key is not the complainer's")
	}
	s := judging(cfg)
	if f := acceptReveal(s, ev[1]); f.kind != 0 {
		return "", errUnfounded
	}
	if f := openDeal(s, ev[2], ch.sealKey, nil); f.kind != 0 {
		return f.detail, nil
	}
	return "", errors.New("dkg: the shares are right")
}

// judging returns a Sharing that only judges.
func judging(cfg Config) sharing {
	s, err := cfg.sharing(nil)
	if err != nil {
		panic("dkg: no randomness, and yet: " + err.Error())
	}
	return s
}
