package attempt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/dkg"
	"minimint/messages"
)

func stream(parts ...any) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, parts...)))
}

// world is the members of one federation to be, and the packets between them.
type world struct {
	t       testing.TB
	terms   agreement.Terms
	secrets []*keystore.Secrets
	all     []*Attempt
	kept    [][]*setupwire.Record // by PeerID
	queue   []flight
	random  *rand.Rand
	loss    float64
	failed  []*Failure
	done    []*Outcome
	// tamper, if set, replaces a packet; nil drops it.
	tamper func(from, to messages.PeerID, p *setupwire.Packet) *setupwire.Packet
}

type flight struct {
	from, to messages.PeerID
	packet   *setupwire.Packet
}

func newWorld(t testing.TB, n int, seed uint64) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), all: make([]*Attempt, n), kept: make([][]*setupwire.Record, n),
		failed: make([]*Failure, n), done: make([]*Outcome, n),
	}
	w.terms = agreement.Terms{
		Name: "test", Mint: agreement.MintTerms{Tiers: []uint32{3}, SpendFee: 1},
		Wallet: agreement.WalletTerms{Network: "simnet", Birthday: 1, FinalityDelay: 2, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 9000},
	}
	for i := range n {
		s, err := keystore.New(stream("secrets", i))
		if err != nil {
			t.Fatal(err)
		}
		w.secrets = append(w.secrets, s)
		w.terms.Members = append(w.terms.Members, ed25519.NewKeyFromSeed(s.Identity.Bytes()).Public().(ed25519.PublicKey))
	}
	return w
}

func (w *world) hello(i int, change func(*agreement.Greeting)) *agreement.Hello {
	g := agreement.Greeting{Terms: w.terms, Attempt: 1, Name: fmt.Sprint("member ", i), Address: fmt.Sprintf("host%d:1", i)}
	if change != nil {
		change(&g)
	}
	h, err := g.Sign(w.secrets[i], stream("hello", i, g))
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (w *world) begin(i int, h *agreement.Hello) {
	w.kept[i] = []*setupwire.Record{{Kind: &setupwire.Record_Begin{Begin: h.Bytes()}}}
	a, step := New(w.terms, w.secrets[i], h)
	w.all[i] = a
	w.perform(messages.PeerID(i), step)
}

// crash rebuilds a member from what it kept.
func (w *world) crash(i int) {
	for _, r := range w.kept[i] {
		switch k := r.GetKind().(type) {
		case *setupwire.Record_Begin:
			w.all[i], _ = New(w.terms, w.secrets[i], decode(w.t, k.Begin))
		case *setupwire.Record_Hello:
			w.all[i].Hello(decode(w.t, k.Hello))
		case *setupwire.Record_Message:
			w.all[i].Message(k.Message)
		case *setupwire.Record_GaveUp:
			w.all[i].GiveUp()
		}
	}
	step := w.all[i].Repeat()
	step.Failed, step.Finished = w.all[i].Failure(), w.all[i].Outcome()
	w.perform(messages.PeerID(i), step)
}

func decode(t testing.TB, b []byte) *agreement.Hello {
	h, err := agreement.DecodeHello(b)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (w *world) perform(i messages.PeerID, s Step) {
	if s.Keep != nil {
		w.kept[i] = append(w.kept[i], s.Keep)
	}
	if s.Failed != nil {
		w.failed[i] = s.Failed
	}
	if s.Finished != nil {
		w.done[i] = s.Finished
	}
	for _, o := range s.Send {
		for to := range messages.PeerID(len(w.all)) {
			if to == i || o.To != nil && *o.To != to {
				continue
			}
			p := o.Packet
			if w.tamper != nil {
				p = w.tamper(i, to, p)
			}
			if p != nil && w.random.Float64() >= w.loss {
				w.queue = append(w.queue, flight{i, to, p})
			}
		}
	}
}

// deliver a packet, any of those on the way.
func (w *world) deliver() {
	at := w.random.IntN(len(w.queue))
	f := w.queue[at]
	w.queue = slices.Delete(w.queue, at, at+1)
	a := w.all[f.to]
	if a == nil {
		return
	}
	switch k := f.packet.GetKind().(type) {
	case *setupwire.Packet_Hello:
		w.perform(f.to, a.Hello(decode(w.t, k.Hello)))
	case *setupwire.Packet_Message:
		w.perform(f.to, a.Message(k.Message))
	case *setupwire.Packet_Status:
		w.perform(f.to, a.Supply(f.from, k.Status))
	}
}

// run delivers until nothing is on its way, then lets all tell their status, and
// so on until there is nothing more to come.
func (w *world) run(each func()) {
	for range 100 {
		for len(w.queue) > 0 {
			if each != nil {
				each()
			}
			w.deliver()
		}
		for i, a := range w.all {
			if a != nil && !w.settled() {
				w.perform(messages.PeerID(i), Step{Send: []Outgoing{{Packet: &setupwire.Packet{Kind: &setupwire.Packet_Status{Status: a.Status()}}}}})
			}
		}
	}
}

// settled tells whether nothing can come any more: all finished, or all failed.
func (w *world) settled() bool {
	finished, failed := 0, 0
	for i := range w.all {
		if w.done[i] != nil {
			finished++
		} else if w.failed[i] != nil {
			failed++
		}
	}
	return finished == len(w.all) || failed == len(w.all)
}

// Agreement and recovery: with loss, any order, and crashes at any time, all
// members finish with the same configuration, confirmed by all.
func TestAgreement(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, 1+int(seed)%3, seed)
		w.loss = 0.2
		for i := range w.all {
			w.begin(i, w.hello(i, nil))
		}
		crashes := 0
		w.run(func() {
			if crashes < 10 && w.random.IntN(8) == 0 {
				crashes++
				w.crash(w.random.IntN(len(w.all)))
			}
		})
		for i, o := range w.done {
			if o == nil || w.failed[i] != nil {
				t.Fatalf("seed %d: member %d: %s, %v", seed, i, w.all[i].Phase(), w.failed[i])
			}
			if !bytes.Equal(o.Config.Bytes(), w.done[0].Config.Bytes()) {
				t.Fatalf("seed %d: member %d has another configuration", seed, i)
			}
			if err := agreement.VerifyTranscript(o.Config, o.Transcript); err != nil {
				t.Fatal(err)
			}
			if err := agreement.Check(o.Config, messages.PeerID(i), o.Secrets); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A crash changes nothing of what a member says: its later self says the same.
func TestNoContradictionAfterCrash(t *testing.T) {
	w := newWorld(t, 2, 1)
	said := map[string][]byte{}
	w.tamper = func(from, to messages.PeerID, p *setupwire.Packet) *setupwire.Packet {
		if b := p.GetMessage(); b != nil {
			m, err := dkg.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(from, to, m.Round())
			if old := said[key]; old != nil && !bytes.Equal(old, b) {
				t.Fatalf("%s: two messages", key)
			}
			said[key] = b
		}
		return p
	}
	for i := range w.all {
		w.begin(i, w.hello(i, nil))
	}
	crashes := 0
	w.run(func() {
		if crashes < 25 && w.random.IntN(2) == 0 {
			crashes++
			w.crash(w.random.IntN(2))
		}
	})
	if w.done[0] == nil || w.done[1] == nil || len(said) != 10 {
		t.Fatal(len(said), w.all[0].Phase())
	}
}

// A member that says different hellos to different members is convicted by all,
// as soon as they compare.
func TestTwoHellosAreFound(t *testing.T) {
	w := newWorld(t, 3, 1)
	other := w.hello(2, func(g *agreement.Greeting) { g.Address = "elsewhere:1" })
	w.tamper = func(from, to messages.PeerID, p *setupwire.Packet) *setupwire.Packet {
		if from == 2 && to == 1 && p.GetHello() != nil {
			return helloPacket(other)
		}
		return p
	}
	for i := range w.all {
		w.begin(i, w.hello(i, nil))
	}
	for range 4 {
		w.run2()
	}
	for i := range 2 {
		f := w.failed[i]
		if f == nil || f.Kind != "equivocation" || !f.Proven || !slices.Equal(f.Accused, []messages.PeerID{2}) || len(f.Evidence) != 2 {
			t.Fatalf("member %d: %v", i, f)
		}
		a, b := decode(t, f.Evidence[0]), decode(t, f.Evidence[1])
		if a.Same(b) || !a.Identity.Equal(b.Identity) || a.Attempt != b.Attempt {
			t.Fatal("the evidence proves nothing")
		}
	}
}

// run2 is one round of deliveries and statuses.
func (w *world) run2() {
	for len(w.queue) > 0 {
		w.deliver()
	}
	for i, a := range w.all {
		w.perform(messages.PeerID(i), Step{Send: []Outgoing{{Packet: &setupwire.Packet{Kind: &setupwire.Packet_Status{Status: a.Status()}}}}})
	}
}

// Who has all confirmations hands them on: a member that vanishes after it has
// confirmed to one of the others does not keep them from finishing.
func TestConfirmationsAreHandedOn(t *testing.T) {
	w := newWorld(t, 3, 1)
	gone := false
	w.tamper = func(from, to messages.PeerID, p *setupwire.Packet) *setupwire.Packet {
		m, err := dkg.Decode(p.GetMessage())
		if gone && from == 1 || !gone && to == 0 && err == nil && m.Round() == dkg.RoundConfirm && m.From() == 2 {
			return nil
		}
		return p
	}
	for i := range w.all {
		w.begin(i, w.hello(i, nil))
	}
	for range 4 {
		w.run2()
	}
	if w.done[0] != nil || w.done[2] == nil || !slices.Equal(w.all[0].Waiting(), []messages.PeerID{1}) {
		t.Fatal(w.all[0].Phase(), w.all[0].Waiting())
	}
	gone = true
	w.run2()
	w.run2()
	if w.done[0] == nil {
		t.Fatal(w.all[0].Phase(), w.all[0].Waiting())
	}
}

func TestClash(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"address": func(*world) {},
		"wallet":  func(w *world) { w.secrets[1].Wallet = w.secrets[0].Wallet },
	} {
		w := newWorld(t, 2, 1)
		change(w)
		for i := range w.all {
			w.begin(i, w.hello(i, func(g *agreement.Greeting) {
				if name == "address" {
					g.Address = "same:1"
				}
			}))
		}
		w.run(nil)
		for i, f := range w.failed {
			if f == nil || f.Kind != "clash" || f.Proven || !slices.Equal(f.Accused, []messages.PeerID{0, 1}) || !strings.Contains(f.Text, name) {
				t.Errorf("%s: member %d: %v", name, i, f)
			}
		}
	}
}
