// Package buyer is the actor of one offer: it buys it for forwards that bring its price, or for
// an outgoing contract of the gateway, once.
//
//	accepts  Holds, Buy from LnGateway; Looked and Ended from GatewayClient; the
//	         caller's results; timing.Tick
//	sends    Bought to payers; LookFor, Order, Recall to GatewayClient
//
// Its record:
//
//	none → BUYING     the transaction that buys it may be on its way
//	     → VALID      the preimage is known: it answers the forwards of the record
//	     → INVALID    it holds no preimage: the money is fetched
//	     → RETURNED   it was
//	     → FAILED     nothing was bought; a later payment begins anew
//
// Forwards that the record does not name are given back, unless they may yet be bought
// for. So are those for which there is no offer: by the buyer too, for it is the one that
// must know what was given back when an offer is registered a moment later.
package buyer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/seat"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/storage"
)

// buyer is the actor.
type buyer struct {
	w    *seat.World
	seat *seat.Seat
	hash messages.Digest

	rec     *ledgerwire.Purchase // nil: nothing was begun
	offer   *terms.Offer         // nil: none is registered
	virtual uint64               // channel by which forwards come
	tick    int
	told    int // tick of the last message about the record
	idle    int // tick since which there is nothing to do

	approach
	attempt
	forwards
	wish   *Buy
	wisher *actor.PID
}

// approach is what is known before anything is begun.
type approach struct {
	step    step
	stepped int    // tick of the last one
	news    bool   // there was some during a step
	height  uint32 // of the node, when it was last asked
	agreed  uint32 // of the federation
}

// attempt is what is known of the present attempt beyond its record.
type attempt struct {
	looking bool // for the contract
	failed  bool // its transaction will never be accepted
	closed  bool // its forwards were answered
}

// A step towards a purchase: the node is asked what it holds now, then how high the chain
// is, and the federation how the offer stands.
type step int

const (
	stepNone step = iota
	stepHeld
	stepHeight
	stepLook
)

// What a buyer is told, and tells payers.
type (
	// Holds says that the node holds forwards for the offer.
	Holds struct{}
	// Buy asks for the offer behind a payment hash, on the federation of a virtual
	// channel, for an outgoing contract. The answer is Bought, when there is one.
	Buy struct {
		Virtual  uint64
		Hash     messages.Digest
		Contract terms.ID
		Payer    messages.FederationID
		Amount   messages.Amount // of the invoice
		Expiry   uint32          // of the contract
	}
	// Bought answers Buy. Without Preimage the offer is not, and will not be, bought
	// for this contract.
	Bought struct {
		Preimage *lnnode.Preimage
		Reason   string
	}
)

// Rhythm of a buyer, in ticks.
const (
	buyTick     = time.Second
	partsTicks  = 60 // for which parts of a payment wait for the others (BOLT #4)
	heightTicks = 5  // between looks at the height while a purchase is open
	idleTicks   = 30 // longer than a call to the node, so that spent is complete
	maxAttempts = 64
)

// New returns the producer of the buyer of an offer.
func New(w *seat.World, s *seat.Seat, hash messages.Digest) actor.Producer {
	return func() actor.Actor { return &buyer{w: w, seat: s, hash: hash} }
}

// Receive implements actor.Actor.
func (b *buyer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		b.start(ctx)
	case *timing.Tick:
		b.tick++
		b.ticked(ctx)
	case Holds:
		b.consider(ctx)
	case Buy: // a payer asks again and again, so the newest wish is enough
		b.wish, b.wisher = &m, ctx.Sender()
		b.consider(ctx)
	case caller.HeldResult:
		b.holds(ctx, m)
	case caller.InfoResult:
		b.informed(ctx, m)
	case seat.Looked:
		b.looked(ctx, m)
	case seat.Ended:
		b.ended(ctx, m)
	case caller.AnswerResult:
		b.replied(m.At)
	}
}

// start reads what a former incarnation has left. What that gave back is forgotten; but its
// child has ended before this one begins, so no answer of it is still on its way.
func (b *buyer) start(ctx actor.Context) {
	b.forwards.node = b.w.Caller(ctx)
	ctx.Send(b.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: buyTick})
	b.w.View(func(r storage.Reader) {
		b.rec = ledger.Purchase(r, b.seat.ID, b.hash)
		b.offer = ledger.Offer(r, b.seat.ID, b.hash)
		b.virtual = deal.Channel(ledger.Federation(r, b.seat.ID).GetNumber())
	})
	if b.rec != nil { // the offer that was begun counts, also when it is forgotten
		o, err := terms.OfferOf(b.rec.GetOffer())
		if err != nil {
			panic(fmt.Sprintf("gateway: stored offer: %v", err))
		}
		b.offer = &o
	}
	b.goOn(ctx)
}

// goOn does the next thing that the record asks for.
func (b *buyer) goOn(ctx actor.Context) {
	b.told = b.tick
	switch b.rec.GetState() {
	case ledgerwire.PurchaseState_PURCHASE_BUYING:
		if b.rec.GetFree() {
			b.look(ctx, nil)
		} else {
			b.fund(ctx)
		}
	case ledgerwire.PurchaseState_PURCHASE_INVALID:
		b.fetch(ctx)
	default:
	}
	b.consider(ctx)
}

// ticked asks again for what may have been lost, looks whether an open purchase has become
// dangerous, and ends the actor when there has been nothing to do for a while.
func (b *buyer) ticked(ctx actor.Context) {
	open := ledger.PurchaseOpen(b.rec)
	switch {
	case open && b.tick-b.told >= seat.AgainTicks:
		b.goOn(ctx)
	case b.step != stepNone && b.tick-b.stepped >= seat.AgainTicks:
		b.step = stepNone // an answer was lost
	case !open && b.tick%heightTicks == 0 && (b.wish != nil || len(b.held) > 0):
		b.consider(ctx) // parts may have waited long enough
	}
	if open && b.tick%heightTicks == 0 {
		ctx.Request(b.node, caller.InfoCall{})
	}
	if open || len(b.held) > 0 || b.wish != nil {
		b.idle = b.tick
	}
	if b.tick-b.idle > idleTicks {
		ctx.Stop(ctx.Self())
	}
}

// consider looks at what the node holds, to answer it or to buy.
func (b *buyer) consider(ctx actor.Context) {
	if b.step != stepNone {
		b.news = true
		return
	}
	if b.offer == nil {
		b.w.View(func(r storage.Reader) { b.offer = ledger.Offer(r, b.seat.ID, b.hash) })
	}
	b.step, b.stepped, b.news = stepHeld, b.tick, false
	ctx.Request(b.node, caller.HeldCall{})
}

// holds takes what the node holds now. A list that is older may name forwards that have
// been given back since; to buy for these would be to pay for nothing.
func (b *buyer) holds(ctx actor.Context, m caller.HeldResult) {
	if b.step != stepHeld {
		return
	}
	b.step = stepNone
	if m.Err != nil {
		return // at a tick again, or when there is news
	}
	if len(b.held) == 0 {
		b.since = b.tick
	}
	b.held = slices.DeleteFunc(slices.Clone(m.Forwards), func(f lnnode.Forward) bool { return f.Hash != b.hash || f.Virtual != b.virtual })
	b.settle(ctx)
	if b.offer == nil {
		b.refuse(ctx, "nobody waits for this payment")
		return
	}
	if startable(b.rec) && (b.wish != nil || len(b.held) > 0) {
		b.step, b.stepped = stepHeight, b.tick
		ctx.Request(b.node, caller.InfoCall{})
	}
}

// startable reports whether a purchase could be begun.
func startable(rec *ledgerwire.Purchase) bool {
	return rec == nil || rec.GetState() == ledgerwire.PurchaseState_PURCHASE_FAILED
}

// informed learns the height: before anything is begun, and later to see whether the
// purchase has become dangerous.
func (b *buyer) informed(ctx actor.Context, m caller.InfoResult) {
	if m.Err == nil {
		b.height = m.Info.Height
	}
	switch {
	case b.step == stepHeight && m.Err != nil:
		b.step = stepNone // at a tick again
	case b.step == stepHeight:
		b.step = stepLook
		b.look(ctx, nil)
	case b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING && m.Err == nil && deal.Urgent(b.rec.GetFailHeight(), max(b.height, b.agreed)):
		ctx.Send(b.seat.Client, seat.Recall{Reference: reference("buy", b.offer.ID(b.seat.ID), b.rec)})
	}
}

// look asks the federation for the offer.
func (b *buyer) look(ctx actor.Context, known *orders.Answer) {
	b.looking = true
	ctx.Request(b.seat.Client, seat.LookFor{Contract: b.offer.ID(b.seat.ID), Known: known})
}

// looked takes what the federation says of the offer.
func (b *buyer) looked(ctx actor.Context, m seat.Looked) {
	if !b.looking { // a former question was answered after all
		return
	}
	b.looking = false
	b.agreed = max(b.agreed, m.Height)
	first := b.step == stepLook
	if first {
		b.step = stepNone
	}
	switch {
	case m.Err != nil || m.Raw.Code != 0 && m.Raw.Code != messages.RejectContractUnknown:
		// Members that give no sensible answer alike are more than F; at a tick again.
		b.w.Log.Warn("an offer cannot be looked at", slog.Any("error", m.Err), slog.String("text", m.Raw.Text))
	case first && startable(b.rec):
		b.begin(ctx, m)
		if b.news && startable(b.rec) {
			b.consider(ctx)
		}
	case b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING:
		b.follow(ctx, m)
	}
}

// begin decides over the purchase, with the contract as it is.
func (b *buyer) begin(ctx actor.Context, m seat.Looked) {
	// The forwards are those that the node held a moment ago, after all of this actor's
	// answers. They cannot have gone since: a payer can take none back before its end.
	err := b.worth()
	var later *deal.Later
	switch {
	case errors.As(err, &later) && b.tick-b.since < partsTicks:
		return
	case err != nil:
		b.refuse(ctx, err.Error())
		return
	}
	rec := b.fresh()
	switch m.Status.State {
	case lightningwire.State_STATE_UNKNOWN: // the usual case: users announce nothing
		rec.Announce = true
	case lightningwire.State_STATE_OFFERED:
	case lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED:
		b.refuse(ctx, "the offer holds no preimage")
		return
	default: // somebody else has bought it, and paid the user
		rec.Free = true
	}
	b.w.Write(func(tx storage.Tx) {
		if !rec.Free {
			rec.KeyIndex = ledger.TakeKey(tx, b.seat.ID)
		}
		ledger.PutPurchase(tx, rec)
	})
	b.rec, b.failed, b.closed, b.told = rec, false, false, b.tick
	if rec.Free {
		b.follow(ctx, m)
		return
	}
	b.fund(ctx)
}

// worth decides whether what came is worth the offer.
func (b *buyer) worth() error {
	if b.wish != nil { // the payer has seen to it that its contract pays for the offer
		switch {
		case b.wish.Amount < b.offer.Amount:
			return &deal.Never{Reason: "the invoice asks for less than its offer"}
		case b.offer.Expiry <= b.agreed+1:
			return &deal.Never{Reason: "the recipient's offer has expired"}
		case deal.Urgent(b.wish.Expiry, max(b.height, b.agreed)):
			return &deal.Never{Reason: "the contract expires too soon"}
		}
		return nil
	}
	s := deal.Sale{Offer: *b.offer, Forwards: b.held, Height: b.height, Agreed: b.agreed}
	b.w.View(func(r storage.Reader) { s.Terms = seat.Terms(ledger.Federation(r, b.seat.ID)) })
	return deal.Incoming(s)
}

// fresh is the record of an attempt.
func (b *buyer) fresh() *ledgerwire.Purchase {
	rec := &ledgerwire.Purchase{
		Federation: b.seat.ID[:], Offer: b.offer.Wire(), State: ledgerwire.PurchaseState_PURCHASE_BUYING,
		Attempt: b.rec.GetAttempt() + 1, Number: b.rec.GetNumber(), BeganMs: b.w.Time().UnixMilli(),
	}
	if b.wish != nil {
		rec.Contract, rec.Payer, rec.FailHeight = b.wish.Contract[:], b.wish.Payer[:], b.wish.Expiry
		return rec
	}
	for i, f := range b.held {
		rec.Circuits = append(rec.Circuits, &ledgerwire.Circuit{Channel: f.Channel, Htlc: f.HTLC})
		rec.InMsat += uint64(f.In)
		if end := min(f.Expiry, f.AutoFail); i == 0 || end < rec.FailHeight {
			rec.FailHeight = end
		}
	}
	return rec
}

// refuse gives back what waits for a purchase that will not be. Nothing is written:
// nothing was begun.
func (b *buyer) refuse(ctx actor.Context, reason string) {
	if b.wish != nil {
		ctx.Send(b.wisher, Bought{Reason: reason})
		b.wish, b.wisher = nil, nil
		return
	}
	if len(b.held) == 0 {
		return
	}
	b.w.Log.Info("forwards are given back", slog.String("payment", b.hash.String()), slog.String("reason", reason))
	for _, f := range b.held {
		b.reply(ctx, f.Circuit, nil)
	}
	b.held = nil
}

// reference names what the client does for the record.
func reference(what string, offer terms.ID, rec *ledgerwire.Purchase) string {
	return fmt.Sprintf("gateway/%s/%s/%d", what, offer, rec.GetAttempt())
}

// refundKey takes the money back if there is no preimage.
func refundKey(ring *keys.Ring, rec *ledgerwire.Purchase) [32]byte {
	return keys.XOnly(ring.Contract(rec.GetKeyIndex()))
}
