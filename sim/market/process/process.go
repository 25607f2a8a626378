// Package process is a program with a client on a simulated machine: it starts, ends and
// loses its power, and what is on its disk outlives it.
//
//	p := process.New(process.Config{World: w, Name: "person 0", Number: 1000})
//	p.Begin = func() error { p.Machine.After(time.Second, wish); return nil }
//	p.Start()
//	p.PowerFailure()
//	for _, op := range p.Operations() { … }
//
// What a client did is read from its disk ([Records]), and never asked of it.
package process

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/sim/disk"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/workload"
	"minimint/sim/world"
	"minimint/storage"
)

// A Process is a program with a client, through all its starts.
type Process struct {
	Records
	Running
	// Number is that of its machine, and its host in the network.
	Number int
	Random *rand.Rand
	Ring   *keys.Ring
	// Begin is called at the end of every start. Optional.
	Begin func() error
	// Incarnation counts the starts.
	Incarnation uint64

	cfg     Config
	more    *disk.Disk // of what else runs there, nil if nothing does
	planned bool       // its disk was made to fail, and has
}

// Running is what there is of a process while it is up.
type Running struct {
	// Machine and Client are nil while it is down.
	Machine *sched.Machine
	Client  *client.Client
	System  *actor.ActorSystem
	Spawn   *spawn.System
	Clock   *actor.PID
	Log     *slog.Logger

	hub *network.Hub
}

// Config says what a process is. All but Log, Gateways and Second is required.
type Config struct {
	World  *world.World
	Name   string
	Number int // of its machine
	// Log makes its logger; nil discards.
	Log func(name string) *slog.Logger
	// Gateways is how its client reaches gateways; nil if it knows none.
	Gateways func(*Process) client.Gateways
	// Second says that it has a second disk.
	Second bool
}

// Look is how often people and gateways look at what has happened.
const Look = 500 * time.Millisecond

// revive is how long after its power failed in the middle of a write a process is
// started again.
const revive = time.Second

// New makes a process whose client has joined the federation. It does not run.
func New(cfg Config) *Process {
	loop := cfg.World.Loop()
	p := &Process{
		Records: Records{Name: cfg.Name, Paid: map[uint64]int64{}, disk: disk.New(loop.Rand("market/disk/" + cfg.Name))},
		Number:  cfg.Number, Random: loop.Rand("market/" + cfg.Name), Begin: func() error { return nil }, cfg: cfg,
	}
	if cfg.Second {
		p.more = disk.New(loop.Rand("market/ledger/" + cfg.Name))
	}
	words, err := keys.NewWords(sched.Reader(p.Random))
	if err != nil {
		panic(fmt.Sprintf("process: %s joins: %v", cfg.Name, err))
	}
	federation := cfg.World.Federation()
	p.Write(func(tx storage.Tx) {
		book.PutMembership(tx, &clientwire.Membership{Federation: federation.Bytes(), Words: words})
	})
	p.Ring = keys.NewRing(words, federation.ID())
	return p
}

// Up reports whether it runs.
func (p *Process) Up() bool { return p.Machine != nil }

// Start runs it, unless it runs.
func (p *Process) Start() {
	if p.Up() {
		return
	}
	w := p.cfg.World
	p.Incarnation++
	p.planned = false
	p.Machine = w.Loop().Machine(p.Number)
	p.Log = slog.New(slog.DiscardHandler)
	if p.cfg.Log != nil {
		p.Log = p.cfg.Log(p.Name)
	}
	random := p.Machine.Rand("market", p.Incarnation)
	p.System = p.Machine.System(p.Log)
	p.Spawn = spawn.New(spawn.Config{
		Timer: p.Machine, Rand: random, Log: p.Log, Dispatcher: sched.Dispatcher(), Mailbox: p.Machine.Mailbox,
		Observe: p.failed, Exit: p.exited,
	})
	p.Clock = p.System.Root.Spawn(p.Spawn.RootProps(spawn.Restart(spawn.Backoff{}), p.Machine.Clock(0)))
	p.hub = w.Net().NewHub(network.HubConfig{Machine: p.Machine}, remote.Config{
		System: p.System, Log: p.Log, Rand: random, Party: gate.Party{Federation: w.Federation().ID()},
	})
	store, _ := p.disk.Open(disk.Watch{Died: p.died})
	var gateways client.Gateways
	if p.cfg.Gateways != nil {
		gateways = p.cfg.Gateways(p)
	}
	var err error
	p.Client, err = client.Open(client.Config{
		System: p.System, Spawn: p.Spawn, Clock: p.Clock, Store: store, Connector: workload.NewConnector(p.hub, p.Random), Rand: random, Log: p.Log,
		Blocks:   func(*chaincfg.Params) (client.Blocks, error) { return w.Chain().Node(), nil },
		Gateways: gateways,
	})
	if err == nil {
		err = p.Begin()
	}
	if err != nil {
		p.violate("does not start: %v", err)
	}
}

// failed is told of a panic of one of its actors.
func (p *Process) failed(f spawn.Failure) {
	if !p.planned {
		p.violate("actor %s: %v (%s)", f.Child, f.Reason, f.Decision)
	}
}

// exited is told that an actor ends the process.
func (p *Process) exited(child string, reason any) {
	if !p.planned {
		p.violate("actor %s ends the process: %v", child, reason)
	}
}

func (p *Process) violate(format string, args ...any) {
	p.cfg.World.Violate("health", "%s: %s", p.Name, fmt.Sprintf(format, args...))
}

// Kill ends it; all that was written is there at the next start, and others learn
// of it at once.
func (p *Process) Kill() { p.stop(true) }

// PowerFailure ends it, and others find out by themselves.
func (p *Process) PowerFailure() {
	if p.Up() {
		p.stop(false)
		p.crash()
	}
}

// crash takes what was not synced from all disks.
func (p *Process) crash() {
	p.disk.Crash()
	if p.more != nil {
		p.more.Crash()
	}
}

// FailDiskAt lets the power fail in a change of one of its disks, about the n-th from now,
// n ≥ 1, right before or right after it.
func (p *Process) FailDiskAt(n int) {
	switch {
	case !p.Up():
	case p.more != nil && n%2 == 0:
		p.more.FailAt(1 + n/2)
	default:
		p.disk.FailAt(n)
	}
}

// died is the end in the middle of a write. It starts again by itself.
func (p *Process) died() {
	p.planned = true
	p.stop(false)
	p.crash()
	incarnation := p.Incarnation
	p.cfg.World.After(revive, func() {
		if p.Incarnation == incarnation {
			p.Start()
		}
	})
}

func (p *Process) stop(polite bool) {
	if !p.Up() {
		return
	}
	p.Machine.Kill()
	p.hub.Vanish(polite)
	p.Machine, p.hub, p.Client = nil, nil, nil
}

// PayDeposits pays to the addresses that its client has made and nobody has paid to.
func (p *Process) PayDeposits(sats int64) {
	for _, op := range p.Operations() {
		if _, ok := p.Paid[op.GetId()]; op.GetKind() == clientwire.Kind_KIND_DEPOSIT && !ok {
			p.Paid[op.GetId()] = sats/2 + p.Random.Int64N(sats)
			p.cfg.World.Chain().PayTo(op.GetDeposit().GetAddress(), p.Paid[op.GetId()])
		}
	}
}

// Second opens the second disk for what runs there besides the client.
func (p *Process) Second() storage.Store {
	store, _ := p.more.Open(disk.Watch{Died: p.died})
	return store
}

// Order gives an order to its client, if it runs.
func (p *Process) Order(op *client.Operation) {
	if p.Up() {
		p.System.Root.Send(p.Client.PID(), orders.Begin{Op: op})
	}
}

// Over is a context that is over: a call hands its request in and does not wait.
// What comes of it is in the store.
func Over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
