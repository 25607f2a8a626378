package gateways

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client"
	"minimint/actors/client/payments"
	"minimint/actors/gateway/talk"
	"minimint/sim/market/process"
)

// Errors that a client sees who asks a gateway.
var (
	errRefused = errors.New("connection refused")
	errLost    = errors.New("no answer")
)

// grace is how long a client waits for a reply beyond what it allowed the gateway.
const grace = 5 * time.Second

// Ask carries a request from a client to the gateway at an address, and calls done
// with what came of it, unless the client's process has ended by then: a reply, or that
// nobody listens there, or that none came. Requests and replies take their time, and get
// lost; both are encoded on the way.
func (n *Network) Ask(from *process.Process, api string, request *talk.Request, done func(*talk.Reply, error)) {
	machine, over := from.Machine, false
	finish := func(reply *talk.Reply, err error) {
		if !over {
			over = true
			done(reply, err)
		}
	}
	machine.After(time.Duration(request.GetWaitMs())*time.Millisecond+grace, func() { finish(nil, errLost) })
	raw := talk.Encode(request)
	lost := func() {
		if n.cfg.Random.IntN(2) == 0 { // the connection breaks; otherwise nobody notices
			machine.After(time.Duration(n.cfg.Random.ExpFloat64()*float64(time.Second)), func() { finish(nil, errLost) })
		}
	}
	n.travel(lost, func() {
		g := n.at(api)
		if g == nil || !g.Up() {
			machine.After(n.journey(), func() { finish(nil, errRefused) })
			return
		}
		heard, err := talk.ReadRequest(raw)
		if err != nil {
			n.cfg.World.Violate("health", "%s asks a gateway: %v", from.Name, err)
			return
		}
		g.hear(heard, func(reply *talk.Reply) {
			back := talk.Encode(reply)
			n.travel(lost, func() {
				if machine.Dead() {
					return
				}
				reply, err := talk.ReadReply(back)
				if err != nil {
					err = fmt.Errorf("malformed reply: %w", err)
				}
				finish(reply, err)
			})
		})
	})
}

// Links is how the client of a process reaches gateways.
func (n *Network) Links(p *process.Process) client.Gateways { return links{n, p} }

type links struct {
	network *Network
	from    *process.Process
}

// Ask implements client.Gateways.
func (l links) Ask(owner *actor.PID, api string, key int, request *talk.Request) {
	root := l.from.System.Root
	l.network.Ask(l.from, api, request, func(reply *talk.Reply, err error) {
		root.Send(owner, payments.Heard{Key: key, Reply: reply, Err: err})
	})
}

// journey is how long a message is under way between a client and a gateway.
func (n *Network) journey() time.Duration {
	return time.Millisecond + time.Duration(n.cfg.Random.ExpFloat64()*float64(20*time.Millisecond))
}

// travel calls arrive after a journey, or lost if the message gets lost.
func (n *Network) travel(lost, arrive func()) {
	if !n.calm && n.cfg.Random.Float64() < n.cfg.Loss {
		arrive = lost
	}
	n.cfg.World.After(n.journey(), arrive)
}
