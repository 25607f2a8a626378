package honeybadger_test

import (
	"bytes"
	"fmt"
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// about is every kind of statement, about one proposer.
func about(proposer messages.PeerID) []frames.Statement {
	return []frames.Statement{
		frames.Value{Proposer: proposer, Payload: []byte("x"), Signature: hbbfttest.Signer{Member: 3}.Sign(messages.Digest{1})},
		frames.Echo{Proposer: proposer},
		frames.Ready{Proposer: proposer},
		frames.Pull{Proposer: proposer},
		frames.Input{Proposer: proposer, Bit: true},
		frames.BVal{Proposer: proposer, Bit: true},
		frames.Aux{Proposer: proposer, Bit: true},
		frames.Conf{Proposer: proposer, Bits: frames.SetOf(true)},
		frames.Term{Proposer: proposer, Bit: true},
		frames.CoinShare{Proposer: proposer, Share: make([]byte, 8)},
		frames.DecryptionShare{Proposer: proposer, Share: make([]byte, 8)},
	}
}

// sent carries a frame as the wire does.
func sent(t *testing.T, f frames.Frame) frames.Frame {
	t.Helper()
	got, err := frames.Decode(frames.Encode(f))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// In the original one message about a proposer that does not exist was an error, and the error ended the process that got it.
func TestH23UnknownProposer(t *testing.T) {
	for _, encrypt := range []honeybadger.Encryption{0, 1} {
		for _, n := range []int{4, 7} {
			w := newWorld(t, n)
			w.encrypt = encrypt
			liar := messages.PeerID(n - 1)
			w.members[liar].faulty = true
			w.start()
			kinds := map[string]bool{}
			w.trace = func(_ messages.PeerID, step honeybadger.Step) {
				for _, f := range step.Faults {
					if f.Kind == protocol.UnknownProposer && f.Peer == liar && len(f.Evidence) == 1 {
						kinds[fmt.Sprintf("%T", f.Evidence[0])] = true
					}
				}
			}
			for i := range liar {
				w.work(i, fmt.Sprintf("0 of %d", i))
			}
			for to := range liar {
				for _, proposer := range []messages.PeerID{messages.PeerID(n), 77, messages.MaxPeers - 1} {
					for _, s := range about(proposer) {
						for _, epoch := range []messages.Epoch{0, 1, 2, 1 << 63} {
							w.queue = append(w.queue, packet{liar, to, sent(t, frames.Frame{Epoch: epoch, Statements: []frames.Statement{s}})})
						}
					}
				}
			}
			w.settle()
			for i := range liar {
				w.work(i, fmt.Sprintf("1 of %d", i))
			}
			w.settle()
			if history := w.agreed(t.Fatalf); len(history) < 2 {
				t.Errorf("%d members, encryption %d: %d epochs", n, encrypt, len(history))
			}
			if len(kinds) != len(about(0)) {
				t.Errorf("%d members, encryption %d: faults for %v", n, encrypt, kinds)
			}
			w.faultless(t.Fatalf)
		}
	}
}

// In the original's library an accepted proposal that was no ciphertext left the epoch waiting for its decryption for ever.
func TestH24AcceptedProposalWithoutCiphertext(t *testing.T) {
	for name, propose := range proposals {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 4)
			bad := w.members[3]
			bad.payload = func(epoch messages.Epoch) []byte { return propose(w.slot(epoch, 3)) }
			w.start()
			bad.faulty = true // whatever it is blamed for
			const epochs = 4
			for e := range epochs {
				for i := range messages.PeerID(4) {
					w.work(i, fmt.Sprintf("%d of %d", e, i))
				}
				w.settle()
				bad.work = nil
			}
			history := w.agreed(t.Fatalf)
			if len(history) < epochs {
				t.Fatalf("%d epochs of %d: they wait for what member 3 proposed", len(history), epochs)
			}
			accepted := 0
			for _, o := range history {
				for _, c := range o.Contributions {
					if want := ""; c.Peer == 3 {
						accepted++
						if name == "valid" {
							want = "undecodable"
						}
						if string(c.Payload) != want {
							t.Errorf("epoch %d: member 3 contributes %q, want %q", o.Epoch, c.Payload, want)
						}
					}
				}
			}
			if accepted == 0 {
				t.Error("the proposal of member 3 was in no epoch, so nothing was tested")
			}
			for i, m := range w.members[:3] {
				blamed := false
				for _, f := range m.faults {
					blamed = blamed || f.Peer == 3 && f.Kind == protocol.BadCiphertext
				}
				if blamed != (name != "valid") {
					t.Errorf("member %d blames %v", i, m.faults)
				}
			}
			w.faultless(t.Fatalf)
		})
	}
}

// In the original f members that gave no shares left too few of them, and whoever was late was banned.
func TestH27SilentMembersStopNoDecryption(t *testing.T) {
	for n := 4; n <= 10; n += 3 {
		w := newWorld(t, n)
		for i := range (n - 1) / 3 {
			w.members[i].faulty = true // and never starts
		}
		w.start()
		for e := range 3 {
			for i := (n - 1) / 3; i < n; i++ {
				w.work(messages.PeerID(i), fmt.Sprintf("%d of %d", e, i))
			}
			w.settle()
		}
		history := w.agreed(t.Fatalf)
		if len(history) < 3 {
			t.Errorf("%d members: %d epochs", n, len(history))
		}
		for i, m := range w.members {
			if len(m.faults) > 0 {
				t.Errorf("%d members: member %d blames %v for silence", n, i, m.faults)
			}
		}
	}
}

// In the original frames had any length that their header named, and every junk share was kept for ever.
func TestH29FramesAndSharesAreBounded(t *testing.T) {
	for name, b := range map[string][]byte{
		"a frame of 16 MB":            make([]byte, 16<<20),
		"a million empty echoes":      bytes.Repeat([]byte{5<<3 | 2, 0}, frames.MaxFrame/2-1),
		"half a million empty rounds": bytes.Repeat([]byte{10<<3 | 2, 0}, frames.MaxFrame/2-1),
		"a length of 2⁶⁴−1":           append([]byte{4<<3 | 2}, bytes.Repeat([]byte{0xff}, 9)...),
	} {
		refused := true
		cost := testing.AllocsPerRun(2, func() { _, err := frames.Decode(b); refused = refused && err != nil })
		if !refused || cost > 20 {
			t.Errorf("%s: refused %v, after %.0f allocations", name, refused, cost)
		}
	}
	w := newWorld(t, 4)
	w.members[3].faulty = true
	w.start()
	for i := range messages.PeerID(3) {
		w.work(i, fmt.Sprintf("0 of %d", i))
	}
	for i := range 5000 {
		share := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, frames.MaxShare/2)
		f := frames.Frame{Statements: []frames.Statement{
			frames.DecryptionShare{Proposer: messages.PeerID(i % 4), Share: share}, frames.CoinShare{Proposer: messages.PeerID(i % 4), Share: share},
		}}
		for to := range messages.PeerID(3) {
			w.queue = append(w.queue, packet{3, to, f})
		}
	}
	w.settle()
	if history := w.agreed(t.Fatalf); len(history) == 0 {
		t.Error("junk shares stop the epoch")
	}
	for i, m := range w.members[:3] {
		if len(m.faults) == 0 || len(m.faults) > 2*honeybadger.MaxFaults {
			t.Errorf("member %d tells %d faults of 10000", i, len(m.faults))
		}
	}
	w.faultless(t.Fatalf)
}
