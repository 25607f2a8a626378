package clienttest

import (
	"errors"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client"
	"minimint/actors/client/payments"
	"minimint/actors/gateway/talk"
)

// Gateways are Lightning gateways without Lightning: for each address a function that
// answers. They are the port of clients and may be changed at any time.
type Gateways struct {
	mu    sync.Mutex
	rig   *Rig
	desks map[string]func(*talk.Request) (*talk.Reply, error)
	asked int
}

// newGateways makes them; nobody answers yet.
func newGateways(r *Rig) *Gateways {
	return &Gateways{rig: r, desks: map[string]func(*talk.Request) (*talk.Reply, error){}}
}

var _ client.Gateways = (*Gateways)(nil)

// Serve has requests to an address answered by desk, one after the other with those to
// all others. A reply of nil without an error is never sent. Every reply passes through
// its encoding.
func (g *Gateways) Serve(api string, desk func(*talk.Request) (*talk.Reply, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.desks[api] = desk
}

// Asked is how many requests there were.
func (g *Gateways) Asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

// Ask implements client.Gateways.
func (g *Gateways) Ask(owner *actor.PID, api string, key int, request *talk.Request) {
	request = proto.CloneOf(request)
	g.rig.Spawn(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); !ok {
			return
		}
		ctx.Send(g.rig.clock, works{ctx.Self()})
		g.mu.Lock()
		desk := g.desks[api]
		g.asked++
		g.mu.Unlock()
		h := payments.Heard{Key: key}
		if desk == nil {
			h.Err = errors.New("connection refused")
		} else if h.Reply, h.Err = desk(request); h.Reply == nil && h.Err == nil {
			ctx.Stop(ctx.Self())
			return
		}
		if h.Reply != nil {
			h.Reply, h.Err = talk.ReadReply(talk.Encode(h.Reply))
		}
		ctx.Send(owner, h)
		ctx.Stop(ctx.Self())
	})
}
