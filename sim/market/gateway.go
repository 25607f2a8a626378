package market

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/clientwire"
	"minimint/actors/gateway"
	"minimint/actors/gateway/lnnode/fake"
	"minimint/actors/gateway/talk"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/sim/disk"
)

// A Gateway is the gateway that ships, with a client, and a Lightning node that is a
// process of its own.
type Gateway struct {
	*Process
	Node *fake.Node
	api  string
	// What follows is of the process that runs.
	top     *actor.PID
	desk    *actor.PID
	numbers uint64
	waiting map[uint64]func(*talk.Reply)
	twist   Twist
}

// capital is about how much bitcoin a gateway takes in, in satoshi.
const capital = 4_000_000

func newGateway(m *Market, number, machine int) *Gateway {
	name := fmt.Sprintf("gateway %d", number)
	g := &Gateway{
		Process: newProcess(m, name, machine), Node: m.network.node(name), api: fmt.Sprintf("https://gateway-%d.example", number),
		waiting: map[uint64]func(*talk.Reply){},
	}
	if number < len(m.cfg.Twists) {
		g.twist = m.cfg.Twists[number]
	}
	g.more = disk.New(m.world.Loop().Rand("market/ledger/" + name))
	g.begin = g.open
	return g
}

// open runs the gateway's actors.
func (g *Gateway) open() error {
	store, _ := g.more.Open(disk.Watch{Died: g.died})
	clear(g.waiting)
	g.top = g.system.Root.Spawn(g.spawn.RootProps(spawn.Restart(spawn.Backoff{}), gateway.New(gateway.Config{
		Spawn: g.spawn, Clock: g.clock, Timer: g.machine, Store: store, Node: g.Node, Network: &chaincfg.SimNetParams,
		API: g.api, Name: g.name, Log: g.log, Now: birth,
	})))
	g.desk, _ = g.system.ProcessRegistry.Add(desk{g, g.incarnation}, "desk")
	g.system.Root.Send(g.top, gateway.Join{Federation: g.market.world.Federation(), Ring: g.ring, Purse: purse{g}})
	g.machine.After(look, g.look)
	return nil
}

// look takes bitcoin in, once.
func (g *Gateway) look() {
	asked := false
	for _, op := range g.operations() {
		asked = asked || op.GetKind() == clientwire.Kind_KIND_DEPOSIT
	}
	if !asked {
		_, _ = g.client.Deposit(now())
	}
	g.deposits(capital)
	g.machine.After(look, g.look)
}

// hear takes a client's request.
func (g *Gateway) hear(request *talk.Request, answer func(*talk.Reply)) {
	if g.twist.Serve != nil {
		g.twist.Serve(g, request, answer)
	} else {
		g.ask(request, answer)
	}
}

// ask puts a request to the gateway that ships.
func (g *Gateway) ask(request *talk.Request, answer func(*talk.Reply)) {
	g.numbers++
	g.waiting[g.numbers] = answer
	g.system.Root.RequestWithCustomSender(g.top, gateway.Ask{Number: g.numbers, Request: request}, g.desk)
}

// desk is who waits for the gateway's replies.
type desk struct {
	g           *Gateway
	incarnation uint64
}

// SendUserMessage implements actor.Process.
func (d desk) SendUserMessage(_ *actor.PID, message any) {
	_, body, _ := actor.UnwrapEnvelope(message)
	if told, ok := body.(gateway.Told); ok && d.incarnation == d.g.incarnation {
		if answer := d.g.waiting[told.Number]; answer != nil {
			delete(d.g.waiting, told.Number)
			answer(told.Reply)
		}
	}
}

// SendSystemMessage implements actor.Process.
func (desk) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (desk) Stop(*actor.PID) {}

// purse is the gateway's client as the gateway sees it.
type purse struct{ *Gateway }

// Tell implements gateway.Purse.
func (p purse) Tell(to *actor.PID, order any) {
	p.system.Root.RequestWithCustomSender(p.client.PID(), order, to)
}

// Balance implements gateway.Purse.
func (p purse) Balance() (free, reserved messages.Amount, err error) {
	b, err := p.client.Balance()
	return b.Free, b.Reserved, err
}
