package client

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/deposits"
	"minimint/actors/client/inquirer"
	"minimint/actors/client/listings"
	"minimint/actors/client/payments"
	"minimint/actors/client/purse"
	"minimint/actors/client/restore"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/storage"
)

// world is what the actors of one client share, beyond what operations need. Each
// incarnation of UserClient fills one before it spawns anybody.
type world struct {
	carrier.World
	// birthday is the first bitcoin height that the federation knows.
	birthday uint32
	network  *chaincfg.Params // nil if it holds no bitcoin
	blocks   Blocks           // nil without a bitcoin node
	rand     io.Reader
	time     *clockHand
	wallet   *actor.PID // nil if the federation holds no bitcoin
	// payments is what payers and payees share, nil if there is no Lightning module.
	payments *payments.World
}

// userClient is the actor at the top of a client: it starts operations, and
// supervises MintClient, WalletClient and one carrier for each operation.
//
//	accepts  call from the door, what package orders says from actors outside,
//	         deposits.Found and deposits.Made from WalletClient, carrier.Changed from below, timing.Tick;
//	         again from its own beginning
//	sends    answer, carrier.Changed, parked and resumed to the door, orders.Begun,
//	         orders.Ended and orders.Answer to who asked, carrier.Recall to operations,
//	         deposits.Wanted and deposits.Recorded to WalletClient
type userClient struct {
	base     world  // without the actors
	w        *world // of this incarnation and its children
	door     *actor.PID
	ending   bool              // this incarnation: its carriers stop because it does
	running  map[string]uint64 // operation by PID id of its carrier
	carriers map[uint64]*actor.PID
	stopped  map[uint64]bool // that are parked
	inquirer *actor.PID
	// open (calls without an answer), following and asked outlive an incarnation.
	open      *[]call
	following *[]follower
	asked     *inquirer.Kept
}

func newUserClient(base world, door *actor.PID) actor.Producer {
	open, following, asked := new([]call), new([]follower), new(inquirer.Kept)
	return func() actor.Actor {
		return &userClient{base: base, door: door, open: open, following: following, asked: asked}
	}
}

// A call is a request of the façade; it gets one answer.
type call struct {
	number uint64
	body   any
}

// answer answers a call: with the id of an operation, a list of gateways, or an error.
type answer struct {
	number uint64
	id     uint64
	list   listings.List
	err    error
}

// What a call can ask for.
type (
	// begin starts an operation, which has no id yet.
	begin struct{ op *clientwire.Operation }
	// cancelOf takes back what an operation has reserved or handed over.
	cancelOf struct{ id uint64 }
	// depositWanted asks for a new address, which WalletClient makes.
	depositWanted struct{}
	// listWanted asks for the gateways.
	listWanted struct{}
	// lingering asks to be answered when the carrier of an operation has gone.
	lingering struct{ id uint64 }
)

// again has an incarnation put the calls anew that the former one has left open. It comes
// behind all that the actors below that one have answered.
type again struct{ calls []call }

// parked tells the door that an operation has stopped without an end.
type parked struct{ id uint64 }

// resumed tells the door that all operations that are not over go on, and that
// news may have been lost.
type resumed struct{}

// Receive implements actor.Actor.
func (u *userClient) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		u.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		u.ending = true
	case *timing.Tick:
		u.w.time.set(m.Now)
	case call:
		u.call(ctx, m)
	case again:
		for _, c := range m.calls {
			if slices.Contains(*u.open, c) {
				u.put(ctx, c)
			}
		}
	case deposits.Found:
		u.deposits(ctx, m)
	case *spawn.Lost:
		u.lost(ctx, m)
	case carrier.Changed:
		u.changed(ctx, m.ID)
	case *actor.Terminated:
		u.ended(ctx, m.Who)
	default:
		u.order(ctx, m)
	}
}

// changed passes on that a record was written.
func (u *userClient) changed(ctx actor.Context, id uint64) {
	ctx.Send(u.door, carrier.Changed{ID: id})
	u.news(ctx, id)
}

// start spawns the modules' clients and a carrier for each operation that is not
// over: what was begun before a crash goes on.
func (u *userClient) start(ctx actor.Context) {
	u.running, u.carriers, u.stopped = map[string]uint64{}, map[uint64]*actor.PID{}, map[uint64]bool{}
	fresh := u.base
	u.w = &fresh
	u.w.User = ctx.Self()
	ctx.Send(u.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: time.Second})
	u.w.Mint = ctx.Spawn(u.w.Spawn.Props(spawn.Restart(carrier.RestartPause), func() actor.Actor { return &mintClient{w: u.w} }))
	u.inquirer = ctx.Spawn(u.w.Spawn.Props(spawn.Restart(carrier.RestartPause), inquirer.New(&u.w.World, u.asked)))
	if u.w.Lock != nil {
		u.w.wallet = ctx.Spawn(u.w.Spawn.Props(spawn.Restart(carrier.RestartPause), deposits.New(deposits.Config{
			World: &u.w.World, Blocks: u.w.blocks, Birthday: u.w.birthday, NowMs: u.w.nowMs,
		})))
	}
	u.startPayments(ctx)
	var pending []*clientwire.Operation
	u.w.View(func(r storage.Reader) {
		for _, id := range book.Pending(r) {
			pending = append(pending, book.Operation(r, id))
		}
	})
	for _, op := range pending {
		u.carry(ctx, op)
	}
	ctx.Send(u.door, resumed{})
	ctx.Send(ctx.Self(), again{slices.Clone(*u.open)})
	*u.following = slices.DeleteFunc(*u.following, func(f follower) bool { return u.tell(ctx, f) })
}

// carry spawns the carrier of an operation. Deposits need none: WalletClient
// watches all addresses. A UserClient that ends spawns none, since nobody would stop
// it: the next one does.
func (u *userClient) carry(ctx actor.Context, op *clientwire.Operation) {
	id := op.GetId()
	if u.ending || op.GetState() != clientwire.State_STATE_PENDING || op.GetKind() == clientwire.Kind_KIND_DEPOSIT || u.carriers[id] != nil {
		return
	}
	pid := ctx.Spawn(u.w.Spawn.Props(spawn.RestartThenStop(3, carrier.RestartPause), u.producer(op)))
	u.running[pid.Id], u.carriers[id] = id, pid
	ctx.Watch(pid)
}

// producer makes the actor that carries an operation.
func (u *userClient) producer(op *clientwire.Operation) actor.Producer {
	switch op.GetKind() {
	case clientwire.Kind_KIND_PAY:
		return payments.NewPayer(u.w.payments, op.GetId())
	case clientwire.Kind_KIND_INVOICE:
		return payments.NewPayee(u.w.payments, op.GetId())
	case clientwire.Kind_KIND_RESTORE:
		return restore.New(restore.Config{World: &u.w.World, ID: op.GetId(), Tiers: u.w.Purse.Tiers(), Random: u.w.rand, Chain: u.w.blocks != nil && u.w.wallet != nil})
	default:
		return carrier.New(&u.w.World, op.GetId())
	}
}

// ended parks an operation whose carrier stopped before its end. What stops with
// this incarnation is carried on by the next.
func (u *userClient) ended(ctx actor.Context, who *actor.PID) {
	id, ok := u.running[who.Id]
	if !ok || u.ending {
		return
	}
	delete(u.running, who.Id)
	delete(u.carriers, id)
	snap, err := u.w.Store.View()
	pending := true // if it cannot be read: nothing more will come of it
	if err == nil {
		pending = book.Operation(snap, id).GetState() == clientwire.State_STATE_PENDING
		snap.Release()
	}
	if pending {
		u.stopped[id] = true
		ctx.Send(u.door, parked{id: id})
	}
	for _, m := range slices.Clone(*u.open) {
		if m.body == (lingering{id}) {
			u.put(ctx, m)
		}
	}
	u.news(ctx, id)
}

// call serves a request of the façade.
func (u *userClient) call(ctx actor.Context, m call) {
	reply := answer{number: m.number}
	switch body := m.body.(type) {
	case begin:
		reply.id, reply.err = u.begin(ctx, body.op)
	case cancelOf:
		reply.id, reply.err = u.cancel(ctx, body.id)
	case listWanted, depositWanted, lingering:
		*u.open = append(*u.open, m)
		u.put(ctx, m)
		return
	default:
		panic(fmt.Sprintf("client: call of unknown type %T", m.body))
	}
	u.answer(ctx, reply)
}

// put does what an open call needs to be answered. It can be repeated, though somebody
// may then get one address more than he is told of.
func (u *userClient) put(ctx actor.Context, m call) {
	switch body := m.body.(type) {
	case listWanted:
		if u.w.payments == nil {
			u.answer(ctx, answer{number: m.number, err: carrier.ErrNoLightning})
			return
		}
		ctx.Request(u.w.payments.Ln, listings.Wanted{Key: m.number})
	case depositWanted:
		if u.w.wallet == nil {
			u.answer(ctx, answer{number: m.number, err: errors.New("this federation holds no bitcoin")})
			return
		}
		ctx.Request(u.w.wallet, deposits.Wanted{Key: m.number})
	case lingering:
		if u.carriers[body.id] == nil {
			u.answer(ctx, answer{number: m.number})
		}
	}
}

// answer answers a call, which is not open any more.
func (u *userClient) answer(ctx actor.Context, a answer) {
	*u.open = slices.DeleteFunc(*u.open, func(m call) bool { return m.number == a.number })
	ctx.Send(u.door, a)
}

// begin writes an operation and starts it, unless there is one with its reference, or
// one that pays the same invoice: then that is it. The error is the store's, or says
// why the invoice cannot be paid.
func (u *userClient) begin(ctx actor.Context, op *clientwire.Operation) (uint64, error) {
	known := uint64(0)
	var refusal error
	err := u.w.Store.Update(func(tx storage.Tx) error {
		if name := op.GetReference(); name != "" {
			known = book.Named(tx, name)
		}
		if known == 0 && op.GetKind() == clientwire.Kind_KIND_PAY {
			known, refusal = u.w.payments.Admit(tx, op)
		}
		if known == 0 && refusal == nil {
			u.add(tx, op)
		}
		return refusal
	})
	switch {
	case refusal != nil:
		return 0, refusal
	case err != nil:
		return 0, fmt.Errorf("write operation: %w", err)
	case known != 0:
		return known, nil
	}
	u.begun(ctx, op)
	return op.GetId(), nil
}

func (u *userClient) add(tx storage.Tx, op *clientwire.Operation) {
	op.State, op.BeganMs = clientwire.State_STATE_PENDING, u.w.nowMs()
	if op.GetKind() == clientwire.Kind_KIND_RESTORE {
		restore.Begin(tx, op)
		return
	}
	book.Add(tx, op)
	if op.GetKind() == clientwire.Kind_KIND_PAY {
		book.PutPayment(tx, messages.Digest(op.GetPay().GetPaymentHash()), op.GetId())
	}
}

func (u *userClient) begun(ctx actor.Context, op *clientwire.Operation) {
	u.carry(ctx, op)
	ctx.Send(u.door, carrier.Changed{ID: op.GetId()})
}

// deposits begins to claim what is not claimed yet.
func (u *userClient) deposits(ctx actor.Context, m deposits.Found) {
	var fresh []*clientwire.Operation
	u.w.Update(func(tx storage.Tx) { fresh = m.Record(tx, u.w.nowMs()) })
	for _, op := range fresh {
		u.begun(ctx, op)
	}
	ctx.Respond(deposits.Recorded{})
}

// cancel takes back what an operation holds: notes that were handed over become
// an operation of their own, once; a pending one is told to turn round.
func (u *userClient) cancel(ctx actor.Context, id uint64) (uint64, error) {
	snap, err := u.w.Store.View()
	if err != nil {
		return 0, fmt.Errorf("read operation: %w", err)
	}
	op, under := book.Operation(snap, id), purse.Reclaiming(snap, id)
	snap.Release()
	if op == nil {
		return 0, fmt.Errorf("there is no operation %d", id)
	}
	switch {
	case under != 0:
		return under, nil
	case op.GetState() == clientwire.State_STATE_PENDING && u.carriers[id] != nil:
		switch op.GetKind() {
		case clientwire.Kind_KIND_SPEND, clientwire.Kind_KIND_WITHDRAW, clientwire.Kind_KIND_FUND, clientwire.Kind_KIND_PAY:
			ctx.Send(u.carriers[id], carrier.Recall{})
			return id, nil
		default:
			return 0, fmt.Errorf("operation %d is pending and holds none of your notes", id)
		}
	case op.GetKind() != clientwire.Kind_KIND_SPEND || op.GetState() != clientwire.State_STATE_DONE:
		return 0, fmt.Errorf("operation %d has not handed over any notes", id)
	case op.GetCancelled():
		return 0, fmt.Errorf("the notes of operation %d were taken back already", id)
	case op.GetRedeemed():
		return 0, fmt.Errorf("the notes of operation %d were cashed by whoever got them", id)
	}
	return u.begin(ctx, &clientwire.Operation{
		Kind: clientwire.Kind_KIND_RECLAIM, AmountMsat: op.GetAmountMsat(), Notes: op.GetNotes(), Parent: id,
	})
}
