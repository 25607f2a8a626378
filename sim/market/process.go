package market

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/spawn"
	"minimint/sim/disk"
	"minimint/sim/network"
	"minimint/sim/sched"
	"minimint/sim/workload"
	"minimint/storage"
)

// A Process is a program with a client, through all its starts: what is on its disk
// outlives it.
type Process struct {
	market      *Market
	name        string
	number      int // of its machine
	random      *rand.Rand
	ring        *keys.Ring
	disk        *disk.Disk
	incarnation uint64
	planned     bool // its disk was made to fail, and has

	// What follows is nil while it is down.
	machine *sched.Machine
	hub     *network.Hub
	system  *actor.ActorSystem
	spawn   *spawn.System
	clock   *actor.PID
	rand    io.Reader
	store   storage.Store
	client  *client.Client
	// begin is called at the end of every start.
	begin func() error
}

// revive is how long after its power failed in the middle of a write a process is
// started again.
const revive = time.Second

// newProcess makes a process whose client has joined the federation. It does not run.
func newProcess(m *Market, name string, number int) *Process {
	p := &Process{
		market: m, name: name, number: number, random: m.world.Loop().Rand("market/" + name),
		disk: disk.New(m.world.Loop().Rand("market/disk/" + name)), begin: func() error { return nil },
	}
	words, err := keys.NewWords(sched.Reader(p.random))
	if err == nil {
		store, _ := p.disk.Open(disk.Watch{})
		err = store.Update(func(tx storage.Tx) error {
			book.PutMembership(tx, &clientwire.Membership{Federation: m.world.Federation().Bytes(), Words: words})
			return nil
		})
	}
	if err != nil {
		panic(fmt.Sprintf("market: %s joins: %v", name, err))
	}
	p.ring = keys.NewRing(words, m.world.Federation().ID())
	return p
}

// Number is that of its machine, and its host in the network.
func (p *Process) Number() int { return p.number }

// Up reports whether it runs.
func (p *Process) Up() bool { return p.machine != nil }

// Start runs it, unless it runs.
func (p *Process) Start() {
	if p.Up() {
		return
	}
	w := p.market.world
	p.incarnation++
	p.planned = false
	p.machine = w.Loop().Machine(p.number)
	log := slog.New(slog.DiscardHandler)
	if p.market.cfg.Log != nil {
		log = p.market.cfg.Log(p.name)
	}
	p.rand = p.machine.Rand("market", p.incarnation)
	p.system = p.machine.System(log)
	p.spawn = spawn.New(spawn.Config{
		Timer: p.machine, Rand: p.rand, Log: log, Dispatcher: sched.Dispatcher(), Mailbox: p.machine.Mailbox,
		Observe: p.failed, Exit: func(child string, reason any) { p.violate("actor %s ends the process: %v", child, reason) },
	})
	p.clock = p.system.Root.Spawn(p.spawn.RootProps(spawn.Restart(spawn.Backoff{}), p.machine.Clock(0)))
	p.hub = w.Net().NewHub(network.HubConfig{Machine: p.machine}, remote.Config{
		System: p.system, Log: log, Rand: p.rand, Party: gate.Party{Federation: w.Federation().ID()},
	})
	p.store, _ = p.disk.Open(disk.Watch{Died: p.died})
	var err error
	p.client, err = client.Open(client.Config{
		System: p.system, Spawn: p.spawn, Clock: p.clock, Store: p.store, Connector: workload.NewConnector(p.hub, p.random), Rand: p.rand, Log: log,
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return w.Chain().Node(), nil },
	})
	if err == nil {
		err = p.begin()
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

func (p *Process) violate(format string, args ...any) {
	p.market.world.Violate("health", "%s: %s", p.name, fmt.Sprintf(format, args...))
}

// Kill ends it; all that was written is there at the next start, and others learn
// of it at once.
func (p *Process) Kill() { p.stop(true) }

// PowerFailure ends it, and others find out by themselves.
func (p *Process) PowerFailure() {
	if p.Up() {
		p.stop(false)
		p.disk.Crash()
	}
}

// FailDiskAt lets the power fail in the n-th change of its disk from now, n ≥ 1, right
// before or right after it.
func (p *Process) FailDiskAt(n int) {
	if p.Up() {
		p.disk.FailAt(n)
	}
}

// died is the end in the middle of a write. It starts again by itself.
func (p *Process) died() {
	p.planned = true
	p.stop(false)
	incarnation := p.incarnation
	p.market.world.After(revive, func() {
		if p.incarnation == incarnation {
			p.Start()
		}
	})
}

func (p *Process) stop(polite bool) {
	if !p.Up() {
		return
	}
	p.machine.Kill()
	p.hub.Vanish(polite)
	p.machine, p.hub, p.client = nil, nil, nil
}

// view reads what is on its disk, whether it runs or not.
func (p *Process) view(fn func(storage.Reader)) {
	snap, err := p.disk.Store().View()
	if err != nil {
		panic(fmt.Sprintf("market: store of %s: %v", p.name, err))
	}
	defer snap.Release()
	fn(snap)
}

// operations are all that its client ever did, the oldest first.
func (p *Process) operations() (ops []*client.Operation) {
	p.view(func(r storage.Reader) { ops = book.Operations(r) })
	return ops
}
