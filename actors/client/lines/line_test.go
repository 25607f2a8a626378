package lines_test

import (
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/lines"
	"minimint/actors/clock"
	"minimint/actors/spawn"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/messages/wire"
)

// bench is the other side of a line: it plays parent, transport and member.
type bench struct {
	*testing.T
	system   *actor.ActorSystem
	spawn    *spawn.System
	line     chan *actor.PID
	heard    chan any                 // what the parent was told
	requests chan *wire.ClientRequest // what the member was asked
	connects chan *actor.PID          // owner of each link
	member   *actor.PID
	parent   *actor.PID
}

func newBench(t *testing.T) *bench {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	b := &bench{
		T: t, line: make(chan *actor.PID, 1), heard: make(chan any, 64), requests: make(chan *wire.ClientRequest, 64), connects: make(chan *actor.PID, 64),
		system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log })),
		spawn:  spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: log}),
	}
	b.member = b.system.Root.Spawn(b.spawn.RootProps(spawn.StopOnly(), func() actor.Actor {
		return receiver(func(ctx actor.Context) {
			if r, ok := ctx.Message().(*wire.ClientRequest); ok {
				b.requests <- r
			}
		})
	}))
	b.parent = b.system.Root.Spawn(b.spawn.RootProps(spawn.StopOnly(), func() actor.Actor {
		return receiver(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				b.line <- ctx.Spawn(b.spawn.Props(spawn.StopOnly(), lines.New(b, 2, federation.Member{Name: "carol"})))
			case lines.Heard, lines.Reach:
				b.heard <- m
			}
		})
	}))
	t.Cleanup(b.system.Shutdown)
	return b
}

type receiver func(actor.Context)

func (r receiver) Receive(ctx actor.Context) { r(ctx) }

// Connect implements lines.Session: links come up when the test says so.
func (b *bench) Connect(owner *actor.PID, _ federation.Member) *actor.PID {
	b.connects <- owner
	return b.member
}

func (b *bench) send(to *actor.PID, m any) { b.system.Root.Send(to, m) }

func take[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func question(text string) *wire.ClientRequest {
	return &wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: &wire.Query{Method: text}}}
}

// What was asked while the link was down is asked when it is up, and again on the
// next link until there is an answer.
func TestAsksAgainOnANewLink(t *testing.T) {
	b := newBench(t)
	line := take(t, b.line)
	owner := take(t, b.connects)
	b.send(line, lines.Ask{Key: 7, Request: question("seven")})
	b.send(owner, &link.Up{})
	if r, ok := take(t, b.heard).(lines.Reach); !ok || !r.Up || r.Peer != 2 {
		t.Errorf("the parent was told %v", r)
	}
	first := take(t, b.requests)
	b.send(owner, &link.Down{Text: "gone"})
	if r, ok := take(t, b.heard).(lines.Reach); !ok || r.Up || r.Text != "gone" {
		t.Errorf("the parent was told %v", r)
	}
	b.send(line, &timing.Tick{})
	take(t, b.connects)
	b.send(owner, &link.Up{})
	take(t, b.heard)
	again := take(t, b.requests)
	if again.GetQuery().GetMethod() != "seven" || again.GetId() == first.GetId() {
		t.Errorf("asked %v, then %v", first, again)
	}

	// A late answer to the first asking is not taken; that to the second is.
	b.send(line, &wire.ClientReply{Id: first.GetId()})
	b.send(line, &wire.ClientReply{Id: again.GetId()})
	if h, ok := take(t, b.heard).(lines.Heard); !ok || h.Key != 7 || h.Reply.GetId() != again.GetId() {
		t.Errorf("heard %v", h)
	}
	// It is asked no more.
	b.send(owner, &link.Down{})
	take(t, b.heard)
	b.send(line, lines.Ask{Key: 8, Request: question("eight")})
	for range 3 {
		b.send(line, &timing.Tick{})
	}
	take(t, b.connects)
	b.send(owner, &link.Up{})
	if r := take(t, b.requests); r.GetQuery().GetMethod() != "eight" {
		t.Errorf("asked %v", r)
	}
}

// A question replaces an older one of its key.
func TestQuestionOfTheSameKeyReplaces(t *testing.T) {
	b := newBench(t)
	line := take(t, b.line)
	owner := take(t, b.connects)
	b.send(line, lines.Ask{Key: 1, Request: question("old")})
	b.send(line, lines.Ask{Key: 1, Request: question("new")})
	b.send(owner, &link.Up{})
	if r := take(t, b.requests); r.GetQuery().GetMethod() != "new" {
		t.Errorf("asked %v", r)
	}
	b.send(line, lines.Ask{Key: 1, Request: question("newest")})
	if r := take(t, b.requests); r.GetQuery().GetMethod() != "newest" {
		t.Errorf("asked %v", r)
	}
}

// A member that takes requests and does not answer loses its link in the end.
func TestHangingMemberIsDialledAgain(t *testing.T) {
	b := newBench(t)
	line := take(t, b.line)
	owner := take(t, b.connects)
	b.send(owner, &link.Up{})
	b.send(line, lines.Ask{Key: 1, Request: question("q")})
	take(t, b.requests)
	for range int((lines.MaxWait+15*time.Second)/lines.Tick) + 1 {
		b.send(line, &timing.Tick{})
	}
	take(t, b.connects)
}

// Pauses double while a member cannot be reached, up to a bound.
func TestPausesDouble(t *testing.T) {
	b := newBench(t)
	line := take(t, b.line)
	owner := take(t, b.connects)
	for _, want := range []int{1, 2, 4, 8, 16, 20, 20} {
		b.send(owner, &link.Down{})
		take(t, b.heard)
		for range want - 1 {
			b.send(line, &timing.Tick{})
		}
		b.send(line, lines.Ask{Key: 99, Request: question("sync")})
		if len(b.connects) != 0 {
			t.Fatalf("dialled before %d ticks", want)
		}
		b.send(line, &timing.Tick{})
		take(t, b.connects)
	}
}
