package session_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/session"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// accepted expects a reply that says accepted, and returns what it tells.
func (r *rig) accepted(id uint64, replies []*wire.ClientReply) *wire.Decided {
	r.Helper()
	st := r.one(id, replies).GetStatus()
	if st.GetAccepted() == nil || st.GetRejected() != nil {
		r.Fatalf("status %v, want accepted", replies[0])
	}
	return st.GetAccepted()
}

func (r *rig) rejected(id uint64, replies []*wire.ClientReply) *wire.Refusal {
	r.Helper()
	st := r.one(id, replies).GetStatus()
	if st.GetRejected() == nil || st.GetAccepted() != nil {
		r.Fatalf("status %v, want rejected", replies[0])
	}
	return st.GetRejected()
}

func (r *rig) pending(id uint64, replies []*wire.ClientReply) {
	r.Helper()
	st := r.one(id, replies).GetStatus()
	if st == nil || st.GetAccepted() != nil || st.GetRejected() != nil {
		r.Fatalf("reply %v, want pending", replies[0])
	}
}

func TestAwaitAccepted(t *testing.T) {
	r := newRig(t).real()
	tx := consensustest.Build([][]byte{consensustest.Input('d', 1, 30)}, consensustest.Output(1, 10), consensustest.Output(2, 20))
	r.ask(submit(1, tx.Bytes()))
	r.nothing("pending", r.ask(await(2, tx, time.Minute)))
	r.agree(txs())
	r.nothing("another epoch", r.replies())
	r.agree(txs(tx))
	got := r.accepted(2, r.replies())
	if got.GetEpoch() != 1 || len(got.GetOutputs()) != 2 {
		t.Fatalf("got %v", got)
	}
	for i, out := range got.GetOutputs() {
		at := messages.OutPoint{Tx: tx.ID(), Index: uint32(i)}
		if !bytes.Equal(out.GetOutcome(), tx.Outputs()[i].Body) || string(out.GetShare()) != "share of "+at.String() {
			t.Errorf("output %d: %v", i, out)
		}
	}
	again := r.accepted(3, r.ask(await(3, tx, time.Minute)))
	if !proto.Equal(again, got) {
		t.Errorf("asked again: %v", again)
	}
	r.nothing("afterwards", r.pass(2*time.Minute))
}

// In the original the signature was not in the id, so whoever asked about his transaction was told of the refusal of a badly signed twin.
func TestH25TwinsRefusalIsNotTheGoodOnes(t *testing.T) {
	r := newRig(t).real()
	good, twin := signed(t, 1)
	r.nothing("good", r.ask(await(1, good, time.Minute)))
	r.nothing("twin", r.ask(await(2, twin, time.Minute)))
	r.agree(txs(twin))
	if got := r.rejected(2, r.replies()); messages.RejectionCode(got.GetCode()) != messages.RejectSignature || !got.GetFinal() {
		t.Errorf("twin: %v", got)
	}
	r.agree(txs(good))
	r.accepted(1, r.replies())
	// The transaction is accepted, whichever form one asks about.
	r.accepted(3, r.ask(await(3, twin, time.Minute)))
}

func TestAwaitDeadline(t *testing.T) {
	r := newRig(t).real()
	tx := consensustest.Deposit('d', 1, 1)
	r.pending(1, r.ask(await(1, tx, 0)))
	r.nothing("not yet", r.ask(await(2, tx, 3*time.Second)))
	r.nothing("not yet", r.pass(3*time.Second))
	r.pending(2, r.pass(time.Second))
	r.nothing("once", r.pass(time.Hour/60))

	r.nothing("the longest", r.ask(await(3, tx, 1<<32*time.Millisecond-1)))
	r.nothing("the longest", r.pass(session.MaxWait))
	r.pending(3, r.pass(time.Second))
	r.agree(txs(tx))
	r.nothing("nobody waits", r.replies())
}

// A store that cannot be read is no answer; the wait goes on until its end.
func TestAwaitWithBrokenStore(t *testing.T) {
	r := newRig(t).alone()
	r.store.broken = true
	tx := consensustest.Deposit('d', 1, 1)
	r.nothing("broken", r.ask(await(1, tx, time.Second)))
	r.stage.Send(r.consensus, r.session, toconsensus.EpochCommitted{})
	r.nothing("broken", r.replies())
	r.pending(1, r.pass(2*time.Second))
}

// What was refused for the moment and then submitted again waits anew: the old
// refusal does not answer for the new submission.
func TestResubmissionWaitsAnew(t *testing.T) {
	r := newRig(t).real()
	gated := consensustest.Deposit('g', 1, 5)
	r.agree(txs(gated)) // another member proposed it too early
	if got := r.rejected(1, r.ask(await(1, gated, time.Minute))); got.GetFinal() {
		t.Fatalf("got %v", got)
	}
	r.agree(outcome.Contribution{Items: []transaction.Item{{Kind: "vault", Body: []byte("open")}}})
	if r.one(2, r.ask(submit(2, gated.Bytes()))).GetSubmitted() == nil {
		t.Fatal("not submitted")
	}
	r.nothing("pending again", r.ask(await(3, gated, time.Minute)))
	r.agree(txs())
	r.nothing("pending again", r.replies())
	r.agree(txs(gated))
	r.accepted(3, r.replies())
}

// The same if the client does not wait for the acknowledgement.
func TestAwaitBehindSubmission(t *testing.T) {
	r := newRig(t).alone()
	tx := consensustest.Deposit('d', 1, 5)
	accept(r, tx, false) // refused in epoch 0
	for i, answer := range []toconsensus.Submitted{{From: 1}, {Rejection: messages.Reject(messages.RejectNoteSpent, "spent")}} {
		r.consensus.Take()
		r.nothing("submitted", r.ask(submit(1, tx.Bytes())))
		r.nothing("not known yet", r.ask(await(2, tx, time.Second)))
		answer.Request = consensustest.Of[toconsensus.Submit](r.consensus.Take())[0].Request
		r.stage.Send(r.consensus, r.session, answer)
		got := r.replies()
		if i == 0 {
			r.one(1, got)
			r.pending(2, r.pass(2*time.Second))
		} else if len(got) != 1 || got[0].GetRefusal() == nil { // it waits since the first submission
			t.Errorf("replies %v", got)
		}
	}
}

// Each submission counts from its own acknowledgement on, and an epoch that
// decides while it is on its way is not missed.
func TestRefusedBetweenSubmissionAndAcknowledgement(t *testing.T) {
	r := newRig(t).alone()
	tx := consensustest.Deposit('d', 1, 5)
	refuse := func(e messages.Epoch) {
		err := r.store.Update(func(s storage.Tx) error {
			list := refusals.Read(s)
			list.Write(s, tx.WitnessID(), refusals.Refusal{Epoch: e, Tx: tx.ID(), Rejection: messages.RejectForNow(messages.RejectBlockUnknown, "not yet")})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.stage.Send(r.consensus, r.session, toconsensus.EpochCommitted{Epoch: e})
	}
	for round := range messages.Epoch(3) {
		r.nothing("submitted", r.ask(submit(1, tx.Bytes())))
		r.nothing("awaited", r.ask(await(2, tx, time.Minute)))
		refuse(10 * round)
		r.nothing("decided, but not known whether about this submission", r.replies())
		number := consensustest.Of[toconsensus.Submit](r.consensus.Take())[0].Request
		r.stage.Send(r.consensus, r.session, toconsensus.Submitted{Request: number, From: 10 * round})
		got := r.replies()
		if len(got) != 2 || got[0].GetSubmitted() == nil {
			t.Fatalf("replies %v", got)
		}
		r.rejected(2, got[1:])

		r.nothing("submitted", r.ask(submit(3, tx.Bytes())))
		number = consensustest.Of[toconsensus.Submit](r.consensus.Take())[0].Request
		r.stage.Send(r.consensus, r.session, toconsensus.Submitted{Request: number, From: 10*round + 1})
		r.one(3, r.replies())
		r.nothing("awaited anew", r.ask(await(4, tx, time.Minute)))
		refuse(10*round + 5)
		r.rejected(4, r.replies())
	}
}

// A session is told of commits only while somebody waits, also by a processor
// that restarted.
func TestSubscribesWhileWaiting(t *testing.T) {
	r := newRig(t).alone()
	subscribed := func() int { return len(consensustest.Of[toconsensus.Subscribe](r.consensus.Take())) }
	r.pass(time.Second)
	if n := subscribed(); n != 0 {
		t.Errorf("nobody waits, subscribed %d times", n)
	}
	r.ask(await(1, consensustest.Deposit('d', 1, 1), 2*time.Second))
	if n := subscribed(); n != 1 {
		t.Errorf("somebody waits, subscribed %d times", n)
	}
	r.pass(time.Second)
	if subscribed() == 0 {
		t.Error("does not subscribe again")
	}
	r.pass(10 * time.Second)
	subscribed()
	r.pass(time.Second)
	if n := subscribed(); n != 0 {
		t.Errorf("nobody waits any more, subscribed %d times", n)
	}
}

// However many outputs a transaction has, its module is asked once; if it does
// not know, or does not answer, the client is told so.
func TestDescribe(t *testing.T) {
	outputs := make([][]byte, 200)
	for i := range outputs {
		outputs[i] = consensustest.Output(uint64(i), 1)
	}
	tx := consensustest.Build([][]byte{consensustest.Input('d', 1, 200)}, outputs...)
	told := make([]tomodule.Output, 200)
	told[3].Share = []byte("share")
	for name, c := range map[string]struct {
		answers []tomodule.Described
		check   func(*rig, []*wire.ClientReply)
	}{
		"all": {[]tomodule.Described{{Outputs: told}}, func(r *rig, got []*wire.ClientReply) {
			if d := r.accepted(1, got); len(d.GetOutputs()) != 200 || string(d.GetOutputs()[3].GetShare()) != "share" {
				t.Errorf("got %v", d)
			}
		}},
		"too few": {[]tomodule.Described{{Outputs: told[:4]}, {Outputs: told}}, func(r *rig, got []*wire.ClientReply) {
			if d := r.accepted(1, got); len(d.GetOutputs()) != 200 {
				t.Errorf("got %v", d)
			}
		}},
		"too many": {[]tomodule.Described{{Outputs: append(told, told...)}}, func(r *rig, got []*wire.ClientReply) { r.accepted(1, got) }},
		"unread": {[]tomodule.Described{{}}, func(r *rig, got []*wire.ClientReply) {
			if refusal := r.refusal(1, got); refusal.GetFinal() {
				t.Errorf("got %v", refusal)
			}
		}},
		"nothing": {nil, func(r *rig, got []*wire.ClientReply) {
			r.nothing("silent", got)
			r.nothing("silent", r.pass(20*time.Second))
			if refusal := r.refusal(1, r.pass(time.Second)); refusal.GetFinal() {
				t.Errorf("got %v", refusal)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).alone()
			accept(r, tx, true)
			r.nothing("asks the module", r.ask(await(1, tx, time.Second)))
			asked := consensustest.Of[tomodule.Describe](r.module.Take())
			if len(asked) != 1 || len(asked[0].At) != 200 || asked[0].At[7] != (messages.OutPoint{Tx: tx.ID(), Index: 7}) {
				t.Fatalf("%d questions", len(asked))
			}
			for _, a := range c.answers {
				a.Request = asked[0].Request
				r.stage.Send(r.module, r.session, a)
			}
			c.check(r, r.replies())
			r.alive()
		})
	}
}

// A module that the node does not run has nothing to tell, which keeps nobody
// waiting.
func TestDescribeWithoutModule(t *testing.T) {
	r := newRig(t).alone()
	delete(r.config.Modules, consensustest.Kind)
	tx := consensustest.Deposit('d', 1, 1)
	accept(r, tx, true)
	if d := r.accepted(1, r.ask(await(1, tx, time.Second))); len(d.GetOutputs()) != 1 {
		t.Errorf("got %v", d)
	}
}
