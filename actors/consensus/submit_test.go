package consensus_test

import (
	"strings"
	"testing"
	"time"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/storage"
)

// Many submissions share a sync; no answer comes before it.
func TestGroupCommit(t *testing.T) {
	stage := consensustest.NewStage()
	defer stage.Close()
	n := newNode(t, stage, 1)
	n.start()
	// Whatever is sent while the processor is busy, it finds in its mailbox.
	answers := stage.Probe(nil)
	busy := stage.Probe(func(any) {
		for i := range uint64(50) {
			n.stage.Send(answers, n.pid, toconsensus.Submit{Request: i, Transaction: consensustest.Deposit('d', i, 1)})
		}
	})
	n.syncs = 0
	stage.Send(busy, n.pid, toconsensus.Subscribe{})
	n.agree()
	if got := consensustest.Of[toconsensus.Submitted](answers.Take()); len(got) != 50 || got[49].Request != 49 {
		t.Errorf("%d answers", len(got))
	}
	if n.syncs != 1 {
		t.Errorf("%d syncs for 50 submissions", n.syncs)
	}
}

// A submission that cannot be made durable is not acknowledged: a disk that fails
// ends the process, and the next one goes on.
func TestNoAcknowledgementWithoutSync(t *testing.T) {
	for at := 1; at <= 2; at++ { // the append, the sync
		n := started(t, 1)
		n.disk.FailOnce(at)
		if got := n.submit(consensustest.Deposit('d', 1, 100)); len(got) != 0 {
			t.Errorf("change %d of the disk failed, answers %+v", at, got)
		}
		n.stage.Pass(time.Second)
		if len(n.stage.Exits) != 1 || !strings.Contains(n.stage.Exits[0], "pool") {
			t.Fatalf("change %d of the disk failed, exits %v", at, n.stage.Exits)
		}
		n.stage.Exits = nil
		n.restart(uint64(at))
		n.accepted(consensustest.Deposit('d', 2, 100))
		n.alive()
	}
}

// Whoever waits for an acknowledgement while the processor fails over something
// else is answered by the next incarnation, by what the file holds.
func TestFailureBetweenSubmissionAndAcknowledgement(t *testing.T) {
	stage := consensustest.NewStage()
	defer stage.Close()
	n := newNode(t, stage, 1)
	n.start()
	n.agree(items("open"))
	answers := stage.Probe(nil)
	tx, other := consensustest.Deposit('d', 1, 100), consensustest.Deposit('d', 2, 100)
	told := false
	busy := stage.Probe(func(any) { // the processor finds all this in its mailbox
		if told {
			return
		}
		told = true
		stage.Send(answers, n.pid, toconsensus.Submit{Request: 1, Transaction: tx})
		stage.Send(answers, n.pid, toconsensus.Submit{Request: 2, Transaction: other})
		stage.Send(answers, n.pid, toconsensus.Agreed{Outcome: made(1, txs(other))})
		stage.Send(answers, n.pid, toconsensus.Agreed{Outcome: made(2, items("panic"))})
	})
	stage.Send(busy, n.pid, toconsensus.Subscribe{})
	if got := answers.Take(); len(got) != 0 {
		t.Fatalf("answered by an incarnation that failed: %+v", got)
	}
	stage.Pass(time.Second)
	got := consensustest.Of[toconsensus.Submitted](answers.Take())
	if len(got) != 2 || got[0].Request != 1 || got[0].Rejection != nil || got[0].From != 1 {
		t.Fatalf("answers %+v", got)
	}
	if r := got[1].Rejection; got[1].Request != 2 || r == nil || r.Final { // decided meanwhile
		t.Errorf("answer %+v", got[1])
	}
	if n.accepted(other); !n.pooled()[tx.WitnessID()] {
		t.Error("an acknowledged transaction is lost")
	}
	n.alive()
}

func TestSubmissions(t *testing.T) {
	n := started(t, 1)
	good, rival := consensustest.Deposit('d', 1, 100), consensustest.Deposit('d', 1, 99)
	n.accepted(good)
	n.accepted(good) // pooled already
	n.accepted(rival)
	if len(n.pooled()) != 2 {
		t.Errorf("%d pooled", len(n.pooled()))
	}
	n.agree(txs(good, rival))
	n.accepted(good) // H66: accepted before
	if r := n.refused(rival); r.Code != messages.RejectPegInClaimed || !r.Final {
		t.Errorf("got %v", r)
	}
	if len(n.pooled()) != 0 {
		t.Errorf("%d pooled", len(n.pooled()))
	}
	if r := n.refused(consensustest.Deposit('g', 2, 1)); r.Code != messages.RejectBlockUnknown || r.Final {
		t.Errorf("got %v", r)
	}
}

// H61: the original kept refused transactions in its pool, so a refusal could turn
// into an acceptance. What was refused for good is not pooled again, whatever the
// state has become since.
func TestH61FinalRefusalStays(t *testing.T) {
	n := started(t, 1)
	tx := consensustest.Deposit('d', 1, 100)
	witness := tx.WitnessID()
	err := n.store.Update(func(s storage.Tx) error {
		var list refusals.List
		list.Write(s, witness, refusals.Refusal{Tx: tx.ID(), Rejection: messages.Reject(messages.RejectInsolvent, "then")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := n.refused(tx); r.Code != messages.RejectInsolvent {
		t.Errorf("got %v", r)
	}
}

// What was refused for the moment and submitted again is pooled anew, and that
// survives a restart: the old refusal does not speak about the new submission.
func TestResubmissionAfterRefusalSurvives(t *testing.T) {
	n := started(t, 1)
	gated := consensustest.Deposit('g', 1, 100)
	n.agree(txs(gated)) // another member proposed it too early
	if r := n.refused(gated); r.Final {
		t.Fatalf("got %v", r)
	}
	n.agree(items("open"))
	n.accepted(gated)
	n.restart(5)
	if !n.pooled()[gated.WitnessID()] {
		t.Fatal("an acknowledged transaction was lost")
	}
	n.agree(n.contribution())
	n.read(func(r storage.Reader) {
		if _, ok := transition.FindAccepted(r, gated.ID()); !ok {
			t.Error("not accepted")
		}
	})
}
