package honeybadger_test

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/rbc"
	"minimint/actors/hbbft/tdec"
	"minimint/crypto/tenc"
	"minimint/crypto/tenc/tenctest"
	"minimint/messages"
	"minimint/messages/frames"
)

// convinced fails the test if a fault says that it convicts and does not.
func (w *world) convinced(cfg honeybadger.Config, f protocol.Fault) {
	if f.Kind.Transferable() != honeybadger.Convicts(cfg, f) {
		w.t.Fatalf("%s by %v: convicts %t", f, f.Evidence, honeybadger.Convicts(cfg, f))
	}
}

// real is a federation of four with real keys, and a third party.
type real struct {
	t          *testing.T
	identities []ed25519.PrivateKey
	keys       tenctest.Keys
	// public is what anybody may know, and nothing else.
	public honeybadger.Config
}

func newReal(t *testing.T) *real {
	r := &real{t: t, keys: tenctest.Deal(rand.NewChaCha8([32]byte{1}), tenctest.Config{Threshold: 2, Members: 4})}
	var identities rbc.Identities
	for i := range byte(4) {
		key := ed25519.NewKeyFromSeed(append(make([]byte, 31), i))
		r.identities, identities = append(r.identities, key), append(identities, key.Public().(ed25519.PublicKey))
	}
	r.public = honeybadger.Config{
		Federation: federation, Era: 3, Members: 4, Encryption: 2, Verifier: identities,
		Scheme: tdec.NewScheme(r.keys.Public, tenc.SecretShare{}),
	}
	return r
}

func (r *real) slot(epoch messages.Epoch, j messages.PeerID) protocol.Slot {
	return protocol.Slot{Federation: federation, Era: 3, Epoch: epoch, Proposer: j}
}

// value is a proposal for a slot, signed by a member.
func (r *real) value(slot protocol.Slot, by messages.PeerID, payload []byte) frames.Value {
	return frames.Value{
		Proposer: slot.Proposer, Payload: payload,
		Signature: rbc.Identity{Key: r.identities[by]}.Sign(slot.Signed(slot.Root(payload))),
	}
}

func (r *real) sealed(slot protocol.Slot) []byte {
	b, err := tdec.Seal(rand.NewChaCha8([32]byte{2}), r.keys.Public, slot, []byte("contribution"))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// core is member 0.
func (r *real) core() *honeybadger.Core {
	cfg := r.public
	cfg.Signer = rbc.Identity{Key: r.identities[0]}
	cfg.Scheme = tdec.NewScheme(r.keys.Public, r.keys.Secrets[0])
	cfg.Coin = func(s protocol.Slot) aba.Coin { return hbbfttest.Coin{Threshold: 2, Slot: s} }
	core, _ := honeybadger.New(cfg, honeybadger.Position{}, nil)
	return core
}

// raised returns the faults that come of what members say about epoch 0.
func raised(core *honeybadger.Core, from []messages.PeerID, statements ...frames.Statement) []protocol.Fault {
	var faults []protocol.Fault
	for _, peer := range from {
		faults = append(faults, core.Handle(peer, frames.Frame{Era: 3, Statements: statements}).Faults...)
	}
	return faults
}

// carried is the fault as a third party gets it: the evidence is a frame.
func (r *real) carried(f protocol.Fault) protocol.Fault {
	b := frames.Encode(frames.Frame{Era: 3, Epoch: f.Epoch, Statements: f.Evidence})
	frame, err := frames.Decode(b)
	if err != nil {
		r.t.Fatal(err)
	}
	f.Evidence = frame.Statements
	return f
}

// TestConvicts: what a core raises about a proposer that signs two proposals, or
// one that is no ciphertext, convinces somebody who knows public keys only.
func TestConvicts(t *testing.T) {
	r := newReal(t)
	slot := r.slot(0, 3)
	a, b := r.value(slot, 3, r.sealed(slot)), r.value(slot, 3, []byte("b"))

	faults := raised(r.core(), []messages.PeerID{3}, a, b)
	if len(faults) != 1 || faults[0].Kind != protocol.TwoRoots || !honeybadger.Convicts(r.public, r.carried(faults[0])) {
		t.Errorf("two proposals: %v", faults)
	}

	core := r.core()
	faults = raised(core, []messages.PeerID{3}, b)
	for j := range messages.PeerID(4) {
		v := r.value(r.slot(0, j), j, r.sealed(r.slot(0, j)))
		if j == 3 {
			v = b
		}
		root := r.slot(0, j).Root(v.Payload)
		if j == 0 {
			core.Work()
			core.Propose(0, v.Payload)
		} else {
			faults = append(faults, raised(core, []messages.PeerID{j}, v)...)
		}
		faults = append(faults, raised(core, others, frames.Echo{Proposer: j, Root: root}, frames.Ready{Proposer: j, Root: root}, frames.Term{Proposer: j, Bit: true})...)
	}
	if len(faults) != 1 || faults[0].Kind != protocol.BadCiphertext || faults[0].Peer != 3 || !honeybadger.Convicts(r.public, r.carried(faults[0])) {
		t.Errorf("no ciphertext: %v", faults)
	}
}

// TestConvictsUnopenable: so does a ciphertext together with shares that prove
// that it opens to nothing.
func TestConvictsUnopenable(t *testing.T) {
	s := newStage(t)
	v := s.signed(2, hbbfttest.SealBroken(s.slot(2, 2).Label()))
	s.accepted(s.value(1, "a"), v)
	s.final()
	cfg := s.config(3) // whoever checks is another member than the one that raised it
	faults := s.hear([]messages.PeerID{1}, frames.DecryptionShare{Proposer: 2, Share: hbbfttest.ToyShare(1, v.Payload)}).Faults
	if len(faults) != 1 || !honeybadger.Convicts(cfg, faults[0]) {
		t.Fatalf("%v", faults)
	}
	f := faults[0]
	shares := f.Evidence[1:]
	for name, evidence := range map[string][]frames.Statement{
		"no shares":          {f.Evidence[0]},
		"a share is missing": {f.Evidence[0], shares[0], shares[1], shares[2]},
		"one right share":    {f.Evidence[0], shares[0], frames.DecryptionShare{Proposer: 2}, shares[2], shares[3]},
		"wrong shares":       {f.Evidence[0], shares[1], shares[0], shares[2], shares[3]},
		"no share at all":    {f.Evidence[0], shares[0], frames.Term{}, shares[2], shares[3]},
		"no shares but two":  {f.Evidence[0], shares[0], shares[1], frames.Term{}, shares[3]},
	} {
		f.Evidence = evidence
		if honeybadger.Convicts(cfg, f) {
			t.Errorf("%s: convicts", name)
		}
	}
}

// TestEvidenceLeavesLiarsOut: shares that are wrong prove nothing and are not in
// the evidence, though they came first.
func TestEvidenceLeavesLiarsOut(t *testing.T) {
	s := newStage(t)
	v := s.signed(2, hbbfttest.SealBroken(s.slot(2, 2).Label()))
	s.accepted(s.value(1, "a"), v)
	s.hear([]messages.PeerID{liar}, frames.DecryptionShare{Proposer: 2, Share: junk})
	s.hear([]messages.PeerID{1}, frames.DecryptionShare{Proposer: 2, Share: hbbfttest.ToyShare(1, v.Payload)})
	faults := s.final().Faults
	if len(faults) != 2 || faults[0].Kind != protocol.BadDecryptionShare || faults[1].Kind != protocol.BadCiphertext {
		t.Fatalf("%v", faults)
	}
	if shares := faults[1].Evidence[1:]; len(shares) != 4 || len(shares[liar].(frames.DecryptionShare).Share) > 0 ||
		len(shares[1].(frames.DecryptionShare).Share) == 0 || !honeybadger.Convicts(s.config(1), faults[1]) {
		t.Errorf("evidence %v", shares)
	}
}

// TestForgedEvidence: nothing that others put together convicts a member.
func TestForgedEvidence(t *testing.T) {
	r := newReal(t)
	slot := r.slot(4, 3)
	sealed := r.sealed(slot)
	a, b := r.value(slot, 3, sealed), r.value(slot, 3, []byte("b"))
	elsewhere := func(change func(*protocol.Slot)) frames.Value {
		s := slot
		change(&s)
		v := r.value(s, 3, []byte("b"))
		v.Proposer = 3
		return v
	}
	changed, renamed := b, b
	changed.Payload = []byte("c")
	renamed.Proposer = 2
	full := r.value(slot, 3, make([]byte, frames.MaxPayload))
	stranger := []frames.Statement{frames.Value{Proposer: 4, Payload: []byte("a")}, frames.Value{Proposer: 4, Payload: []byte("b")}}
	long := r.value(slot, 3, make([]byte, frames.MaxPayload+1))
	shares := func() []frames.Statement {
		evidence := []frames.Statement{a}
		for _, secret := range r.keys.Secrets {
			own, _ := tdec.NewScheme(r.keys.Public, secret).Verify(slot.Label(), sealed)
			evidence = append(evidence, frames.DecryptionShare{Proposer: 3, Share: own.Share()})
		}
		return evidence
	}
	true2, true1 := protocol.TwoRoots, protocol.BadCiphertext
	cases := []struct {
		name     string
		want     bool
		kind     protocol.FaultKind
		evidence []frames.Statement
		change   func(f *protocol.Fault, cfg *honeybadger.Config)
	}{
		{"two roots", true, true2, []frames.Statement{a, b}, nil},
		{"two roots, one of full length", true, true2, []frames.Statement{full, b}, nil},
		{"about another proposer than it says", false, true2, []frames.Statement{a, renamed}, nil},
		{"about another proposer than it says, first", false, true2, []frames.Statement{renamed, a}, nil},
		{"about another slot than the fault", false, true2, []frames.Statement{a, b}, func(f *protocol.Fault, _ *honeybadger.Config) { f.Proposer = 2 }},
		{"of nobody against nobody", false, true2, stranger, func(f *protocol.Fault, _ *honeybadger.Config) { f.Peer, f.Proposer = 4, 4 }},
		{"an echo and a proposal", false, true2, []frames.Statement{frames.Echo{Proposer: 3}, b}, nil},
		{"no ciphertext", true, true1, []frames.Statement{b}, nil},
		{"nothing", false, true2, nil, nil},
		{"one root", false, true2, []frames.Statement{a}, nil},
		{"one root twice", false, true2, []frames.Statement{a, a}, nil},
		{"three", false, true2, []frames.Statement{a, a, b}, nil},
		{"no proposals", false, true2, []frames.Statement{frames.Echo{Proposer: 3}, frames.Echo{Proposer: 3, Root: messages.Digest{1}}}, nil},
		{"signed by another", false, true2, []frames.Statement{a, r.value(slot, 2, []byte("b"))}, nil},
		{"not signed", false, true2, []frames.Statement{a, changed}, nil},
		{"not signed first", false, true2, []frames.Statement{changed, a}, nil},
		{"of another epoch", false, true2, []frames.Statement{a, elsewhere(func(s *protocol.Slot) { s.Epoch++ })}, nil},
		{"of another era", false, true2, []frames.Statement{a, elsewhere(func(s *protocol.Slot) { s.Era++ })}, nil},
		{"of another federation", false, true2, []frames.Statement{a, elsewhere(func(s *protocol.Slot) { s.Federation[0]++ })}, nil},
		{"of another proposer", false, true2, []frames.Statement{a, elsewhere(func(s *protocol.Slot) { s.Proposer = 2 })}, nil},
		{"about another slot", false, true2, []frames.Statement{a, r.value(r.slot(4, 2), 2, []byte("b"))}, nil},
		{"too long to be looked at", false, true2, []frames.Statement{a, long}, nil},
		{"against another member", false, true2, []frames.Statement{a, b}, func(f *protocol.Fault, _ *honeybadger.Config) { f.Peer = 2 }},
		{"against nobody", false, true2, []frames.Statement{a, b}, func(f *protocol.Fault, _ *honeybadger.Config) { f.Peer, f.Proposer = 4, 4 }},
		{"in another epoch", false, true2, []frames.Statement{a, b}, func(f *protocol.Fault, _ *honeybadger.Config) { f.Epoch = 6 }},
		{"in another federation", false, true2, []frames.Statement{a, b}, func(_ *protocol.Fault, cfg *honeybadger.Config) { cfg.Federation[1]++ }},
		{"in another era", false, true2, []frames.Statement{a, b}, func(_ *protocol.Fault, cfg *honeybadger.Config) { cfg.Era++ }},
		{"a ciphertext", false, true1, []frames.Statement{a}, nil},
		{"a ciphertext and shares that open it", false, true1, shares(), nil},
		{"no ciphertext, not signed", false, true1, []frames.Statement{changed}, nil},
		{"no ciphertext, in the clear", false, true1, []frames.Statement{elsewhere(func(s *protocol.Slot) { s.Epoch = 5 })}, func(f *protocol.Fault, _ *honeybadger.Config) { f.Epoch = 5 }},
		{"a share as a proposal", false, true1, shares()[1:], nil},
	}
	for _, c := range cases {
		f, cfg := protocol.Fault{Peer: 3, Kind: c.kind, Epoch: 4, Proposer: 3, Evidence: c.evidence}, r.public
		if c.change != nil {
			c.change(&f, &cfg)
		}
		if got := honeybadger.Convicts(cfg, f); got != c.want {
			t.Errorf("%s: convicts %t", c.name, got)
		}
	}
	for _, kind := range faultKinds(t) {
		for _, evidence := range [][]frames.Statement{{a, b}, {b, a}, {b}} {
			f := protocol.Fault{Peer: 3, Kind: kind, Epoch: 4, Proposer: 3, Evidence: evidence}
			if !kind.Transferable() && honeybadger.Convicts(r.public, f) {
				t.Errorf("%s convicts", kind)
			}
		}
	}
}

// TestHonestAreNeverConvicted: nothing that correct members ever say, before and
// after restarts, can be put together against one of them.
func TestHonestAreNeverConvicted(t *testing.T) {
	w := newWorld(t, 4).start()
	for e := range 4 {
		for i := range messages.PeerID(4) {
			w.work(i, fmt.Sprintf("%d of %d", e, i))
		}
		for range 30 * (e + 1) {
			if len(w.queue) > 0 {
				w.deliver(0)
			}
		}
		w.kill(messages.PeerID(e))
		w.revive(messages.PeerID(e))
		w.settle()
	}
	var values []honeybadger.Record
	for _, m := range w.members {
		for _, r := range m.journal {
			if _, ok := r.Statement.(frames.Value); ok {
				values = append(values, r)
			}
		}
	}
	if len(values) < 32 {
		t.Fatalf("only %d proposals", len(values))
	}
	cfg := w.config(0)
	for _, one := range values {
		f := protocol.Fault{Peer: one.Statement.Slot(), Kind: protocol.BadCiphertext, Epoch: one.Epoch, Proposer: one.Statement.Slot()}
		if f.Evidence = []frames.Statement{one.Statement}; honeybadger.Convicts(cfg, f) {
			t.Errorf("%s", f)
		}
		f.Kind = protocol.TwoRoots
		for _, two := range values {
			if f.Evidence = []frames.Statement{one.Statement, two.Statement}; honeybadger.Convicts(cfg, f) {
				t.Errorf("%s", f)
			}
		}
	}
}
