package dkg

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
)

// Outgoing is a message to send: to the member with index To, or to all others if To is 0.
type Outgoing struct {
	To      int
	Message *Message
}

// Step is what a call asks of its caller. The zero Step asks for nothing.
type Step struct {
	// Kept says that the message handled was new and counts: store it before doing anything else that the step asks.
	Kept bool
	// Ignored says why the message was dropped; empty if it was not. It accuses nobody: whoever delivered it need not be its author.
	Ignored string
	Send    []Outgoing
	// Result is set once, when all shares are in and right. The caller stores what it needs and calls Confirm.
	Result *Result
	// Finished is set once, when all members have confirmed.
	Finished bool
	// Fault is set once, when the run dies. If this member has confirmed, Finished may still follow: then the keys are in use.
	Fault *Fault
}

// rules are the rounds, in order: what a member does on entering one, and how it judges each message of it.
var rules = [rounds]struct {
	begin func(*Ceremony, *Step)
	check func(*Ceremony, *Message) charge
}{
	{sayCommit, checkCommit},
	{sayEcho, checkEcho},
	{sayReveal, checkReveal},
	{sayDeals, checkDeal},
	{takeResult, checkConfirm},
}

// Ceremony is one member's side of one run. It is not safe for concurrent use.
type Ceremony struct {
	cfg      Config
	me       int
	identity ed25519.PrivateKey
	random   random
	sharing  sharing
	revealed []byte // what this member has committed to
	round    Round  // whose messages are being collected
	inbox    [rounds][]entry
	commits  []promise // by index−1, after round commit
	echo     [32]byte  // hash of all commits, after round echo
	result   *[32]byte // hash of the public result, after Confirm
	fault    *Fault
	finished bool
}

// sharing is *vss.Sharing; tests put dealers that lie in its place.
type sharing interface {
	Reveal(me int, salt []byte) []byte
	Accept(dealer int, revealed []byte) error
	Shares(to int) []byte
	Take(dealer, to int, shares, salt []byte) error
	Result() ([]PublicKey, []Secret)
	Wipe()
}

// entry is the place for one member's message of one round.
type entry struct {
	message *Message
	checked bool
}

// random is what a member draws beside its polynomials.
type random struct {
	sealKey  [sealKeySize]byte // X25519 secret, opens what others deal to this member
	sealSeed [32]byte          // ephemeral keys for sealing come from it
	salt     [32]byte          // of proofs and of share checks
}

// New starts a run and returns the first messages. It reads all randomness that the run takes; equal bytes give equal messages.
// Errors: an unusable configuration, an identity that is no member's, failure of rand.
func New(cfg Config, identity ed25519.PrivateKey, rand io.Reader) (*Ceremony, Step, error) {
	c, err := prepare(cfg, identity, rand)
	if err != nil {
		return nil, Step{}, err
	}
	return c, c.start(), nil
}

// prepare draws all randomness.
func prepare(cfg Config, identity ed25519.PrivateKey, rand io.Reader) (*Ceremony, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	c := &Ceremony{cfg: cfg.clone(), identity: identity, round: RoundCommit}
	if c.me = cfg.index(identity.Public().(ed25519.PublicKey)); c.me == 0 {
		return nil, errors.New("dkg: the identity is none of the members'")
	}
	for i := range c.inbox {
		c.inbox[i] = make([]entry, len(cfg.Members))
	}
	for _, b := range [][]byte{c.random.sealKey[:], c.random.sealSeed[:], c.random.salt[:]} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, fmt.Errorf("dkg: read randomness: %w", err)
		}
	}
	var err error
	if c.sharing, err = c.cfg.sharing(rand); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Ceremony) start() Step {
	var step Step
	rules[c.round-1].begin(c, &step)
	c.advance(&step)
	return step
}

// Handle takes a message from anybody.
func (c *Ceremony) Handle(m *Message) Step {
	var step Step
	switch late := c.fault != nil && (m.round != RoundConfirm || c.result == nil); {
	case m.session != c.cfg.Session:
		step.Ignored = "it belongs to another session"
	case !m.signed(c.cfg):
		step.Ignored = "its signature is wrong"
	case m.to != 0 && m.to != c.me:
		step.Ignored = "it is for another member"
	case c.finished || late:
		step.Ignored = "the ceremony is over"
	case m.round == Complaint:
		c.complained(m, &step)
	default:
		c.collect(m, &step)
	}
	return step
}

func (c *Ceremony) collect(m *Message, step *Step) {
	e := &c.inbox[m.round-1][m.from-1]
	switch {
	case e.message == nil && m.from == c.me:
		step.Ignored = "this member will say that itself"
	case e.message == nil:
		e.message = m
		step.Kept = true
		c.advance(step)
	case e.message.same(m):
		step.Ignored = "it is known"
	default:
		step.Kept = true
		c.accuse(charge{flaw: flaw{Equivocation, m.round.String()}, accused: []int{m.from}, evidence: []*Message{e.message, m}}, step)
	}
}

// advance checks what has come in for the current round and enters the next rounds as long as nothing is missing.
func (c *Ceremony) advance(step *Step) {
	for !c.finished {
		if c.round == RoundConfirm && c.result == nil {
			return
		}
		complete := true
		for i := range c.inbox[c.round-1] {
			e := &c.inbox[c.round-1][i]
			if e.message == nil {
				complete = false
				continue
			}
			if e.checked {
				continue
			}
			if ch := rules[c.round-1].check(c, e.message); ch.kind != 0 {
				e.message = nil
				c.accuse(ch, step)
				return
			}
			e.checked = true
		}
		if !complete {
			return
		}
		if c.round == RoundConfirm {
			c.finished, step.Finished = true, true
			return
		}
		c.round++
		rules[c.round-1].begin(c, step)
	}
}

// say signs a message of the current round. Own messages are checked like everybody's, which also guards against own faults.
func (c *Ceremony) say(to int, content []byte, step *Step) {
	m := sign(c.identity, c.cfg.Session, Message{round: c.round, from: c.me, to: to, content: content})
	if to == 0 || to == c.me {
		c.inbox[c.round-1][c.me-1].message = m
	}
	if to != c.me && len(c.cfg.Members) > 1 {
		step.Send = append(step.Send, Outgoing{To: to, Message: m})
	}
}

// collected returns a member's message of a round, or nil.
func (c *Ceremony) collected(r Round, from int) *Message { return c.inbox[r-1][from-1].message }

// Has tells whether a member's message of a round is here, so that it need not be sent again.
func (c *Ceremony) Has(r Round, from int) bool { return c.collected(r, from) != nil }

// Round returns the round whose messages are being collected.
func (c *Ceremony) Round() Round { return c.round }

// Waiting returns the indices of the members whose message of the current round is missing, ascending. It is empty when the next
// step is the caller's (Confirm, or nothing any more).
func (c *Ceremony) Waiting() []int {
	var missing []int
	if c.finished || c.fault != nil && c.result == nil || c.round == RoundConfirm && c.result == nil {
		return nil
	}
	for i, e := range c.inbox[c.round-1] {
		if e.message == nil {
			missing = append(missing, i+1)
		}
	}
	return missing
}

// GiveUp ends the run because of the members that Waiting returns, and tells everybody. It does nothing if the run waits for nobody.
func (c *Ceremony) GiveUp() Step {
	var step Step
	if missing := c.Waiting(); len(missing) > 0 {
		c.accuse(charge{flaw: flaw{Silent, c.round.String()}, accused: missing}, &step)
	}
	return step
}

// Fault returns why the run is dead, nil if it is not.
func (c *Ceremony) Fault() *Fault { return c.fault }

// Wipe forgets all secrets, best effort. The Result, which is the caller's, is not touched. Nothing may be called afterwards.
func (c *Ceremony) Wipe() {
	c.random = random{}
	c.sharing.Wipe()
}

// String gives one stable line.
func (c *Ceremony) String() string {
	switch {
	case c.finished:
		return fmt.Sprintf("member %d finished", c.me)
	case c.fault != nil:
		return fmt.Sprintf("member %d stopped: %s", c.me, c.fault)
	default:
		return fmt.Sprintf("member %d in %s waits for %v", c.me, c.round, c.Waiting())
	}
}

// Format prints what String returns, for every verb.
func (c *Ceremony) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
