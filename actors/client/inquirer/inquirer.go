// Package inquirer is the actors that put questions to a federation for others.
//
//	Desk       takes orders.Ask and orders.Forget, remembers who asked what
//	└─ bench   a few questions of one asker, with a line to each member
//
// Every asker is served by links of his own, so that members cannot tell that two who
// ask are one (see lines.Connector). Questions and answers follow package inquiry:
// members are asked to answer when there is something new.
package inquirer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/carrier"
	"minimint/actors/client/inquiry"
	"minimint/actors/client/lines"
	"minimint/actors/client/orders"
	"minimint/actors/client/quorum"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
)

// bench is the actor that puts the questions of one asker.
//
//	accepts  put and drop from the desk, Heard from its lines, timing.Tick
//	sends    ready and answered to the desk, Ask and Forget to its lines
//
// It holds nothing that the desk could not tell it again. It stops when it has had
// nothing to do for a while.
type bench struct {
	w       *carrier.World
	talk    []*actor.PID
	watches map[int]*inquiry.Watch // by number of the question
	idle    int                    // ticks
}

// What desk and benches tell each other. A question has a number that none had before.
type (
	put struct {
		number int
		ask    orders.Ask
	}
	drop     struct{ number int }
	ready    struct{}
	answered struct {
		number int
		answer quorum.Answer
	}
)

// longIdle is how many ticks a bench stays for the next question of its asker.
const longIdle = 60

// Receive implements actor.Actor.
func (b *bench) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		b.watches = map[int]*inquiry.Watch{}
		b.dial(ctx)
		ctx.Send(b.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
		ctx.Request(ctx.Parent(), ready{})
	case put:
		b.put(ctx, m)
	case drop:
		b.drop(ctx, m.number)
	case lines.Heard:
		b.heard(ctx, m)
	case *timing.Tick:
		b.tick(ctx, m)
	}
}

func (b *bench) dial(ctx actor.Context) {
	session, err := b.w.Connector.Session(b.w.Federation.ID())
	if err != nil {
		panic(fmt.Sprintf("inquirer: session: %v", err))
	}
	for i, m := range b.w.Federation.Members {
		props := b.w.Spawn.Props(spawn.Restart(carrier.RestartPause), lines.New(session, messages.PeerID(i), m))
		b.talk = append(b.talk, ctx.Spawn(props))
	}
}

func (b *bench) put(ctx actor.Context, m put) {
	var known *quorum.Answer
	if m.ask.Keep {
		known = &quorum.Answer{Body: m.ask.Known.Body, Code: m.ask.Known.Code}
	}
	q := inquiry.Question{Module: m.ask.Module, Method: m.ask.Method, Body: m.ask.Body}
	b.watches[m.number] = inquiry.NewWatch(b.w.Group, q, known, lines.MaxWait)
	for peer := range b.talk {
		b.ask(ctx, m.number, messages.PeerID(peer))
	}
}

func (b *bench) ask(ctx actor.Context, number int, peer messages.PeerID) {
	ctx.Send(b.talk[peer], lines.Ask{Key: number, Request: b.watches[number].Request(peer)})
}

func (b *bench) drop(ctx actor.Context, number int) {
	delete(b.watches, number)
	for _, l := range b.talk {
		ctx.Send(l, lines.Forget{Key: number})
	}
}

func (b *bench) heard(ctx actor.Context, m lines.Heard) {
	w := b.watches[m.Key]
	if w == nil {
		return
	}
	answer, ok, again := w.Heard(m.Peer, m.Reply)
	switch {
	case ok:
		b.drop(ctx, m.Key)
		ctx.Send(ctx.Parent(), answered{number: m.Key, answer: answer})
	case again:
		b.ask(ctx, m.Key, m.Peer)
	}
}

func (b *bench) tick(ctx actor.Context, m *timing.Tick) {
	for _, l := range b.talk {
		ctx.Send(l, m)
	}
	if len(b.watches) == 0 {
		if b.idle++; b.idle > longIdle {
			ctx.Stop(ctx.Self())
		}
		return
	}
	b.idle = 0
	for _, number := range slices.Sorted(maps.Keys(b.watches)) {
		for _, peer := range b.watches[number].Tick() {
			b.ask(ctx, number, peer)
		}
	}
}
