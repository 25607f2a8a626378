package sched_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
	"minimint/messages/timing"
	"minimint/sim/sched"
)

// rig is a machine with an actor system.
type rig struct {
	*testing.T
	loop    *sched.Loop
	machine *sched.Machine
	system  *actor.ActorSystem
	spawn   *spawn.System
	said    []string
	exits   int
}

func newRig(t *testing.T, cfg sched.Config) *rig {
	t.Helper()
	r := &rig{T: t, loop: sched.New(cfg)}
	r.machine = r.loop.Machine(3)
	log := slog.New(slog.DiscardHandler)
	r.system = r.machine.System(log)
	r.spawn = spawn.New(spawn.Config{
		Timer: r.machine, Rand: r.machine.Rand("spawn", 1), Log: log, Exit: func(string, any) { r.exits++ },
		Dispatcher: sched.Dispatcher(), Mailbox: r.machine.Mailbox,
	})
	return r
}

func (r *rig) actor(name string, p spawn.Policy, receive func(actor.Context)) *actor.PID {
	r.Helper()
	pid, err := r.system.Root.SpawnNamed(r.spawn.RootProps(p, func() actor.Actor { return actor.ReceiveFunc(receive) }), name)
	if err != nil {
		r.Fatal(err)
	}
	return pid
}

// echo is an actor that says when it takes what.
func (r *rig) echo(name string) *actor.PID {
	return r.actor(name, spawn.StopOnly(), func(ctx actor.Context) {
		if text, ok := ctx.Message().(string); ok {
			r.said = append(r.said, fmt.Sprintf("%v %s %s", r.loop.Now(), name, text))
		}
	})
}

func (r *rig) expect(want ...string) {
	r.Helper()
	if !slices.Equal(r.said, want) {
		r.Errorf("got\n  %s\nwant\n  %s", strings.Join(r.said, "\n  "), strings.Join(want, "\n  "))
	}
	r.said = nil
}

// firstReady makes runs readable: whoever is ready first goes first.
func firstReady([]sched.Task) int { return 0 }

func TestTurnsAreOneMessageLong(t *testing.T) {
	r := newRig(t, sched.Config{Pick: firstReady})
	a, b := r.echo("a"), r.echo("b")
	for i := range 3 {
		r.system.Root.Send(a, fmt.Sprint(i))
		r.system.Root.Send(b, fmt.Sprint(i))
	}
	r.loop.Run(0)
	r.expect("0s a 0", "0s b 0", "0s a 1", "0s b 1", "0s a 2", "0s b 2")
}

func TestSeedsDecideTheOrder(t *testing.T) {
	run := func(seed uint64) (said, lines, hash string) {
		var out bytes.Buffer
		trace := sched.NewTrace(&out)
		r := newRig(t, sched.Config{Seed: seed, Trace: trace})
		for _, name := range []string{"a", "b", "c"} {
			pid := r.echo(name)
			for i := range 5 {
				r.system.Root.Send(pid, fmt.Sprint(i))
			}
		}
		r.loop.Run(time.Second)
		return strings.Join(r.said, "\n"), out.String(), trace.Hash()
	}
	said, lines, hash := run(1)
	if again, l, h := run(1); again != said || l != lines || h != hash {
		t.Errorf("one seed gave\n%s\nand\n%s", said, again)
	}
	if other, l, h := run(2); other == said || l == lines || h == hash {
		t.Error("two seeds gave one order")
	}
	if !strings.Contains(lines, "0.000000000 n3 a takes string\n") {
		t.Errorf("trace:\n%s", lines)
	}
}

func TestTimersAndCharges(t *testing.T) {
	r := newRig(t, sched.Config{Pick: firstReady})
	a, b := r.echo("a"), r.echo("b")
	slow := r.actor("slow", spawn.StopOnly(), func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case time.Duration:
			r.machine.Charge(m)
		case string:
			r.machine.Wait(time.Second)
			r.said = append(r.said, fmt.Sprintf("%v slow %s", r.loop.Now(), m))
		}
	})
	r.loop.Run(0)
	cancel := r.machine.After(time.Second, func() { r.system.Root.Send(a, "cancelled") })
	r.machine.After(2*time.Second, func() { r.system.Root.Send(a, "due") })
	cancel()
	r.loop.Run(3 * time.Second)
	r.expect("2s a due")

	// The processor is busy: everybody waits, and charges add up.
	r.system.Root.Send(slow, 2*time.Second)
	r.loop.Step()
	r.machine.Charge(time.Second)
	r.system.Root.Send(a, "after")
	r.loop.Run(10 * time.Second)
	r.expect("6s a after")

	// One actor waits for its disk: the others do not, and nothing leaves.
	r.system.Root.Send(slow, "one")
	r.system.Root.Send(slow, "two")
	r.loop.Run(10 * time.Second)
	r.system.Root.Send(b, "meanwhile")
	if r.machine.Held() != 11*time.Second {
		t.Errorf("held until %v", r.machine.Held())
	}
	r.loop.Run(20 * time.Second)
	r.expect("10s slow one", "10s b meanwhile", "11s slow two")
}

func TestKilledMachineIsSilent(t *testing.T) {
	r := newRig(t, sched.Config{})
	a := r.echo("a")
	r.loop.Run(0)
	r.system.Root.Send(a, "never")
	r.machine.After(time.Second, func() { t.Error("a timer of the dead") })
	r.machine.Kill()
	r.loop.Run(2 * time.Second)
	r.system.Root.Send(a, "nor this")
	r.loop.Run(3 * time.Second)
	r.expect()
}

func TestPanicsAreSupervised(t *testing.T) {
	r := newRig(t, sched.Config{})
	starts := 0
	quick := spawn.Backoff{Min: time.Second, Max: time.Second}
	pid := r.actor("frail", spawn.ExitAfter(2, quick), func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			starts++
		case string:
			panic("told to")
		}
	})
	r.system.Root.Send(pid, "fall")
	r.loop.Run(0)
	r.system.Root.Send(pid, "fall again")
	r.loop.Run(400 * time.Millisecond)
	if starts != 1 || r.exits != 0 {
		t.Errorf("%d starts, %d exits before the delay is over", starts, r.exits)
	}
	r.loop.Run(2 * time.Second)
	if starts != 2 || r.exits != 1 {
		t.Errorf("%d starts, %d exits", starts, r.exits)
	}
}

func TestClockTicks(t *testing.T) {
	r := newRig(t, sched.Config{Seed: 5})
	pid, err := r.system.Root.SpawnNamed(r.spawn.RootProps(spawn.StopOnly(), r.machine.Clock(time.Minute)), "clock")
	if err != nil {
		t.Fatal(err)
	}
	var at []time.Duration
	var shown []time.Time
	listener := r.actor("listener", spawn.StopOnly(), func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			ctx.Send(pid, &timing.Subscribe{PID: ctx.Self(), Every: time.Second})
		case *timing.Tick:
			at, shown = append(at, r.loop.Now()), append(shown, m.Now)
		}
	})
	r.loop.Run(10 * time.Second)
	if len(at) < 9 || len(at) > 10 || at[0] > time.Second || at[1]-at[0] != time.Second || shown[1].Sub(shown[0]) != time.Second {
		t.Errorf("ticks at %v show %v", at, shown)
	}
	r.system.Root.Send(pid, &timing.Subscribe{PID: listener, Every: 5 * time.Second})
	at = nil
	r.loop.Run(20 * time.Second)
	if len(at) != 2 {
		t.Errorf("%d ticks of a subscription that was replaced", len(at))
	}
	r.system.Root.Stop(listener)
	at = nil
	r.loop.Run(40 * time.Second)
	if len(at) != 0 || r.loop.Step() {
		t.Errorf("%d ticks for who has stopped, or something is left to do", len(at))
	}
}

// The dead letters of the library's own actor system start a goroutine.
func TestNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	r := newRig(t, sched.Config{})
	told := false
	a := r.actor("a", spawn.StopOnly(), func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case string:
			ctx.Request(r.system.NewLocalPID("nobody"), "hello")
			ctx.Watch(r.system.NewLocalPID("nobody"))
		case *actor.Terminated:
			told = m.Who.Id == "nobody"
		}
	})
	for range 100 {
		r.system.Root.Send(a, "go")
	}
	r.loop.Run(time.Second)
	if n := runtime.NumGoroutine(); n != before {
		t.Errorf("%d goroutines, then %d", before, n)
	}
	if !told {
		t.Error("who watches nobody is not told")
	}
}

func TestStreamsAreApart(t *testing.T) {
	a, b := sched.New(sched.Config{Seed: 9}), sched.New(sched.Config{Seed: 9})
	a.Rand("x").Uint64() // disturbs nobody
	if a.Rand("y").Uint64() != b.Rand("y").Uint64() || a.Rand("x").Uint64() == a.Rand("y").Uint64() {
		t.Error("streams depend on each other, or are one")
	}
}
