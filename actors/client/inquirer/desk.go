package inquirer

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/carrier"
	"minimint/actors/client/orders"
	"minimint/actors/spawn"
)

// room is how many questions a bench puts at once: members let one session wait for
// the news of so many, and a few more.
const room = 6

// asked is a question that has no answer yet.
type asked struct {
	number int
	asker  *actor.PID
	ask    orders.Ask
	bench  *place
}

// place is a bench as the desk knows it.
type place struct {
	asker, pid *actor.PID
	ready      bool
}

// Kept is what must outlive an incarnation of the desk and of whoever spawns it:
// askers ask once.
type Kept struct {
	open []*asked
	next int
}

// desk is the actor that takes questions.
//
//	accepts  orders.Ask and orders.Forget, with the asker as the sender; ready and
//	         answered from its benches
//	sends    orders.Answer to askers, put and drop to its benches
type desk struct {
	w      *carrier.World
	kept   *Kept
	places []*place
	ending bool // this incarnation: its benches stop because it does
}

// New returns the producer of a desk.
func New(w *carrier.World, kept *Kept) actor.Producer {
	return func() actor.Actor { return &desk{w: w, kept: kept} }
}

// Receive implements actor.Actor.
func (d *desk) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, q := range d.kept.open {
			d.assign(ctx, q)
		}
	case *actor.Restarting, *actor.Stopping:
		d.ending = true
	case *spawn.Lost:
		d.order(ctx, m.Message)
	case ready:
		d.ready(ctx, ctx.Sender())
	case answered:
		d.answered(ctx, m)
	case *actor.Terminated:
		d.ended(ctx, m.Who)
	default:
		d.order(ctx, m)
	}
}

func (d *desk) order(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case orders.Ask:
		d.forget(ctx, ctx.Sender(), m.Key)
		d.kept.next++
		q := &asked{number: d.kept.next, asker: ctx.Sender(), ask: m}
		d.kept.open = append(d.kept.open, q)
		d.assign(ctx, q)
	case orders.Forget:
		d.forget(ctx, ctx.Sender(), m.Key)
	case answered:
		d.answered(ctx, m)
	}
}

// forget drops an asker's question of that key.
func (d *desk) forget(ctx actor.Context, asker *actor.PID, key string) {
	d.kept.open = slices.DeleteFunc(d.kept.open, func(q *asked) bool {
		if !q.asker.Equal(asker) || q.ask.Key != key {
			return false
		}
		if q.bench != nil {
			ctx.Send(q.bench.pid, drop{q.number})
		}
		return true
	})
}

// assign finds a bench for a question. A desk that ends leaves that to the next one:
// whoever spawned now would never be stopped, and be waited for.
func (d *desk) assign(ctx actor.Context, q *asked) {
	if q.bench = nil; d.ending {
		return
	}
	for _, p := range d.places {
		if p.asker.Equal(q.asker) && d.load(p) < room {
			q.bench = p
			break
		}
	}
	if q.bench == nil {
		ctx.Watch(q.asker)
		q.bench = &place{asker: q.asker, pid: ctx.Spawn(d.w.Spawn.Props(spawn.Restart(carrier.RestartPause), func() actor.Actor { return &bench{w: d.w} }))}
		ctx.Watch(q.bench.pid)
		d.places = append(d.places, q.bench)
	}
	if q.bench.ready {
		ctx.Send(q.bench.pid, put{q.number, q.ask})
	}
}

func (d *desk) load(p *place) int {
	n := 0
	for _, q := range d.kept.open {
		if q.bench == p {
			n++
		}
	}
	return n
}

// ready tells a bench all its questions: it has just begun, perhaps not for the first
// time.
func (d *desk) ready(ctx actor.Context, who *actor.PID) {
	for _, p := range d.places {
		if !p.pid.Equal(who) {
			continue
		}
		p.ready = true
		for _, q := range d.kept.open {
			if q.bench == p {
				ctx.Send(p.pid, put{q.number, q.ask})
			}
		}
	}
}

func (d *desk) answered(ctx actor.Context, m answered) {
	i := slices.IndexFunc(d.kept.open, func(q *asked) bool { return q.number == m.number })
	if i < 0 {
		return
	}
	q := d.kept.open[i]
	ctx.Send(q.asker, orders.Answer{Key: q.ask.Key, Body: m.answer.Body, Code: m.answer.Code, Text: m.answer.Text})
	d.kept.open = slices.Delete(d.kept.open, i, i+1)
}

// ended is told that an asker or a bench has gone. A bench had nothing to do when it
// stopped, but may have got something since.
func (d *desk) ended(ctx actor.Context, who *actor.PID) {
	d.kept.open = slices.DeleteFunc(d.kept.open, func(q *asked) bool { return q.asker.Equal(who) })
	d.places = slices.DeleteFunc(d.places, func(p *place) bool {
		if p.asker.Equal(who) {
			ctx.Stop(p.pid)
		}
		return p.asker.Equal(who) || p.pid.Equal(who)
	})
	for _, q := range d.kept.open {
		if q.bench != nil && q.bench.pid.Equal(who) {
			d.assign(ctx, q)
		}
	}
}
