package load

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"minimint/actors/remote"
	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/actors/spawn"
	"minimint/messages/link"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// waitMs is how long members are asked to wait for a decision, the most that they
// grant.
const waitMs = 30_000

// submitter is one client with a link to each member.
type submitter struct {
	root    *actor.RootContext
	members []*actor.PID // their sessions

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan *wire.ClientReply
	gone    error // why there are no more answers
}

// join makes a client with an identity of its own.
func (g *Generator) join(ctx context.Context, number int) (*submitter, error) {
	own, err := identity.Generate(g.random)
	if err != nil {
		return nil, err
	}
	c := &submitter{root: g.system.Root, waiting: map[uint64]chan *wire.ClientReply{}}
	props := g.spawner.RootProps(spawn.StopOnly(), func() actor.Actor { return c })
	inbox, err := g.system.Root.SpawnNamed(props, fmt.Sprintf("client-%d", number))
	if err != nil {
		return nil, err
	}
	for _, m := range g.federation.Members {
		target := remote.Target{
			Socket: m.Address, Key: identity.PinOf(m.Identity), Identity: own, Label: fmt.Sprint(number),
			Policy: gate.Policy{
				Owner: inbox.Id, Routes: map[string]string{"client": inbox.Id}, Receives: []proto.Message{&wire.ClientReply{}}, Sender: "session",
				Limits: gate.PeerLimits(), Overflow: gate.CloseLink,
			},
		}
		if err := g.hub.Dial(ctx, target); err != nil {
			return nil, err
		}
		c.members = append(c.members, actor.NewPID(target.Address(), "session"))
	}
	return c, nil
}

// Receive implements actor.Actor: it hands replies to who waits for them.
func (c *submitter) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *wire.ClientReply:
		c.mu.Lock()
		if ch := c.waiting[m.GetId()]; ch != nil {
			delete(c.waiting, m.GetId())
			ch <- m // there is room for one, and it gets only one
		}
		c.mu.Unlock()
	case *link.Down:
		c.mu.Lock()
		c.gone = errors.New("a link has ended: " + m.Text)
		for id, ch := range c.waiting {
			delete(c.waiting, id)
			close(ch)
		}
		c.mu.Unlock()
	}
}

// ask sends a request to a member and returns the reply.
func (c *submitter) ask(ctx context.Context, member int, request *wire.ClientRequest) (*wire.ClientReply, error) {
	ch := make(chan *wire.ClientReply, 1)
	c.mu.Lock()
	c.last++
	request.Id = c.last
	gone := c.gone
	if gone == nil {
		c.waiting[request.Id] = ch
	}
	c.mu.Unlock()
	if gone != nil {
		return nil, gone
	}
	c.root.Send(c.members[member], request)
	select {
	case reply, ok := <-ch:
		if !ok {
			return nil, c.gone
		}
		return reply, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// carry submits a transaction to all members and returns, by member, what they say
// once all have accepted it.
func (c *submitter) carry(ctx context.Context, tx *transaction.Transaction) ([]*wire.Decided, error) {
	decided := make([]*wire.Decided, len(c.members))
	errs := make([]error, len(c.members))
	var members sync.WaitGroup
	for i := range c.members {
		members.Go(func() { decided[i], errs[i] = c.settle(ctx, i, tx) })
	}
	members.Wait()
	return decided, errors.Join(errs...)
}

// settle submits a transaction to one member and waits until that has accepted it.
func (c *submitter) settle(ctx context.Context, member int, tx *transaction.Transaction) (*wire.Decided, error) {
	request := &wire.ClientRequest{Request: &wire.ClientRequest_Submit{Submit: &wire.Submit{Transaction: tx.Bytes()}}}
	reply, err := c.ask(ctx, member, request)
	if err != nil {
		return nil, err
	}
	if reply.GetSubmitted() == nil {
		return nil, fmt.Errorf("member %d: %s", member, reply.GetRefusal().GetText())
	}
	id, witness := tx.ID(), tx.WitnessID()
	for {
		reply, err := c.ask(ctx, member, &wire.ClientRequest{Request: &wire.ClientRequest_Await{
			Await: &wire.Await{Txid: id[:], WitnessId: witness[:], WaitMs: waitMs},
		}})
		if err != nil {
			return nil, err
		}
		switch status := reply.GetStatus(); {
		case status == nil:
			return nil, fmt.Errorf("member %d: %s", member, reply.GetRefusal().GetText())
		case status.GetRejected() != nil:
			return nil, fmt.Errorf("member %d rejects: %s", member, status.GetRejected().GetText())
		case status.GetAccepted() != nil:
			return status.GetAccepted(), nil
		}
	}
}
