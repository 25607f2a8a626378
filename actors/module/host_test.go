package module_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/transition"
	"minimint/actors/module"
	"minimint/actors/module/contract"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/storage"
	"minimint/storage/memory"
)

// rig is a host with probes around it.
type rig struct {
	*testing.T
	stage     *consensustest.Stage
	store     *fragile
	vault     *consensustest.Vault
	consensus *consensustest.Probe
	clock     *consensustest.Probe
	user      *consensustest.Probe
	host      *actor.PID
}

// fragile is a store that can be made to refuse.
type fragile struct {
	*memory.Store
	broken bool
}

func (f *fragile) View() (storage.Snapshot, error) {
	if f.broken {
		return nil, errors.New("told to be broken")
	}
	return f.Store.View()
}

func newRig(t *testing.T, m contract.Module) *rig {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	vault, _ := m.(*consensustest.Vault)
	r := &rig{
		T: t, stage: stage, vault: vault, store: &fragile{Store: memory.New()},
		consensus: stage.Probe(nil), clock: stage.Probe(nil), user: stage.Probe(nil),
	}
	quick := spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second})
	r.host = stage.Spawn(quick, module.New(module.Config{Module: m, Store: r.store, Consensus: r.consensus.PID, Clock: r.clock.PID}))
	return r
}

// ask sends a message and returns the answers.
func (r *rig) ask(m any) []any {
	r.user.Take()
	r.stage.Send(r.user, r.host, m)
	return r.user.Take()
}

// put writes into the module's scope.
func (r *rig) put(key, value string) {
	r.Helper()
	err := r.store.Update(func(tx storage.Tx) error {
		storage.Scoped(tx, transition.ModuleScope(consensustest.Kind)).Put([]byte(key), []byte(value))
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
}

// proposed returns the items of the newest proposal since the last look, and
// whether there was one.
func (r *rig) proposed() (items string, ok bool) {
	for _, m := range consensustest.Of[toconsensus.ModuleItems](r.consensus.Take()) {
		items, ok = string(bytes.Join(m.Items, []byte(" "))), true
		if m.Kind != consensustest.Kind {
			r.Errorf("items of %s", m.Kind)
		}
	}
	return items, ok
}

func TestProposes(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	started := r.consensus.Take()
	if len(consensustest.Of[toconsensus.Subscribe](started)) != 1 || len(consensustest.Of[toconsensus.ModuleItems](started)) != 1 {
		t.Errorf("at the start: %+v", started)
	}
	r.ask(tomodule.Observed{Body: []byte("open")})
	if got, ok := r.proposed(); got != "open" || !ok {
		t.Errorf("observed: proposed %q %t", got, ok)
	}
	r.ask(toconsensus.EpochCommitted{Epoch: 3})
	if got, ok := r.proposed(); got != "open" || !ok {
		t.Errorf("not agreed yet: proposed %q %t", got, ok)
	}
	r.put("item/open", "1")
	r.ask(toconsensus.EpochCommitted{Epoch: 4})
	if got, ok := r.proposed(); got != "" || !ok {
		t.Errorf("agreed: proposed %q %t", got, ok)
	}
	r.consensus.Take()
	r.ask(&timing.Tick{})
	if got := r.consensus.Take(); len(got) != 1 || got[0] != (toconsensus.Subscribe{}) {
		t.Errorf("a tick: %+v", got)
	}
}

// What is proposed outlives the snapshot that it came from.
func TestItemsAreCopies(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	seen := []byte("open")
	r.ask(tomodule.Observed{Body: seen})
	seen[0] = 'X'
	if got, _ := r.proposed(); got != "open" {
		t.Errorf("proposed %q", got)
	}
}

func TestQueries(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	r.put("item/open", "1")
	for _, c := range []struct {
		method string
		body   string
		want   string
		code   messages.RejectionCode
	}{
		{"item", "open", "1", 0},
		{"item", "shut", "", 0},
		{"unheard of", "", "", messages.RejectUnknownQuery},
		{"fail", "", "", messages.RejectBusy},
	} {
		got := r.ask(tomodule.Query{Request: 5, Method: c.method, Body: []byte(c.body)})
		if len(got) != 1 {
			t.Fatalf("%s: answers %+v", c.method, got)
		}
		a := got[0].(tomodule.Answered)
		if a.Request != 5 || string(a.Body) != c.want || (a.Rejection == nil) != (c.code == 0) || a.Rejection != nil && a.Rejection.Code != c.code {
			t.Errorf("%s %s: %+v %v", c.method, c.body, a, a.Rejection)
		}
	}
}

// A member says the same about an output ever after, and derives it once as long
// as it remembers, which is bounded.
func TestShares(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	at := func(i int) messages.OutPoint { return messages.OutPoint{Tx: messages.Digest{1}, Index: uint32(i)} }
	describe := func(of ...messages.OutPoint) []tomodule.Output {
		got := r.ask(tomodule.Describe{Request: 8, At: of})
		if len(got) != 1 || got[0].(tomodule.Described).Request != 8 {
			t.Fatalf("answers %+v", got)
		}
		return got[0].(tomodule.Described).Outputs
	}
	if got := describe(at(0)); len(got) != 1 || got[0].Outcome != nil || got[0].Share != nil {
		t.Errorf("an unknown output: %+v", got)
	}
	if got := describe(); got == nil || len(got) != 0 {
		t.Errorf("no output: %+v", got)
	}
	err := r.store.Update(func(tx storage.Tx) error {
		for i := range 5000 {
			storage.Scoped(tx, transition.ModuleScope(consensustest.Kind)).Put([]byte("out/"+at(i).String()), []byte("outcome"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first := describe(at(0), at(1), at(5001), at(0))
	if string(first[0].Outcome) != "outcome" || string(first[0].Share) != "share of "+at(0).String() || string(first[1].Share) != "share of "+at(1).String() || first[2].Share != nil {
		t.Errorf("got %+v", first)
	}
	derived := r.vault.Shares
	if again := describe(at(0), at(1)); !reflect.DeepEqual(again, first[:2]) || r.vault.Shares != derived {
		t.Errorf("derived %d times more, %+v", r.vault.Shares-derived, again)
	}
	for i := range 5000 {
		describe(at(i))
	}
	derived = r.vault.Shares
	if again := describe(at(4999), at(4000)); r.vault.Shares != derived || string(again[0].Share) == "" {
		t.Error("the newest are not remembered")
	}
	if again := describe(at(0)); r.vault.Shares != derived+1 || !reflect.DeepEqual(again, first[:1]) {
		t.Errorf("the oldest: derived %d times, %+v", r.vault.Shares-derived, again)
	}
}

// Every question gets an answer, also when the state cannot be read, and the
// host goes on when it can.
func TestSurvivesAStoreThatCannotBeRead(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	r.consensus.Take()
	r.store.broken = true
	got := r.ask(tomodule.Query{Request: 1, Method: "item"})
	if a, ok := got[0].(tomodule.Answered); !ok || a.Request != 1 || a.Rejection == nil || a.Rejection.Code != messages.RejectBusy || a.Rejection.Final {
		t.Errorf("query: %+v", got)
	}
	got = r.ask(tomodule.Describe{Request: 2, At: make([]messages.OutPoint, 3)})
	if d, ok := got[0].(tomodule.Described); !ok || d.Request != 2 || d.Outputs != nil {
		t.Errorf("describe: %+v", got)
	}
	r.ask(tomodule.Observed{Body: []byte("open")})
	r.ask(&timing.Tick{})
	if items, ok := r.proposed(); ok {
		t.Errorf("proposed %q without knowing the state", items)
	}
	r.store.broken = false
	r.ask(&timing.Tick{})
	if items, _ := r.proposed(); items != "open" {
		t.Errorf("proposed %q when the state could be read again", items)
	}
	r.ask(&timing.Tick{})
	if _, ok := r.proposed(); ok {
		t.Error("proposed again without a reason")
	}
}

// A module that panics costs one restart.
func TestSurvivesAPanic(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	if got := r.ask(tomodule.Query{Method: "panic"}); len(got) != 0 {
		t.Errorf("answers %+v", got)
	}
	r.consensus.Take()
	r.stage.Pass(time.Second)
	if got := r.consensus.Take(); len(consensustest.Of[toconsensus.Subscribe](got)) != 1 {
		t.Errorf("after the restart: %+v", got)
	}
	if got := r.ask(tomodule.Query{Request: 3, Method: "item"}); len(got) != 1 {
		t.Errorf("answers %+v", got)
	}
}

// plain is a module that proposes, answers and tells nothing.
type plain struct{ contract.Module }

func TestModuleWithoutExtras(t *testing.T) {
	r := newRig(t, plain{&consensustest.Vault{}})
	r.ask(toconsensus.EpochCommitted{})
	if _, ok := r.proposed(); ok {
		t.Error("it proposed")
	}
	got := r.ask(tomodule.Query{Request: 1, Method: "item"})
	if a := got[0].(tomodule.Answered); a.Rejection == nil || a.Rejection.Code != messages.RejectUnknownQuery {
		t.Errorf("query: %+v", a)
	}
	got = r.ask(tomodule.Describe{Request: 1, At: make([]messages.OutPoint, 2)})
	if d := got[0].(tomodule.Described); len(d.Outputs) != 2 {
		t.Errorf("describe: %+v", d)
	}
}

// A question over which an incarnation failed is answered by the next, which does
// not try it again: whoever asked can ask another node at once.
func TestExcusesLostQuestions(t *testing.T) {
	r := newRig(t, &consensustest.Vault{})
	got := r.ask(&spawn.Lost{Message: tomodule.Query{Request: 7, Method: "item"}})
	if a, ok := got[0].(tomodule.Answered); len(got) != 1 || !ok || a.Request != 7 || a.Rejection == nil || a.Rejection.Final {
		t.Errorf("a query: %+v", got)
	}
	got = r.ask(&spawn.Lost{Message: tomodule.Describe{Request: 8, At: make([]messages.OutPoint, 2)}})
	if d, ok := got[0].(tomodule.Described); len(got) != 1 || !ok || d.Request != 8 || d.Outputs != nil {
		t.Errorf("a question about outputs: %+v", got)
	}
	if got = r.ask(&spawn.Lost{Message: toconsensus.EpochCommitted{}}); len(got) != 0 {
		t.Errorf("no question: %+v", got)
	}
}
