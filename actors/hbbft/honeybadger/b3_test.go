package honeybadger_test

import (
	"fmt"
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
	"minimint/messages/frames"
)

// proposals that an accepted member can make without there being a
// contribution in them (B3), and one that has one.
var proposals = map[string]func(s protocol.Slot) []byte{
	"not parseable": func(protocol.Slot) []byte { return []byte("plain bytes") },
	"nothing":       func(protocol.Slot) []byte { return nil },
	"invalid proof": func(s protocol.Slot) []byte {
		b := hbbfttest.Seal(s.Label(), []byte("x"))
		b[10] ^= 1
		return b
	},
	"wrong label": func(s protocol.Slot) []byte {
		s.Epoch++
		return hbbfttest.Seal(s.Label(), []byte("x"))
	},
	"of another member": func(s protocol.Slot) []byte {
		s.Proposer = 0
		return hbbfttest.Seal(s.Label(), []byte("x"))
	},
	"never opens": func(s protocol.Slot) []byte { return hbbfttest.SealBroken(s.Label()) },
	"valid":       func(s protocol.Slot) []byte { return hbbfttest.Seal(s.Label(), []byte("undecodable")) },
}

// b3 runs one epoch in which member 3 proposes as told, while each correct
// member is short of all shares but those of the members before it and of 3,
// whose shares are wrong.
func b3(t *testing.T, propose func(protocol.Slot) []byte, scheme func(hbbfttest.Cipher) tdec.Scheme) *world {
	w := newWorld(t, 4)
	w.scheme = scheme
	bad := w.members[3]
	bad.faulty = true
	bad.payload = func(epoch messages.Epoch) []byte { return propose(w.slot(epoch, 3)) }
	w.start()
	w.boot(3)
	for i := range messages.PeerID(4) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	// Everything but decryption shares first, then the liar's shares, then the rest.
	var late []packet
	for len(w.queue) > 0 {
		p := w.queue[0]
		if len(p.frame.Statements) == 1 {
			if s, ok := p.frame.Statements[0].(frames.DecryptionShare); ok {
				w.queue = w.queue[1:]
				if p.from == 3 && p.to == 1 {
					p.frame.Statements = []frames.Statement{frames.DecryptionShare{Proposer: s.Proposer, Share: []byte("wrong")}}
					late = append([]packet{p}, late...)
				} else {
					late = append(late, p)
				}
				continue
			}
		}
		w.deliver(0)
	}
	w.queue = late
	w.settle()
	return w
}

// TestB3: whatever stands in an accepted slot, every correct member ends the
// epoch, with the same outcome.
func TestB3(t *testing.T) {
	right := func(c hbbfttest.Cipher) tdec.Scheme { return c }
	for name, propose := range proposals {
		w := b3(t, propose, right)
		history := w.agreed(t.Fatalf)
		if len(history) == 0 || len(history[0].Contributions) != 4 {
			t.Errorf("%s: outcomes %v", name, history)
			continue
		}
		want := ""
		if name == "valid" {
			want = "undecodable"
		}
		if got := string(history[0].Contributions[3].Payload); got != want {
			t.Errorf("%s: contributes %q", name, got)
		}
	}
}

// A waiting scheme takes everything for a ciphertext and waits for it to open,
// as the implementations did that B3 stopped.
type waiting struct{ hbbfttest.Cipher }

func (s waiting) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	sealed, ok := s.Cipher.Verify(label, ciphertext)
	if !ok {
		return stuck{}, true
	}
	return sealed, true
}

type stuck struct{}

func (stuck) Share() []byte                { return []byte("share") }
func (stuck) Open(_ [][]byte) tdec.Opening { return tdec.Opening{} }

// A hasty scheme calls empty what the first f+1 shares do not open.
type hasty struct{ hbbfttest.Cipher }

func (s hasty) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	sealed, ok := s.Cipher.Verify(label, ciphertext)
	return hastySealed{sealed}, ok
}

type hastySealed struct{ tdec.Sealed }

func (s hastySealed) Open(shares [][]byte) tdec.Opening {
	o := s.Sealed.Open(shares)
	if o.Status == tdec.Incomplete {
		o.Status = tdec.Unopenable
	}
	return o
}

// TestB3NeedsItsRules: without the rule that the publicly invalid is empty, the
// epoch never ends; without the rule that only proven shares make a proposal
// empty, members fork. So TestB3 would notice.
func TestB3NeedsItsRules(t *testing.T) {
	w := b3(t, proposals["not parseable"], func(c hbbfttest.Cipher) tdec.Scheme { return waiting{c} })
	if history := w.agreed(t.Fatalf); len(history) != 0 {
		t.Error("the epoch ended without the rule that what is invalid is empty")
	}
	forked := false
	w = b3(t, proposals["valid"], func(c hbbfttest.Cipher) tdec.Scheme { return hasty{c} })
	w.agreed(func(string, ...any) { forked = true })
	if !forked {
		t.Error("no fork without the rule that only proven shares make empty")
	}
}
