package session_test

import (
	"testing"
	"time"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/session"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// known asks for another answer than that of a reply.
func known(id uint64, method string, body []byte, reply *wire.ClientReply, wait time.Duration) *wire.ClientRequest {
	m := query(id, "vault", method, body)
	m.GetQuery().Known, m.GetQuery().WaitMs = wire.Known(reply), uint32(wait.Milliseconds())
	return m
}

func open() outcome.Contribution {
	return outcome.Contribution{Items: []transaction.Item{{Kind: "vault", Body: []byte("open")}}}
}

func TestQueryWaitsForAnotherAnswer(t *testing.T) {
	r := newRig(t).real()
	closed := r.one(1, r.ask(query(1, "vault", "item", []byte("open"))))
	r.nothing("the same answer", r.ask(known(2, "item", []byte("open"), closed, time.Minute)))
	r.agree(txs())
	r.nothing("an epoch that changes nothing", r.replies())
	r.agree(open())
	news := r.one(2, r.replies())
	if got := news.GetAnswer().GetBody(); len(got) != 1 || got[0] != 1 {
		t.Errorf("answer %x", got)
	}
	if r.one(3, r.ask(known(3, "item", []byte("open"), closed, time.Minute))).GetAnswer() == nil {
		t.Error("what is new already is told at once")
	}
	if r.one(4, r.ask(known(4, "item", []byte("open"), news, 0))).GetAnswer() == nil {
		t.Error("without a wait the answer comes at once")
	}
	r.nothing("the same answer", r.ask(known(5, "item", []byte("open"), news, time.Second)))
	if got := r.one(5, r.pass(2*time.Second)).GetAnswer().GetBody(); len(got) != 1 || got[0] != 1 {
		t.Errorf("after the wait: %x", got)
	}
	r.nothing("afterwards", r.pass(2*time.Minute))
}

// A refusal is an answer too, by its code: its text may tell a height that moves.
func TestQueryWaitsBeyondARefusal(t *testing.T) {
	r := newRig(t).real()
	no := r.one(1, r.ask(query(1, "vault", "fail", nil)))
	no.GetRefusal().Text = "something else"
	r.nothing("the same refusal", r.ask(known(2, "fail", nil, no, time.Second)))
	if got := r.refusal(2, r.pass(2*time.Second)); messages.RejectionCode(got.GetCode()) != messages.RejectBusy {
		t.Errorf("after the wait: %v", got)
	}
	m := known(3, "fail", nil, no, time.Second)
	m.GetQuery().Known = m.GetQuery().GetKnown()[:31]
	if got := r.refusal(3, r.ask(m)); messages.RejectionCode(got.GetCode()) != messages.RejectMalformed {
		t.Errorf("half a hash: %v", got)
	}
}

// However fast epochs come, a module has one question of a waiting query at a time,
// and it is asked once more if an epoch came meanwhile; a session has room for few.
func TestWaitingQueriesAreBounded(t *testing.T) {
	r := newRig(t).alone()
	same := &wire.ClientReply{Reply: &wire.ClientReply_Answer{Answer: &wire.Answer{Body: []byte("old")}}}
	for i := range uint64(session.MaxWatches) {
		r.nothing("waits", r.ask(known(i, "item", nil, same, time.Minute)))
	}
	if got := r.refusal(50, r.ask(known(50, "item", nil, same, time.Minute))); messages.RejectionCode(got.GetCode()) != messages.RejectBusy || got.GetFinal() {
		t.Errorf("beyond the limit: %v", got)
	}
	r.nothing("others have room", r.ask(query(51, "vault", "item", nil)))
	asked := consensustest.Of[tomodule.Query](r.module.Take())
	if len(asked) != session.MaxWatches+1 {
		t.Fatalf("%d questions", len(asked))
	}
	for epoch := range messages.Epoch(100) {
		r.stage.Send(r.consensus, r.session, toconsensus.EpochCommitted{Epoch: epoch})
	}
	if more := consensustest.Of[tomodule.Query](r.module.Take()); len(more) != 0 {
		t.Errorf("%d more questions before an answer", len(more))
	}
	answer := func(q tomodule.Query, body string) {
		r.stage.Send(r.module, r.session, tomodule.Answered{Request: q.Request, Body: []byte(body)})
	}
	answer(asked[0], "old")
	again := consensustest.Of[tomodule.Query](r.module.Take())
	if len(again) != 1 {
		t.Fatalf("%d questions after a hundred epochs", len(again))
	}
	answer(again[0], "old")
	r.stage.Send(r.consensus, r.session, toconsensus.EpochCommitted{Epoch: 99})
	if more := consensustest.Of[tomodule.Query](r.module.Take()); len(more) != 0 {
		t.Error("asked again about an epoch that it has seen")
	}
	r.stage.Send(r.consensus, r.session, toconsensus.EpochCommitted{Epoch: 100})
	again = consensustest.Of[tomodule.Query](r.module.Take())
	if len(again) != 1 {
		t.Fatalf("%d questions after the next epoch", len(again))
	}
	answer(again[0], "new")
	if got := r.one(0, r.replies()).GetAnswer(); string(got.GetBody()) != "new" {
		t.Errorf("answer %q", got.GetBody())
	}
}
