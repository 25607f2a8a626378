package market

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/payments"
	"minimint/actors/gateway/talk"
)

// Errors that a client sees who asks a gateway.
var (
	errRefused = errors.New("connection refused")
	errLost    = errors.New("no answer")
)

// grace is how long a client waits for a reply beyond what it allowed the gateway.
const grace = 5 * time.Second

// ask carries a request from a client to the gateway at an address, and calls done
// with what came of it, unless the client's process has ended by then: a reply, or that
// nobody listens there, or that none came. Requests and replies take their time, and get
// lost; both are encoded on the way.
func (m *Market) ask(from *Process, api string, request *talk.Request, done func(*talk.Reply, error)) {
	machine, over := from.machine, false
	finish := func(reply *talk.Reply, err error) {
		if !over {
			over = true
			done(reply, err)
		}
	}
	machine.After(time.Duration(request.GetWaitMs())*time.Millisecond+grace, func() { finish(nil, errLost) })
	raw := talk.Encode(request)
	lost := func() {
		if m.random.IntN(2) == 0 { // the connection breaks; otherwise nobody notices
			machine.After(time.Duration(m.random.ExpFloat64()*float64(time.Second)), func() { finish(nil, errLost) })
		}
	}
	m.travel(lost, func() {
		g := m.at(api)
		if g == nil || !g.Up() {
			machine.After(m.journey(), func() { finish(nil, errRefused) })
			return
		}
		heard, err := talk.ReadRequest(raw)
		if err != nil {
			m.world.Violate("health", "%s asks a gateway: %v", from.name, err)
			return
		}
		g.hear(heard, func(reply *talk.Reply) {
			back := talk.Encode(reply)
			m.travel(lost, func() {
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

// links is how a client reaches gateways.
type links struct{ *Process }

// Ask implements client.Gateways.
func (l links) Ask(owner *actor.PID, api string, key int, request *talk.Request) {
	root := l.system.Root
	l.market.ask(l.Process, api, request, func(reply *talk.Reply, err error) {
		root.Send(owner, payments.Heard{Key: key, Reply: reply, Err: err})
	})
}

// journey is how long a message is under way between a client and a gateway.
func (m *Market) journey() time.Duration {
	return time.Millisecond + time.Duration(m.random.ExpFloat64()*float64(20*time.Millisecond))
}

// travel calls arrive after a journey, or lost if the message gets lost.
func (m *Market) travel(lost, arrive func()) {
	if !m.resting && m.random.Float64() < m.cfg.Loss {
		arrive = lost
	}
	m.world.After(m.journey(), arrive)
}
