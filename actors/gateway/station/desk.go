package station

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/keys"
	"minimint/actors/gateway"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/operator"
	"minimint/actors/gateway/talk"
	"minimint/messages"
	"minimint/storage"
)

// ear is the actor between the servers' goroutines and the gateway's actors: it wakes who
// waits for an answer.
//
//	accepts  gateway.Told, gateway.Adjusted, gateway.Seen
type ear Station

// Receive implements actor.Actor.
func (e *ear) Receive(ctx actor.Context) {
	s := (*Station)(e)
	switch m := ctx.Message().(type) {
	case gateway.Told:
		s.answered(m.Number, m)
	case gateway.Adjusted:
		s.answered(m.Number, m)
	case gateway.Seen:
		s.answered(m.Number, m)
	}
}

func (s *Station) answered(number uint64, m any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.calls[number]; ch != nil {
		delete(s.calls, number)
		ch <- m // has room
	}
}

// call sends LnGateway what ask makes of a number, and waits for the answer. Whoever gives
// up leaves nothing behind: an answer that comes later finds nobody (H84).
func call[A any](ctx context.Context, s *Station, ask func(number uint64) any) (A, error) {
	var none A
	ch := make(chan any, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return none, ErrClosed
	}
	s.number++
	number := s.number
	s.calls[number] = ch
	s.mu.Unlock()
	s.system.Root.RequestWithCustomSender(s.top, ask(number), s.ear)
	select {
	case m, ok := <-ch:
		if !ok {
			return none, ErrClosed
		}
		return m.(A), nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.calls, number)
		s.mu.Unlock()
		return none, ctx.Err()
	}
}

// Ask implements door.Desk.
func (s *Station) Ask(ctx context.Context, request *talk.Request) (*talk.Reply, error) {
	told, err := call[gateway.Told](ctx, s, func(n uint64) any { return gateway.Ask{Number: n, Request: request} })
	return told.Reply, err
}

// nodeLimit is for how long the operator waits for a node that hangs.
const nodeLimit = 5 * time.Second

// Info implements operator.Operator.
func (s *Station) Info(ctx context.Context) (operator.Info, error) {
	seen, err := call[gateway.Seen](ctx, s, func(n uint64) any { return gateway.Look{Number: n} })
	if err != nil {
		return operator.Info{}, err
	}
	out := operator.Info{Network: s.cfg.Network.Name, API: s.cfg.API, Held: seen.Held, Version: s.cfg.Version, Federations: []operator.Federation{}}
	if !s.cfg.Now.IsZero() {
		out.StartedMs = s.cfg.Now.UnixMilli()
	}
	limited, cancel := context.WithTimeout(ctx, nodeLimit)
	defer cancel()
	if node, err := s.cfg.Node.Info(limited); err != nil {
		out.Problem = err.Error()
	} else {
		out.Node = &operator.Node{Key: hex.EncodeToString(node.Key[:]), Height: node.Height, Synced: node.Synced, LocalMsat: node.Local, RemoteMsat: node.Remote}
	}
	err = s.view(func(r storage.Reader) error {
		out.Open = len(ledger.Open(r))
		for _, f := range ledger.Federations(r) {
			stand, err := s.federation(r, f, seen)
			if err != nil {
				return err
			}
			out.Federations = append(out.Federations, stand)
		}
		return nil
	})
	return out, err
}

// federation is how the gateway stands in one: settings and totals from the ledger, the
// balance from its client's store, height and listing from what LnGateway has seen.
func (s *Station) federation(r storage.Reader, f *ledgerwire.Federation, seen gateway.Seen) (operator.Federation, error) {
	id := messages.FederationID(f.GetId())
	t := f.GetTotals()
	out := operator.Federation{
		ID: id.String(), Channel: deal.Channel(f.GetNumber()), ListedProblem: "the client of this federation is not open",
		Send:    operator.Fee{BaseMsat: messages.Amount(f.GetSendBaseMsat()), PPM: f.GetSendPpm()},
		Receive: operator.Fee{BaseMsat: messages.Amount(f.GetReceiveBaseMsat()), PPM: f.GetReceivePpm()},
		Limits:  operator.Limits{PaymentMsat: messages.Amount(f.GetPaymentLimitMsat()), ExposureMsat: messages.Amount(f.GetExposureLimitMsat())},
		Offers:  ledger.Offers(r, id), ExposureMsat: ledger.AtStake(r, id),
		Totals: operator.Totals{
			Sent: t.GetSent(), SentMsat: messages.Amount(t.GetSentMsat()), Received: t.GetReceived(), ReceivedMsat: messages.Amount(t.GetReceivedMsat()),
			Forfeited: t.GetForfeited(), FeesMsat: messages.Amount(t.GetFeesMsat()), RoutingMsat: messages.Amount(t.GetRoutingMsat()), LostMsat: messages.Amount(t.GetLostMsat()),
		},
	}
	m := s.member(id)
	if m == nil {
		return out, nil
	}
	key := keys.XOnly(m.ring.Gateway())
	out.Key, out.Name, out.ListedProblem = hex.EncodeToString(key[:]), m.user.Federation().Name, ""
	b, err := m.user.Balance()
	if err != nil {
		return out, err
	}
	out.FreeMsat, out.ReservedMsat = b.Free, b.Reserved
	out.ExposureMsat += b.Free + b.Reserved
	for _, seat := range seen.Seats {
		if seat.ID == id {
			out.Height, out.ListedUntil, out.ListedProblem = seat.Height, seat.Listed, seat.Problem
		}
	}
	return out, nil
}

func (s *Station) view(fn func(storage.Reader) error) error {
	snap, err := s.store.View()
	if err != nil {
		return err
	}
	defer snap.Release()
	return fn(snap)
}

// one is how the gateway stands in a federation now. A listing that was asked for a moment
// ago is not in it yet.
func (s *Station) one(ctx context.Context, id messages.FederationID) (operator.Federation, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return operator.Federation{}, err
	}
	for _, f := range info.Federations {
		if f.ID == id.String() {
			return f, nil
		}
	}
	return operator.Federation{}, fmt.Errorf("federation %s is not connected", id)
}

// named finds a federation by its id or the beginning of it; no name is the only one.
func (s *Station) named(name string) (*member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *member
	for _, m := range s.members {
		if !strings.HasPrefix(m.id.String(), strings.ToLower(name)) {
			continue
		}
		if found != nil {
			return nil, operator.Input("more than one federation is connected: say which, by its id")
		}
		found = m
	}
	if found == nil {
		return nil, operator.Input("no federation %q is connected", name)
	}
	return found, nil
}
