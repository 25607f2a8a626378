package gateway

import (
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/seat"
	"minimint/messages/timing"
)

// watcher sees what the node holds and says, and tells LnGateway all of it each time:
// after a restart of either, everything is looked at again.
//
//	accepts  caller.News, refuse, timing.Tick, the caller's results
//	sends    NodeNow, heldNow to LnGateway
type watcher struct {
	w       *seat.World
	node    *actor.PID // caller
	asking  bool
	again   bool // there was news meanwhile
	ticks   int
	offline bool
	refused []lnnode.Circuit // that are being given back
}

// What the watcher is told, and tells.
type (
	// refuse gives forwards back that nobody wants.
	refuse struct{ circuits []lnnode.Circuit }

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
		n.node = n.w.Caller(ctx)
		root, self := ctx.ActorSystem().Root, ctx.Self()
		n.w.Node.Watch(func() { root.Send(self, caller.News{}) })
		ctx.Send(n.w.Clock, &timing.Subscribe{PID: self, Every: watchTick})
		ctx.Request(n.node, caller.InfoCall{})
		n.look(ctx)
	case *timing.Tick:
		n.ticks++
		if n.ticks%infoTicks == 0 || n.offline {
			ctx.Request(n.node, caller.InfoCall{})
		}
		if n.ticks%heldTicks == 0 {
			n.look(ctx)
		}
	case caller.News:
		ctx.Send(n.w.Top, m) // payments may have ended
		n.look(ctx)
	case refuse:
		n.refuse(ctx, m.circuits)
	case caller.InfoResult:
		n.now(ctx, m)
	case caller.HeldResult:
		n.held(ctx, m)
	case caller.AnswerResult:
		n.refused = slices.DeleteFunc(n.refused, func(c lnnode.Circuit) bool { return c == m.At })
	}
}

// look asks what is held, or once more after that if it is being asked.
func (n *watcher) look(ctx actor.Context) {
	if n.asking {
		n.again = true
		return
	}
	n.asking, n.again = true, false
	ctx.Request(n.node, caller.HeldCall{})
}

func (n *watcher) held(ctx actor.Context, m caller.HeldResult) {
	n.asking = false
	if m.Err == nil {
		ctx.Send(n.w.Top, heldNow{m.Forwards})
	}
	if n.again {
		n.look(ctx)
	}
}

func (n *watcher) now(ctx actor.Context, m caller.InfoResult) {
	if (m.Err != nil) != n.offline {
		n.offline = m.Err != nil
		n.w.Log.Info("Lightning node", slog.Bool("reachable", !n.offline), slog.Any("error", m.Err))
	}
	ctx.Send(n.w.Top, seat.NodeNow(m))
}

// refuse gives forwards back. What is not written down is held again, and refused again.
func (n *watcher) refuse(ctx actor.Context, circuits []lnnode.Circuit) {
	for _, c := range circuits {
		if !slices.Contains(n.refused, c) {
			n.refused = append(n.refused, c)
			ctx.Request(n.node, caller.AnswerCall{At: c})
		}
	}
}
