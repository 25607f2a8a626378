package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/client/user"
	"minimint/actors/gateway"
	"minimint/actors/gateway/operator"
	"minimint/actors/module/lightning"
	"minimint/actors/module/wallet"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/federation"
)

// member is the gateway's client in one federation. Each has an actor system of its own,
// as every client has, since its links are those of one federation.
type member struct {
	id   messages.FederationID
	ring *keys.Ring
	user *user.User
}

func (s *Station) config(id messages.FederationID) user.Config {
	return user.Config{
		Dir: filepath.Join(s.cfg.Dir, federationsDir, id.String()), Log: s.cfg.Log, Rand: s.cfg.Rand, Blocks: s.cfg.Blocks, Now: s.cfg.Now, Adapt: s.cfg.Adapt,
	}
}

// resume opens the clients of all federations that were joined.
func (s *Station) resume() error {
	entries, err := os.ReadDir(filepath.Join(s.cfg.Dir, federationsDir))
	if err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	for _, e := range entries {
		id, err := messages.ParseDigest(e.Name())
		if err != nil || !e.IsDir() {
			continue
		}
		switch err := s.open(id); {
		case errors.Is(err, client.ErrNotJoined): // it was interrupted
			s.cfg.Log.Warn("a federation is not joined yet; connect it again", slog.String("federation", e.Name()))
		case err != nil:
			return fmt.Errorf("client of federation %s: %w", e.Name(), err)
		}
	}
	return nil
}

// open starts the client of a federation, and has the gateway work there: what is open is
// carried on from then.
func (s *Station) open(id messages.FederationID) error {
	u, err := user.Open(s.config(id))
	if err != nil {
		return err
	}
	words, err := u.Words()
	if err == nil {
		err = s.serves(u.Federation())
	}
	if err != nil {
		return errors.Join(err, u.Close())
	}
	m := &member{id: id, ring: keys.NewRing(words, id), user: u}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.members = append(s.members, m)
	}
	s.mu.Unlock()
	if closed {
		return errors.Join(ErrClosed, u.Close())
	}
	s.system.Root.Send(s.top, gateway.Join{Federation: u.Federation(), Ring: m.ring, Purse: newPurse(s.system.Root, u)})
	return nil
}

// serves checks that a federation has what a gateway needs.
func (s *Station) serves(c *federation.Config) error {
	if _, err := lightning.FromFederation(c); err != nil {
		return operator.Input("%w", err)
	}
	if _, ok := c.Module(wallet.Kind); !ok {
		return nil
	}
	w, err := wallet.FromFederation(c)
	if err != nil {
		return err
	}
	if w.Network.Name != s.cfg.Network.Name {
		return operator.Input("the federation is on %s, the Lightning node on %s", w.Network.Name, s.cfg.Network.Name)
	}
	return nil
}

// join makes the client of a federation, and opens it. One that was joined before, or
// half joined when the process ended, is opened. Connections are made one at a time.
func (s *Station) join(ctx context.Context, c operator.Connect) (messages.FederationID, error) {
	invite, err := federation.ParseInvite(c.Invite)
	if err != nil {
		return messages.FederationID{}, &operator.InputError{Err: err}
	}
	words := c.Words
	if words != "" {
		if words, err = keys.CleanWords(words); err != nil {
			return messages.FederationID{}, &operator.InputError{Err: err}
		}
	}
	id := invite.Federation
	s.connect.Lock()
	defer s.connect.Unlock()
	if s.member(id) != nil {
		return id, nil
	}
	if _, err = user.Join(ctx, s.config(id), invite, words); err != nil && !errors.Is(err, client.ErrJoined) {
		return id, err
	}
	return id, s.open(id)
}

func (s *Station) member(id messages.FederationID) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// purse lets the gateway's actors give orders to a client that lives in an actor system
// of its own: PIDs mean nothing across systems, so a relay in the client's stands for
// GatewayClient in the gateway's. Messages are values, and cross by a function call.
type purse struct {
	user  *user.User
	relay *actor.PID // in the client's system
	to    *atomic.Pointer[actor.PID]
}

// newPurse makes the actor that hands the client's answers over.
func newPurse(gatewayRoot *actor.RootContext, u *user.User) gateway.Purse {
	root, make := u.Actors()
	p := &purse{user: u, to: new(atomic.Pointer[actor.PID])}
	p.relay = root.Spawn(make.RootProps(spawn.Restart(spawn.Backoff{}), func() actor.Actor { return &relay{root: gatewayRoot, to: p.to} }))
	return p
}

// Tell implements gateway.Purse. Whoever asked last is answered: it is the same actor
// each time, or the one that has taken its place.
func (p *purse) Tell(to *actor.PID, order any) {
	p.to.Store(to)
	root, _ := p.user.Actors()
	root.RequestWithCustomSender(p.user.PID(), order, p.relay)
}

// Balance implements gateway.Purse.
func (p *purse) Balance() (free, reserved messages.Amount, err error) {
	b, err := p.user.Balance()
	return b.Free, b.Reserved, err
}

// relay is the actor that stands for the gateway's in the client's system.
type relay struct {
	root *actor.RootContext
	to   *atomic.Pointer[actor.PID]
}

// Receive implements actor.Actor.
func (r *relay) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case orders.Begun, orders.Ended, orders.Answer:
		r.root.Send(r.to.Load(), ctx.Message())
	}
}
