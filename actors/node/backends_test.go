package node_test

import (
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	btc "github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"minimint/actors/chain"
	"minimint/actors/chain/fake"
	"minimint/actors/consensus"
	"minimint/actors/consensus/consensustest"
	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/consensus/transition/ledgertest"
	"minimint/actors/consensus/transition/transitiontest"
	"minimint/actors/module"
	"minimint/actors/module/wallet"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tohbbft"
	"minimint/storage"
	"minimint/storage/disk"
	"minimint/storage/memory"
)

// keeper is a member's actors from its bitcoin node to its state: chain, module
// hosts and processor.
type keeper struct {
	store     *memory.Store
	rules     *transition.Transition
	consensus *actor.PID
	chain     *actor.PID
	hbbft     *consensustest.Probe
	work      bool
	node      *fake.Node
	backend   *pruned
}

// pruned is a bitcoin node that has dropped old blocks, if keep is not 0, and, if
// forgetful, loses what it is given before it tells anybody.
type pruned struct {
	*fake.Node
	keep      uint32
	forgetful bool
}

// Block implements chain.Backend.
func (p *pruned) Block(hash chainhash.Hash) (*btc.MsgBlock, error) {
	tip, err := p.Tip()
	if err != nil {
		return nil, err
	}
	for height := tip - min(tip, p.keep); p.keep != 0 && height <= tip; height++ {
		if h, err := p.BlockHash(height); err == nil && h == hash {
			return p.Node.Block(hash)
		}
	}
	if p.keep != 0 {
		return nil, fake.ErrNoBlock
	}
	return p.Node.Block(hash)
}

// Broadcast implements chain.Backend.
func (p *pruned) Broadcast(tx *btc.MsgTx) error {
	if p.forgetful {
		_, err := p.Tip()
		return err
	}
	return p.Node.Broadcast(tx)
}

// council is a federation of keepers; HBBFT is the test.
type council struct {
	t       *rapid.T
	stage   *consensustest.Stage
	test    *consensustest.Probe
	scene   *ledgertest.Scene // its store is not used
	keepers []*keeper
	plans   map[messages.WitnessID]*transitiontest.Plan
	now     time.Time
}

func newCouncil(t *rapid.T, house *transitiontest.House) *council {
	stage := consensustest.NewStage()
	t.Cleanup(stage.Close)
	c := &council{
		t: t, stage: stage, test: stage.Probe(nil), now: time.Unix(1_700_000_000, 0), plans: map[messages.WitnessID]*transitiontest.Plan{},
		scene: &ledgertest.Scene{World: house.NewWorld(), Book: ledgertest.New(house)},
	}
	spawner := spawn.New(spawn.Config{
		Timer: stage, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Dispatcher: actor.NewSynchronizedDispatcher(1 << 20),
		Exit: func(child string, reason any) { t.Errorf("%s: %v", child, reason) },
	})
	for i := range transitiontest.Members {
		c.keepers = append(c.keepers, c.keep(house, messages.PeerID(i), spawner))
	}
	return c
}

func (c *council) keep(house *transitiontest.House, self messages.PeerID, spawner *spawn.System) *keeper {
	k := &keeper{store: memory.New(), rules: house.RulesOf(self), node: c.scene.World.Nodes[self]}
	k.backend = &pruned{Node: k.node}
	k.hbbft = c.stage.Probe(func(m any) {
		if _, ok := m.(tohbbft.WorkPending); ok {
			k.work = true
		}
	})
	peers := make([]*actor.PID, transitiontest.Members)
	for i := range peers {
		if i != int(self) {
			peers[i] = c.test.PID
		}
	}
	k.consensus = c.stage.Spawn(consensustest.Policy, consensus.New(consensus.Config{
		Federation: house.ID, Self: self, Members: transitiontest.Members, Key: consensustest.NewKeys(transitiontest.Members).Members[self], Transition: k.rules, Store: k.store,
		PoolDisk: disk.NewMemory(), PoolFile: "pool", Rand: rand.Reader, HBBFT: k.hbbft.PID, Peers: peers, Clock: c.test.PID,
		Fault: func(peer messages.PeerID, text string) { c.t.Errorf("member %d is blamed: %s", peer, text) },
	}))
	var host *actor.PID
	for _, m := range k.rules.Modules() {
		pid := c.stage.Spawn(consensustest.Policy, module.New(module.Config{Module: m, Store: k.store, Consensus: k.consensus, Clock: c.test.PID}))
		if m.Kind() == wallet.Kind {
			host = pid
		}
	}
	k.chain = c.stage.Spawn(consensustest.Policy, chain.New(chain.Config{
		Wallet: k.rules.Module(wallet.Kind).(*wallet.Module), Store: k.store, Scope: transition.ModuleScope(wallet.Kind), Module: host,
		Consensus: k.consensus, Clock: c.test.PID, Spawn: spawner, Backend: k.backend,
		Every: time.Second, FeeEvery: 5 * time.Second, ResendEvery: 10 * time.Second,
	}))
	return k
}

// tick lets a second pass for everybody.
func (c *council) tick() {
	c.now = c.now.Add(time.Second)
	for _, k := range c.keepers {
		for range 12 { // the pool ages faster than anything else here
			c.stage.Send(c.test, k.consensus, &timing.Tick{Now: c.now})
		}
		c.stage.Send(c.test, k.chain, &timing.Tick{Now: c.now})
	}
}

// settle runs epochs until nobody wants one.
func (c *council) settle() {
	for n := 0; ; n++ {
		if n > 60 {
			c.t.Fatal("the federation does not come to rest")
		}
		wanted := false
		for _, k := range c.keepers {
			wanted, k.work = wanted || k.work, false
		}
		if !wanted {
			return
		}
		c.epoch()
	}
}

// epoch has the members agree on what at least three of them contribute, and
// compares what follows.
func (c *council) epoch() {
	s := c.scene
	absent := rapid.IntRange(0, 2*transitiontest.Members).Draw(c.t, "absent")
	var contributions []transitiontest.Contribution
	for i, k := range c.keepers {
		k.hbbft.Take()
		c.stage.Send(c.test, k.consensus, toconsensus.WantContribution{Epoch: s.Next})
		got := consensustest.Of[tohbbft.Contribution](k.hbbft.Take())
		if len(got) != 1 || got[0].Epoch != s.Next {
			c.t.Fatalf("member %d contributes %v to epoch %d", i, got, s.Next)
		}
		if i != absent {
			contributions = append(contributions, transitiontest.Understood(messages.PeerID(i), got[0].Payload, c.plans))
		}
	}
	o := transitiontest.Outcome(s.Next, contributions)
	s.Book, _ = s.Book.Turn(s.Next, contributions)
	s.Next++
	var first messages.Digest
	for i, k := range c.keepers {
		c.stage.Send(c.test, k.consensus, toconsensus.Agreed{Outcome: o})
		c.view(k, func(r storage.Reader) {
			at := history.ReadPosition(r)
			if i == 0 {
				first = at.StateHash()
			}
			if at.Next != s.Next || at.StateHash() != first {
				c.t.Fatalf("after epoch %d member %d is at %d with state %.8s, member 0 has %.8s", o.Epoch, i, at.Next, at.StateHash(), first)
			}
			if text := s.Book.Differs(k.rules, r); text != "" {
				c.t.Fatalf("after epoch %d, member %d: %s", o.Epoch, i, text)
			}
		})
	}
	if len(c.stage.Exits) > 0 {
		c.t.Fatalf("exits %v", c.stage.Exits)
	}
}

func (c *council) view(k *keeper, fn func(storage.Reader)) {
	snap, err := k.store.View()
	if err != nil {
		c.t.Fatal(err)
	}
	defer snap.Release()
	fn(snap)
}

// submit hands a transaction that passes by itself to one member.
func (c *council) submit(p *transitiontest.Plan, to int) {
	if ledgertest.Check(p) != 0 || c.plans[p.Tx.WitnessID()] != nil {
		return
	}
	c.plans[p.Tx.WitnessID()] = p
	c.test.Take()
	c.stage.Send(c.test, c.keepers[to].consensus, toconsensus.Submit{Request: 1, Transaction: p.Tx})
	answers := consensustest.Of[toconsensus.Submitted](c.test.Take())
	want := c.scene.Book.Try(p)
	if len(answers) != 1 || code(answers[0].Rejection) != code(want) {
		c.t.Fatalf("a submission is answered %v, by the book %v", answers, want)
	}
}

func code(r *messages.Rejection) messages.RejectionCode {
	if r == nil {
		return 0
	}
	return r.Code
}

// trouble changes a bitcoin node or the chain.
func (c *council) trouble(choices transitiontest.Choices) {
	w := c.scene.World
	k := c.keepers[choices.Choose("whose", len(c.keepers))]
	switch choices.Choose("trouble", 10) {
	case 3:
		k.node.SetLag(uint32(choices.Choose("lag", 7)))
	case 4:
		k.node.SetDown(choices.Choose("down", 2) == 1)
	case 5:
		k.backend.keep = uint32(choices.Choose("keep", 6))
	case 6:
		k.backend.forgetful = choices.Choose("forgetful", 2) == 1
	case 7:
		w.Chain.Forget()
	case 8:
		k.node.FailAfter(choices.Choose("calls", 9))
	case 9:
		w.Chain.Reorg(1+choices.Choose("depth", transitiontest.Delay), transitiontest.Delay+1)
	}
	for range choices.Choose("deposits", 3) {
		w.Pay(choices.Choose("depositor", 3), []int64{150_000, 400_000, 20_000, 300}[choices.Choose("sats", 4)])
	}
	w.Chain.Mine(choices.Choose("blocks", 4))
	if choices.Choose("fees", 6) == 5 {
		w.Chain.SetFeeRate([]uint64{0, 1000, 9000, 1 << 40}[choices.Choose("rate", 4)])
	}
}

// SameState: members whose bitcoin nodes are fast, late, pruned, forgetful, dead or
// dying have the same state after each epoch, which is that of the second model, no
// correct one is blamed, and when all nodes are well every payment comes to its end.
func TestBackendsDoNotReachTheState(t *testing.T) {
	house := transitiontest.NewHouse()
	rapid.Check(t, func(t *rapid.T) {
		c, choices := newCouncil(t, house), transitiontest.Drawn(t)
		c.keepers[1].node.SetLag(3)
		c.keepers[2].backend.keep, c.keepers[2].backend.forgetful = 2, true
		c.keepers[3].node.SetDown(true)
		for _, sats := range []int64{400_000, 300_000} {
			c.scene.World.Pay(0, sats)
		}
		c.scene.World.Chain.Mine(6)
		c.tick()
		c.settle()
		for _, p := range c.scene.Scribe(choices).Opening() {
			c.submit(p, 0)
		}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			c.trouble(choices)
			for range choices.Choose("transactions", 4) {
				c.submit(c.scene.Scribe(choices).Transaction(), choices.Choose("member", len(c.keepers)))
			}
			c.tick()
			c.settle()
			c.view(c.keepers[0], func(r storage.Reader) {
				if text := c.scene.World.Backed(r); text != "" {
					t.Fatal(text)
				}
			})
		}
		c.heal()
	})
}

// heal ends all trouble, and waits for the end of every payment.
func (c *council) heal() {
	c.scene.World.Chain.Forget() // whatever waits must be sent again
	for _, k := range c.keepers {
		k.node.SetDown(false)
		k.node.SetLag(0)
		k.backend.keep, k.backend.forgetful = 0, false
	}
	for range 4 {
		for range 12 {
			c.tick()
		}
		c.settle()
		c.scene.World.Chain.Mine(1 + transitiontest.Delay)
	}
	for range 2 {
		c.tick()
		c.settle()
	}
	if n := c.scene.Book.Pending(); n != 0 {
		c.t.Fatalf("%d payments have not come to their end", n)
	}
	if got, want := c.scene.Book.Height(), c.scene.World.Chain.Height()-transitiontest.Delay; got != want {
		c.t.Fatalf("agreed height %d, want %d", got, want)
	}
}
