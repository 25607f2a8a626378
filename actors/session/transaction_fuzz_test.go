package session_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus"
	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/consensus/transition/ledgertest"
	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

// office is a session before the real processor and hosts of a federation that runs
// the real mint and wallet. HBBFT is the test.
type office struct {
	*rig
	hbbft *consensustest.Probe
	state *memory.Store
}

// newOffice opens one over a store that belongs to member 0.
func newOffice(t testing.TB, house *transitiontest.House, state *memory.Store) *office {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	o := &office{state: state, hbbft: stage.Probe(nil), rig: &rig{
		TB: t, stage: stage, rules: house.Rules(), store: &fragile{Store: state}, now: time.Unix(1000, 0), client: stage.Probe(nil), clock: stage.Probe(nil),
	}}
	peers := make([]*actor.PID, transitiontest.Members)
	for i := range peers[1:] {
		peers[i+1] = stage.Probe(nil).PID
	}
	o.config.Federation, o.config.Transition, o.config.Store = consensustest.Config(transitiontest.Members), o.rules, o.store
	o.config.Client, o.config.Clock, o.config.Report = o.client.PID, o.clock.PID, func(i *wire.Info) { i.Version = "test" }
	o.processor = stage.Spawn(consensustest.Policy, consensus.New(consensus.Config{
		Federation: house.ID, Members: transitiontest.Members, Key: consensustest.NewKeys(transitiontest.Members).Members[0], Transition: o.rules, Store: o.store, PoolDisk: disk.NewMemory(), PoolFile: "pool",
		Rand: rand.Reader, HBBFT: o.hbbft.PID, Peers: peers, Clock: o.clock.PID,
	}))
	o.start(o.processor, nil)
	hosts := map[messages.ModuleKind]*actor.PID{}
	for _, m := range o.rules.Modules() {
		hosts[m.Kind()] = stage.Spawn(consensustest.Policy, module.New(module.Config{Module: m, Store: o.store, Consensus: o.processor, Clock: o.clock.PID}))
	}
	for kind, pid := range hosts {
		o.config.Modules[kind] = pid
	}
	return o
}

// proposed asks the processor what this member would put into the next epoch, when
// everything in its pool has come due.
func (o *office) proposed() outcome.Contribution {
	o.Helper()
	for range 20 {
		o.stage.Send(o.clock, o.processor, &timing.Tick{Now: o.now})
	}
	o.hbbft.Take()
	o.stage.Send(o.hbbft, o.processor, toconsensus.WantContribution{Epoch: o.position().Next})
	got := consensustest.Of[tohbbft.Contribution](o.hbbft.Take())
	if len(got) != 1 {
		o.Fatalf("contributions %v", got)
	}
	c, err := outcome.DecodeContribution(got[0].Payload)
	if err != nil {
		o.Fatal(err)
	}
	return c
}

func (o *office) read(fn func(storage.Reader)) {
	o.Helper()
	snap, err := o.state.View()
	if err != nil {
		o.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

func (o *office) position() (p history.Position) {
	o.read(func(r storage.Reader) { p = history.ReadPosition(r) })
	return p
}

// knows reports whether a transaction is accepted.
func (o *office) knows(tx *transaction.Transaction) (accepted bool) {
	o.read(func(r storage.Reader) { _, accepted = transition.FindAccepted(r, tx.ID()) })
	return accepted
}

// FuzzTransaction hands one transaction to a session: a plan says which it is, good
// or bad in many ways, and noise changes bytes of it. What the client is told
// becomes true: one answer; refused, with a code and a text that can be sent, or
// pooled; then what the epoch makes of it, and what a wait for it says. Without noise
// all of it is what the second model says.
func FuzzTransaction(f *testing.F) {
	house := transitiontest.NewHouse()
	scene := ledgertest.Open(house)
	start := memory.New()
	past := newOffice(f, house, start)
	for _, o := range scene.Past {
		past.stage.Send(past.clock, past.processor, toconsensus.Agreed{Outcome: o})
	}
	for flaw := range byte(16) {
		f.Add([]byte{4, 0, 0, flaw, 0, 0, 2, flaw, flaw}, []byte{})
		f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, flaw, 1, flaw}, []byte{})
	}
	f.Add([]byte{1, 0, 2, 1, 1}, []byte{0, 20, 1})
	f.Add([]byte("0A"), []byte{}) // one that was accepted before (H66)
	f.Fuzz(func(t *testing.T, plan, noise []byte) {
		s := scene.Fork()
		p := s.Scribe(transitiontest.Read(plan)).Transaction()
		raw := bytes.Clone(p.Tx.Bytes())
		for ; len(noise) >= 3; noise = noise[3:] {
			raw[(int(noise[0])<<8|int(noise[1]))%len(raw)] ^= noise[2]
		}
		o := newOffice(t, house, start.Clone())
		refusal := o.submitted(raw)
		tx, err := transaction.Decode(raw)
		if err != nil {
			if refusal == nil {
				t.Fatal("what cannot be decoded was pooled")
			}
			return
		}
		if bytes.Equal(raw, p.Tx.Bytes()) {
			o.byTheBook(s, p, refusal)
		}
		known := o.knows(tx)
		c := o.proposed()
		if pooled := len(c.Transactions) == 1 && c.Transactions[0].WitnessID() == tx.WitnessID(); pooled != (refusal == nil && !known) {
			t.Fatalf("pooled %t, accepted before %t, refusal %v", pooled, known, refusal)
		}
		o.decided(tx, refusal)
	})
}

// submitted hands bytes to the session and returns the refusal, nil if there is
// none.
func (o *office) submitted(raw []byte) *wire.Refusal {
	o.Helper()
	reply := o.one(1, o.ask(submit(1, raw)))
	refusal := reply.GetRefusal()
	if (refusal == nil) == (reply.GetSubmitted() == nil) {
		o.Fatalf("reply %v", reply)
	}
	if refusal != nil && (refusal.GetCode() == 0 || refusal.GetText() == "" || !utf8.ValidString(refusal.GetText())) {
		o.Fatalf("refusal %v", refusal)
	}
	return refusal
}

// byTheBook compares the answer to a submission with the second model.
func (o *office) byTheBook(s *ledgertest.Scene, p *transitiontest.Plan, got *wire.Refusal) {
	o.Helper()
	want := uint32(ledgertest.Check(p))
	if want == 0 {
		if r := s.Book.Try(p); r != nil {
			want = uint32(r.Code)
		}
	}
	if got.GetCode() != want {
		o.Fatalf("%v, by the book code %d", got, want)
	}
}

// decided lets members propose the transaction, whatever this one was told, and
// looks at what follows.
func (o *office) decided(tx *transaction.Transaction, refusal *wire.Refusal) {
	o.Helper()
	agree := func(c outcome.Contribution) {
		o.stage.Send(o.clock, o.processor, toconsensus.Agreed{Outcome: outcome.Outcome{Epoch: o.position().Next, Contributions: []outcome.Member{
			{Peer: 1, Contribution: c.Encode()}, {Peer: 3, Contribution: c.Encode()},
		}}})
	}
	for range transition.Remembered { // who contributed is part of the state
		agree(outcome.Contribution{})
	}
	before := o.position()
	agree(txs(tx))
	after := o.position()
	if after.Next != before.Next+1 || len(o.stage.Exits) > 0 {
		o.Fatalf("epoch %d after %d, exits %v", after.Next, before.Next, o.stage.Exits)
	}
	o.read(func(r storage.Reader) {
		if sum, _ := transition.Audit(r); sum.Assets != sum.Liabilities {
			o.Fatalf("audit %+v", sum)
		}
	})
	accepted := o.knows(tx)
	if !accepted && after.StateHash() != before.StateHash() {
		o.Fatal("a refused transaction leaves a trace")
	}
	status := o.one(2, o.ask(await(2, tx, 0))).GetStatus()
	switch {
	case refusal == nil && !accepted, refusal != nil && accepted && refusal.GetCode() != uint32(messages.RejectSignature):
		// Nothing else was in the epoch, so what was foretold came true; a badly
		// signed form of what is accepted is refused, and changes nothing.
		o.Fatalf("accepted %t after %v", accepted, refusal)
	case accepted && (status.GetAccepted() == nil || len(status.GetAccepted().GetOutputs()) != len(tx.Outputs())):
		o.Fatalf("status %v of an accepted transaction", status)
	case !accepted && (status.GetRejected() == nil || status.GetRejected().GetCode() != refusal.GetCode()):
		o.Fatalf("status %v after the refusal %v", status, refusal)
	}
	if c := o.proposed(); len(c.Transactions) > 0 {
		o.Fatalf("%d transactions are pooled after all are decided", len(c.Transactions))
	}
}
