package gateway

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/buyer"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/payer"
	"minimint/actors/gateway/seat"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/storage"
)

// lnGateway is the actor at the top.
type lnGateway struct {
	w                  *seat.World
	seats              []*seat.Seat
	watcher, registrar *actor.PID
	node               seat.NodeNow
	seen               []Report // by seat
	waiting            int      // forwards that the node holds
	// payers and buyers are the actors of payments, by contract and by offer; buying
	// are the keys of the buyers in the order in which these were made.
	payers map[terms.ID]*actor.PID
	buyers map[offerKey]*actor.PID
	buying []offerKey
	// waiters wait for the end of payments, in the order in which they came.
	waiters []waiter
	offered int // requests that the registrar has and has not answered
	ticks   int
	joined  *[]Join // outlives an incarnation
}

// offerKey names a purchase.
type offerKey struct {
	federation messages.FederationID
	hash       messages.Digest
}

// topTick is how exactly waits end, resumeTicks how often what has stopped is tried
// again.
const (
	topTick     = 250 * time.Millisecond
	resumeTicks = 240
)

// maxPayers bounds the contracts that are looked at at once before anything is agreed.
const maxPayers = 1024

// New returns the producer of LnGateway.
func New(cfg Config) actor.Producer {
	joined := new([]Join)
	return func() actor.Actor { return &lnGateway{w: &seat.World{Config: cfg}, joined: joined} }
}

// Receive implements actor.Actor.
func (l *lnGateway) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.start(ctx)
	case *timing.Tick:
		l.tick(ctx, m.Now)
	case Join:
		*l.joined = append(slices.DeleteFunc(*l.joined, func(j Join) bool { return j.Federation.ID() == m.Federation.ID() }), m)
		l.join(ctx, m)
	case Ask:
		l.ask(ctx, m)
	case Adjust:
		ctx.Respond(Adjusted{Number: m.Number, Err: l.adjust(ctx, m)})
	case seat.NodeNow:
		l.node = m
		for _, s := range l.seats {
			if m.Err == nil {
				ctx.Send(s.Client, m)
			}
		}
	case Report:
		if s := l.seat(m.ID); s != nil {
			l.seen[slices.Index(l.seats, s)] = m
		}
	case Look:
		ctx.Respond(Seen{Number: m.Number, Seats: slices.Clone(l.seen), Held: l.waiting})
	case caller.News:
		l.news(ctx)
	case heldNow:
		l.held(ctx, m.forwards)
	case served:
		if ctx.Sender().Equal(l.registrar) { // not that of a former incarnation
			l.offered--
		}
	case payer.Refused:
		l.answer(ctx, m.Contract, m.Request, refusal(m.Rejection))
	case payer.Standing:
		l.stands(ctx, m.Contract)
	case buyer.Buy:
		l.buy(ctx, m)
	case *spawn.Lost:
		l.lost(ctx, m)
	case *actor.Terminated:
		l.forget(m.Who)
	}
}

func (l *lnGateway) start(ctx actor.Context) {
	l.w.Top = ctx.Self()
	l.payers, l.buyers = map[terms.ID]*actor.PID{}, map[offerKey]*actor.PID{}
	l.node.Err = errors.New("not asked yet")
	ctx.Send(l.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: topTick})
	l.watcher = ctx.Spawn(l.w.Spawn.Props(spawn.Restart(seat.Pause), func() actor.Actor { return &watcher{w: l.w} }))
	l.registrar = ctx.Spawn(l.w.Spawn.Props(spawn.Restart(seat.Pause), func() actor.Actor { return &registrar{l.w} }))
	for _, j := range *l.joined {
		l.join(ctx, j)
	}
}

// lost serves what a former incarnation failed over: nobody else would answer.
func (l *lnGateway) lost(ctx actor.Context, m *spawn.Lost) {
	switch lost := m.Message.(type) {
	case Ask:
		ctx.Respond(Told{Number: lost.Number, Reply: interrupted()})
	case Adjust:
		ctx.Respond(Adjusted{Number: lost.Number, Err: errors.New("the gateway was interrupted by a bug; look before trying again")})
	case Look:
		ctx.Respond(Seen{Number: lost.Number})
	}
}

func interrupted() *talk.Reply {
	return refusal(messages.RejectForNow(messages.RejectBusy, "the gateway was interrupted by a bug; ask again"))
}

func (l *lnGateway) seat(id messages.FederationID) *seat.Seat {
	for _, s := range l.seats {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// join begins to work in a federation, and goes on with what is open there.
func (l *lnGateway) join(ctx actor.Context, m Join) {
	id := m.Federation.ID()
	if l.seat(id) != nil {
		return
	}
	s, err := seat.New(m)
	if err != nil {
		l.w.Log.Error("a federation cannot be served", slog.String("federation", id.String()), slog.Any("error", err))
		return
	}
	l.w.Write(func(tx storage.Tx) {
		if ledger.Federation(tx, id) == nil {
			ledger.PutFederation(tx, &ledgerwire.Federation{
				Id:           id[:],
				SendBaseMsat: uint64(DefaultSend.Base), SendPpm: DefaultSend.PPM,
				ReceiveBaseMsat: uint64(DefaultReceive.Base), ReceivePpm: DefaultReceive.PPM,
			})
		}
	})
	l.w.Sit(ctx, s)
	l.seats, l.seen = append(l.seats, s), append(l.seen, Report{ID: id})
	if l.node.Err == nil {
		ctx.Send(s.Client, l.node)
	}
	l.resume(ctx)
	ctx.Send(l.watcher, caller.News{}) // forwards for it may wait
}

// resume makes sure that everything has its actor that is not over: after a start, and
// now and then, since an actor that fails again and again is stopped, and its money may
// still have to be fetched.
func (l *lnGateway) resume(ctx actor.Context) {
	var open []ledger.Entry
	l.w.View(func(r storage.Reader) { open = ledger.Open(r) })
	for _, e := range open {
		if p := e.Payment; p != nil {
			if s := l.seat(messages.FederationID(p.GetFederation())); s != nil {
				l.payer(ctx, s, terms.ID(p.GetContract()))
			}
			continue
		}
		if s := l.seat(messages.FederationID(e.Purchase.GetFederation())); s != nil {
			l.buyer(ctx, s, messages.Digest(e.Purchase.GetOffer().GetPaymentHash()))
		}
	}
}

func (l *lnGateway) adjust(ctx actor.Context, m Adjust) error {
	s := l.seat(m.Federation)
	if s == nil {
		return errors.New("the gateway does not work in this federation")
	}
	l.w.Write(func(tx storage.Tx) {
		f := ledger.Federation(tx, s.ID)
		m.Change(f)
		ledger.PutFederation(tx, f)
	})
	ctx.Send(s.Client, seat.Adjusted{})
	return nil
}

// payer returns the actor of an outgoing contract, and makes it if there is none.
func (l *lnGateway) payer(ctx actor.Context, s *seat.Seat, contract terms.ID) *actor.PID {
	if pid := l.payers[contract]; pid != nil {
		return pid
	}
	pid := ctx.Spawn(l.w.Spawn.Props(spawn.RestartThenStop(3, seat.Pause), payer.New(l.w, s, contract)))
	l.payers[contract] = pid
	ctx.Watch(pid)
	return pid
}

// buyer returns the actor of an offer, and makes it if there is none.
func (l *lnGateway) buyer(ctx actor.Context, s *seat.Seat, hash messages.Digest) *actor.PID {
	key := offerKey{s.ID, hash}
	if pid := l.buyers[key]; pid != nil {
		return pid
	}
	pid := ctx.Spawn(l.w.Spawn.Props(spawn.RestartThenStop(3, seat.Pause), buyer.New(l.w, s, hash)))
	l.buyers[key] = pid
	l.buying = append(l.buying, key)
	ctx.Watch(pid)
	return pid
}

// forget takes an actor off the books that has ended, or was stopped by its failures.
func (l *lnGateway) forget(who *actor.PID) {
	for k, pid := range l.payers { // at most one, so the order does not matter
		if pid.Equal(who) {
			delete(l.payers, k)
			return
		}
	}
	for k, pid := range l.buyers { // likewise
		if pid.Equal(who) {
			delete(l.buyers, k)
			l.buying = slices.DeleteFunc(l.buying, func(o offerKey) bool { return o == k })
			return
		}
	}
}

// news has all payers look whose payment may have ended.
func (l *lnGateway) news(ctx actor.Context) {
	var open []ledger.Entry
	l.w.View(func(r storage.Reader) { open = ledger.Open(r) })
	for _, e := range open {
		if p := e.Payment; p.GetState() == ledgerwire.PaymentState_PAYMENT_PAYING {
			if pid := l.payers[terms.ID(p.GetContract())]; pid != nil {
				ctx.Send(pid, caller.News{})
			}
		}
	}
}

// held wakes the buyers of what forwards are for; those by channels that lead nowhere
// are given back.
func (l *lnGateway) held(ctx actor.Context, forwards []lnnode.Forward) {
	l.waiting = len(forwards)
	var keys []offerKey
	var strange []lnnode.Circuit
	for _, f := range forwards {
		s := l.virtual(f.Virtual)
		switch {
		case s != nil: // the buyer gives back what nobody expects: see its package
			if key := (offerKey{s.ID, f.Hash}); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		case s == nil && l.known(f.Virtual):
			// Of a federation that is not joined yet: it waits.
		default:
			strange = append(strange, f.Circuit)
		}
	}
	if len(strange) > 0 {
		l.w.Log.Info("forwards for nobody are given back", slog.Int("forwards", len(strange)))
		ctx.Send(l.watcher, refuse{strange})
	}
	for _, key := range keys {
		ctx.Send(l.buyer(ctx, l.seat(key.federation), key.hash), buyer.Holds{})
	}
}

// virtual returns the federation that a virtual channel leads to, nil if the gateway
// does not work there now.
func (l *lnGateway) virtual(channel uint64) *seat.Seat {
	var found *seat.Seat
	l.w.View(func(r storage.Reader) {
		for _, s := range l.seats {
			if deal.Channel(ledger.Federation(r, s.ID).GetNumber()) == channel {
				found = s
			}
		}
	})
	return found
}

// known reports whether a virtual channel is that of any federation of the gateway.
func (l *lnGateway) known(channel uint64) bool {
	found := false
	l.w.View(func(r storage.Reader) {
		for _, f := range ledger.Federations(r) {
			found = found || deal.Channel(f.GetNumber()) == channel
		}
	})
	return found
}

// expected reports whether there is an offer for a payment hash, or was one.
func (l *lnGateway) expected(id messages.FederationID, hash messages.Digest) bool {
	expected := false
	l.w.View(func(r storage.Reader) {
		expected = ledger.Offer(r, id, hash) != nil || ledger.Purchase(r, id, hash) != nil
	})
	return expected
}

// buy hands the wish of a payer to the buyer.
func (l *lnGateway) buy(ctx actor.Context, m buyer.Buy) {
	s := l.virtual(m.Virtual)
	switch {
	case s != nil && l.expected(s.ID, m.Hash):
		ctx.RequestWithCustomSender(l.buyer(ctx, s, m.Hash), m, ctx.Sender())
	case s == nil && l.known(m.Virtual):
		// The payer asks again.
	default:
		ctx.Respond(buyer.Bought{Reason: "nobody waits for this payment at the gateway"})
	}
}
