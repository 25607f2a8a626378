package gateways

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
	"minimint/sim/market/process"
)

// A Gateway is the gateway that ships, with a client, and a Lightning node that is a
// process of its own.
type Gateway struct {
	*process.Process
	Node  *fake.Node
	API   string // where it listens
	Twist Twist

	network *Network
	// What follows is of the process that runs.
	top     *actor.PID
	desk    *actor.PID
	numbers uint64
	waiting map[uint64]func(*talk.Reply)
}

// Capital is about how much bitcoin a gateway takes in, in satoshi.
const Capital = 4_000_000

func newGateway(n *Network, number int) *Gateway {
	name := fmt.Sprintf("gateway %d", number)
	g := &Gateway{
		Process: process.New(process.Config{World: n.cfg.World, Name: name, Number: n.cfg.First + number, Log: n.cfg.Log, Gateways: n.Links, Second: true}),
		Node:    n.node(name), API: fmt.Sprintf("https://gateway-%d.example", number), network: n, waiting: map[uint64]func(*talk.Reply){},
	}
	if number < len(n.cfg.Twists) {
		g.Twist = n.cfg.Twists[number]
	}
	g.Begin = g.open
	return g
}

// open runs the gateway's actors.
func (g *Gateway) open() error {
	store := g.Second()
	clear(g.waiting)
	g.top = g.System.Root.Spawn(g.Spawn.RootProps(spawn.Restart(spawn.Backoff{}), gateway.New(gateway.Config{
		Spawn: g.Spawn, Clock: g.Clock, Timer: g.Machine, Store: store, Node: g.Node, Network: &chaincfg.SimNetParams,
		API: g.API, Name: g.Name, Log: g.Log, Now: birth,
	})))
	g.desk, _ = g.System.ProcessRegistry.Add(desk{g, g.Incarnation}, "desk")
	g.System.Root.Send(g.top, gateway.Join{Federation: g.network.cfg.World.Federation(), Ring: g.Ring, Purse: purse{g}})
	g.Machine.After(process.Look, g.look)
	return nil
}

// look takes bitcoin in, once.
func (g *Gateway) look() {
	asked := false
	for _, op := range g.Operations() {
		asked = asked || op.GetKind() == clientwire.Kind_KIND_DEPOSIT
	}
	if !asked {
		_, _ = g.Client.Deposit(process.Over())
	}
	g.PayDeposits(Capital)
	g.Machine.After(process.Look, g.look)
}

// hear takes a client's request.
func (g *Gateway) hear(request *talk.Request, answer func(*talk.Reply)) {
	if g.Twist.Serve != nil {
		g.Twist.Serve(g, request, answer)
	} else {
		g.ask(request, answer)
	}
}

// ask puts a request to the gateway that ships.
func (g *Gateway) ask(request *talk.Request, answer func(*talk.Reply)) {
	g.numbers++
	g.waiting[g.numbers] = answer
	g.System.Root.RequestWithCustomSender(g.top, gateway.Ask{Number: g.numbers, Request: request}, g.desk)
}

// desk is who waits for the gateway's replies.
type desk struct {
	g           *Gateway
	incarnation uint64
}

// SendUserMessage implements actor.Process.
func (d desk) SendUserMessage(_ *actor.PID, message any) {
	_, body, _ := actor.UnwrapEnvelope(message)
	if told, ok := body.(gateway.Told); ok && d.incarnation == d.g.Incarnation {
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
	p.System.Root.RequestWithCustomSender(p.Client.PID(), order, to)
}

// Balance implements gateway.Purse.
func (p purse) Balance() (free, reserved messages.Amount, err error) {
	b, err := p.Client.Balance()
	return b.Free, b.Reserved, err
}
