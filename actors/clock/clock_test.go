package clock

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/spawn"
	"minimint/messages/timing"
)

// world is an actor system with a clock, in a bubble of virtual time.
type world struct {
	as    *actor.ActorSystem
	sys   *spawn.System
	clock *actor.PID
	start time.Time
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func inBubble(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		discard := slog.New(slog.DiscardHandler)
		as := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return discard }))
		sys := spawn.New(spawn.Config{
			Timer: Timer{}, Rand: zeros{}, Log: discard,
			Exit: func(child string, reason any) { t.Errorf("exit: %s: %v", child, reason) },
		})
		w := &world{as: as, sys: sys, start: time.Now()}
		w.clock = as.Root.Spawn(sys.RootProps(spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second}), Producer()))
		f(t, w)
		as.Root.Stop(w.clock)
		as.Shutdown()
		synctest.Wait()
	})
}

// subscriber collects how long after the start its ticks came.
func (w *world) subscriber(every time.Duration) (*actor.PID, *[]time.Duration) {
	ticks := new([]time.Duration)
	pid := w.as.Root.Spawn(w.sys.RootProps(spawn.StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*timing.Tick); ok {
				*ticks = append(*ticks, m.Now.Sub(w.start))
			}
		})
	}))
	w.as.Root.Send(w.clock, &timing.Subscribe{PID: pid, Every: every})
	synctest.Wait()
	return pid, ticks
}

func (w *world) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func check(t *testing.T, what string, got *[]time.Duration, want ...time.Duration) {
	t.Helper()
	if len(*got) != len(want) {
		t.Fatalf("%s: ticks at %v, want %v s", what, *got, want)
	}
	for i := range want {
		if (*got)[i] != want[i]*time.Second {
			t.Fatalf("%s: ticks at %v, want %v s", what, *got, want)
		}
	}
}

func TestTicks(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, one := w.subscriber(time.Second)
		_, two := w.subscriber(2 * time.Second)
		w.pass(4 * time.Second)
		check(t, "every second", one, 1, 2, 3, 4)
		check(t, "every other second", two, 2, 4)
	})
}

func TestSubscriptionIsReplacedAndEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		pid, ticks := w.subscriber(time.Second)
		w.pass(time.Second)
		w.as.Root.Send(w.clock, &timing.Subscribe{PID: pid, Every: 3 * time.Second})
		w.pass(6 * time.Second)
		check(t, "replaced", ticks, 1, 4, 7)
		w.as.Root.Send(w.clock, &timing.Subscribe{PID: pid})
		w.as.Root.Send(w.clock, &timing.Subscribe{Every: time.Second}) // nobody: ignored
		w.pass(time.Minute)
		check(t, "ended", ticks, 1, 4, 7)
	})
}

func TestSubscriptionEndsWithItsSubscriber(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		pid, ticks := w.subscriber(time.Second)
		w.as.Root.Stop(pid)
		synctest.Wait()
		dead := 0
		w.as.EventStream.Subscribe(func(e any) {
			if _, ok := e.(*actor.DeadLetterEvent); ok {
				dead++
			}
		})
		w.pass(time.Minute)
		check(t, "stopped", ticks)
		if dead != 0 {
			t.Fatalf("%d ticks to a stopped subscriber", dead)
		}
	})
}

func TestSubscriptionsOutliveARestartOfTheClock(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, ticks := w.subscriber(10 * time.Second)
		w.as.Root.Send(w.clock, due{}) // makes it panic
		w.pass(time.Second)            // its back-off
		w.pass(20 * time.Second)
		check(t, "restarted", ticks, 11, 21)
	})
}

// A subscription over which a clock failed is nobody's but the next one's.
func TestSubscriptionSurvivesTheFailureOverIt(t *testing.T) {
	failing := true
	inBubble(t, func(t *testing.T, w *world) {
		produce := Producer()
		w.clock = w.as.Root.Spawn(w.sys.RootProps(spawn.Restart(spawn.Backoff{Min: time.Second, Max: time.Second}), func() actor.Actor {
			whole := produce()
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*timing.Subscribe); ok && failing {
					failing = false
					panic("clock_test: told to")
				}
				whole.Receive(ctx)
			})
		}))
		_, ticks := w.subscriber(10 * time.Second)
		w.pass(time.Second) // its back-off
		w.pass(20 * time.Second)
		check(t, "restarted", ticks, 11, 21)
	})
}

func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := make(chan string, 2)
		cancel := Timer{}.After(time.Second, func() { ran <- "cancelled" })
		Timer{}.After(2*time.Second, func() { ran <- "kept" })
		cancel()
		if got := <-ran; got != "kept" {
			t.Fatal(got)
		}
	})
}
