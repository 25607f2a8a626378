package session_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/session"
	"minimint/messages"
	"minimint/messages/link"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage/bolt"
)

// signed returns a transaction whose input key must sign, with a signature.
func signed(t testing.TB, id uint64) (good, twin *transaction.Transaction) {
	t.Helper()
	secret, public := btcec.PrivKeyFromBytes([]byte{31: 5})
	d := transaction.Draft{
		Inputs:  []transaction.Item{{Kind: consensustest.Kind, Body: consensustest.Input('d', id, 9, schnorr.SerializePubKey(public)...)}},
		Outputs: []transaction.Item{{Kind: consensustest.Kind, Body: consensustest.Output(id, 9)}},
	}
	sig, err := transaction.Sign(d, consensustest.Federation, []*btcec.PrivateKey{secret})
	if err != nil {
		t.Fatal(err)
	}
	good, err = transaction.Build(d, sig)
	if err != nil {
		t.Fatal(err)
	}
	sig[63] ^= 1
	twin, err = transaction.Build(d, sig)
	if err != nil {
		t.Fatal(err)
	}
	return good, twin
}

func TestSubmit(t *testing.T) {
	r := newRig(t).real()
	good, twin := signed(t, 1)
	for i, c := range []struct {
		raw  []byte
		code messages.RejectionCode
	}{
		{nil, messages.RejectMalformed},
		{[]byte("no transaction"), messages.RejectMalformed},
		{make([]byte, transaction.MaxSize+1), messages.RejectTooLarge},
		{twin.Bytes(), messages.RejectSignature},
		{consensustest.Build([][]byte{{1}}, consensustest.Output(1, 1)).Bytes(), messages.RejectMalformed},
		{consensustest.Build([][]byte{consensustest.Input('d', 1, 9)}, consensustest.Output(1, 8)).Bytes(), messages.RejectUnbalanced},
	} {
		if got := r.refusal(uint64(i), r.ask(submit(uint64(i), c.raw))); messages.RejectionCode(got.GetCode()) != c.code || !got.GetFinal() {
			t.Errorf("case %d: %v, want code %d", i, got, c.code)
		}
	}
	if r.one(7, r.ask(submit(7, good.Bytes()))).GetSubmitted() == nil {
		t.Error("not submitted")
	}
	if r.one(7, r.ask(submit(7, good.Bytes()))).GetSubmitted() == nil {
		t.Error("an id and a transaction may be used again")
	}
	r.agree(txs(good))
	if r.one(8, r.ask(submit(8, good.Bytes()))).GetSubmitted() == nil {
		t.Error("a resubmission of what is accepted is no error (H66)")
	}
}

func TestQuery(t *testing.T) {
	r := newRig(t).real()
	for i, c := range []struct {
		m    *wire.ClientRequest
		code messages.RejectionCode
	}{
		{query(0, "nowhere", "item", nil), messages.RejectUnknownModule},
		{query(1, "", "", nil), messages.RejectUnknownModule},
		{query(2, "vault", "unheard of", nil), messages.RejectUnknownQuery},
		{query(3, "vault", "fail", nil), messages.RejectBusy},
		{query(4, "vault", "item", make([]byte, session.MaxQuery)), messages.RejectTooLarge},
		{query(5, "vault", strings.Repeat("m", session.MaxQuery+1), nil), messages.RejectTooLarge},
	} {
		if got := r.refusal(uint64(i), r.ask(c.m)); messages.RejectionCode(got.GetCode()) != c.code {
			t.Errorf("case %d: %v, want code %d", i, got, c.code)
		}
	}
	r.agree(outcome.Contribution{Items: []transaction.Item{{Kind: "vault", Body: []byte("open")}}})
	if got := r.one(9, r.ask(query(9, "vault", "item", []byte("open")))).GetAnswer().GetBody(); !bytes.Equal(got, []byte{1}) {
		t.Errorf("answer %x", got)
	}
}

func TestConfigAndInfo(t *testing.T) {
	r := newRig(t).real()
	r.agree(txs(consensustest.Deposit('d', 1, 100)))
	m := &wire.ClientRequest{Id: 3, Request: &wire.ClientRequest_Config{}}
	if got := r.one(3, r.ask(m)).GetConfig(); !bytes.Equal(got.GetBody(), r.config.Federation.Bytes()) {
		t.Error("another configuration")
	}
	got := r.one(4, r.ask(info(4))).GetInfo()
	if got.GetNextEpoch() != 1 || len(got.GetStateHash()) != 32 || got.GetAssetsMsat() != 100 || got.GetLiabilitiesMsat() != 100 || len(got.GetLines()) < 2 || got.GetVersion() != "test" {
		t.Errorf("info %v", got)
	}
	r.store.broken = true
	if got := r.refusal(5, r.ask(info(5))); got.GetFinal() {
		t.Errorf("a state that cannot be read: %v", got)
	}
	r.store.broken = false
	r.alive()
}

// A client can have an epoch proven, and believes that of this member alone.
func TestProof(t *testing.T) {
	r := newRig(t).real()
	ask := func(epoch uint64, newest bool) *wire.ClientRequest {
		return &wire.ClientRequest{Id: 1, Request: &wire.ClientRequest_Proof{Proof: &wire.ProofWanted{Epoch: epoch, Newest: newest}}}
	}
	for _, newest := range []bool{false, true} {
		if got := r.refusal(1, r.ask(ask(0, newest))); messages.RejectionCode(got.GetCode()) != messages.RejectNotFound || got.GetFinal() {
			t.Errorf("before the first epoch: %v", got)
		}
	}
	for id := range uint64(3) {
		r.agree(txs(consensustest.Deposit('d', id+1, 100)))
		for range 3 {
			r.stage.Send(r.clock, r.processor, &timing.Tick{})
		}
	}
	for _, c := range []struct {
		epoch  uint64
		newest bool
		want   messages.Epoch
	}{{0, false, 0}, {2, false, 2}, {0, true, 2}} {
		p := r.one(1, r.ask(ask(c.epoch, c.newest))).GetProof()
		s, err := statement.Proven(p, consensustest.NewKeys(1), consensustest.Federation, 0)
		if err != nil || s.Epoch != c.want || s.Header.Size == 0 {
			t.Errorf("%+v: %s, %v", c, s, err)
		}
	}
	if got := r.refusal(1, r.ask(ask(3, false))); got.GetFinal() {
		t.Errorf("the next epoch: %v", got)
	}
	got := r.one(4, r.ask(info(4))).GetInfo()
	if got.GetCertifiedEpochs() != 3 || got.GetOldestEpoch() != 0 || got.GetAlarm() != "" {
		t.Errorf("info %v", got)
	}
	r.store.broken = true
	if got := r.refusal(1, r.ask(ask(0, false))); got.GetFinal() {
		t.Errorf("a state that cannot be read: %v", got)
	}
	r.store.broken = false
	r.alive()
}

// The original's server ended at any invalid transaction: whatever is sent, the worst that follows is a refusal.
func TestH13MalformedRequests(t *testing.T) {
	r := newRig(t).real()
	good, _ := signed(t, 1)
	unpaid := consensustest.Build([][]byte{consensustest.Input('d', 1, 9)}, consensustest.Output(1, 1<<63))
	for i, m := range []*wire.ClientRequest{
		{},
		submit(0, unpaid.Bytes()),
		submit(0, good.Bytes()[:len(good.Bytes())-1]),
		submit(0, make([]byte, 1<<20)),
		{Request: &wire.ClientRequest_Submit{}},
		{Request: &wire.ClientRequest_Await{}},
		{Request: &wire.ClientRequest_Await{Await: &wire.Await{Txid: make([]byte, 31), WitnessId: make([]byte, 32)}}},
		{Request: &wire.ClientRequest_Await{Await: &wire.Await{Txid: make([]byte, 32), WitnessId: make([]byte, 33)}}},
		{Request: &wire.ClientRequest_Query{}},
		{Request: &wire.ClientRequest_Query{Query: &wire.Query{Module: strings.Repeat("x", 1000)}}},
	} {
		m.Id = uint64(i)
		if got := r.refusal(uint64(i), r.ask(m)); !got.GetFinal() {
			t.Errorf("case %d: %v", i, got)
		}
	}
	r.alive()
}

// A text that quotes what a client sent must be one that the link can carry.
func TestRefusalsCanCrossTheLink(t *testing.T) {
	r := newRig(t).alone()
	r.nothing("submitted", r.ask(submit(1, consensustest.Deposit('d', 1, 1).Bytes())))
	asked := consensustest.Of[toconsensus.Submit](r.consensus.Take())
	r.stage.Send(r.consensus, r.session, toconsensus.Submitted{Request: asked[0].Request, Rejection: &messages.Rejection{Code: 9, Text: "cut \xc3"}})
	if got := r.refusal(1, r.replies()); got.GetText() != "cut \uFFFD" {
		t.Errorf("text %q", got.GetText())
	}
}

func TestRequestsAreBounded(t *testing.T) {
	r := newRig(t).alone()
	for i := range uint64(session.MaxOpen) {
		switch i % 3 {
		case 0:
			r.nothing("submit", r.ask(submit(i, consensustest.Deposit('d', i, 1).Bytes())))
		case 1:
			r.nothing("await", r.ask(await(i, consensustest.Deposit('d', i, 1), time.Minute)))
		default:
			r.nothing("query", r.ask(query(i, "vault", "item", nil)))
		}
	}
	for _, m := range []*wire.ClientRequest{info(99), submit(99, nil), query(99, "vault", "item", nil)} {
		if got := r.refusal(99, r.ask(m)); messages.RejectionCode(got.GetCode()) != messages.RejectBusy || got.GetFinal() {
			t.Errorf("beyond the limit: %v", got)
		}
	}
	asked := consensustest.Of[tomodule.Query](r.module.Take())
	r.stage.Send(r.module, r.session, tomodule.Answered{Request: asked[0].Request, Body: []byte("late")})
	if r.one(2, r.replies()).GetAnswer() == nil {
		t.Error("not answered")
	}
	r.nothing("there is room again", r.ask(query(100, "vault", "item", nil)))
}

// Whoever was to answer may have restarted and forgotten: the client is told
// when the time is over, once, and what comes later is for nobody.
func TestNobodyAnswers(t *testing.T) {
	r := newRig(t).alone()
	r.ask(submit(1, consensustest.Deposit('d', 1, 1).Bytes()))
	r.ask(query(2, "vault", "item", nil))
	r.nothing("patience", r.pass(20*time.Second))
	got := r.pass(time.Second)
	if len(got) != 2 {
		t.Fatalf("replies %v", got)
	}
	for i, m := range got {
		if refusal := m.GetRefusal(); m.GetId() != uint64(i+1) || refusal.GetFinal() || messages.RejectionCode(refusal.GetCode()) != messages.RejectDeadline {
			t.Errorf("reply %v", m)
		}
	}
	for n := range uint64(5) {
		r.stage.Send(r.consensus, r.session, toconsensus.Submitted{Request: n})
		r.stage.Send(r.consensus, r.session, tomodule.Answered{Request: n})
		r.stage.Send(r.consensus, r.session, tomodule.Described{Request: n})
	}
	r.nothing("late answers", r.replies())
	r.alive()
}

func TestEndsWithItsLink(t *testing.T) {
	r := newRig(t).alone()
	r.ask(await(1, consensustest.Deposit('d', 1, 1), time.Minute))
	r.stage.Send(r.client, r.session, &link.Up{Address: "client/1"})
	r.nothing("up", r.replies())
	r.alive()
	r.consensus.Take()
	r.stage.Send(r.client, r.session, &link.Down{Address: "client/1"})
	if got := r.consensus.Take(); len(got) != 1 || got[0] != (toconsensus.Unsubscribe{}) {
		t.Errorf("the processor got %+v", got)
	}
	r.nothing("after the end", r.ask(info(2)))
	if _, ok := r.stage.System.ProcessRegistry.GetLocal(r.session.Id); ok {
		t.Error("the session lives on without its link")
	}
}

// The whole way on the store of production, whose slices end with their
// snapshot.
func TestOnBolt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	store, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.store.Store = store
	r.real()
	for i := range uint64(20) {
		tx := consensustest.Build([][]byte{consensustest.Input('d', i, 9)}, consensustest.Output(i, 9, make([]byte, 5000)...))
		if r.one(1, r.ask(submit(1, tx.Bytes()))).GetSubmitted() == nil {
			t.Fatal("not submitted")
		}
		r.nothing("pending", r.ask(await(2, tx, time.Minute)))
		r.agree(txs(tx, consensustest.Deposit('g', i, 1)))
		if got := r.accepted(2, r.replies()); !bytes.Equal(got.GetOutputs()[0].GetOutcome(), tx.Outputs()[0].Body) || len(got.GetOutputs()[0].GetShare()) == 0 {
			t.Errorf("output %v", got.GetOutputs()[0])
		}
		r.rejected(3, r.ask(await(3, consensustest.Deposit('g', i, 1), 0)))
	}
	r.alive()
	r.stage.Stop(r.session)
	if err := store.Close(); err != nil {
		t.Errorf("a snapshot was left open: %v", err)
	}
}

// A bug ends one session and leaves nothing of it behind.
func TestPanicEndsTheSession(t *testing.T) {
	r := newRig(t)
	r.config.Twist = func(*wire.ClientReply) { panic("session_test: told to") }
	r.alone()
	r.ask(await(1, consensustest.Deposit('d', 1, 1), time.Minute))
	r.consensus.Take()
	r.nothing("panicked", r.ask(info(2)))
	if got := r.consensus.Take(); len(got) != 1 || got[0] != (toconsensus.Unsubscribe{}) {
		t.Errorf("the processor got %+v", got)
	}
	if _, ok := r.stage.System.ProcessRegistry.GetLocal(r.session.Id); ok {
		t.Error("the session lives on")
	}
}

// A node that is made to lie lies in every reply.
func TestTwist(t *testing.T) {
	r := newRig(t)
	r.config.Twist = func(m *wire.ClientReply) { m.Reply = &wire.ClientReply_Submitted{Submitted: &wire.Submitted{}} }
	r.alone()
	if r.one(1, r.ask(query(1, "nowhere", "", nil))).GetSubmitted() == nil {
		t.Error("an honest reply")
	}
}
