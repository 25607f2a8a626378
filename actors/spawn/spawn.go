// Package spawn is the one place that makes actor.Props, and so the one place
// that decides how actors of this project run and what happens when they fail.
//
// A node makes one System per actor system and hands it to every actor that
// has children:
//
//	sys := spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: exit, Log: log})
//	root := as.Root.SpawnNamed(sys.RootProps(spawn.ExitAfter(1, backoff), newNode), "node")
//	…
//	ctx.SpawnNamed(sys.Props(spawn.Restart(backoff), newPeer), "peer-2")
//
// Nothing else may call actor.PropsFrom*, for five reasons:
//
//   - The simulator supplies its own mailbox and dispatcher (Config.Mailbox,
//     Config.Dispatcher). A single actor on the stock ones would make runs
//     irreproducible.
//   - Every actor carries its own Policy for failures, whoever its parent is.
//     The library's strategies belong to the parent, restart with no delay up
//     to ten times, read the wall clock, and some end the process.
//   - Every panic is logged with its stack, once, and goes on to the
//     supervisor. A panic while stopping or restarting is only logged: the
//     library would otherwise bring a stopped actor back. The next incarnation
//     is told which message was lost, see [Lost].
//   - A message to an actor that is just being made waits until it is. The
//     library would panic in the sender, and the actor would never run.
//   - Deliveries from a link are unwrapped, and their credit is given back when
//     the handler is done or has panicked.
package spawn

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Timer runs fn once, d from now, on a goroutine of its choice; cancel makes it
// not run if it has not begun. The clock package implements it with real time
// and the simulator with virtual time.
type Timer interface {
	After(d time.Duration, fn func()) (cancel func())
}

// Config is what a System needs from outside.
type Config struct {
	// Timer and Rand time the restarts; Rand only spreads them.
	Timer Timer
	Rand  io.Reader
	// Exit ends the process, or the simulated node, because child failed once
	// more than its policy allows. The child stays suspended if Exit returns.
	Exit func(child string, reason any)
	// Log gets panics with their stacks, and what was decided.
	Log *slog.Logger

	// Dispatcher and Mailbox replace the library's when they are set.
	Dispatcher actor.Dispatcher
	Mailbox    actor.MailboxProducer
	// Middleware runs around every message, inside the unwrapping of deliveries
	// and outside the actor. Optional.
	Middleware []actor.ReceiverMiddleware
	// Sending runs around every message that an actor sends. Optional.
	Sending []actor.SenderMiddleware
	// Observe is told of every failure after it was decided. Optional.
	Observe func(Failure)
}

// System makes Props for the actors of one actor system, and supervises them.
// Its methods may be called from any goroutine.
type System struct {
	cfg Config

	// mu guards children, the records in it, and Rand.
	mu       sync.Mutex
	children map[string]*record // by PID id
}

// New returns a System. It panics if Timer, Rand, Exit or Log is missing.
func New(cfg Config) *System {
	if cfg.Timer == nil || cfg.Rand == nil || cfg.Exit == nil || cfg.Log == nil {
		panic("spawn: a System needs Timer, Rand, Exit and Log")
	}
	return &System{cfg: cfg, children: make(map[string]*record)}
}

// Props are for an actor that an actor spawns. produce is called for the first
// incarnation and for each restart; it should hold handles only, so that state
// is loaded when Started arrives.
func (s *System) Props(p Policy, produce actor.Producer) *actor.Props {
	if p.then == 0 {
		panic("spawn: the zero Policy is not one; use Restart, StopOnly, RestartThenStop or ExitAfter")
	}
	opts := []actor.PropsOption{
		actor.WithOnInit(func(ctx actor.Context) { s.adopt(ctx, p) }),
		actor.WithReceiverMiddleware(s.receive),
		actor.WithReceiverMiddleware(s.cfg.Middleware...),
		actor.WithSupervisor(strategy{s}),
	}
	if len(s.cfg.Sending) > 0 {
		opts = append(opts, actor.WithSenderMiddleware(s.cfg.Sending...))
	}
	if s.cfg.Dispatcher != nil {
		opts = append(opts, actor.WithDispatcher(s.cfg.Dispatcher))
	}
	boxes := s.cfg.Mailbox
	if boxes == nil {
		boxes = actor.Unbounded()
	}
	opts = append(opts, actor.WithMailbox(gated(boxes)))
	return actor.PropsFromProducer(produce, opts...)
}

// RootProps are for an actor that has no parent, spawned by the actor system's
// root context.
func (s *System) RootProps(p Policy, produce actor.Producer) *actor.Props {
	return s.Props(p, produce).Configure(actor.WithGuardian(strategy{s}))
}
