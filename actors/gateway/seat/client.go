package seat

import (
	"encoding/hex"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/messages/timing"
)

// gatewayClient is the actor; see the package.
type gatewayClient struct {
	w    *World
	seat *Seat

	height  uint32
	lists   orders.Answer // newest answer to "gateways"
	listed  *terms.Listing
	node    lnnode.Info // zero until it is known
	pending []*errand
	looks   []lookup
	ticks   int
	listing listing
	told    Report // to LnGateway
}

// What payers and buyers ask of a GatewayClient, and what it answers.
type (
	// LookFor asks for a contract's status; with Known set for the next one that is
	// another. The answer is Looked.
	LookFor struct {
		Contract terms.ID
		Known    *orders.Answer
	}
	// Looked answers LookFor. The state of the status is 0 if there is no such contract,
	// and Raw the answer that was read. An error says that it makes no sense.
	Looked struct {
		Contract terms.ID
		Height   uint32
		Status   lightning.Status
		Raw      orders.Answer
		Err      error
	}
	// Order begins an operation unless one of its reference was begun; the answer is
	// Ended, when it is over.
	Order struct{ Op *clientwire.Operation }
	// Ended answers Order. An error says that the operation could not be begun.
	Ended struct {
		Reference string
		Op        *clientwire.Operation
		Err       error
	}
	// Recall turns an operation round, if that is still possible.
	Recall struct{ Reference string }
)

// What LnGateway tells a GatewayClient.
type (
	// NodeNow is what the node says of itself.
	NodeNow struct {
		Info lnnode.Info
		Err  error
	}
	// Adjusted says that fees have changed.
	Adjusted struct{}
)

// errand is an order that is not over.
type errand struct {
	op     *clientwire.Operation
	id     uint64 // 0 until it is begun
	whom   []*actor.PID
	since  int // tick of the last message about it
	recall bool
}

// lookup is a question about a contract.
type lookup struct {
	key  string
	who  *actor.PID
	what terms.ID
	ask  orders.Ask
	open bool // the client has it; otherwise it waits for its turn
}

// maxLooks bounds the questions about contracts that are put at once. Anybody can make a payer
// ask about contracts that do not exist, each six questions are a connection to every member,
// and members take 32 of one address: there must be some left to claim with. What waits for
// something new (Known) does not count: only who has bought an offer asks so.
const maxLooks = 36

// Rhythm of a GatewayClient, in ticks.
const (
	clientTick = time.Second
	// AgainTicks is how many seconds pass until an order or a question is given again that
	// has no answer.
	AgainTicks = 15
)

const listsKey = "gateways"

// Receive implements actor.Actor.
func (g *gatewayClient) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(g.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: clientTick})
		g.askLists(ctx)
	case *timing.Tick:
		g.tick(ctx)
	case LookFor:
		g.look(ctx, m)
	case Order:
		g.begin(ctx, m.Op)
	case Recall:
		g.recall(ctx, m.Reference)
	case NodeNow:
		g.node = m.Info
		g.list(ctx)
	case Adjusted:
		g.list(ctx)
	case orders.Begun:
		g.begun(ctx, m)
	case orders.Ended:
		g.ended(ctx, m)
	case orders.Answer:
		g.answer(ctx, m)
	case *actor.Terminated:
		g.gone(ctx, m.Who)
	}
}

func (g *gatewayClient) tell(ctx actor.Context, order any) { g.seat.Purse.Tell(ctx.Self(), order) }

func (g *gatewayClient) tick(ctx actor.Context) {
	g.ticks++
	for _, e := range g.pending {
		if g.ticks-e.since >= AgainTicks {
			g.push(ctx, e)
		}
	}
	if g.ticks%AgainTicks == 0 {
		g.askLists(ctx) // it may have been lost
	}
	g.list(ctx)
	g.report(ctx)
}

// push gives an order again, or asks again for its end.
func (g *gatewayClient) push(ctx actor.Context, e *errand) {
	e.since = g.ticks
	if e.id == 0 {
		g.tell(ctx, orders.Begin{Op: e.op})
	} else {
		g.tell(ctx, orders.Follow{ID: e.id})
	}
}

// begin gives an order for whoever asks, once.
func (g *gatewayClient) begin(ctx actor.Context, op *clientwire.Operation) {
	e := g.errand(op.GetReference())
	if e == nil {
		e = &errand{op: op}
		g.pending = append(g.pending, e)
		g.push(ctx, e)
	}
	if who := ctx.Sender(); who != nil && !slices.ContainsFunc(e.whom, who.Equal) {
		e.whom = append(e.whom, who)
	}
}

func (g *gatewayClient) errand(reference string) *errand {
	for _, e := range g.pending {
		if e.op.GetReference() == reference {
			return e
		}
	}
	return nil
}

// recall turns an order round that is begun; one that is not is not known to exist.
func (g *gatewayClient) recall(ctx actor.Context, reference string) {
	e := g.errand(reference)
	if e == nil {
		return // whoever wants it recalled gives it again
	}
	e.recall = true
	if e.id != 0 {
		g.tell(ctx, orders.Recall{ID: e.id})
	}
}

func (g *gatewayClient) begun(ctx actor.Context, m orders.Begun) {
	e := g.errand(m.Reference)
	switch {
	case e == nil:
	case m.Err != nil:
		// It may be a store that fails for a moment; whoever waits decides.
		g.over(ctx, e, Ended{Reference: m.Reference, Err: m.Err})
	case e.id == 0:
		e.id = m.ID
		g.push(ctx, e)
		if e.recall {
			g.tell(ctx, orders.Recall{ID: e.id})
		}
	}
}

func (g *gatewayClient) ended(ctx actor.Context, m orders.Ended) {
	at := slices.IndexFunc(g.pending, func(e *errand) bool { return e.id == m.ID && m.ID != 0 })
	switch {
	case at < 0:
	case m.Parked || m.Op == nil:
		g.w.Log.Error("an operation of the gateway's client has stopped", slog.Uint64("operation", m.ID))
	default:
		g.over(ctx, g.pending[at], Ended{Reference: m.Op.GetReference(), Op: m.Op})
	}
}

// over tells all who wait.
func (g *gatewayClient) over(ctx actor.Context, e *errand, m Ended) {
	g.pending = slices.DeleteFunc(g.pending, func(o *errand) bool { return o == e })
	for _, who := range e.whom {
		ctx.Request(who, m)
	}
	if e == g.listing.errand {
		g.announced(m)
	}
}

// look asks the federation for a contract, when it is its turn. A question of the same asker
// takes the place of his former one.
func (g *gatewayClient) look(ctx actor.Context, m LookFor) {
	l := lookup{key: ctx.Sender().GetId() + "/" + hex.EncodeToString(m.Contract[:]), who: ctx.Sender(), what: m.Contract}
	l.ask = orders.Ask{Key: l.key, Module: lightning.Kind, Method: "contract", Body: lightning.ContractRequest(m.Contract)}
	if m.Known != nil {
		l.ask.Known, l.ask.Keep = *m.Known, true
	}
	if at := slices.IndexFunc(g.looks, func(o lookup) bool { return o.key == l.key }); at < 0 {
		ctx.Watch(l.who)
		g.looks = append(g.looks, l)
	} else if l.open = g.looks[at].open && g.looks[at].ask.Keep == l.ask.Keep; l.open {
		g.looks[at] = l
		g.tell(ctx, l.ask)
	} else {
		g.looks = append(slices.Delete(g.looks, at, at+1), l)
	}
	g.turn(ctx)
}

// turn puts the questions that there is room for, in the order in which they came.
func (g *gatewayClient) turn(ctx actor.Context) {
	open := 0
	for _, l := range g.looks {
		if l.open && !l.ask.Keep {
			open++
		}
	}
	for i := range g.looks {
		l := &g.looks[i]
		if l.open || !l.ask.Keep && open == maxLooks {
			continue
		}
		if l.open = true; !l.ask.Keep {
			open++
		}
		g.tell(ctx, l.ask)
	}
}

// gone withdraws the questions of an asker that has ended: nobody else would, and each keeps
// connections busy until its answer changes.
func (g *gatewayClient) gone(ctx actor.Context, who *actor.PID) {
	g.looks = slices.DeleteFunc(g.looks, func(l lookup) bool {
		if !l.who.Equal(who) {
			return false
		}
		if l.open {
			g.tell(ctx, orders.Forget{Key: l.key})
		}
		return true
	})
	g.turn(ctx)
}

func (g *gatewayClient) answer(ctx actor.Context, m orders.Answer) {
	if m.Key == listsKey {
		g.lists = m
		g.readLists(ctx)
		return
	}
	at := slices.IndexFunc(g.looks, func(l lookup) bool { return l.key == m.Key })
	if at < 0 {
		return
	}
	l := g.looks[at]
	g.looks = slices.Delete(g.looks, at, at+1)
	g.turn(ctx)
	out := Looked{Contract: l.what, Height: g.height, Raw: m}
	if m.Code == 0 {
		out.Status, out.Err = lightning.ReadStatus(g.seat.ID, l.what, []byte(m.Body))
	}
	ctx.Request(l.who, out)
}

// askLists asks for the next list of gateways, with the height.
func (g *gatewayClient) askLists(ctx actor.Context) {
	g.tell(ctx, orders.Ask{Key: listsKey, Module: lightning.Kind, Method: "gateways", Known: g.lists, Keep: true})
}

func (g *gatewayClient) readLists(ctx actor.Context) {
	height, all, err := lightning.ReadGateways(g.seat.ID, []byte(g.lists.Body))
	if g.lists.Code != 0 || err != nil {
		g.w.Log.Warn("list of gateways", slog.Any("error", err), slog.String("text", g.lists.Text))
		return // asked again at a tick
	}
	g.height, g.listed = height, nil
	for _, l := range all {
		if l.Key == g.seat.Key() {
			g.listed = &l.Listing
		}
	}
	g.askLists(ctx)
	g.list(ctx)
	g.report(ctx)
}

// report tells LnGateway what is new.
func (g *gatewayClient) report(ctx actor.Context) {
	now := Report{ID: g.seat.ID, Height: g.height, Problem: g.listing.problem}
	if g.listed != nil {
		now.Listed = g.listed.Expiry
	}
	if now != g.told {
		g.told = now
		ctx.Send(g.w.Top, now)
	}
}

// Sit makes the GatewayClient of a seat, and sets Client.
func (w *World) Sit(ctx actor.Context, s *Seat) {
	s.Client = ctx.Spawn(w.Spawn.Props(spawn.Restart(Pause), func() actor.Actor { return &gatewayClient{w: w, seat: s} }))
}
