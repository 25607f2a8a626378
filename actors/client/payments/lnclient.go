package payments

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/lines"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning"
	"minimint/actors/spawn"
	"minimint/messages/timing"
	"minimint/storage"
)

// lnClient is the actor that knows the gateways.
//
//	accepts  ListWanted from whoever wants to know, orders.Answer from UserClient,
//	         timing.Tick
//	sends    List to who asked, orders.Ask to UserClient
//
// A list is good for a while: what changes in it every few minutes is the height.
type lnClient struct {
	w    *World
	kept *Kept
	last *List
	age  int // ticks
}

// Kept are requests for lists that have no answer yet; they outlive an incarnation.
type Kept struct{ waiting []wanted }

type wanted struct {
	key uint64
	to  *actor.PID
}

// longAge is for how many ticks a list is good.
const longAge = 10

// NewLnClient returns the producer of LnClient.
func NewLnClient(w *World, kept *Kept) actor.Producer {
	return func() actor.Actor { return &lnClient{w: w, kept: kept} }
}

// Receive implements actor.Actor.
func (c *lnClient) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(c.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
		if len(c.kept.waiting) > 0 {
			c.ask(ctx)
		}
	case *timing.Tick:
		c.age++
	case ListWanted:
		c.want(ctx, wanted{key: m.Key, to: ctx.Sender()})
	case *spawn.Lost:
		if q, ok := m.Message.(ListWanted); ok {
			c.want(ctx, wanted{key: q.Key, to: ctx.Sender()})
		}
	case orders.Answer:
		c.answer(ctx, m)
	}
}

func (c *lnClient) want(ctx actor.Context, q wanted) {
	if c.last != nil && c.age < longAge {
		ctx.Send(q.to, c.list(q.key))
		return
	}
	c.kept.waiting = append(c.kept.waiting, q)
	if len(c.kept.waiting) == 1 {
		c.ask(ctx)
	}
}

func (c *lnClient) ask(ctx actor.Context) {
	ctx.Request(c.w.User, orders.Ask{Key: "gateways", Module: lightning.Kind, Method: "gateways"})
}

func (c *lnClient) answer(ctx actor.Context, m orders.Answer) {
	height, listed, err := uint32(0), []lightning.Listed(nil), error(nil)
	if m.Code != 0 {
		err = fmt.Errorf("the federation tells no gateways: %s", m.Text)
	} else {
		height, listed, err = lightning.ReadGateways(c.w.Federation.ID(), []byte(m.Body))
	}
	c.last, c.age = &List{Height: height, Err: err}, 0
	for _, l := range listed {
		c.last.Gateways = append(c.last.Gateways, bargain.Candidate{Listed: l})
	}
	for ; len(c.kept.waiting) > 0; c.kept.waiting = c.kept.waiting[1:] {
		ctx.Send(c.kept.waiting[0].to, c.list(c.kept.waiting[0].key))
	}
}

// list is the newest list, with what the user has seen of each gateway so far.
func (c *lnClient) list(key uint64) List {
	l := *c.last
	l.Key, l.Gateways = key, append([]bargain.Candidate(nil), c.last.Gateways...)
	c.w.View(func(r storage.Reader) {
		for i := range l.Gateways {
			e := book.Experience(r, l.Gateways[i].Key)
			l.Gateways[i].Paid, l.Gateways[i].Failed = e.GetPaid(), e.GetFailed()
		}
	})
	return l
}
