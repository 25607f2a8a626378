package chain

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/fake"
	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/chainview"
	"minimint/messages/timing"
	"minimint/messages/tochain"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/storage"
	"minimint/storage/memory"
)

// The world of one chain actor: a federation of one member, whose wallet state
// the test commits by hand, with actors that run inline (one goroutine, no
// clock), so that every test is exact.
type world struct {
	t       *testing.T
	chain   *fake.Chain
	node    *fake.Node
	backend Backend // node, unless a test puts another there
	mod     *wallet.Module
	store   *memory.Store
	timer   spawn.Timer
	epoch   messages.Epoch
	now     time.Time

	system  *actor.ActorSystem
	subject *actor.PID
	others  *actor.PID
	reports []chainview.Observation
	status  []tochain.Status
	seen    []byte
}

var scope = storage.Replicated("wallet")

type noTimer struct{}

func (noTimer) After(time.Duration, func()) func() { return func() {} }

const delay, birthday = 1, 3

func newWorld(t *testing.T) *world {
	secret, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{5}, 32))
	mod, err := wallet.New(wallet.Config{
		Network: &chaincfg.SimNetParams, Keys: []*btcec.PublicKey{secret.PubKey()}, Threshold: 1, FinalityDelay: delay,
		Birthday: birthday, MinFeeRate: 1000, DefaultFeeRate: 1000, MaxFeeRate: 9000, Secret: secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, chain: fake.New(&chaincfg.SimNetParams), mod: mod, store: memory.New(), now: time.Unix(1_700_000_000, 0)}
	w.node = w.chain.Node()
	w.backend, w.timer = w.node, noTimer{}
	w.start()
	return w
}

// start runs the actor, and beside it a stand-in for everybody else.
func (w *world) start() {
	quiet := slog.New(slog.DiscardHandler)
	w.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	w.t.Cleanup(w.system.Shutdown)
	sys := spawn.New(spawn.Config{
		Timer: w.timer, Rand: rand.NewChaCha8([32]byte{}), Log: quiet,
		Exit:       func(string, any) { w.t.Error("an actor wants the process to end") },
		Dispatcher: actor.NewSynchronizedDispatcher(1000),
	})
	w.others = w.system.Root.Spawn(sys.RootProps(spawn.StopOnly(), func() actor.Actor { return actor.ReceiveFunc(w.standIn) }))
	w.subject = w.system.Root.Spawn(sys.RootProps(spawn.Restart(spawn.Backoff{Min: 1}), New(Config{
		Wallet: w.mod, Store: w.store, Scope: scope, Module: w.others, Consensus: w.others, Clock: w.others,
		Spawn: sys, Backend: w.backend, Every: time.Second, FeeEvery: time.Minute, ResendEvery: 10 * time.Second,
	})))
}

// standIn is the wallet's host, the consensus processor and the clock.
func (w *world) standIn(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case tomodule.Observed:
		o, err := chainview.Decode(m.Body)
		if err != nil {
			w.t.Error(err)
		}
		w.reports, w.seen = append(w.reports, o), m.Body
	case tochain.Status:
		w.status = append(w.status, m)
	case toconsensus.Subscribe:
		ctx.Respond(toconsensus.EpochCommitted{Epoch: w.epoch})
	}
}

func (w *world) tick(d time.Duration) {
	w.now = w.now.Add(d)
	w.system.Root.Send(w.subject, &timing.Tick{Now: w.now})
}

func (w *world) last() chainview.Observation {
	w.t.Helper()
	if len(w.reports) == 0 {
		w.t.Fatal("no report")
	}
	return w.reports[len(w.reports)-1]
}

// commit applies what the module proposes until it proposes nothing, each time
// as an epoch that is announced.
func (w *world) commit() {
	w.t.Helper()
	for range 50 {
		var items [][]byte
		w.read(func(r storage.Reader) { items = w.mod.Propose(r, w.seen) })
		if len(items) == 0 {
			return
		}
		w.apply(func(tx storage.Tx) error {
			for _, item := range items {
				if err := w.mod.ApplyItem(tx, w, 0, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.t.Fatal("the module does not stop proposing")
}

func (w *world) apply(do func(storage.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(func(tx storage.Tx) error { return do(storage.Scoped(tx, scope)) }); err != nil {
		w.t.Fatal(err)
	}
	w.epoch++
	w.system.Root.Send(w.subject, toconsensus.EpochCommitted{Epoch: w.epoch})
}

func (w *world) read(do func(storage.Reader)) {
	snapshot, err := w.store.View()
	if err != nil {
		w.t.Fatal(err)
	}
	defer snapshot.Release()
	do(storage.ScopedReader(snapshot, scope))
}

func (w *world) height() (h uint32) {
	w.read(func(r storage.Reader) { h, _ = w.mod.AgreedTip(r) })
	return h
}

// world is the Env of what it applies.
func (w *world) Epoch() messages.Epoch   { return w.epoch }
func (w *world) Fact(string) []byte      { return nil }
func (w *world) Publish(string, []byte)  {}
func (w *world) Ledger() contract.Ledger { return w }
func (w *world) Asset(string, int64)     {}
func (w *world) Liability(string, int64) {}

func TestFollowsTheChain(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(2)
	w.tick(time.Second)
	if o := w.last(); o.Tip != 2 || o.BaseHeight != birthday-1 || len(o.Blocks) != 0 || o.BaseHash != (chainhash.Hash{}) {
		t.Errorf("before the birthday: %+v", o)
	}
	w.chain.Mine(30)
	w.tick(time.Second)
	if o := w.last(); len(o.Blocks) != chainview.MaxBlocks || o.Blocks[0] != w.chain.Block(birthday).BlockHash() {
		t.Errorf("first blocks: %+v", o)
	}
	w.commit()
	if w.height() != 32-delay {
		t.Fatalf("agreed on height %d, want %d", w.height(), 32-delay)
	}
	if o := w.last(); o.BaseHeight != 31 || o.BaseHash != w.chain.Block(31).BlockHash() || len(o.Blocks) != 0 {
		t.Errorf("when all is agreed: %+v", o)
	}
}

func TestRepeatsAReportOnlyAfterAWhile(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(birthday - 1)
	w.tick(time.Second)
	n := len(w.reports)
	for range 5 {
		w.tick(time.Second)
	}
	if len(w.reports) != n {
		t.Errorf("%d reports of an unchanged chain", len(w.reports)-n)
	}
	w.tick(10 * time.Second)
	if len(w.reports) != n+1 {
		t.Errorf("%d reports after the time to resend", len(w.reports)-n)
	}
}

func TestAsksForFeeRatesRarely(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(2)
	w.chain.SetFeeRate(3000)
	w.tick(time.Second)
	w.chain.SetFeeRate(5000)
	w.tick(time.Second)
	if got := w.last().FeeRate; got != 3000 {
		t.Errorf("rate %d within the same block", got)
	}
	w.chain.Mine(1)
	w.tick(time.Second)
	if got := w.last().FeeRate; got != 5000 {
		t.Errorf("rate %d after a block", got)
	}
	w.chain.SetFeeRate(0)
	w.tick(time.Minute)
	if got := w.last().FeeRate; got != 0 {
		t.Errorf("rate %d after a minute", got)
	}
}

func TestLaggingNodeHasNothingToSay(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(20)
	w.tick(time.Second)
	w.commit()
	w.node.SetLag(6)
	w.tick(time.Second)
	if o := w.last(); o.Tip != 14 || o.BaseHeight != 19 || o.BaseHash != (chainhash.Hash{}) || o.Blocks != nil {
		t.Errorf("%+v", o)
	}
	if w.commit(); w.height() != 19 {
		t.Errorf("height %d", w.height())
	}
	if w.ask(1); w.status[0].Problem != "" || w.status[0].Orphaned {
		t.Errorf("status %+v", w.status[0])
	}
}

func TestReportsAnOrphanedBlock(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(10)
	w.tick(time.Second)
	w.commit()
	w.chain.Reorg(5, 9)
	w.tick(time.Second)
	if o := w.last(); o.BaseHash != w.chain.Block(9).BlockHash() || len(o.Blocks) != 0 {
		t.Errorf("%+v", o)
	}
	w.system.Root.Send(w.subject, tochain.Look{})
	w.ask(1)
	if s := w.status[0]; !s.Orphaned || s.Request != 1 || s.Tip != 14 || s.BaseHeight != 9 {
		t.Errorf("status %+v", s)
	}
}

// ask asks for the status and has the stand-in take the answer.
func (w *world) ask(request uint64) {
	w.system.Root.RequestWithCustomSender(w.subject, tochain.WantStatus{Request: request}, w.others)
}

func TestDeadNodeIsReportedAndForgiven(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(5)
	w.node.SetDown(true)
	w.tick(time.Second)
	w.ask(1)
	w.node.SetDown(false)
	w.tick(time.Second)
	w.ask(2)
	if w.status[0].Problem == "" || w.status[1].Problem != "" {
		t.Errorf("status %+v", w.status)
	}
	if w.last().Tip != 5 {
		t.Errorf("%+v", w.last())
	}
}

// payOut takes a deposit and asks for a payment, up to the signed transaction.
func (w *world) payOut() chainhash.Hash {
	w.t.Helper()
	key := [32]byte(bytes.Repeat([]byte{2}, 32))
	address, err := pegin.Address(w.mod.Descriptor(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	script, _ := txscript.PayToAddrScript(address)
	at := w.chain.Pay(script, 90_000)
	w.chain.Mine(1 + delay)
	w.tick(time.Second)
	w.commit()
	proof, err := pegin.Build(w.mod.Descriptor(), w.chain.Block(w.height()), at, key)
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(func(tx storage.Tx) error {
		if _, err := w.mod.ApplyInput(tx, w, proof.Bytes()); err != nil {
			return err
		}
		out := wallet.PegOut{Address: address.EncodeAddress(), Sats: 40_000, MaxFeeSats: 9000}
		_, err := w.mod.ApplyOutput(tx, w, messages.OutPoint{Index: uint32(w.epoch)}, out.Bytes())
		return err
	})
	w.commit() // signs
	var id chainhash.Hash
	w.read(func(r storage.Reader) {
		wanted := wallet.WantedBurials(r)
		id = wanted[len(wanted)-1].TxIDs[0]
	})
	return id
}

// A payment is offered to the node, once per block and interval, also after the
// node lost its mempool, until its burial is found, reported and agreed.
func TestBroadcastsUntilBuried(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(10)
	id := w.payOut()
	inMempool := func() bool {
		for _, tx := range w.chain.Mempool() {
			if tx.TxHash() == id {
				return true
			}
		}
		return false
	}
	if !inMempool() || w.node.Sent() != 1 {
		t.Fatalf("after the commit: in mempool %t, sent %d times", inMempool(), w.node.Sent())
	}
	for range 3 {
		w.tick(time.Second)
	}
	if w.node.Sent() != 1 {
		t.Errorf("sent %d times for no reason", w.node.Sent())
	}
	w.chain.Forget()
	w.tick(10 * time.Second)
	if !inMempool() || w.node.Sent() != 2 {
		t.Errorf("after the interval: in mempool %t, sent %d times", inMempool(), w.node.Sent())
	}
	w.chain.Forget()
	w.chain.MineWithout()
	w.tick(time.Second)
	if !inMempool() {
		t.Error("not offered again after a block")
	}
	w.chain.Mine(1)
	w.tick(time.Second)
	if w.commit(); len(w.last().Burials) != 0 {
		t.Error("burial reported above the finality delay")
	}
	w.chain.Mine(delay)
	w.tick(time.Second)
	w.commit()
	w.read(func(r storage.Reader) {
		if len(wallet.WantedBurials(r)) != 0 {
			t.Error("burial was not found")
		}
	})
	sent := w.node.Sent()
	w.chain.Mine(1)
	w.tick(10 * time.Second)
	if w.node.Sent() != sent || len(w.last().Burials) != 0 {
		t.Error("still busy with a settled payment")
	}
}

// A node that starts again long after finds what was buried in its absence.
func TestFindsBurialsAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.chain.Mine(10)
	w.payOut()
	for range 80 {
		w.chain.MineWithout() // more than one survey searches
	}
	w.chain.Mine(20)
	// The state goes on without this member's chain actor.
	votes := w.seen
	for w.height() < w.chain.Height()-delay {
		var items [][]byte
		w.read(func(r storage.Reader) {
			base, hash := w.mod.AgreedTip(r)
			o := chainview.Observation{Tip: w.chain.Height(), BaseHeight: base, BaseHash: hash}
			for h := base + 1; h <= w.chain.Height()-delay && len(o.Blocks) < chainview.MaxBlocks; h++ {
				o.Blocks = append(o.Blocks, w.chain.Block(h).BlockHash())
			}
			votes = o.Encode()
			items = w.mod.Propose(r, votes)
		})
		if err := w.store.Update(func(tx storage.Tx) error {
			return w.mod.ApplyItem(storage.Scoped(tx, scope), w, 0, items[0])
		}); err != nil {
			t.Fatal(err)
		}
		w.epoch++
	}
	w.start()
	w.tick(time.Second)
	w.commit()
	w.read(func(r storage.Reader) {
		if len(wallet.WantedBurials(r)) != 0 {
			t.Error("burial was not found")
		}
	})
}

// H51: the original panicked over any error of its bitcoin node. Whatever call fails
// here, a report of what the node still said remains.
func TestH51SurveySurvivesFailuresAtEveryCall(t *testing.T) {
	c := fake.New(&chaincfg.SimNetParams)
	c.Mine(12)
	hash := c.Block(6).BlockHash()
	tx := wire.NewMsgTx(2)
	s := survey{base: 6, agreed: hash, delay: 1, fee: true, scan: []chainhash.Hash{hash}, send: []*wire.MsgTx{tx}}
	for calls := range 20 {
		n := c.Node()
		n.FailAfter(calls)
		f := s.run(n)
		if f.seen != (calls > 0) || calls < 9 && f.problem == nil {
			t.Errorf("after %d calls: %+v", calls, f)
		}
		if f.view.BaseHash != (chainhash.Hash{}) && f.view.BaseHash != hash {
			t.Errorf("after %d calls: base %s", calls, f.view.BaseHash)
		}
	}
	if f := s.run(c.Node()); len(f.view.Blocks) != 5 || f.scanned != 1 || !errors.Is(f.problem, fake.ErrRefused) {
		t.Errorf("%+v", f)
	}
}
