package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/storage"
)

// buyer is the actor of one offer: it buys it for forwards that bring its price, or for
// an outgoing contract of the gateway, once.
//
//	accepts  holds, buy from LnGateway; looked and ended from GatewayClient; the
//	         caller's results; timing.Tick
//	sends    bought to payers; lookFor, order, recall to GatewayClient
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
// for.
type buyer struct {
	w    *world
	seat *seat
	hash messages.Digest

	rec     *ledgerwire.Purchase // nil: nothing was begun
	offer   *terms.Offer
	virtual uint64 // channel by which forwards come
	node    *actor.PID
	now     time.Time
	tick    int
	height  uint32 // of the node, when it was last asked
	agreed  uint32
	step    step // towards a purchase, before anything is begun
	stepped int  // tick of the last one
	looking bool // for the contract
	failed  bool // the transaction of this attempt will never be accepted
	closed  bool // the forwards of the record were answered

	held   []lnnode.Forward // that are not answered
	since  int              // tick of the first of them
	answer []lnnode.Circuit // that are being answered
	spent  []lnnode.Circuit // that were given back, and buy nothing any more
	wish   *buy
	wisher *actor.PID
	told   int
	idle   int // tick since which there is nothing to do
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

// holds says that the node holds forwards for the offer.
type holds struct{}

// Rhythm of a buyer, in ticks.
const (
	buyTick     = time.Second
	partsTicks  = 60 // for which parts of a payment wait for the others (BOLT #4)
	heightTicks = 5  // between looks at the height while a purchase is open
	idleTicks   = 30 // longer than a call to the node, so that spent is complete
	maxAttempts = 64
)

func newBuyer(w *world, s *seat, hash messages.Digest) actor.Producer {
	return func() actor.Actor { return &buyer{w: w, seat: s, hash: hash, now: w.Now} }
}

// Receive implements actor.Actor.
func (b *buyer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		b.start(ctx)
	case *timing.Tick:
		b.now = m.Now
		b.tick++
		b.ticked(ctx)
	case holds:
		b.consider(ctx)
	case buy:
		b.wish, b.wisher = &m, ctx.Sender()
		b.consider(ctx)
	case heldResult:
		b.holds(ctx, m)
	case infoResult:
		b.informed(ctx, m)
	case looked:
		b.looked(ctx, m)
	case ended:
		b.ended(ctx, m)
	case answerResult:
		b.answer = slices.DeleteFunc(b.answer, func(c lnnode.Circuit) bool { return c == m.at })
	}
}

func (b *buyer) start(ctx actor.Context) {
	b.node = b.w.spawnCaller(ctx)
	ctx.Send(b.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: buyTick})
	b.w.view(func(r storage.Reader) {
		b.rec = ledger.Purchase(r, b.seat.id, b.hash)
		b.offer = ledger.Offer(r, b.seat.id, b.hash)
		b.virtual = deal.Channel(ledger.Federation(r, b.seat.id).GetNumber())
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

func (b *buyer) ticked(ctx actor.Context) {
	open := ledger.PurchaseOpen(b.rec)
	switch {
	case open && b.tick-b.told >= againTicks:
		b.goOn(ctx)
	case b.step != stepNone && b.tick-b.stepped >= againTicks:
		b.step = stepNone // an answer was lost
	case !open && b.tick%heightTicks == 0 && (b.wish != nil || len(b.held) > 0):
		b.consider(ctx) // parts may have waited long enough
	}
	if open && b.tick%heightTicks == 0 {
		ctx.Request(b.node, infoCall{})
	}
	if open || len(b.held) > 0 || b.wish != nil || b.offer == nil {
		b.idle = b.tick
	}
	if b.tick-b.idle > idleTicks || b.offer == nil {
		ctx.Stop(ctx.Self())
	}
}

// consider looks at what the node holds, to answer it or to buy.
func (b *buyer) consider(ctx actor.Context) {
	if b.step == stepNone && b.offer != nil {
		b.step, b.stepped = stepHeld, b.tick
		ctx.Request(b.node, heldCall{})
	}
}

// holds takes what the node holds now. A list that is older may name forwards that have
// been given back since; to buy for these would be to pay for nothing.
func (b *buyer) holds(ctx actor.Context, m heldResult) {
	if b.step != stepHeld {
		return
	}
	b.step = stepNone
	if m.err != nil {
		return // at a tick again, or when there is news
	}
	if len(b.held) == 0 {
		b.since = b.tick
	}
	b.held = slices.DeleteFunc(slices.Clone(m.forwards), func(f lnnode.Forward) bool { return f.Hash != b.hash || f.Virtual != b.virtual })
	b.settle(ctx)
	if b.startable() && (b.wish != nil || len(b.held) > 0) {
		b.step, b.stepped = stepHeight, b.tick
		ctx.Request(b.node, infoCall{})
	}
}

// startable reports whether a purchase could be begun.
func (b *buyer) startable() bool {
	return b.rec == nil || b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_FAILED
}

// informed learns the height: before anything is begun, and later to see whether the
// purchase has become dangerous.
func (b *buyer) informed(ctx actor.Context, m infoResult) {
	if m.err == nil {
		b.height = m.info.Height
	}
	switch {
	case b.step == stepHeight && m.err != nil:
		b.step = stepNone // at a tick again
	case b.step == stepHeight:
		b.step = stepLook
		b.look(ctx, nil)
	case b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING && m.err == nil && deal.Urgent(b.rec.GetFailHeight(), max(b.height, b.agreed)):
		ctx.Send(b.seat.client, recall{b.reference("buy")})
	}
}

// look asks the federation for the offer.
func (b *buyer) look(ctx actor.Context, known *orders.Answer) {
	b.looking = true
	ctx.Request(b.seat.client, lookFor{contract: b.offer.ID(b.seat.id), known: known})
}

// looked takes what the federation says of the offer.
func (b *buyer) looked(ctx actor.Context, m looked) {
	if !b.looking {
		return
	}
	b.looking = false
	b.agreed = max(b.agreed, m.height)
	first := b.step == stepLook
	if first {
		b.step = stepNone
	}
	switch {
	case m.err != nil || m.raw.Code != 0 && m.raw.Code != messages.RejectContractUnknown:
		b.w.Log.Warn("an offer cannot be looked at", slog.Any("error", m.err), slog.String("text", m.raw.Text))
	case first && b.startable():
		b.begin(ctx, m)
	case b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING:
		b.follow(ctx, m)
	}
}

// begin decides over the purchase, with the contract as it is.
func (b *buyer) begin(ctx actor.Context, m looked) {
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
	switch m.status.State {
	case lightningwire.State_STATE_UNKNOWN:
		rec.Announce = true
	case lightningwire.State_STATE_OFFERED:
	case lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED:
		b.refuse(ctx, "the offer holds no preimage")
		return
	default: // somebody else has bought it, and paid the user
		rec.Free = true
	}
	b.w.write(func(tx storage.Tx) {
		if !rec.Free {
			rec.KeyIndex = ledger.TakeKey(tx, b.seat.id)
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
	if b.wish != nil {
		switch {
		case b.wish.amount < b.offer.Amount:
			return &deal.Never{Reason: "the invoice asks for less than its offer"}
		case b.offer.Expiry <= b.agreed+1:
			return &deal.Never{Reason: "the recipient's offer has expired"}
		case deal.Urgent(b.wish.expiry, max(b.height, b.agreed)):
			return &deal.Never{Reason: "the contract expires too soon"}
		}
		return nil
	}
	s := deal.Sale{Offer: *b.offer, Forwards: b.held, Height: b.height, Agreed: b.agreed}
	b.w.view(func(r storage.Reader) { s.Terms = termsOf(ledger.Federation(r, b.seat.id)) })
	return deal.Incoming(s)
}

// fresh is the record of an attempt.
func (b *buyer) fresh() *ledgerwire.Purchase {
	rec := &ledgerwire.Purchase{
		Federation: b.seat.id[:], Offer: b.offer.Wire(), State: ledgerwire.PurchaseState_PURCHASE_BUYING,
		Attempt: b.rec.GetAttempt() + 1, Number: b.rec.GetNumber(), BeganMs: b.now.UnixMilli(),
	}
	if b.wish != nil {
		rec.Contract, rec.Payer, rec.FailHeight = b.wish.contract[:], b.wish.payer[:], b.wish.expiry
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
		ctx.Send(b.wisher, bought{reason: reason})
		b.wish, b.wisher = nil, nil
		return
	}
	b.w.Log.Info("forwards are given back", slog.String("payment", b.hash.String()), slog.String("reason", reason))
	for _, f := range b.held {
		b.reply(ctx, f.Circuit, nil)
	}
	b.held = nil
}

// reference names what the client does for the record.
func (b *buyer) reference(what string) string {
	return fmt.Sprintf("gateway/%s/%s/%d", what, b.offer.ID(b.seat.id), b.rec.GetAttempt())
}

// refundKey takes the money back if there is no preimage.
func (b *buyer) refundKey() [32]byte { return keys.XOnly(b.seat.Ring.Contract(b.rec.GetKeyIndex())) }

// fund buys the offer.
func (b *buyer) fund(ctx actor.Context) {
	op := &clientwire.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: b.reference("buy"), AmountMsat: uint64(b.offer.Amount), Fund: &clientwire.Fund{}}
	if b.rec.GetAnnounce() {
		op.Fund.Outputs = append(op.Fund.Outputs, &clientwire.Piece{Body: terms.Output{Offer: b.offer}.Encode()})
	}
	purchase := terms.Output{Purchase: &terms.Purchase{Offer: b.offer.ID(b.seat.id), RefundKey: b.refundKey()}}
	op.Fund.Outputs = append(op.Fund.Outputs, &clientwire.Piece{Body: purchase.Encode(), AmountMsat: uint64(b.offer.Amount)})
	ctx.Request(b.seat.client, order{op})
}

// ended takes the end of buying or fetching.
func (b *buyer) ended(ctx actor.Context, m ended) {
	done := m.op.GetState() == clientwire.State_STATE_DONE
	switch {
	case m.err != nil:
		b.w.Log.Warn("the client refuses an order", slog.String("order", m.reference), slog.Any("error", m.err))
	case m.reference == b.reference("buy") && b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_BUYING:
		b.failed = !done
		if done {
			b.rec.CostMsat = m.op.GetFeeMsat()
		} else { // nothing was bought by it, and never will be; perhaps somebody else was faster
			b.rec.Reason = clip(m.op.GetText())
		}
		b.look(ctx, nil)
	case m.reference == b.reference("fetch") && b.rec.GetState() == ledgerwire.PurchaseState_PURCHASE_INVALID:
		b.rec.CostMsat += m.op.GetFeeMsat()
		if !done {
			b.w.Log.Error("the price of a worthless offer cannot be fetched", slog.String("reason", m.op.GetText()))
			b.rec.Reason = clip(m.op.GetText())
		}
		b.over(ctx, ledgerwire.PurchaseState_PURCHASE_RETURNED)
	}
}

// follow takes the state of an offer that may be bought, until it tells how that ended.
func (b *buyer) follow(ctx actor.Context, m looked) {
	mine := !b.rec.GetFree() && !b.failed && m.status.RefundKey == b.refundKey()
	switch m.status.State {
	case lightningwire.State_STATE_VALID, lightningwire.State_STATE_CLAIMED:
		if m.status.Preimage == nil {
			b.look(ctx, &m.raw)
			return
		}
		b.rec.Preimage, b.rec.Free, b.rec.Reason = m.status.Preimage[:], !mine, ""
		b.over(ctx, ledgerwire.PurchaseState_PURCHASE_VALID)
	case lightningwire.State_STATE_INVALID, lightningwire.State_STATE_REFUNDED:
		b.rec.Reason = "the offer holds no preimage"
		if !mine {
			b.over(ctx, ledgerwire.PurchaseState_PURCHASE_RETURNED)
			return
		}
		b.over(ctx, ledgerwire.PurchaseState_PURCHASE_INVALID)
		b.fetch(ctx)
	case lightningwire.State_STATE_DECRYPTING:
		b.look(ctx, &m.raw)
	default: // nobody has bought it
		if b.failed {
			b.again(ctx, m)
			return
		}
		b.look(ctx, &m.raw) // who has just answered lags behind
	}
}

// again ends an attempt by which nothing was bought. Where somebody else has announced
// the offer meanwhile, the next one need not.
func (b *buyer) again(ctx actor.Context, m looked) {
	if b.rec.GetAnnounce() && m.status.State == lightningwire.State_STATE_OFFERED && b.rec.GetAttempt() < maxAttempts && !deal.Urgent(b.rec.GetFailHeight(), max(b.height, b.agreed)) {
		b.rec.Attempt, b.rec.Announce, b.rec.Reason, b.failed = b.rec.GetAttempt()+1, false, "", false
		b.w.write(func(tx storage.Tx) { ledger.PutPurchase(tx, b.rec) })
		b.goOn(ctx)
		return
	}
	b.over(ctx, ledgerwire.PurchaseState_PURCHASE_FAILED)
}

// over writes what has come out, and tells everybody.
func (b *buyer) over(ctx actor.Context, state ledgerwire.PurchaseState) {
	rec := b.rec
	rec.State, rec.EndedMs = state, b.now.UnixMilli()
	b.w.write(func(tx storage.Tx) {
		ledger.PutPurchase(tx, rec)
		if state == ledgerwire.PurchaseState_PURCHASE_VALID && len(rec.GetCircuits()) > 0 {
			ledger.Count(tx, b.seat.id[:], func(t *ledgerwire.Totals) {
				price := rec.GetOffer().GetAmountMsat()
				t.Received, t.ReceivedMsat, t.FeesMsat = t.GetReceived()+1, t.GetReceivedMsat()+price, t.GetFeesMsat()+rec.GetInMsat()-price
			})
		}
	})
	b.settle(ctx)
}

// settle answers forwards and payers as the record says.
func (b *buyer) settle(ctx actor.Context) {
	state := b.rec.GetState()
	if state == ledgerwire.PurchaseState_PURCHASE_UNKNOWN || state == ledgerwire.PurchaseState_PURCHASE_BUYING {
		b.held = slices.DeleteFunc(b.held, func(f lnnode.Forward) bool { return b.giveBack(ctx, f) })
		return
	}
	var preimage *lnnode.Preimage
	if state == ledgerwire.PurchaseState_PURCHASE_VALID {
		preimage = (*lnnode.Preimage)(b.rec.GetPreimage())
	}
	for _, c := range b.rec.GetCircuits() { // also those that no list has shown for a while
		if at := (lnnode.Circuit{Channel: c.GetChannel(), HTLC: c.GetHtlc()}); !b.closed {
			b.reply(ctx, at, preimage)
		}
	}
	b.closed = true
	rest := b.held[:0]
	for _, f := range b.held {
		switch named := b.names(f.Circuit); {
		case named:
			b.reply(ctx, f.Circuit, preimage)
		case state != ledgerwire.PurchaseState_PURCHASE_FAILED || slices.Contains(b.spent, f.Circuit):
			b.reply(ctx, f.Circuit, nil)
		default:
			rest = append(rest, f)
		}
	}
	b.held = rest
	if b.wish == nil {
		return
	}
	switch mine := string(b.rec.GetContract()) == string(b.wish.contract[:]); {
	case preimage != nil && mine:
		ctx.Send(b.wisher, bought{preimage: preimage})
	case mine || state != ledgerwire.PurchaseState_PURCHASE_FAILED:
		ctx.Send(b.wisher, bought{reason: b.why()})
	default:
		return
	}
	b.wish, b.wisher = nil, nil
}

// names reports whether a forward is one that the record is about.
func (b *buyer) names(at lnnode.Circuit) bool {
	return slices.ContainsFunc(b.rec.GetCircuits(), func(c *ledgerwire.Circuit) bool { return c.GetChannel() == at.Channel && c.GetHtlc() == at.HTLC })
}

// giveBack gives back again what was given back, and reports whether it was.
func (b *buyer) giveBack(ctx actor.Context, f lnnode.Forward) bool {
	if !slices.Contains(b.spent, f.Circuit) {
		return false
	}
	b.reply(ctx, f.Circuit, nil)
	return true
}

// why tells a payer why the offer is not bought for it.
func (b *buyer) why() string {
	if r := b.rec.GetReason(); r != "" {
		return r
	}
	return "the recipient was paid by somebody else"
}

// reply answers a forward. What the node did not write down it holds again.
func (b *buyer) reply(ctx actor.Context, at lnnode.Circuit, preimage *lnnode.Preimage) {
	if preimage == nil && !slices.Contains(b.spent, at) {
		b.spent = append(b.spent, at)
	}
	if !slices.Contains(b.answer, at) {
		b.answer = append(b.answer, at)
		ctx.Request(b.node, answerCall{at: at, preimage: preimage})
	}
}

// fetch takes the price of a worthless offer back.
func (b *buyer) fetch(ctx actor.Context) {
	in := terms.Input{Contract: b.offer.ID(b.seat.id), Way: terms.Return, Key: b.refundKey()}
	ctx.Request(b.seat.client, order{&clientwire.Operation{
		Kind: clientwire.Kind_KIND_REDEEM, Reference: b.reference("fetch"), AmountMsat: uint64(b.offer.Amount),
		Redeem: &clientwire.Redeem{Input: in.Encode(), AmountMsat: uint64(b.offer.Amount), KeyIndex: b.rec.GetKeyIndex()},
	}})
}
