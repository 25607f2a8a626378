package consensustest

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
)

// A Stage is an actor system that runs in its caller's goroutine: when Send
// returns, every message that followed from the first has been handled. Time
// passes only in Pass. So tests wait for nothing, and can say what does not
// happen.
type Stage struct {
	System *actor.ActorSystem
	// Exits are the actors whose supervisor ended the process, with the reasons.
	Exits []string
	// Log is what actors logged.
	Log   bytes.Buffer
	spawn *spawn.System
	now   time.Duration
	due   []*alarm
	names int // so far
}

type alarm struct {
	at time.Duration
	fn func()
}

// NewStage returns an empty stage.
func NewStage() *Stage {
	s := &Stage{}
	log := slog.New(slog.NewTextHandler(&s.Log, nil))
	s.System = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	s.spawn = spawn.New(spawn.Config{
		Timer: s, Rand: zeros{}, Log: log, Dispatcher: actor.NewSynchronizedDispatcher(1 << 20),
		Exit: func(child string, reason any) { s.Exits = append(s.Exits, fmt.Sprintf("%s: %v", child, reason)) },
	})
	return s
}

// Close ends the actor system.
func (s *Stage) Close() { s.System.Shutdown() }

// Policy is how a node supervises what holds consensus state: one restart.
var Policy = spawn.ExitAfter(2, spawn.Backoff{Min: time.Second, Max: time.Second})

// Spawn starts an actor under a policy.
func (s *Stage) Spawn(policy spawn.Policy, produce actor.Producer) *actor.PID {
	s.names++
	return s.SpawnNamed(fmt.Sprintf("actor-%d", s.names), policy, produce)
}

// SpawnNamed starts an actor whose PID the caller may have handed out already.
func (s *Stage) SpawnNamed(name string, policy spawn.Policy, produce actor.Producer) *actor.PID {
	pid, err := s.System.Root.SpawnNamed(s.spawn.RootProps(policy, produce), name)
	if err != nil {
		panic("consensustest: " + err.Error())
	}
	return pid
}

// Stop stops an actor and waits for its end.
func (s *Stage) Stop(pid *actor.PID) { s.System.Root.Stop(pid) }

// Send delivers a message from a probe.
func (s *Stage) Send(from *Probe, to *actor.PID, message any) {
	s.System.Root.RequestWithCustomSender(to, message, from.PID)
}

// After implements spawn.Timer.
func (s *Stage) After(d time.Duration, fn func()) (cancel func()) {
	a := &alarm{at: s.now + d, fn: fn}
	s.due = append(s.due, a)
	return func() { s.due = slices.DeleteFunc(s.due, func(x *alarm) bool { return x == a }) }
}

// Pass lets time pass.
func (s *Stage) Pass(d time.Duration) {
	s.now += d
	for {
		i := slices.IndexFunc(s.due, func(a *alarm) bool { return a.at <= s.now })
		if i < 0 {
			return
		}
		a := s.due[i]
		s.due = slices.Delete(s.due, i, i+1)
		a.fn()
	}
}

// A Probe is an actor that keeps what it is sent.
type Probe struct {
	PID  *actor.PID
	got  []any
	hear func(any)
}

// Probe starts a probe. If hear is not nil it is called with every message that
// comes.
func (s *Stage) Probe(hear func(any)) *Probe {
	p := &Probe{hear: hear}
	p.PID = s.Spawn(spawn.StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started, *actor.Stopping, *actor.Stopped:
			default:
				p.got = append(p.got, m)
				if p.hear != nil {
					p.hear(m)
				}
			}
		})
	})
	return p
}

// Take returns all that came since the last Take, in order.
func (p *Probe) Take() []any {
	got := p.got
	p.got = nil
	return got
}

// Of returns those messages that have a type.
func Of[T any](messages []any) []T {
	var out []T
	for _, m := range messages {
		if t, ok := m.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
