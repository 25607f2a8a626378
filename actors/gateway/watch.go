package gateway

import (
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/lnnode"
	"minimint/messages/timing"
)

// watcher sees what the node holds and says, and tells LnGateway all of it each time:
// after a restart of either, everything is looked at again.
//
//	accepts  nodeNews, refuse, timing.Tick, the caller's results
//	sends    nodeNow, heldNow to LnGateway
type watcher struct {
	w       *world
	node    *actor.PID // caller
	asking  bool
	again   bool // there was news meanwhile
	ticks   int
	offline bool
	refused []lnnode.Circuit // that are being given back
}

// What the watcher is told, and tells.
type (
	// nodeNews says that some answer of the node may be another one now.
	nodeNews struct{}
	// refuse gives forwards back that nobody wants.
	refuse struct{ circuits []lnnode.Circuit }

	nodeNow struct {
		info lnnode.Info
		err  error
	}
	heldNow struct{ forwards []lnnode.Forward }
)

// Rhythm of the watcher, in ticks.
const (
	watchTick = time.Second
	heldTicks = 5  // between looks at what the node holds
	infoTicks = 10 // between looks at the node itself
)

// Receive implements actor.Actor.
func (n *watcher) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		n.node = n.w.spawnCaller(ctx)
		root, self := ctx.ActorSystem().Root, ctx.Self()
		n.w.Node.Watch(func() { root.Send(self, nodeNews{}) })
		ctx.Send(n.w.Clock, &timing.Subscribe{PID: self, Every: watchTick})
		ctx.Request(n.node, infoCall{})
		n.look(ctx)
	case *timing.Tick:
		n.ticks++
		if n.ticks%infoTicks == 0 || n.offline {
			ctx.Request(n.node, infoCall{})
		}
		if n.ticks%heldTicks == 0 {
			n.look(ctx)
		}
	case nodeNews:
		ctx.Send(n.w.top, m) // payments may have ended
		n.look(ctx)
	case refuse:
		n.refuse(ctx, m.circuits)
	case infoResult:
		n.now(ctx, m)
	case heldResult:
		n.held(ctx, m)
	case answerResult:
		n.refused = slices.DeleteFunc(n.refused, func(c lnnode.Circuit) bool { return c == m.at })
	}
}

// look asks what is held, or once more after that if it is being asked.
func (n *watcher) look(ctx actor.Context) {
	if n.asking {
		n.again = true
		return
	}
	n.asking, n.again = true, false
	ctx.Request(n.node, heldCall{})
}

func (n *watcher) held(ctx actor.Context, m heldResult) {
	n.asking = false
	if m.err == nil {
		ctx.Send(n.w.top, heldNow{m.forwards})
	}
	if n.again {
		n.look(ctx)
	}
}

func (n *watcher) now(ctx actor.Context, m infoResult) {
	if (m.err != nil) != n.offline {
		n.offline = m.err != nil
		n.w.Log.Info("Lightning node", slog.Bool("reachable", !n.offline), slog.Any("error", m.err))
	}
	ctx.Send(n.w.top, nodeNow(m))
}

// refuse gives forwards back. What is not written down is held again, and refused again.
func (n *watcher) refuse(ctx actor.Context, circuits []lnnode.Circuit) {
	for _, c := range circuits {
		if !slices.Contains(n.refused, c) {
			n.refused = append(n.refused, c)
			ctx.Request(n.node, answerCall{at: c})
		}
	}
}
