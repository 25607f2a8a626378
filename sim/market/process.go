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
	"minimint/actors/client/orders"
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
	disk        *disk.Disk // of the client
	more        *disk.Disk // of what else runs there, nil if nothing does
	incarnation uint64
	planned     bool             // its disk was made to fail, and has
	paid        map[uint64]int64 // satoshi that were paid to deposits' addresses, by operation

	// book are the operations when the disk had changed seen times, byName those with a
	// reference.
	seen   uint64
	book   []*client.Operation
	byName map[string]*client.Operation

	// What follows is nil while it is down.
	machine *sched.Machine
	hub     *network.Hub
	system  *actor.ActorSystem
	spawn   *spawn.System
	clock   *actor.PID
	rand    io.Reader
	log     *slog.Logger
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
		disk: disk.New(m.world.Loop().Rand("market/disk/" + name)), begin: func() error { return nil }, paid: map[uint64]int64{},
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
	p.log = slog.New(slog.DiscardHandler)
	if p.market.cfg.Log != nil {
		p.log = p.market.cfg.Log(p.name)
	}
	p.rand = p.machine.Rand("market", p.incarnation)
	p.system = p.machine.System(p.log)
	p.spawn = spawn.New(spawn.Config{
		Timer: p.machine, Rand: p.rand, Log: p.log, Dispatcher: sched.Dispatcher(), Mailbox: p.machine.Mailbox,
		Observe: p.failed, Exit: p.exited,
	})
	p.clock = p.system.Root.Spawn(p.spawn.RootProps(spawn.Restart(spawn.Backoff{}), p.machine.Clock(0)))
	p.hub = w.Net().NewHub(network.HubConfig{Machine: p.machine}, remote.Config{
		System: p.system, Log: p.log, Rand: p.rand, Party: gate.Party{Federation: w.Federation().ID()},
	})
	p.store, _ = p.disk.Open(disk.Watch{Died: p.died})
	var err error
	p.client, err = client.Open(client.Config{
		System: p.system, Spawn: p.spawn, Clock: p.clock, Store: p.store, Connector: workload.NewConnector(p.hub, p.random), Rand: p.rand, Log: p.log,
		Blocks:   func(*chaincfg.Params) (client.Blocks, error) { return w.Chain().Node(), nil },
		Gateways: links{p},
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

// exited is told that an actor ends the process.
func (p *Process) exited(child string, reason any) {
	if !p.planned {
		p.violate("actor %s ends the process: %v", child, reason)
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

// operations are all that its client ever did, the oldest first. Nobody may change
// them.
func (p *Process) operations() []*client.Operation {
	p.read()
	return p.book
}

// named is an operation by its reference, nil if there is none.
func (p *Process) named(reference string) *client.Operation {
	p.read()
	return p.byName[reference]
}

// read reads the operations, if the disk has changed since.
func (p *Process) read() {
	if p.byName != nil && p.seen == p.disk.Changes() {
		return
	}
	p.seen, p.byName = p.disk.Changes(), map[string]*client.Operation{}
	p.view(func(r storage.Reader) { p.book = book.Operations(r) })
	for _, op := range p.book {
		p.byName[op.GetReference()] = op
	}
}

// deposits pays to the addresses that its client has made and nobody has paid to.
func (p *Process) deposits(sats int64) {
	for _, op := range p.operations() {
		if _, ok := p.paid[op.GetId()]; op.GetKind() == clientwire.Kind_KIND_DEPOSIT && !ok {
			p.paid[op.GetId()] = sats/2 + p.random.Int64N(sats)
			p.market.pay(op.GetDeposit().GetAddress(), p.paid[op.GetId()])
		}
	}
}

// unfinished lists the operations that have no end yet, and deposits that have not come.
func (p *Process) unfinished() (list []string) {
	claimed := map[uint64]bool{}
	for _, op := range p.operations() {
		switch {
		case op.GetKind() == clientwire.Kind_KIND_CLAIM && op.GetState() == clientwire.State_STATE_DONE:
			claimed[op.GetParent()] = true
		case op.GetKind() != clientwire.Kind_KIND_DEPOSIT && op.GetState() == clientwire.State_STATE_PENDING:
			list = append(list, fmt.Sprintf("%s: %s %d: %s", p.name, op.GetKind(), op.GetId(), op.GetText()))
		}
	}
	for _, op := range p.operations() {
		if p.paid[op.GetId()] > 0 && !claimed[op.GetId()] {
			list = append(list, fmt.Sprintf("%s: deposit %d", p.name, op.GetId()))
		}
	}
	return list
}

// order gives an order to its client, if it runs.
func (p *Process) order(op *client.Operation) {
	if p.Up() {
		p.system.Root.Send(p.client.PID(), orders.Begin{Op: op})
	}
}
