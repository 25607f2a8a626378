// Package market is what people do with a simulated federation and its money: the
// clients that ship, on machines whose power fails, over links that break, with
// a bitcoin chain beside them.
//
//	w := world.New(world.Config{Nodes: 4, Seed: 7, Market: true, Watch: check.All()})
//	m := market.New(w, market.Config{People: 3})
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
//	contracts no money is left in a contract, and it went where those who made the
//	          contract wanted, once
package market

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages/canonical"
	"minimint/sim/world"
	"minimint/storage"
)

// Config says who is there. The zero value of what is optional is none of it.
type Config struct {
	People int
	Habits Habits
	// Blocks is the mean time between two bitcoin blocks; 0 is two seconds.
	Blocks time.Duration
	// Log makes the logger of a process; nil discards. Optional.
	Log func(name string) *slog.Logger
}

// String names what the configuration says, in a line.
func (c Config) String() string {
	return fmt.Sprintf("%d people who want something every %v, blocks every %v", c.People, c.Habits.Pause, c.Blocks)
}

// Market is all people of a world.
type Market struct {
	cfg       Config
	world     *world.World
	random    *rand.Rand
	lightning *lightning.Module
	people    []*Person
	bargains  []*bargain
	resting   bool
}

// first is the number of the market's first machine: those below are nodes and the
// world's own users.
const first = 1000

// last is how many blocks are mined after everything has come to its end: what was
// paid last is buried by them.
const last = 8

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
	for i := range cfg.People {
		m.people = append(m.people, newPerson(m, i, first+i))
	}
	w.Join(m)
	w.Observe(&auditor{market: m})
	for _, p := range m.Processes() {
		w.After(time.Duration(m.random.Int64N(int64(50*time.Millisecond))), p.Start)
	}
	m.mine(last)
	w.After(look, m.look)
	return m
}

// Person returns one of the people.
func (m *Market) Person(number int) *Person { return m.people[number] }

// Processes are all programs of the market.
func (m *Market) Processes() []*Process {
	var out []*Process
	for _, x := range m.people {
		out = append(out, x.Process)
	}
	return out
}

func (m *Market) others(x *Person) []*Person {
	return slices.DeleteFunc(slices.Clone(m.people), func(y *Person) bool { return x == y })
}

// Heal starts what is down.
func (m *Market) Heal() {
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
	m.Heal()
}

// look has those who have a bargain do what is due, and comes back.
func (m *Market) look() {
	for _, b := range m.bargains {
		b.look()
	}
	m.world.After(look, m.look)
}

// pending lists what has no end yet.
func (m *Market) pending() (list []string) {
	for _, x := range m.people {
		list = append(list, x.pending()...)
	}
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

// contract is what the state of the honest member that is ahead says of a contract.
func (m *Market) contract(id terms.ID) (lightning.Status, bool) {
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
	defer snap.Release()
	request := canonical.Marshal(&lightningwire.ContractRequest{Id: id[:]})
	raw, err := m.lightning.Query(storage.ScopedReader(snap, transition.ModuleScope(lightning.Kind)), "contract", request)
	if err != nil {
		return lightning.Status{}, false
	}
	status, err := lightning.ReadStatus(m.world.Federation().ID(), id, raw)
	if err != nil {
		panic(fmt.Sprintf("market: state: %v", err))
	}
	return status, true
}

// mine adds a block, and comes back until all is over and rest more are mined.
func (m *Market) mine(rest int) {
	pause := m.cfg.Blocks
	if m.resting {
		pause /= 4
	}
	m.world.After(time.Duration(m.random.ExpFloat64()*float64(pause)), func() {
		m.world.Chain().Mine(1)
		if m.resting && m.Pending() == 0 {
			rest--
		}
		if rest > 0 {
			m.mine(rest)
		}
	})
}

// pay sends bitcoin to an address.
func (m *Market) pay(text string, sats int64) {
	to, err := btcutil.DecodeAddress(text, &chaincfg.SimNetParams)
	if err != nil {
		panic(fmt.Sprintf("market: address %q: %v", text, err))
	}
	script, err := txscript.PayToAddrScript(to)
	if err != nil {
		panic(fmt.Sprintf("market: address %q: %v", text, err))
	}
	m.world.Chain().Pay(script, sats)
}

// String says what there is, and what was done.
func (m *Market) String() (text string) {
	for _, p := range m.Processes() {
		sure, doubtful := p.holdings()
		text += fmt.Sprintf("%s: %d msat, and %d that may be spent\n%s", p.name, sure, doubtful, p.ledger())
	}
	for _, b := range m.bargains {
		status, _ := m.contract(b.id)
		text += fmt.Sprintf("bargain %d (%s): %s\n", b.number, b.plan, status.State)
	}
	return text
}
