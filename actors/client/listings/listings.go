// Package listings is LnClient, the actor that knows for one client which Lightning
// gateways are listed in the federation, and what became of payments through them.
package listings

import (
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/lines"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning"
	"minimint/actors/spawn"
	"minimint/messages/timing"
	"minimint/storage"
)

// Wanted asks LnClient for the gateways; the answer is List with the same key.
type Wanted struct{ Key uint64 }

// List is which gateways are listed at the agreed height, as f+1 members say, and what
// the user has seen of them. Err says that the federation gave no list.
type List struct {
	Key      uint64
	Height   uint32
	Gateways []bargain.Candidate
	Err      error
}

// lnClient is the actor that knows the gateways.
//
//	accepts  Wanted from whoever wants to know, orders.Answer from UserClient,
//	         timing.Tick
//	sends    List to who asked, orders.Ask to UserClient
//
// A list is good for a while: what changes in it every few minutes is the height.
type lnClient struct {
	w       *carrier.World
	waiting *[]wanted // outlive an incarnation
	last    *List
	age     int // ticks
}

// wanted is a request for a list that has no answer yet.
type wanted struct {
	key uint64
	to  *actor.PID
}

// longAge is for how many ticks a list is good.
const longAge = 10

// New returns the producer of LnClient.
func New(w *carrier.World) actor.Producer {
	waiting := new([]wanted)
	return func() actor.Actor { return &lnClient{w: w, waiting: waiting} }
}

// Receive implements actor.Actor.
func (c *lnClient) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(c.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: lines.Tick})
		if len(*c.waiting) > 0 {
			c.ask(ctx)
		}
	case *timing.Tick:
		c.age++
	case Wanted:
		c.want(ctx, wanted{key: m.Key, to: ctx.Sender()})
	case *spawn.Lost:
		if q, ok := m.Message.(Wanted); ok {
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
	if slices.ContainsFunc(*c.waiting, func(o wanted) bool { return o.key == q.key && o.to.Equal(q.to) }) {
		return // whoever waits long asks more than once
	}
	*c.waiting = append(*c.waiting, q)
	if len(*c.waiting) == 1 {
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
	for ; len(*c.waiting) > 0; *c.waiting = (*c.waiting)[1:] {
		q := (*c.waiting)[0]
		ctx.Send(q.to, c.list(q.key))
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
