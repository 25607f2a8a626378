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
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/keys"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/seat"
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

// attempt is what is known of the present attempt beyond its record.
type attempt struct {
	looking bool // for the contract
	failed  bool // its transaction will never be accepted
	closed  bool // its forwards were answered
}

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

// reference names what the client does for the record.
func reference(what string, offer terms.ID, rec *ledgerwire.Purchase) string {
	return fmt.Sprintf("gateway/%s/%s/%d", what, offer, rec.GetAttempt())
}

// refundKey takes the money back if there is no preimage.
func refundKey(ring *keys.Ring, rec *ledgerwire.Purchase) [32]byte {
	return keys.XOnly(ring.Contract(rec.GetKeyIndex()))
}
