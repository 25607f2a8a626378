package dkg

import (
	"bytes"
	"crypto/ecdh"
	stdhpke "crypto/hpke"
	"encoding/hex"
	"testing"

	"minimint/crypto/domain"
)

// conversation is all messages of a run, in the order in which they were sent.
func conversation(t testing.TB, cfg Config) []*Message {
	tt, ok := t.(*testing.T)
	if !ok {
		tt = new(testing.T)
	}
	net := newNetwork(tt, cfg)
	var all []*Message
	net.tamper = func(_, _ int, m *Message) []*Message {
		if len(all) == 0 || all[len(all)-1] != m {
			all = append(all, m)
		}
		return []*Message{m}
	}
	net.run()
	return all
}

// The format is frozen: a member of another version must say the same bytes.
func TestFormatIsFrozen(t *testing.T) {
	all := conversation(t, config(3, attackKeys(3)...))
	hashes := [][]byte{}
	for _, m := range all {
		hashes = append(hashes, m.Bytes())
	}
	h := domain.Hash(domain.DKGMessage, hashes...)
	if got := hex.EncodeToString(h[:]); got != frozen {
		t.Errorf("%d messages hash to %s", len(all), got)
	}
}

const frozen = "a4a1ed609e0aebddff3100a105fa1c6f13bfa12488f131b2de06bb0c41aa5e3a"

func FuzzDecode(f *testing.F) {
	all := conversation(f, config(2, cheap(2)...))
	for _, m := range all {
		f.Add(m.Bytes())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Bytes(), b) {
			t.Fatal("two encodings of one message")
		}
		_ = m.String()
	})
}

// FuzzHandle lets member 2 of 2 say anything in any round. Whatever comes of it, member 1 does not panic, does not blame itself, and can
// prove what it says.
func FuzzHandle(f *testing.F) {
	all := conversation(f, config(2, cheap(2)...))
	for _, m := range all {
		f.Add(uint8(m.round), m.content)
	}
	f.Fuzz(func(t *testing.T, round uint8, content []byte) {
		net := newNetwork(t, config(2, cheap(2)...))
		net.tamper = func(from, to int, m *Message) []*Message {
			if from == 2 && m.round == Round(round) {
				m = net.resign(m, content)
			}
			return []*Message{m}
		}
		if Round(round) == Complaint {
			net.public = func(i int, r *Result) []byte {
				if i == 2 {
					m := sign(identities(2)[1], net.cfg.Session, Message{round: Complaint, from: 2, content: content})
					net.send(2, Outgoing{Message: m})
				}
				return encode(r)
			}
		}
		net.run()
		fault := net.seen[0].fault
		if fault == nil {
			return
		}
		if fault.Proven && fault.Accused[0] != 2 {
			t.Fatal(fault)
		}
		if verdict, err := Judge(net.cfg, fault.Evidence); err != nil || verdict.String() != fault.String() {
			t.Fatal(verdict, err)
		}
	})
}

// What is sealed here opens with the standard library's HPKE, and the reverse.
func TestSealInteroperates(t *testing.T) {
	var secret [32]byte
	_, _ = stream("seal").Read(secret[:])
	public, err := sealPublic(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	info := sealInfo([32]byte{1}, 2, 3)
	private, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := stdhpke.NewDHKEMPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	got, err := stdhpke.Open(theirs, stdhpke.HKDFSHA256(), stdhpke.ChaCha20Poly1305(), info, seal(public, info, []byte("shares"), [32]byte{7}))
	if err != nil || string(got) != "shares" {
		t.Fatalf("%q %v", got, err)
	}
	sealed, err := stdhpke.Seal(theirs.PublicKey(), stdhpke.HKDFSHA256(), stdhpke.ChaCha20Poly1305(), info, []byte("back"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open(secret[:], info, sealed); err != nil || string(got) != "back" {
		t.Fatalf("%q %v", got, err)
	}
	for _, wrong := range [][]byte{sealInfo([32]byte{2}, 2, 3), sealInfo([32]byte{1}, 3, 3), sealInfo([32]byte{1}, 2, 4)} {
		if _, err := open(secret[:], wrong, sealed); err == nil {
			t.Error("opens in another place")
		}
	}
	if _, err := open(secret[:], info, sealed[:31]); err == nil {
		t.Error("opens though cut short")
	}
	if checkSealKey(public) != nil || checkSealKey(public[1:]) == nil || checkSealKey(make([]byte, 32)) == nil {
		t.Error("sealing keys are judged wrongly")
	}
}
