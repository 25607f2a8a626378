package tdec_test

import (
	"fmt"
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/frames"
)

// The tests here are named after the list of what stopped, split or slowed other
// implementations; the DESIGN.md above has the list.

// A counting scheme counts what its decryption asks for.
type counting struct {
	tdec.Scheme
	verified, opened int
}

func (c *counting) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	c.verified++
	sealed, ok := c.Scheme.Verify(label, ciphertext)
	return countingSealed{sealed, c}, ok
}

type countingSealed struct {
	tdec.Sealed
	*counting
}

func (s countingSealed) Open(shares [][]byte) tdec.Opening {
	s.opened++
	return s.Sealed.Open(shares)
}

// TestC5SharesCostWhatTheirMembersAre: a member that floods with shares makes
// another open once for its first one, and never again.
func TestC5SharesCostWhatTheirMembersAre(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	q := protocol.NewQuorum(7)
	c := &counting{Scheme: hbbfttest.Cipher{Threshold: q.Some()}}
	d := tdec.New(tdec.Config{Quorum: q, Self: 0, Slot: slot, Scheme: c})
	release(d, ciphertext)
	flood := func() {
		for i := range 1000 {
			for _, from := range []messages.PeerID{5, 6} {
				d.Handle(from, share(fmt.Append(nil, "junk", i)))
			}
		}
	}
	flood()
	if c.opened != 1 {
		t.Errorf("opened %d times with two liars", c.opened)
	}
	d.Handle(1, share(hbbfttest.ToyShare(1, ciphertext)))
	flood()
	step := d.Handle(2, share(hbbfttest.ToyShare(2, ciphertext)))
	flood()
	if c.opened != 2 || len(step.Outputs) != 1 {
		t.Errorf("opened %d times in the end, which gave %q", c.opened, step.Outputs)
	}
}

// TestC6CiphertextIsVerifiedOnce: however many shares are checked, the ciphertext
// is read and hashed once; what shares are checked against is 32 bytes of it.
func TestC6CiphertextIsVerifiedOnce(t *testing.T) {
	ciphertext := hbbfttest.Seal(slot.Label(), []byte("hi"))
	q := protocol.NewQuorum(100)
	c := &counting{Scheme: hbbfttest.Cipher{Threshold: q.Some()}}
	d := tdec.New(tdec.Config{Quorum: q, Self: 0, Slot: slot, Scheme: c})
	outputs := len(release(d, ciphertext).Outputs)
	for from := messages.PeerID(1); from < 100; from++ {
		s := share(hbbfttest.ToyShare(from, ciphertext))
		if from%3 == 1 {
			s = share([]byte("junk"))
		}
		outputs += len(d.Handle(from, s).Outputs)
	}
	if c.verified != 1 || outputs != 1 {
		t.Errorf("verified %d times, %d outputs", c.verified, outputs)
	}
}

// TestC9WrongSharesMakeNothingEmpty: f liars whose shares come first neither spoil
// the plaintext nor make anybody conclude that there is none.
func TestC9WrongSharesMakeNothingEmpty(t *testing.T) {
	keys := dealt(4)
	ciphertext := sealedBytes(t, keys, 100)
	shares := make([]frames.DecryptionShare, 4)
	for i := range shares {
		sealed, _ := tdec.NewScheme(keys.Public, keys.Secrets[i]).Verify(slot.Label(), ciphertext)
		shares[i] = share(sealed.Share())
	}
	for name, lie := range map[string][]byte{
		"of another member": shares[2].Share, "no point": make([]byte, 96), "short": {1}, "none": {},
	} {
		d := tdec.New(tdec.Config{
			Quorum: protocol.NewQuorum(4), Self: 0, Slot: slot, Scheme: tdec.NewScheme(keys.Public, keys.Secrets[0]),
		})
		release(d, ciphertext)
		step := d.Handle(3, share(lie))
		if len(step.Outputs) != 0 || kinds(step) != "[3 bad-decryption-share]" {
			t.Errorf("%s: %q, faults %s", name, step.Outputs, kinds(step))
		}
		if step = d.Handle(1, shares[1]); len(step.Outputs) != 1 || len(step.Outputs[0]) != 100 {
			t.Errorf("%s: %q", name, step.Outputs)
		}
	}
}

func sealedBytes(t *testing.T, keys tenctest.Keys, length int) []byte {
	t.Helper()
	b, err := tdec.Seal(zero{}, keys.Public, slot, make([]byte, length))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }
