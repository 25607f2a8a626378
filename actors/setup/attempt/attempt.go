// Package attempt is one try to set a federation up, as one member lives through
// it: hellos, then the key ceremony, then a configuration that all confirm. It
// is pure.
//
// An [Attempt] is told what others say and answers with a [Step]: what must be
// kept before anything else is done, what to send, what has come of it. Told
// again what was kept, after a crash, it answers the same.
package attempt

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/dkg"
	"minimint/messages"
	"minimint/messages/federation"
)

// Step is what an input asks of the caller, in this order. The zero Step asks
// for nothing.
type Step struct {
	// Keep must be durable before anything else is done.
	Keep *setupwire.Record
	Send []Outgoing
	// Failed and Finished are set once each. An attempt may finish after it has
	// failed, if this member had confirmed.
	Failed   *Failure
	Finished *Outcome
	// Ignored says why the input was dropped; for logs.
	Ignored string
}

// Outgoing is a packet to all other members, or to the one that To points to.
type Outgoing struct {
	To     *messages.PeerID
	Packet *setupwire.Packet
}

// Failure says that an attempt is over without keys, and why.
type Failure struct {
	Attempt uint32
	Session messages.Digest
	// Kind is the fault's name in package dkg, "clash" or "left".
	Kind    string
	Accused []messages.PeerID
	// By is the member who says so.
	By messages.PeerID
	// Proven tells whether Evidence convinces everybody. It is one complaint for
	// dkg.Judge, or two hellos.
	Proven   bool
	Evidence [][]byte
	Text     string
}

// String gives one stable line.
func (f *Failure) String() string {
	proven := ""
	if f.Proven {
		proven = ", proven"
	}
	return fmt.Sprintf("attempt %d failed: %s by %v, says %d%s", f.Attempt, f.Kind, f.Accused, f.By, proven)
}

// Outcome is a federation as one member has it.
type Outcome struct {
	Config     *federation.Config
	Secrets    *keystore.Secrets
	Transcript []byte // for agreement.VerifyTranscript
}

// Attempt is the state of one try.
type Attempt struct {
	terms   agreement.Terms
	before  *keystore.Secrets
	me      messages.PeerID
	hellos  []*agreement.Hello // by PeerID
	session messages.Digest    // once all hellos are there
	run     *dkg.Ceremony      // likewise
	said    []dkg.Outgoing     // all that this member has said in the run
	outcome *Outcome           // once all shares are right; confirmed at the same time
	failure *Failure
	// confirmations of all members, once it is finished: whoever has them hands
	// them on.
	confirmations [][]byte
}

// New begins an attempt with this member's hello, which must be of these terms
// and secrets and must have been kept.
func New(terms agreement.Terms, secrets *keystore.Secrets, own *agreement.Hello) (*Attempt, Step) {
	me, ok := terms.Index(own.Identity)
	if !ok {
		panic("attempt: own hello is of a stranger")
	}
	a := &Attempt{terms: terms, before: secrets, me: me, hellos: make([]*agreement.Hello, len(terms.Members))}
	a.hellos[me] = own
	step := Step{Send: []Outgoing{{Packet: helloPacket(own)}}}
	a.tryRun(&step)
	return a, step
}

// Hello takes another member's hello for these terms and this attempt.
func (a *Attempt) Hello(h *agreement.Hello) Step {
	from, ok := a.terms.Index(h.Identity)
	if !ok || h.Attempt != a.Number() {
		panic("attempt: hello of a stranger or for another attempt")
	}
	var step Step
	switch known := a.hellos[from]; {
	case known == nil:
		step.Keep = &setupwire.Record{Kind: &setupwire.Record_Hello{Hello: h.Bytes()}}
		a.hellos[from] = h
		a.tryRun(&step)
	case known.Same(h):
		step.Ignored = "it is known"
	case a.failure == nil:
		// The others may have seen one of them only.
		step.Send = []Outgoing{{Packet: helloPacket(known)}, {Packet: helloPacket(h)}}
		a.fail(&step, Failure{
			Kind: dkg.Equivocation.String(), Accused: []messages.PeerID{from}, By: a.me, Proven: true,
			Evidence: [][]byte{known.Bytes(), h.Bytes()}, Text: "two different hellos in one attempt; has it lost its journal?",
		})
	}
	return step
}

// tryRun begins the ceremony when all hellos are there.
func (a *Attempt) tryRun(step *Step) {
	if slices.Contains(a.hellos, nil) {
		return
	}
	if one, two, why := agreement.Clash(a.hellos); why != "" {
		a.fail(step, Failure{Kind: "clash", Accused: []messages.PeerID{one, two}, By: a.me, Text: "both have " + why})
		return
	}
	a.session = agreement.Session(a.hellos)
	seed := a.before.Identity.Bytes()
	identity := ed25519.NewKeyFromSeed(seed)
	clear(seed)
	cfg := dkg.Config{Session: a.session, Members: a.terms.Members, Keys: agreement.Keys(a.terms)}
	run, first, err := dkg.New(cfg, identity, agreement.Randomness(a.before.Ceremony, a.session))
	if err != nil {
		panic(fmt.Sprintf("attempt: unchecked terms: %v", err))
	}
	a.run = run
	a.take(first, step)
}

// Message takes a message of the ceremony, from whoever brings it.
func (a *Attempt) Message(b []byte) Step {
	var step Step
	m, err := dkg.Decode(b)
	switch {
	case err != nil:
		step.Ignored = err.Error()
	case a.run == nil:
		// It comes again: the status that follows the last hello asks for it.
		step.Ignored = "not all have said hello"
	default:
		s := a.run.Handle(m)
		if s.Kept {
			step.Keep = &setupwire.Record{Kind: &setupwire.Record_Message{Message: b}}
		}
		step.Ignored = s.Ignored
		a.take(s, &step)
	}
	return step
}

// take turns a step of the ceremony into one of the attempt.
func (a *Attempt) take(s dkg.Step, step *Step) {
	for _, o := range s.Send {
		a.said = append(a.said, o)
		step.Send = append(step.Send, outgoing(o))
	}
	if f := s.Fault; f != nil {
		a.fail(step, Failure{
			Kind: f.Kind.String(), Accused: peers(f.Accused), By: messages.PeerID(f.By - 1), Proven: f.Proven,
			Evidence: [][]byte{f.Evidence.Bytes()}, Text: f.Detail,
		})
	}
	if s.Result != nil {
		a.confirm(s.Result, step)
	}
	if s.Finished {
		a.confirmations = a.run.Transcript()
		a.outcome.Transcript = agreement.EncodeTranscript(a.confirmations)
		step.Finished = a.outcome
	}
}

// confirm puts configuration and secrets together, and checks them against each
// other before it tells the others that all is well.
func (a *Attempt) confirm(r *dkg.Result, step *Step) {
	config, err := agreement.Assemble(a.hellos, r.Keys)
	if err != nil {
		panic(fmt.Sprintf("attempt: the ceremony made unusable keys: %v", err))
	}
	secrets, err := agreement.Complete(a.before, config, r.Secrets)
	if err == nil {
		err = agreement.Check(config, a.me, secrets)
	}
	if err != nil {
		panic(fmt.Sprintf("attempt: the ceremony made unusable keys: %v", err))
	}
	a.outcome = &Outcome{Config: config, Secrets: secrets}
	a.take(a.run.Confirm(config.Bytes()), step)
}

// GiveUp ends the attempt because of those that it waits for, and tells the
// others. It does nothing if it waits for nobody.
func (a *Attempt) GiveUp() Step {
	var step Step
	waiting := a.Waiting()
	switch {
	case len(waiting) == 0 || a.failure != nil:
	case a.run == nil:
		a.fail(&step, Failure{Kind: dkg.Silent.String(), Accused: waiting, By: a.me, Text: "no hello"})
	default:
		step.Keep = &setupwire.Record{Kind: &setupwire.Record_GaveUp{GaveUp: true}}
		a.take(a.run.GiveUp(), &step)
	}
	return step
}

// Left says that a member has begun a later attempt.
func (a *Attempt) Left(from messages.PeerID) Step {
	var step Step
	a.fail(&step, Failure{Kind: "left", Accused: []messages.PeerID{from}, By: a.me, Text: "it has begun another attempt"})
	return step
}

func (a *Attempt) fail(step *Step, f Failure) {
	if a.failure != nil || a.confirmations != nil {
		return
	}
	f.Attempt, f.Session = a.Number(), a.session
	a.failure, step.Failed = &f, &f
}

// Number counts attempts from 1.
func (a *Attempt) Number() uint32 { return a.hellos[a.me].Attempt }

// Phase is "hello" or the name of a round.
func (a *Attempt) Phase() string {
	if a.run == nil {
		return "hello"
	}
	return a.run.Round().String()
}

// Waiting lists the members that something is missing of, ascending.
func (a *Attempt) Waiting() []messages.PeerID {
	if a.run != nil {
		return peers(a.run.Waiting())
	}
	var out []messages.PeerID
	for i, h := range a.hellos {
		if h == nil {
			out = append(out, messages.PeerID(i))
		}
	}
	return out
}

// Confirmed tells whether this member has confirmed a configuration.
func (a *Attempt) Confirmed() bool { return a.outcome != nil }

// Failure returns why the attempt has failed, nil if it has not.
func (a *Attempt) Failure() *Failure { return a.failure }

// Outcome returns what the attempt has made, nil before it is finished.
func (a *Attempt) Outcome() *Outcome {
	if a.confirmations == nil {
		return nil
	}
	return a.outcome
}

// Wipe forgets the secrets of the ceremony, best effort; the outcome's are the
// caller's. Nothing may be told to the attempt afterwards.
func (a *Attempt) Wipe() {
	if a.run != nil {
		a.run.Wipe()
	}
}

// peers turns indices of package dkg, which begin at 1, into PeerIDs.
func peers(indices []int) []messages.PeerID {
	var out []messages.PeerID
	for _, i := range indices {
		out = append(out, messages.PeerID(i-1))
	}
	return out
}
