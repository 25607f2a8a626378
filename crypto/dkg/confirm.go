package dkg

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"minimint/crypto/domain"
)

// confirmation is the content of a confirm: hash of all commits (32), which fix every key, ‖ hash of the public result (32).
type confirmation struct{ echo, result [32]byte }

func parseConfirm(content []byte) (confirmation, flaw) {
	var f confirmation
	s := cryptobyte.String(content)
	if !s.CopyBytes(f.echo[:]) || !s.CopyBytes(f.result[:]) || !s.Empty() {
		return confirmation{}, flaw{Malformed, "confirm"}
	}
	return f, flaw{}
}

// takeResult: all shares are right. The round waits for the caller to Confirm.
func takeResult(c *Ceremony, step *Step) {
	step.Result = new(Result)
	step.Result.Keys, step.Result.Secrets = c.sharing.Result()
	clear(c.random.sealKey[:])
}

// Confirm signs the public result and tells the others. public is the application's encoding of it; it must contain every public
// key, depend on nothing that is not agreed, and be the same at all members. It may be called once, after Step.Result; anything
// else panics. If the run has died meanwhile it does nothing.
func (c *Ceremony) Confirm(public []byte) Step {
	if c.round != RoundConfirm || c.result != nil {
		panic("dkg: Confirm without a result, or twice")
	}
	var step Step
	if c.fault != nil {
		return step
	}
	h := domain.Hash(domain.DKGFinal, c.cfg.Session[:], public)
	c.result = &h
	c.say(0, append(append([]byte{}, c.echo[:]...), h[:]...), &step)
	c.advance(&step)
	return step
}

func checkConfirm(c *Ceremony, m *Message) charge {
	f, bad := parseConfirm(m.content)
	if bad.kind != 0 {
		return single(bad, m)
	}
	if f != (confirmation{c.echo, *c.result}) {
		return charge{
			flaw: flaw{DifferentResult, ""}, accused: []int{m.from},
			evidence: []*Message{m, c.collected(RoundConfirm, c.me)},
		}
	}
	return charge{}
}

// Transcript returns the signed confirms of all members in order, for everybody who wants proof of the public result. It panics before
// Step.Finished.
func (c *Ceremony) Transcript() [][]byte {
	if !c.finished {
		panic("dkg: transcript of an unfinished ceremony")
	}
	var out [][]byte
	for i := range c.cfg.Members {
		out = append(out, c.collected(RoundConfirm, i+1).Bytes())
	}
	return out
}

// VerifyTranscript checks that all members have confirmed a public result under this session. Whoever calls it must know from elsewhere
// that the identities are the right ones.
func VerifyTranscript(session [32]byte, members []ed25519.PublicKey, public []byte, transcript [][]byte) error {
	if len(transcript) != len(members) || len(members) == 0 {
		return fmt.Errorf("dkg: %d confirmations of %d members", len(transcript), len(members))
	}
	cfg := Config{Session: session, Members: members}
	want := confirmation{result: domain.Hash(domain.DKGFinal, session[:], public)}
	for i, b := range transcript {
		m, err := Decode(b)
		if err != nil {
			return fmt.Errorf("confirmation of member %d: %w", i+1, err)
		}
		got, bad := parseConfirm(m.content)
		if m.round != RoundConfirm || m.from != i+1 || bad.kind != 0 || !m.signed(cfg) {
			return fmt.Errorf("dkg: confirmation of member %d is not signed by it in this session", i+1)
		}
		if i == 0 {
			want.echo = got.echo
		}
		if got != want {
			return errors.New("dkg: the members have not confirmed this result")
		}
	}
	return nil
}
