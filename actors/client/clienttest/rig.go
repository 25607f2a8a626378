package clienttest

import (
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/clock"
	"minimint/actors/spawn"
	"minimint/messages/timing"
	"minimint/storage"
)

// A Rig is an actor system for clients, with a clock that is in a hurry.
type Rig struct {
	system *actor.ActorSystem
	spawn  *spawn.System
	clock  *actor.PID

	mu     sync.Mutex // guards what follows
	closed bool
	cancel func()
}

// hurry is how long a tick takes, whatever its subscriber asked for.
const hurry = 5 * time.Millisecond

// NewRig starts one. With MINIMINT_TEST_LOG set it logs to standard error.
func NewRig() *Rig {
	out := io.Discard
	if os.Getenv("MINIMINT_TEST_LOG") != "" {
		out = os.Stderr
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	r := &Rig{}
	r.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	r.spawn = spawn.New(spawn.Config{Timer: timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: log})
	r.clock = r.system.Root.Spawn(r.spawn.RootProps(spawn.StopOnly(), func() actor.Actor { return &hurriedClock{subscribers: map[string]*actor.PID{}} }))
	r.beat()
	return r
}

// beat ticks, and comes back until the rig is closed.
func (r *Rig) beat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.system.Root.Send(r.clock, &timing.Tick{Now: time.Unix(1_700_000_000, 0)})
	r.cancel = clock.Timer{}.After(hurry, r.beat)
}

// Close stops the clock and the system.
func (r *Rig) Close() {
	r.mu.Lock()
	r.closed = true
	r.cancel()
	r.mu.Unlock()
	r.system.Shutdown()
}

// Config is for a client of f with a store.
func (r *Rig) Config(f *Federation, store storage.Store) client.Config {
	return client.Config{
		System: r.system, Spawn: r.spawn, Clock: r.clock, Store: store, Connector: f.Connector(r.system, r.spawn),
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return f.Chain.Node(), nil },
		Rand:   rand.Reader, Log: r.system.Logger(), Linger: 4000, // until all members have answered
	}
}

type timer struct{}

// After implements spawn.Timer, in a hurry too.
func (timer) After(d time.Duration, fn func()) func() { return clock.Timer{}.After(d/100, fn) }

// hurriedClock answers subscriptions as the clock actor does.
type hurriedClock struct {
	subscribers map[string]*actor.PID
	order       []string
}

// Receive implements actor.Actor.
func (c *hurriedClock) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *timing.Subscribe:
		if c.subscribers[m.PID.Id] == nil {
			c.order = append(c.order, m.PID.Id)
			ctx.Watch(m.PID)
		}
		c.subscribers[m.PID.Id] = m.PID
	case *actor.Terminated:
		delete(c.subscribers, m.Who.Id)
	case *timing.Tick:
		for _, id := range c.order {
			if pid := c.subscribers[id]; pid != nil {
				ctx.Send(pid, m)
			}
		}
	}
}
