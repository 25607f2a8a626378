// Package market is what people do with a simulated federation and its money: the
// clients that ship, on machines whose power fails, over links that break, with
// a bitcoin chain beside them.
//
//	w := world.New(world.Config{Nodes: 4, Seed: 7, Market: true, Watch: check.All()})
//	m := market.New(w, market.Config{People: 3, Gateways: 1})
//	w.Run(10 * time.Second)
//	m.Person(1).PowerFailure()
//	w.Run(time.Second)
//	w.Heal()
//	m.Heal()
//	w.Settle(3 * time.Minute)
//	fmt.Println(w.Violations())
//
// The mint, the wallet and the Lightning module are real, and so is the cryptography
// of notes and contracts; HBBFT may work with stubs. Package swarm draws such worlds from
// seeds, with what goes wrong.
//
// # Rules
//
// Whatever happens, when all is quiet:
//
//	books     what a person has is, to the millisatoshi, what its records say: what came
//	          in less what went out and what it cost
//	deposits  what a person paid to a deposit address has arrived, once
//	notes     the notes of all are worth what the mint owes
//	payments  who paid has the proof and somebody has the money; who was refunded has
//	          neither, and nobody was paid
//	gateways  have not lost anything, unless by their own fault
//	contracts no money is left in a contract, and it went where those who made the
//	          contract wanted, once
//
// Here are people, what they want of each other, and the rules. Package process has the
// programs that they use, package gateways what there is of Lightning.
package market

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"minimint/actors/consensus/transition"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages/canonical"
	"minimint/sim/market/gateways"
	"minimint/sim/market/process"
	"minimint/sim/world"
	"minimint/storage"
)

// Config says who is there. The zero value of what is optional is none of it.
type Config struct {
	People int
	Habits Habits
	// Gateways is how many there are; without one there is no Lightning. Twists make
	// some of them faulty, by number: nil is none.
	Gateways int
	Twists   []gateways.Twist
	// NodeTrouble is the share of calls to Lightning nodes that go wrong in one way or
	// another, Loss that of messages between clients and gateways that get lost.
	NodeTrouble, Loss float64
	// Blocks is the mean time between two bitcoin blocks; 0 is two seconds.
	Blocks time.Duration
	// Log makes the logger of a process; nil discards. Optional.
	Log func(name string) *slog.Logger
}

// String names what the configuration says, in a line.
func (c Config) String() string {
	text := fmt.Sprintf("%d people who want something every %v, blocks every %v", c.People, c.Habits.Pause, c.Blocks)
	if c.Gateways > 0 {
		text += fmt.Sprintf(", %d gateways, %.0f%% of calls to nodes and %.0f%% of messages to gateways go wrong", c.Gateways, 100*c.NodeTrouble, 100*c.Loss)
	}
	for i, t := range c.Twists {
		if t.Name != "" {
			text += fmt.Sprintf(", gateway %d %s", i, t.Name)
		}
	}
	return text
}

// Market is all people of a world.
type Market struct {
	cfg       Config
	world     *world.World
	random    *rand.Rand
	lightning *lightning.Module
	network   *gateways.Network
	people    []*Person
	bargains  []*bargain
	swindles  []*swindle
	resting   bool
	// waits is what was pending when it was looked at last, since when it was that.
	waits string
	since time.Duration
}

// first is the number of the market's first machine: those below are nodes and the
// world's own users.
const first = 1000

// last is how many blocks are mined after everything has come to its end: what was
// paid last is buried by them.
const last = 8

// idle is how long what is pending must not have changed so that it counts as waiting
// for heights, burst how many blocks come at once then.
// dawn is until when blocks come faster in the beginning, so that everybody has money.
const (
	dawn  = 5 * time.Second
	idle  = 15 * time.Second
	burst = 16
)

// New adds a market to a world that has Config.Market. All begin at once.
func New(w *world.World, cfg Config) *Market {
	if cfg.Blocks == 0 {
		cfg.Blocks = 2 * time.Second
	}
	m := &Market{cfg: cfg, world: w, random: w.Loop().Rand("market")}
	cfgOfModule, err := lightning.FromFederation(w.Federation())
	if err == nil {
		m.lightning, err = lightning.New(cfgOfModule)
	}
	if err != nil {
		panic(fmt.Sprintf("market: %v", err))
	}
	m.network = gateways.New(gateways.Config{
		World: w, Random: m.random, Module: m.lightning, Count: cfg.Gateways, First: first + cfg.People, Twists: cfg.Twists,
		Trouble: cfg.NodeTrouble, Loss: cfg.Loss, Log: cfg.Log,
	})
	for i := range cfg.People {
		m.people = append(m.people, newPerson(m, i, first+i))
	}
	w.Join(m)
	w.Observe(&auditor{market: m})
	for _, p := range m.Processes() {
		w.After(time.Duration(m.random.Int64N(int64(50*time.Millisecond))), p.Start)
	}
	m.mine(last)
	w.After(process.Look, m.look)
	return m
}

// Person returns one of the people.
func (m *Market) Person(number int) *Person { return m.people[number] }

// Processes are all programs of the market.
func (m *Market) Processes() []*process.Process {
	var out []*process.Process
	for _, x := range m.people {
		out = append(out, x.Process)
	}
	for _, g := range m.network.Gateways {
		out = append(out, g.Process)
	}
	return out
}

// Nodes are the Lightning nodes of gateways.
func (m *Market) Nodes() []*fake.Node {
	var out []*fake.Node
	for _, g := range m.network.Gateways {
		out = append(out, g.Node)
	}
	return out
}

func (m *Market) others(x *Person) []*Person {
	return slices.DeleteFunc(slices.Clone(m.people), func(y *Person) bool { return x == y })
}

// Heal starts what is down.
func (m *Market) Heal() {
	for _, g := range m.network.Gateways {
		g.Node.Start()
	}
	for _, p := range m.Processes() {
		p.Start()
	}
}

// Rest implements world.Crowd.
func (m *Market) Rest() {
	m.resting = true
	for _, x := range m.people {
		x.resting = true
	}
	m.network.Rest()
	m.Heal()
}

// look has those who have a bargain do what is due, and comes back.
func (m *Market) look() {
	for _, b := range m.bargains {
		b.look()
	}
	for _, s := range m.swindles {
		s.look()
	}
	m.network.Hurry(m.height())
	m.world.After(process.Look, m.look)
}

// pending lists what has no end yet.
func (m *Market) pending() (list []string) {
	for _, x := range m.people {
		list = append(list, x.pending()...)
	}
	for _, s := range m.swindles {
		if text := s.pending(); text != "" {
			list = append(list, fmt.Sprintf("swindle %d (%s) %s", s.number, s.trick, text))
		}
	}
	for _, g := range m.network.Gateways {
		list = append(list, g.Unfinished()...)
	}
	list = append(list, m.network.Pending()...)
	for _, b := range m.bargains {
		if text := b.pending(); text != "" {
			list = append(list, fmt.Sprintf("bargain %d (%s) %s", b.number, b.plan, text))
		}
	}
	return list
}

// Pending implements world.Crowd.
func (m *Market) Pending() int { return len(m.pending()) }

// Waits implements world.Crowd.
func (m *Market) Waits() string { return "\n    " + strings.Join(m.pending(), "\n    ") }

// Listed reports whether all gateways are listed in the federation.
func (m *Market) Listed() bool {
	raw, err := m.query("gateways", nil)
	if err != nil {
		return false
	}
	_, list, err := lightning.ReadGateways(m.world.Federation().ID(), raw)
	return err == nil && len(list) == len(m.network.Gateways)
}

// state is that of the honest member that is ahead; it must be released.
func (m *Market) state() storage.Snapshot {
	var best *world.Node
	for i := range m.world.Nodes() {
		if x := m.world.Node(i); x.Honest() && (best == nil || x.Next() > best.Next()) {
			best = x
		}
	}
	snap, err := best.Store().View()
	if err != nil {
		panic(fmt.Sprintf("market: state: %v", err))
	}
	return snap
}

// height is the agreed one.
func (m *Market) height() uint32 {
	snap := m.state()
	defer snap.Release()
	if raw := transition.Fact(snap, contract.FactHeight); raw != nil {
		return binary.BigEndian.Uint32(raw)
	}
	return 0
}

// query puts a question of the Lightning module to the state.
func (m *Market) query(method string, body []byte) ([]byte, error) {
	snap := m.state()
	defer snap.Release()
	return m.lightning.Query(storage.ScopedReader(snap, transition.ModuleScope(lightning.Kind)), method, body)
}

// contract is what the federation says of a contract.
func (m *Market) contract(id terms.ID) (lightning.Status, bool) {
	raw, err := m.query("contract", canonical.Marshal(&lightningwire.ContractRequest{Id: id[:]}))
	if err != nil {
		return lightning.Status{}, false
	}
	status, err := lightning.ReadStatus(m.world.Federation().ID(), id, raw)
	if err != nil {
		panic(fmt.Sprintf("market: state: %v", err))
	}
	return status, true
}

// mine adds a block, and comes back until all is over and rest more are mined. When what
// is pending has not changed for long, it waits for some height, and blocks come faster.
func (m *Market) mine(rest int) {
	pause := m.cfg.Blocks
	if m.resting || m.world.Now() < dawn {
		pause /= 4
	}
	m.world.After(time.Duration(m.random.ExpFloat64()*float64(pause)), func() {
		blocks := 1
		if m.resting {
			if now := strings.Join(m.pending(), "\n"); now != m.waits {
				m.waits, m.since = now, m.world.Now()
			}
			switch {
			case m.waits == "":
				rest--
			case m.world.Chain().Height() > m.height()+burst: // members agree on a few at a time
				blocks = 0
			case m.world.Now()-m.since > idle:
				blocks = burst
			}
		}
		m.world.Chain().Mine(blocks)
		m.network.Mine(uint32(blocks))
		m.network.Hurry(m.height())
		if rest > 0 {
			m.mine(rest)
		}
	})
}
