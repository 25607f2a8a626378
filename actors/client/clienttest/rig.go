package clienttest

import (
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	// Gateways are those that clients reach.
	Gateways *Gateways
	traps    traps

	beats atomic.Int64

	mu     sync.Mutex // guards what follows
	closed bool
	cancel func()
}

// Now is the time that the clock shows, always.
var Now = time.Unix(1_700_000_000, 0)

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
	r.Gateways = newGateways(r)
	r.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	r.spawn = spawn.New(spawn.Config{Timer: timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: log, Middleware: []actor.ReceiverMiddleware{passFence, r.traps.spring}})
	r.clock = r.system.Root.Spawn(r.spawn.RootProps(spawn.StopOnly(), func() actor.Actor { return &hurriedClock{behind: map[string]bool{}} }))
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
	r.beats.Add(1)
	r.system.Root.Send(r.clock, &timing.Tick{Now: Now})
	r.cancel = clock.Timer{}.After(hurry, r.beat)
}

// Beats is how often the clock was to tick so far.
func (r *Rig) Beats() int64 { return r.beats.Load() }

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
		System: r.system, Spawn: r.spawn, Clock: r.clock, Store: store, Connector: f.connector(r),
		Blocks:   func(*chaincfg.Params) (client.Blocks, error) { return f.Chain.Node(), nil },
		Gateways: r.Gateways, Rand: rand.Reader, Log: r.system.Logger(), Linger: 4000, // until all members have answered
	}
}

type timer struct{}

// After implements spawn.Timer, in a hurry too.
func (timer) After(d time.Duration, fn func()) func() { return clock.Timer{}.After(d/100, fn) }

// hurriedClock answers subscriptions as the clock actor does. However busy the machine
// is, time does not run away: it stands still while a member works on what it was
// asked, and who has not handled a tick gets no other one. Otherwise clients would give
// up links to members that are merely slow, and ask again what these are working on,
// faster than it can ever be done.
type hurriedClock struct {
	subscribers, members []*actor.PID
	// behind are those of them, by PID id, that have not come to their fence.
	behind map[string]bool
}

// What the clock is told beside the usual.
type (
	works  struct{ member *actor.PID } // it is a member's
	passed struct{ id string }         // a fence
)

// A fence is told to the clock when an actor comes to it, that is when it has handled
// all that it was sent before. The actor does not see it.
type fence struct{ clock *actor.PID }

func passFence(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		if f, ok := env.Message.(fence); ok {
			ctx.ActorSystem().Root.Send(f.clock, passed{ctx.Self().Id})
			return
		}
		next(ctx, env)
	}
}

// Receive implements actor.Actor.
func (c *hurriedClock) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *timing.Subscribe:
		c.forget(m.PID)
		c.subscribers = append(c.subscribers, m.PID)
		ctx.Watch(m.PID)
	case works:
		c.members = append(c.members, m.member)
		ctx.Watch(m.member)
	case passed:
		delete(c.behind, m.id)
	case *actor.Terminated:
		c.forget(m.Who)
	case *timing.Tick:
		c.tick(ctx, m)
	}
}

func (c *hurriedClock) forget(who *actor.PID) {
	is := func(pid *actor.PID) bool { return pid.Id == who.Id }
	c.subscribers, c.members = slices.DeleteFunc(c.subscribers, is), slices.DeleteFunc(c.members, is)
	delete(c.behind, who.Id)
}

func (c *hurriedClock) tick(ctx actor.Context, m *timing.Tick) {
	late := func(pid *actor.PID) bool { return c.behind[pid.Id] }
	if slices.ContainsFunc(c.members, late) {
		return
	}
	for _, pid := range c.subscribers {
		if !late(pid) {
			ctx.Send(pid, m)
			c.fence(ctx, pid)
		}
	}
	for _, pid := range c.members {
		c.fence(ctx, pid)
	}
}

func (c *hurriedClock) fence(ctx actor.Context, pid *actor.PID) {
	c.behind[pid.Id] = true
	ctx.Send(pid, fence{ctx.Self()})
}

// Wait waits for a few beats of the clock.
func (r *Rig) Wait() {
	for until := r.Beats() + 2; r.Beats() < until; {
		runtime.Gosched()
	}
}
