// Package world is a federation as a value: the shipped nodes, wired by
// actors/node, with a network, disks, a bitcoin chain and users, in one
// goroutine and in virtual time.
//
//	w := world.New(world.Config{Nodes: 4, Seed: 42, Load: world.Load{Users: 8}, Watch: check.All()})
//	w.Run(10 * time.Second)
//	w.Node(2).PowerFailure()
//	w.Net().Partition([]int{0, 1}, []int{2, 3})
//	w.Run(5 * time.Second)
//	w.Heal()
//	w.Settle(time.Minute)
//	fmt.Println(w.Violations())
//
// The same configuration gives the same run, line by line of its trace. Methods
// that change the world are called between steps or from [World.After].
package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/fake"
	"minimint/actors/module/lightning"
	"minimint/actors/node/nodetest"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/transaction"
	"minimint/sim/disk"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/stub"
	"minimint/sim/workload"
)

// World is a federation and what is around it.
type World struct {
	cfg        Config
	loop       *sched.Loop
	net        *network.Net
	chain      *fake.Chain
	federation nodetest.Federation
	dealer     *stub.Dealer
	nodes      []*Node
	users      []*workload.User
	wallets    []*workload.Wallet
	crowds     []Crowd
	resting    bool
	observers  []Observer
	violations []Violation
	random     *rand.Rand
}

// maxWallet is how many members a federation with bitcoin may have.
const maxWallet = 20

// New makes a world whose nodes are about to start.
func New(cfg Config) *World {
	w := &World{cfg: cfg, chain: fake.New(&chaincfg.SimNetParams), federation: deal(cfg)}
	w.loop = sched.New(sched.Config{Seed: cfg.Seed, Pick: cfg.Pick, Trace: cfg.Trace})
	w.random = w.loop.Rand("world")
	w.net = network.New(w.loop, cfg.Network)
	w.dealer = stub.New(w.loop.Machine(0).Rand("dealer", 0), cfg.Nodes)
	for _, watch := range cfg.Watch {
		w.observers = append(w.observers, watch(w))
	}
	w.chain.Mine(10)
	for i := range cfg.Nodes {
		m := &Node{world: w, number: i, disk: disk.New(w.loop.Rand(fmt.Sprintf("disk/%d", i))), sealed: map[messages.Epoch][]messages.Digest{}}
		if _, ok := w.federation.Config.Module("wallet"); ok {
			m.bitcoin = w.chain.Node()
		}
		if cfg.Skew > 0 {
			m.skew = time.Duration(w.random.Int64N(2*int64(cfg.Skew))) - cfg.Skew
		}
		w.nodes = append(w.nodes, m)
	}
	for _, f := range cfg.Faulty {
		w.nodes[f.Peer].faulty = &f
	}
	for _, m := range w.nodes {
		w.loop.After(time.Duration(w.random.Int64N(int64(50*time.Millisecond))), m.Restart)
	}
	w.populate(cfg.Load)
	return w
}

// populate makes those who use the federation.
func (w *World) populate(load Load) {
	for i := range load.Users {
		w.users = append(w.users, newUser(w, i))
	}
	if load.Wallets > 0 {
		w.wallets = workload.NewWallets(load.Wallets, workload.WalletConfig{
			Number: w.cfg.Nodes + load.Users, Loop: w.loop, Net: w.net, Federation: w.federation.Config, Chain: w.chain, Habits: load.Habits,
			Failed: func(f spawn.Failure) {
				for _, o := range w.observers {
					o.Failed(Failure{Node: -1, Actor: f.Child, Reason: f.Reason, Decision: f.Decision})
				}
			},
		})
	}
	if load.Blocks > 0 {
		mine(w)
	}
}

// dealt are federations by size and kind, since dealing takes long.
var dealt = struct {
	sync.Mutex
	by map[dealing]nodetest.Federation
}{by: map[dealing]nodetest.Federation{}}

// tiers are the mint's: few, so that nodes start fast, and enough for every sum.
var tiers = []uint32{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24}

type dealing struct {
	nodes        int
	real, market bool
}

// fees of the Lightning module: no two alike, so that a sum shows which were paid.
var fees = lightning.Fees{Contract: 1 << 10, Claim: 1 << 8, Offer: 3 << 10, Listing: 5 << 10}

func deal(cfg Config) nodetest.Federation {
	dealt.Lock()
	defer dealt.Unlock()
	key := dealing{cfg.Nodes, cfg.Real, cfg.Market}
	f, ok := dealt.by[key]
	if !ok {
		addresses := make([]string, cfg.Nodes)
		for i := range addresses {
			addresses[i] = fmt.Sprintf("node%d:1", i)
		}
		terms := nodetest.Terms{
			Tiers: tiers, Hollow: !cfg.Real && !cfg.Market, NoWallet: cfg.Nodes > maxWallet, More: []federation.Module{workload.Part()},
		}
		if cfg.Market {
			terms.More = append(terms.More, federation.Module{
				Kind: lightning.Kind, Genesis: lightning.Genesis(), Terms: lightning.Config{Fees: fees}.Terms(),
			})
		}
		f = nodetest.New(rand.NewChaCha8([32]byte{byte(cfg.Nodes)}), terms, addresses...)
		dealt.by[key] = f
	}
	return f
}

func newUser(w *World, i int) *workload.User {
	return workload.NewUser(workload.UserConfig{
		Machine: w.loop.Machine(w.cfg.Nodes + i), Net: w.net, Federation: w.federation.Config, Habits: w.cfg.Load.Habits,
		Watch: workload.Watch{
			Acknowledged: func(node messages.PeerID, tx *transaction.Transaction) {
				for _, o := range w.observers {
					o.Acknowledged(Promise{Node: int(node), Tx: tx})
				}
			},
			Decided: func(node messages.PeerID, tx *transaction.Transaction, accepted bool) {
				for _, o := range w.observers {
					o.Decided(Decision{Promise: Promise{Node: int(node), Tx: tx}, Accepted: accepted})
				}
			},
		},
	})
}

// last is how many blocks are mined after the load has ended: what was paid to
// the federation before is buried by them.
const last = 8

// mine adds a block, and comes back.
func mine(w *World) {
	rest := last
	var again func()
	again = func() {
		w.chain.Mine(1)
		if w.resting {
			rest--
		}
		if rest > 0 {
			w.loop.After(time.Duration(w.random.ExpFloat64()*float64(w.cfg.Load.Blocks)), again)
		}
	}
	w.loop.After(time.Duration(w.random.ExpFloat64()*float64(w.cfg.Load.Blocks)), again)
}

// Nodes returns how many nodes there are.
func (w *World) Nodes() int { return w.cfg.Nodes }

// Node returns one of them.
func (w *World) Node(number int) *Node { return w.nodes[number] }

// Now returns how much virtual time has passed.
func (w *World) Now() time.Duration { return w.loop.Now() }

// After calls fn later.
func (w *World) After(d time.Duration, fn func()) { w.loop.After(d, fn) }

// Rand returns randomness of the seed for one purpose.
func (w *World) Rand(purpose string) *rand.Rand { return w.loop.Rand("caller/" + purpose) }

// Loop returns what runs the world.
func (w *World) Loop() *sched.Loop { return w.loop }

// Net returns the network.
func (w *World) Net() *network.Net { return w.net }

// Chain returns the bitcoin chain.
func (w *World) Chain() *fake.Chain { return w.chain }

// Federation returns the public configuration.
func (w *World) Federation() *federation.Config { return w.federation.Config }

// Run lets time pass.
func (w *World) Run(d time.Duration) { w.loop.Run(w.loop.Now() + d) }

// RunUntil lets time pass until a condition holds, looked at every 10 ms, and at
// most for limit. It reports whether it held.
func (w *World) RunUntil(limit time.Duration, holds func() bool) bool {
	for end := w.loop.Now() + limit; w.loop.Now() < end; {
		if holds() {
			return true
		}
		w.Run(10 * time.Millisecond)
	}
	return holds()
}

// Heal ends all partitions and starts what is down.
func (w *World) Heal() {
	w.net.Heal()
	for _, m := range w.nodes {
		m.Restart()
	}
}

// Rest has users make no more transactions, and ends mining after a while.
func (w *World) Rest() {
	for _, u := range w.users {
		u.Stop()
	}
	for _, u := range w.wallets {
		u.Stop()
		u.Start()
	}
	for _, c := range w.crowds {
		c.Rest()
	}
	w.resting = true
}

// still is how long nothing may be committed before a world counts as quiet. It is
// more than the longest pause after which somebody tries again.
const still = 5 * time.Second

// Settle ends the load and runs until every user has an answer to everything, and
// all honest nodes are at the same epoch, stay there, and wait for nobody; then observers
// are told that it is quiet. A link that could not be opened for long is tried again after up
// to half a minute. When users have their answers, nodes that somebody else controls
// are ended: one that has something to propose may begin an epoch every second, for
// ever. It reports false if that takes longer than limit, and says in
// a violation of "liveness" what was missing.
func (w *World) Settle(limit time.Duration) bool {
	w.Rest()
	end := w.loop.Now() + limit
	since, at := w.loop.Now(), messages.Epoch(0)
	for w.loop.Now() < end {
		w.Run(100 * time.Millisecond)
		next := w.positions()
		if w.Pending() == 0 {
			w.silence()
		}
		if slices.Min(next) != slices.Max(next) || next[0] != at || w.Pending() > 0 || w.stalls() != "" {
			since, at = w.loop.Now(), next[0]
		}
		if w.loop.Now()-since >= still {
			for _, o := range w.observers {
				o.Quiet()
			}
			return true
		}
	}
	w.Violate("liveness", "after %v: %d transactions without an answer, next epochs %v%s%s", limit, w.Pending(), w.positions(), w.stalls(), w.waits())
	return false
}

// stalls is what honest nodes say of why they do not go on.
func (w *World) stalls() string {
	var b strings.Builder
	for i, m := range w.nodes {
		if m.Honest() && m.stall.For != 0 {
			fmt.Fprintf(&b, "; node %d: %s", i, m.stall.Text)
		}
	}
	return b.String()
}

// waits is what crowds wait for.
func (w *World) waits() (text string) {
	for _, c := range w.crowds {
		text += c.Waits()
	}
	return text
}

// silence ends the nodes that somebody else controls.
func (w *World) silence() {
	for _, m := range w.nodes {
		if m.faulty != nil && (m.faulty.Adversary != nil || m.faulty.Process != nil) {
			m.Kill()
		}
	}
}

// Pending counts the transactions whose users have no answer.
func (w *World) Pending() int {
	n := 0
	for _, u := range w.users {
		n += u.Pending()
	}
	for _, u := range w.wallets {
		n += u.Pending()
	}
	for _, c := range w.crowds {
		n += c.Pending()
	}
	return n
}

// A Crowd is who else uses the federation, beside those that the load says.
type Crowd interface {
	// Rest has it begin nothing new, and do what it takes to end what it has begun.
	Rest()
	// Pending counts what has no end yet.
	Pending() int
	// Waits says for people what that is, if anything.
	Waits() string
}

// Join adds a crowd: the world is not quiet before it is.
func (w *World) Join(c Crowd) { w.crowds = append(w.crowds, c) }

// Observe adds an observer of all that happens from now on.
func (w *World) Observe(o Observer) { w.observers = append(w.observers, o) }

// Wallets returns the people with clients.
func (w *World) Wallets() []*workload.Wallet { return w.wallets }

// positions returns where the honest nodes are.
func (w *World) positions() []messages.Epoch {
	var out []messages.Epoch
	for _, m := range w.nodes {
		if m.Honest() {
			out = append(out, m.next)
		}
	}
	return out
}
