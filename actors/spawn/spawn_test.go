package spawn

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manual is a Timer whose hands a test moves.
type manual struct {
	mu    sync.Mutex
	now   time.Duration
	alarm []*alarm
}

type alarm struct {
	at time.Duration
	fn func()
}

func (m *manual) After(d time.Duration, fn func()) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := &alarm{m.now + d, fn}
	m.alarm = append(m.alarm, a)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		a.fn = nil
	}
}

// advance fires what is due, in order of time.
func (m *manual) advance(d time.Duration) {
	m.mu.Lock()
	end := m.now + d
	for {
		var due *alarm
		for _, a := range m.alarm {
			if a.fn != nil && a.at <= end && (due == nil || a.at < due.at) {
				due = a
			}
		}
		if due == nil {
			break
		}
		m.now = due.at
		fn := due.fn
		due.fn = nil
		m.mu.Unlock()
		fn()
		m.mu.Lock()
	}
	m.now = end
	m.mu.Unlock()
}

type exitCall struct {
	child  string
	reason any
}

// rig is an actor system with everything that a test watches.
type rig struct {
	*System
	as       *actor.ActorSystem
	timer    *manual
	log      *lockedBuffer
	failures chan Failure
	exits    chan exitCall
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T, adapt ...func(*Config)) *rig {
	r := &rig{timer: &manual{}, log: &lockedBuffer{}, failures: make(chan Failure, 100), exits: make(chan exitCall, 10)}
	r.as = actor.NewActorSystem(
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	cfg := Config{
		Timer: r.timer, Rand: zeros{}, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Exit:    func(child string, reason any) { r.exits <- exitCall{child, reason} },
		Observe: func(f Failure) { r.failures <- f },
	}
	for _, f := range adapt {
		f(&cfg)
	}
	r.System = New(cfg)
	t.Cleanup(r.as.Shutdown)
	return r
}

// zeros draws no jitter.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// child reports all it receives, with the number of its incarnation, and
// panics when told to or when rigged for a lifecycle message.
type child struct {
	number int
	seen   chan<- saw
	fail   func(message any) bool
}

type saw struct {
	number  int
	message any
}

type boom struct{}

func (c *child) Receive(ctx actor.Context) {
	c.seen <- saw{c.number, ctx.Message()}
	if c.fail != nil && c.fail(ctx.Message()) {
		panic("spawn_test: rigged")
	}
	if _, ok := ctx.Message().(boom); ok {
		panic("spawn_test: boom")
	}
}

func (r *rig) spawnChild(t *testing.T, p Policy, fail func(any) bool) (*actor.PID, chan saw) {
	seen := make(chan saw, 100)
	number := 0
	pid, err := r.as.Root.SpawnNamed(r.RootProps(p, func() actor.Actor {
		number++
		return &child{number, seen, fail}
	}), "child")
	if err != nil {
		t.Fatal(err)
	}
	return pid, seen
}

// expect skips to the first message of type M and returns who saw it.
func expect[M any](seen <-chan saw) (M, int) {
	for s := range seen {
		if m, ok := s.message.(M); ok {
			return m, s.number
		}
	}
	panic("unreachable")
}

var quick = Backoff{Min: time.Second, Max: 8 * time.Second}

func TestRestartBacksOffAndForgets(t *testing.T) {
	r := newRig(t)
	pid, seen := r.spawnChild(t, Restart(quick), nil)
	delays := []time.Duration{1, 2, 4, 8, 8, 8}
	for i, want := range delays {
		r.as.Root.Send(pid, boom{})
		r.as.Root.Send(pid, "kept") // waits in the suspended mailbox
		f := <-r.failures
		if f.Decision != Restarted || f.Delay != want*time.Second || f.Failures != i+1 {
			t.Fatalf("failure %d: %+v, want delay %v s", i+1, f, int(want))
		}
		r.timer.advance(f.Delay - 1)
		r.timer.advance(1)
		if _, n := expect[string](seen); n != i+2 {
			t.Fatalf("the queue survived to incarnation %d, want %d", n, i+2)
		}
	}
	r.timer.advance(2 * quick.Max)
	r.as.Root.Send(pid, boom{})
	if f := <-r.failures; f.Failures != 1 || f.Delay != quick.Min {
		t.Fatalf("after a quiet time: %+v, want a first failure", f)
	}
	r.as.Root.Stop(pid)
	expect[*actor.Stopped](seen)
}

func TestStopOnlyAndRestartThenStop(t *testing.T) {
	for _, c := range []struct {
		name     string
		policy   Policy
		restarts int
	}{{"StopOnly", StopOnly(), 0}, {"RestartThenStop", RestartThenStop(2, quick), 2}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			pid, seen := r.spawnChild(t, c.policy, nil)
			for range c.restarts {
				r.as.Root.Send(pid, boom{})
				r.timer.advance((<-r.failures).Delay)
			}
			r.as.Root.Send(pid, boom{})
			expect[*actor.Stopped](seen)
			if f := <-r.failures; f.Decision != Stopped || f.Failures != c.restarts+1 {
				t.Fatalf("%+v", f)
			}
			if len(r.children) != 0 {
				t.Fatal("a record is left over")
			}
		})
	}
}

func TestExitAfter(t *testing.T) {
	r := newRig(t)
	pid, seen := r.spawnChild(t, ExitAfter(2, quick), nil)
	r.as.Root.Send(pid, boom{})
	r.timer.advance((<-r.failures).Delay)
	r.as.Root.Send(pid, boom{})
	if e := <-r.exits; e.child != "child" || e.reason != "spawn_test: boom" {
		t.Fatalf("%+v", e)
	}
	r.as.Root.Stop(pid)
	expect[*actor.Stopped](seen)
}

// A parent's children fail by their own policies.
func TestChildrenHaveTheirOwnPolicies(t *testing.T) {
	r := newRig(t)
	seen := make(chan saw, 100)
	born := make(chan *actor.PID, 2)
	parent, err := r.as.Root.SpawnNamed(r.RootProps(ExitAfter(1, quick), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				make1 := func() actor.Actor { return &child{seen: seen} }
				a, _ := ctx.SpawnNamed(r.Props(Restart(quick), make1), "a")
				b, _ := ctx.SpawnNamed(r.Props(StopOnly(), make1), "b")
				born <- a
				born <- b
			}
		})
	}), "parent")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Decision{"parent/a": Restarted, "parent/b": Stopped}
	for range 2 {
		pid := <-born
		r.as.Root.Send(pid, boom{})
		if f := <-r.failures; f.Child != pid.Id || f.Decision != want[pid.Id] {
			t.Fatalf("%+v", f)
		}
	}
	if err := r.as.Root.StopFuture(parent).Wait(); err != nil {
		t.Fatal(err)
	}
	if len(r.children) != 0 {
		t.Fatal("records are left over")
	}
}

// A panic in Stopping, Stopped or Restarting must neither resurrect the actor
// nor keep it from starting again.
func TestPanicsInLifecycle(t *testing.T) {
	r := newRig(t)
	pid, seen := r.spawnChild(t, Restart(quick), func(m any) bool {
		switch m.(type) {
		case *actor.Restarting, *actor.Stopping, *actor.Stopped:
			return true
		}
		return false
	})
	r.as.Root.Send(pid, boom{})
	r.timer.advance((<-r.failures).Delay)
	expect[*actor.Restarting](seen)
	if _, n := expect[*actor.Started](seen); n != 2 {
		t.Fatalf("incarnation %d, want 2", n)
	}
	if err := r.as.Root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
	expect[*actor.Stopped](seen)
	if len(r.failures) != 0 {
		t.Fatalf("a failure was reported: %+v", <-r.failures)
	}
	for _, want := range []string{"spawn_test: rigged", "*actor.Stopping", "spawn_test.go", "(*child).Receive"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// A parent that panics when it hears of the end of its last child, while it stops
// or restarts itself, must stop or start again all the same.
func TestPanicAtTheEndOfAChild(t *testing.T) {
	r := newRig(t)
	seen := make(chan saw, 100)
	number := 0
	pid, err := r.as.Root.SpawnNamed(r.RootProps(Restart(quick), func() actor.Actor {
		number++
		c := child{number, seen, func(m any) bool { _, ended := m.(*actor.Terminated); return ended }}
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				ctx.Spawn(r.Props(StopOnly(), func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) }))
			}
			c.Receive(ctx)
		})
	}), "parent")
	if err != nil {
		t.Fatal(err)
	}
	expect[*actor.Started](seen)
	r.as.Root.Send(pid, boom{})
	r.timer.advance((<-r.failures).Delay)
	expect[*actor.Terminated](seen)
	if _, n := expect[*actor.Started](seen); n != 2 {
		t.Fatalf("incarnation %d, want 2", n)
	}
	if err := r.as.Root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
	if len(r.failures) != 0 {
		t.Fatalf("a failure was reported: %+v", <-r.failures)
	}
}

func TestPanicInStartedBacksOff(t *testing.T) {
	r := newRig(t)
	pid, seen := r.spawnChild(t, Restart(quick), func(m any) bool {
		_, started := m.(*actor.Started)
		return started
	})
	for want := time.Second; want <= 4*time.Second; want *= 2 {
		f := <-r.failures
		if f.Delay != want {
			t.Fatalf("delay %v, want %v", f.Delay, want)
		}
		r.timer.advance(f.Delay)
	}
	<-r.failures
	r.as.Root.Stop(pid)
	expect[*actor.Stopped](seen)
}

// Restarts that overtake or follow a stop must not bring anybody back.
func TestNoGhosts(t *testing.T) {
	r := newRig(t)
	pid, seen := r.spawnChild(t, Restart(quick), nil)
	process, _ := r.as.ProcessRegistry.GetLocal(pid.Id)
	expect[*actor.Started](seen)
	r.as.Root.Send(pid, boom{})
	<-r.failures
	r.as.Root.Stop(pid)
	expect[*actor.Stopped](seen)
	r.timer.advance(time.Hour) // the restart that was due
	process.SendSystemMessage(pid, &actor.Restart{})
	process.SendSystemMessage(pid, &actor.Stop{})
	process.SendUserMessage(pid, "to a ghost")
	fence(t, r, process, pid)
	if len(seen) != 0 {
		t.Fatalf("a ghost saw %+v", <-seen)
	}
}

// The same while the actor still waits for its children to stop.
func TestNoGhostsWhileStopping(t *testing.T) {
	r := newRig(t)
	seen := make(chan saw, 100)
	stopping, release := make(chan struct{}), make(chan struct{})
	slow := func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Stopping); ok {
				close(stopping)
				<-release
			}
		})
	}
	number := 0
	pid, _ := r.as.Root.SpawnNamed(r.RootProps(Restart(quick), func() actor.Actor {
		number++
		n := number
		return actor.ReceiveFunc(func(ctx actor.Context) {
			seen <- saw{n, ctx.Message()}
			if _, ok := ctx.Message().(*actor.Started); ok {
				ctx.Spawn(r.Props(StopOnly(), slow))
			}
		})
	}), "parent")
	process, _ := r.as.ProcessRegistry.GetLocal(pid.Id)
	r.as.Root.Stop(pid)
	<-stopping
	process.SendSystemMessage(pid, &actor.Restart{})
	close(release)
	fence(t, r, process, pid)
	if _, ok := r.as.ProcessRegistry.GetLocal(pid.Id); ok {
		t.Fatal("still registered")
	}
	for len(seen) > 0 {
		if s := <-seen; s.number > 1 {
			t.Fatalf("a ghost saw %T", s.message)
		}
	}
}

// fence waits until process has handled the system messages sent before.
func fence(t *testing.T, r *rig, process actor.Process, pid *actor.PID) {
	done := make(chan struct{})
	watcher := r.as.Root.Spawn(r.RootProps(StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Terminated); ok {
				close(done)
			}
		})
	}))
	process.SendSystemMessage(pid, &actor.Watch{Watcher: watcher})
	<-done
	if err := r.as.Root.StopFuture(watcher).Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDeliveryGivesCreditBack(t *testing.T) {
	r := newRig(t)
	pid, seen := r.spawnChild(t, Restart(quick), nil)
	released := make(chan any, 2)
	for _, m := range []any{"fine", boom{}} {
		r.as.Root.Send(pid, &Delivery{Message: m, Release: func() { released <- m }})
	}
	if m, _ := expect[string](seen); m != "fine" {
		t.Fatal(m)
	}
	expect[boom](seen)
	if a, b := <-released, <-released; a != "fine" || b != (boom{}) {
		t.Fatal(a, b)
	}
	<-r.failures
	r.as.Root.Stop(pid)
	expect[*actor.Stopped](seen)
}

func TestPortsOfTheSimulatorAreUsed(t *testing.T) {
	var boxes, handled int
	var sent []string
	r := newRig(t, func(c *Config) {
		c.Dispatcher = actor.NewSynchronizedDispatcher(100)
		unbounded := actor.Unbounded()
		c.Mailbox = func() actor.Mailbox { boxes++; return unbounded() }
		c.Middleware = []actor.ReceiverMiddleware{func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
				if _, ok := env.Message.(string); ok {
					handled++
				}
				next(ctx, env)
			}
		}}
		c.Sending = []actor.SenderMiddleware{func(next actor.SenderFunc) actor.SenderFunc {
			return func(ctx actor.SenderContext, target *actor.PID, env *actor.MessageEnvelope) {
				sent = append(sent, ctx.Self().Id+" to "+target.Id)
				next(ctx, target, env)
			}
		}}
	})
	pid, _ := r.spawnChild(t, StopOnly(), nil)
	r.as.Root.Send(pid, &Delivery{Message: "in the sender's goroutine", Release: func() {}})
	r.as.Root.Stop(pid)
	if boxes != 1 || handled != 1 || len(sent) != 0 {
		t.Fatalf("%d mailboxes, %d handled, sent %q", boxes, handled, sent)
	}
	other := r.as.Root.Spawn(r.RootProps(StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if pid, ok := ctx.Message().(*actor.PID); ok {
				ctx.Request(pid, "hello")
			}
		})
	}))
	r.as.Root.Send(other, pid)
	if len(sent) != 1 || sent[0] != other.Id+" to child" {
		t.Fatalf("sent %q", sent)
	}
	r.as.Root.Stop(other)
}

// What an incarnation failed over is told to the next one, with its sender, once;
// also if that one fails before it is told, and not again if it fails over that.
func TestLost(t *testing.T) {
	r := newRig(t)
	var failing atomic.Bool
	pid, seen := r.spawnChild(t, Restart(quick), func(m any) bool {
		switch m.(type) {
		case *actor.Started, *Lost:
			return failing.Load()
		}
		return false
	})
	expect[*actor.Started](seen)
	sender := actor.NewPID("nonhost", "asker")
	failing.Store(true)
	r.as.Root.RequestWithCustomSender(pid, &Delivery{Message: boom{}, Release: func() {}}, sender)
	r.as.Root.Send(pid, "kept")
	r.timer.advance((<-r.failures).Delay) // over boom
	f := <-r.failures                     // over Started
	if f.Message != "*actor.Started" {
		t.Fatalf("%+v", f)
	}
	failing.Store(false)
	r.timer.advance(f.Delay)
	if m, n := expect[*Lost](seen); n != 3 || m.Message != (boom{}) {
		t.Fatalf("incarnation %d was told %+v", n, m)
	}
	if m, n := expect[string](seen); n != 3 || m != "kept" {
		t.Fatal("the queue comes after what was lost")
	}

	r.as.Root.Send(pid, boom{})
	f = <-r.failures
	failing.Store(true)
	r.timer.advance(f.Delay)
	f = <-r.failures // over Started
	r.as.Root.Send(pid, "still kept")
	failing.Store(false)
	r.timer.advance(f.Delay)
	expect[*Lost](seen)
	expect[string](seen)
	if err := r.as.Root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
}

// The actor sees the sender of what was lost, and fails over it at most once.
func TestLostOnce(t *testing.T) {
	r := newRig(t)
	told := make(chan *actor.PID, 10)
	pid := r.as.Root.Spawn(r.RootProps(Restart(quick), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case boom:
				panic("spawn_test: boom")
			case *Lost:
				told <- ctx.Sender()
				panic(m)
			case chan struct{}:
				close(m)
			}
		})
	}))
	r.as.Root.RequestWithCustomSender(pid, boom{}, actor.NewPID("nonhost", "asker"))
	r.timer.advance((<-r.failures).Delay)
	if who := <-told; who.GetId() != "asker" {
		t.Fatalf("lost by %v", who)
	}
	r.timer.advance((<-r.failures).Delay)
	handled := make(chan struct{})
	r.as.Root.Send(pid, handled)
	<-handled
	if len(told) != 0 {
		t.Fatal("told twice")
	}
	if err := r.as.Root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
}

// When the world fails, no policy starts the actor again.
func TestHaltExits(t *testing.T) {
	why := errors.New("no space")
	for _, p := range []Policy{Restart(quick), StopOnly(), RestartThenStop(3, quick), ExitAfter(5, quick)} {
		r := newRig(t)
		pid := r.as.Root.Spawn(r.RootProps(p, func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(boom); ok {
					Halt(why)
				}
			})
		}))
		r.as.Root.Send(pid, boom{})
		e, f := <-r.exits, <-r.failures
		if trouble, ok := e.reason.(Trouble); !ok || !errors.Is(trouble, why) {
			t.Fatalf("exit because of %v", e.reason)
		}
		if f.Decision != Exited || f.Stack != "" || strings.Contains(r.log.String(), "panicked") {
			t.Errorf("%+v\n%s", f, r.log)
		}
		if err := r.as.Root.StopFuture(pid).Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

type secret [32]byte

//go:noinline
func careless(s secret, where int) { panic(where + len(s)) }

// A report says where, and not with which words on the stack.
func TestStackHoldsNoArguments(t *testing.T) {
	r := newRig(t)
	pid := r.as.Root.Spawn(r.RootProps(StopOnly(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(boom); ok {
				careless(secret(bytes.Repeat([]byte{0xa7}, 32)), 0xdada)
			}
		})
	}))
	r.as.Root.Send(pid, boom{})
	f := <-r.failures
	if !strings.HasPrefix(f.Stack, "runtime.gopanic\n") || !strings.Contains(f.Stack, "spawn.careless\n") || !strings.Contains(f.Stack, "spawn_test.go:") || f.Message != "spawn.boom" {
		t.Errorf("%s\n%s", f.Message, f.Stack)
	}
	for _, leak := range []string{"a7", "dada"} {
		if strings.Contains(f.Stack, leak) {
			t.Errorf("the stack holds %s:\n%s", leak, f.Stack)
		}
	}
}

// What reaches nobody may be money: its type is logged, and what else an actor
// says as it is.
func TestLoggerShowsNoMessages(t *testing.T) {
	out := &lockedBuffer{}
	as := actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond), Logger(slog.New(slog.NewTextHandler(out, nil)).With("at", "here")))
	as.Root.Send(as.NewLocalPID("nobody"), &bearer{"worth a lot"})
	as.Logger().WithGroup("g").Info("said", slog.String("message", "a text"))
	as.Shutdown()
	if got := out.String(); strings.Contains(got, "worth") || !strings.Contains(got, "*spawn.bearer") || !strings.Contains(got, "a text") || !strings.Contains(got, "at=here") {
		t.Error(got)
	}
}

type bearer struct{ note string }

// Whoever sends to an actor between the moment at which its name is known and
// the one at which it is complete is heard, after Started and in order.
func TestMessagesToAnActorInTheMaking(t *testing.T) {
	r := newRig(t)
	seen := make(chan saw, 100)
	props := r.RootProps(StopOnly(), func() actor.Actor { return &child{1, seen, nil} })
	props.Configure(actor.WithOnInit(func(ctx actor.Context) {
		r.as.Root.Send(ctx.Self(), "first")
		r.as.Root.Send(ctx.Self(), "second")
	}))
	pid, err := r.as.Root.SpawnNamed(props, "child")
	if err != nil {
		t.Fatal(err)
	}
	r.as.Root.Send(pid, "third")
	if _, ok := (<-seen).message.(*actor.Started); !ok {
		t.Error("not started first")
	}
	for _, want := range []string{"first", "second", "third"} {
		if got := (<-seen).message; got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	// Stopped before it is complete.
	early := r.RootProps(StopOnly(), func() actor.Actor { return &child{2, seen, nil} })
	early.Configure(actor.WithOnInit(func(ctx actor.Context) { r.as.Root.Stop(ctx.Self()) }))
	r.as.Root.Spawn(early)
	expect[*actor.Stopped](seen)
	if err := r.as.Root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDelayProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			Min: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "min")),
			Max: time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "max")),
		}
		n := rapid.IntRange(1, 1000).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		full := b.Delay(n, zeros{})
		got := b.Delay(n, rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}))
		if full < min(b.Min, 1) || full > max(b.Max, b.Min, 1) {
			t.Fatalf("delay %v of %+v", full, b)
		}
		if got > full || got < full-full/2 {
			t.Fatalf("jittered %v of %v", got, full)
		}
		if next := b.Delay(n+1, zeros{}); next < full {
			t.Fatalf("%v after %v", next, full)
		}
	})
	if d := quick.Delay(3, errReader{}); d != 4*time.Second {
		t.Fatalf("without randomness: %v", d)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestMisusePanics(t *testing.T) {
	r := newRig(t)
	for name, f := range map[string]func(){
		"zero policy": func() { r.Props(Policy{}, nil) },
		"ExitAfter 0": func() { ExitAfter(0, quick) },
		"no timer":    func() { New(Config{Rand: io.Reader(zeros{})}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "spawn: ") {
					t.Fatalf("recovered %q", s)
				}
			}()
			f()
		})
	}
}
