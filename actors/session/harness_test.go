package session_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus"
	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/transition"
	"minimint/actors/module"
	"minimint/actors/module/contract"
	"minimint/actors/session"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

// rig is a session with a client, and behind it either the real processor and
// module or probes that only listen.
type rig struct {
	testing.TB
	stage   *consensustest.Stage
	rules   *transition.Transition
	store   *fragile
	config  session.Config
	session *actor.PID
	now     time.Time
	next    messages.Epoch

	client, clock     *consensustest.Probe
	consensus, module *consensustest.Probe // nil if they are real
	processor         *actor.PID
}

// fragile is a store that can be made to refuse.
type fragile struct {
	storage.Store
	broken bool
}

func (f *fragile) View() (storage.Snapshot, error) {
	if f.broken {
		return nil, errors.New("told to be broken")
	}
	return f.Store.View()
}

func newRig(t testing.TB) *rig {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	vault := &consensustest.Vault{}
	r := &rig{
		TB: t, stage: stage, rules: transition.New(consensustest.Federation, []contract.Module{vault}),
		store: &fragile{Store: memory.New()}, now: time.Unix(1000, 0), client: stage.Probe(nil), clock: stage.Probe(nil),
	}
	r.config = session.Config{
		Federation: consensustest.Config(4), Transition: r.rules, Store: r.store, Client: r.client.PID, Clock: r.clock.PID,
		Report: func(i *wire.Info) { i.Version = "test" },
	}
	return r
}

// real puts the real processor and module behind the session.
func (r *rig) real() *rig {
	keys := consensustest.NewKeys(1)
	r.processor = r.stage.Spawn(consensustest.Policy, consensus.New(consensus.Config{
		Federation: consensustest.Federation, Members: 1, Key: keys.Members[0], Transition: r.rules, Store: r.store, PoolDisk: disk.NewMemory(), PoolFile: "pool",
		Rand: rand.Reader, HBBFT: r.stage.Probe(nil).PID, Peers: make([]*actor.PID, 1), Clock: r.clock.PID,
	}))
	host := r.stage.Spawn(consensustest.Policy, module.New(module.Config{
		Module: r.rules.Module(consensustest.Kind), Store: r.store, Consensus: r.processor, Clock: r.clock.PID,
	}))
	return r.start(r.processor, host)
}

// alone puts probes there.
func (r *rig) alone() *rig {
	r.consensus, r.module = r.stage.Probe(nil), r.stage.Probe(nil)
	return r.start(r.consensus.PID, r.module.PID)
}

func (r *rig) start(processor, host *actor.PID) *rig {
	r.config.Consensus = processor
	r.config.Modules = map[messages.ModuleKind]*actor.PID{consensustest.Kind: host}
	r.session = r.stage.Spawn(spawn.StopOnly(), session.New(r.config))
	return r
}

// ask sends a request and returns the replies that came at once.
func (r *rig) ask(m *wire.ClientRequest) []*wire.ClientReply {
	r.stage.Send(r.client, r.session, m)
	return r.replies()
}

func (r *rig) replies() []*wire.ClientReply {
	r.Helper()
	got := consensustest.Of[*wire.ClientReply](r.client.Take())
	for _, m := range got {
		if _, err := proto.Marshal(m); err != nil {
			r.Fatalf("a reply that cannot cross the link: %v", err)
		}
	}
	return got
}

// one expects a single reply to a request.
func (r *rig) one(id uint64, replies []*wire.ClientReply) *wire.ClientReply {
	r.Helper()
	if len(replies) != 1 || replies[0].GetId() != id {
		r.Fatalf("replies %v, want one to %d", replies, id)
	}
	return replies[0]
}

// refusal expects a single refusal.
func (r *rig) refusal(id uint64, replies []*wire.ClientReply) *wire.Refusal {
	r.Helper()
	refusal := r.one(id, replies).GetRefusal()
	if refusal == nil || refusal.GetText() == "" || refusal.GetCode() == 0 {
		r.Fatalf("reply %v, want a refusal", replies[0])
	}
	return refusal
}

func (r *rig) nothing(what string, replies []*wire.ClientReply) {
	r.Helper()
	if len(replies) != 0 {
		r.Fatalf("%s: replies %v", what, replies)
	}
}

// pass lets time pass, in ticks of the session and of the processor.
func (r *rig) pass(d time.Duration) []*wire.ClientReply {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(250 * time.Millisecond)
		r.stage.Send(r.clock, r.session, &timing.Tick{Now: r.now})
	}
	return r.replies()
}

// agree lets an epoch agree on transactions and items.
func (r *rig) agree(c outcome.Contribution) {
	o := outcome.Outcome{Epoch: r.next, Contributions: []outcome.Member{{Contribution: c.Encode()}}}
	r.next++
	r.stage.Send(r.clock, r.processor, toconsensus.Agreed{Outcome: o})
}

func txs(list ...*transaction.Transaction) outcome.Contribution {
	return outcome.Contribution{Transactions: list}
}

func submit(id uint64, raw []byte) *wire.ClientRequest {
	return &wire.ClientRequest{Id: id, Request: &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: raw}}}
}

func await(id uint64, tx *transaction.Transaction, wait time.Duration) *wire.ClientRequest {
	txid, witness := tx.ID(), tx.WitnessID()
	return &wire.ClientRequest{Id: id, Request: &wire.ClientRequest_Await{
		Await: &wire.Await{Txid: txid[:], WitnessId: witness[:], WaitMs: uint32(wait.Milliseconds())},
	}}
}

func query(id uint64, kind, method string, body []byte) *wire.ClientRequest {
	return &wire.ClientRequest{Id: id, Request: &wire.ClientRequest_Query{Query: &wire.Query{Module: kind, Method: method, Body: body}}}
}

func info(id uint64) *wire.ClientRequest {
	return &wire.ClientRequest{Id: id, Request: &wire.ClientRequest_Info{}}
}

// alive fails the test if the session has ended.
func (r *rig) alive() {
	r.Helper()
	if got := r.one(77, r.ask(info(77))).GetInfo(); got.GetVersion() != "test" {
		r.Fatalf("info %v", got)
	}
}
