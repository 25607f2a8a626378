package gateway

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/lnnode"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/timing"
	"minimint/storage"
)

// payer is the actor of one outgoing contract.
//
//	accepts  wanted, nodeNews and bought by way of LnGateway; looked and ended from
//	         GatewayClient; the caller's results; timing.Tick
//	sends    refused, standing, buy to LnGateway; lookFor, order to GatewayClient
//
// Its record is the only thing that counts:
//
//	none → PAYING     the node is asked to pay, until it says how that ended
//	     → BUYING     the offer behind the invoice is bought, by its buyer
//	     → PAID       the contract is claimed, with the preimage
//	     → CLAIMED    or LOST
//	     → FORFEITED  from none, PAYING and BUYING
type payer struct {
	w        *world
	seat     *seat
	contract terms.ID

	rec  *ledgerwire.Payment // nil: nothing is agreed
	node *actor.PID
	now  time.Time
	tick int

	request *talkwire.Pay // that is looked at
	looked  *looked
	info    *infoResult
	since   int // tick of the last step before anything was agreed

	ask     ask // what the node is being asked, none
	news    bool
	started int // tick at which the node was first asked
	tried   int // tick at which the node was asked to pay
	missing int // tick at which it first knew nothing of a payment that was sent; 0: not so
	told    int // tick of the last message about a purchase or claim
}

// ask is a call to the node that is under way.
type ask int

const (
	askNothing ask = iota
	askPay
	askLook
	askInfo
)

// Rhythm of a payer, in ticks.
const (
	payTick      = time.Second
	lookTicks    = 5  // between looks at a payment in flight, whatever the node says
	patience     = 60 // for which the node is asked to pay that does not know of it
	giveUpTicks  = 30 // for which a contract is looked at before anything is agreed
	unknownTicks = 5  // for which a contract may be unknown to the federation
	apartTicks   = 10 // between the two looks that show that the node never began
)

// payPatience is for how long the node looks for routes.
const payPatience = 60 * time.Second

// wanted brings a request that is signed, or not, by the user.
type wanted struct{ request *talkwire.Pay }

func newPayer(w *world, s *seat, contract terms.ID) actor.Producer {
	return func() actor.Actor { return &payer{w: w, seat: s, contract: contract, now: w.Now} }
}

// Receive implements actor.Actor.
func (p *payer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.node = p.w.spawnCaller(ctx)
		ctx.Send(p.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: payTick})
		p.w.view(func(r storage.Reader) { p.rec = ledger.Payment(r, p.contract) })
		p.goOn(ctx)
	case *timing.Tick:
		p.now = m.Now
		p.tick++
		p.ticked(ctx)
	case wanted:
		p.wanted(ctx, m.request)
	case looked:
		p.looked = &m
		p.judge(ctx)
	case infoResult:
		p.informed(ctx, m)
	case payResult:
		p.paid(ctx, m.err)
	case lookResult:
		p.found(ctx, m)
	case nodeNews:
		p.news = true
		p.look(ctx)
	case bought:
		p.bought(ctx, m)
	case ended:
		p.ended(ctx, m)
	}
}

// goOn does the next thing that the record asks for.
func (p *payer) goOn(ctx actor.Context) {
	switch p.rec.GetState() {
	case ledgerwire.PaymentState_PAYMENT_PAYING:
		p.look(ctx)
	case ledgerwire.PaymentState_PAYMENT_BUYING:
		p.buy(ctx)
	case ledgerwire.PaymentState_PAYMENT_PAID:
		p.claim(ctx)
	case ledgerwire.PaymentState_PAYMENT_UNKNOWN: // a request comes
	default:
		ctx.Stop(ctx.Self())
	}
}

// ticked asks again for what may have been lost.
func (p *payer) ticked(ctx actor.Context) {
	switch p.rec.GetState() {
	case ledgerwire.PaymentState_PAYMENT_UNKNOWN:
		p.waited(ctx)
	case ledgerwire.PaymentState_PAYMENT_PAYING:
		if p.tick%lookTicks == 0 {
			p.look(ctx)
		}
	default:
		if p.tick-p.told >= againTicks {
			p.goOn(ctx)
		}
	}
}

// wanted looks at a request, unless one is being looked at.
func (p *payer) wanted(ctx actor.Context, request *talkwire.Pay) {
	if p.rec == nil && p.request == nil {
		p.request, p.since = request, p.tick
		p.prepare(ctx, nil)
	}
}

// prepare asks federation and node for what decides; known is an answer of the former
// that is of no use.
func (p *payer) prepare(ctx actor.Context, known *orders.Answer) {
	ctx.Request(p.seat.client, lookFor{contract: p.contract, known: known})
	p.call(ctx, askInfo, infoCall{})
}

// waited ends what takes too long before anything is agreed.
func (p *payer) waited(ctx actor.Context) {
	waited := p.tick - p.since
	switch {
	case p.request == nil:
		if waited > giveUpTicks {
			ctx.Stop(ctx.Self())
		}
	case waited < unknownTicks:
	case p.looked == nil || p.looked.status.State == 0:
		p.refuse(ctx, messages.RejectForNow(messages.RejectContractUnknown, "the federation does not show contract %s", p.contract))
	case waited%2 == 0:
		p.prepare(ctx, nil) // node and federation may have come to an agreement
	}
}

// refuse changes nothing.
func (p *payer) refuse(ctx actor.Context, r *messages.Rejection) {
	p.request = nil
	ctx.Send(p.w.top, refused{p.contract, r})
	ctx.Stop(ctx.Self())
}

// informed uses what the node says of itself, before anything is agreed or to pay again.
func (p *payer) informed(ctx actor.Context, m infoResult) {
	p.ask = askNothing
	if p.rec != nil {
		p.again(ctx, m)
		return
	}
	p.info = &m
	p.judge(ctx)
}

// judge decides over the request once all is known.
func (p *payer) judge(ctx actor.Context) {
	if p.rec != nil || p.request == nil || p.looked == nil {
		return
	}
	if p.looked.err == nil && p.looked.raw.Code == messages.RejectContractUnknown {
		// It may have been funded a moment ago: wait for the answer to change.
		ctx.Request(p.seat.client, lookFor{contract: p.contract, known: &p.looked.raw})
		return
	}
	if p.looked.err != nil || p.looked.raw.Code != 0 {
		p.refuse(ctx, messages.RejectForNow(messages.RejectBusy, "the federation cannot be asked: %v %s", p.looked.err, p.looked.raw.Text))
		return
	}
	if p.info == nil {
		return
	}
	plan, err := p.decide()
	var rejection *messages.Rejection
	var never *deal.Never
	switch {
	case err == nil:
		p.agree(ctx, plan)
	case errors.As(err, &rejection):
		p.refuse(ctx, rejection)
	case errors.As(err, &never) || p.tick-p.since > giveUpTicks:
		p.forfeit(ctx, err.Error())
	}
}

// decide asks the rules.
func (p *payer) decide() (deal.Plan, error) {
	q := deal.Wanted{
		Federation: p.seat.id, Key: p.seat.key(), Network: p.w.Network, Request: p.request,
		Contract: p.looked.status, Agreed: p.looked.height, Node: p.info.info, Now: p.now, Costs: p.seat.costs,
	}
	p.w.view(func(r storage.Reader) {
		q.Terms, q.Exposure = termsOf(ledger.Federation(r, p.seat.id)), ledger.AtStake(r, p.seat.id)
	})
	if q.Terms.Exposure > 0 {
		free, reserved, err := p.seat.Purse.Balance()
		if err != nil {
			return deal.Plan{}, &deal.Later{Reason: "the gateway's e-cash cannot be counted"}
		}
		q.Exposure += free + reserved
	}
	if p.info.err != nil {
		// Without a node there is no plan, but whoever is no user of ours learns that first.
		q.Node.Synced = false
	}
	plan, err := deal.Outgoing(q)
	if later := new(deal.Later); p.info.err != nil && errors.As(err, &later) {
		err = &deal.Later{Reason: "the gateway's Lightning node cannot be reached"}
	}
	return plan, err
}

// agree writes what will be done, and does it.
func (p *payer) agree(ctx actor.Context, plan deal.Plan) {
	hash := plan.Invoice.Hash
	rec := &ledgerwire.Payment{
		Federation: p.seat.id[:], Contract: p.contract[:], PaymentHash: hash[:], Invoice: plan.Invoice.Text,
		State: ledgerwire.PaymentState_PAYMENT_PAYING, AmountMsat: uint64(plan.Invoice.Amount),
		HeldMsat: uint64(p.looked.status.Outgoing.Amount), MaxFeeMsat: uint64(plan.MaxFee), Deadline: plan.Deadline,
		Virtual: plan.Virtual, Tried: true, BeganMs: p.now.UnixMilli(),
	}
	if plan.Virtual != 0 {
		rec.State = ledgerwire.PaymentState_PAYMENT_BUYING
	}
	err := p.w.update(func(tx storage.Tx) error { return ledger.Begin(tx, rec) })
	if err != nil {
		p.forfeit(ctx, err.Error())
		return
	}
	p.rec, p.started, p.told = rec, p.tick, p.tick
	if plan.Virtual != 0 {
		p.buy(ctx)
		return
	}
	p.again(ctx, *p.info)
}

// call asks the node something, unless it is being asked.
func (p *payer) call(ctx actor.Context, what ask, message any) {
	if p.ask == askNothing {
		p.ask = what
		ctx.Request(p.node, message)
	}
}

// again asks the node to pay, as long as it can be paid in time. The node takes a hash
// once, so asking again can do no harm.
func (p *payer) again(ctx actor.Context, m infoResult) {
	plan, err := p.plan()
	if err != nil {
		panic(fmt.Sprintf("gateway: stored invoice: %v", err))
	}
	if m.err != nil || !m.info.Synced {
		return // at a tick it is looked at again
	}
	delay, err := plan.MaxDelay(m.info.Height)
	if err != nil || !p.now.Before(plan.Invoice.Until) || p.tick-p.started > patience {
		p.never(ctx)
		return
	}
	p.tried = p.tick
	p.call(ctx, askPay, payCall{lnnode.Order{
		Invoice: p.rec.GetInvoice(), Hash: messages.Digest(p.rec.GetPaymentHash()), MaxFee: messages.Amount(p.rec.GetMaxFeeMsat()),
		MaxDelay: delay, Patience: payPatience,
	}})
}

// plan is that of the record.
func (p *payer) plan() (deal.Plan, error) {
	inv, err := bolt11.Read(p.rec.GetInvoice(), p.w.Network)
	return deal.Plan{Invoice: inv, Deadline: p.rec.GetDeadline()}, err
}

// paid takes the answer to Pay: only a refusal says anything.
func (p *payer) paid(ctx actor.Context, err error) {
	p.ask = askNothing
	if errors.Is(err, lnnode.ErrRefused) && p.rec.GetState() == ledgerwire.PaymentState_PAYMENT_PAYING {
		p.forfeit(ctx, err.Error())
		return
	}
	if err == nil || p.news {
		p.look(ctx)
	}
}

// look asks how the payment stands.
func (p *payer) look(ctx actor.Context) {
	if p.rec.GetState() == ledgerwire.PaymentState_PAYMENT_PAYING && p.ask == askNothing {
		p.news = false
		p.call(ctx, askLook, lookCall{messages.Digest(p.rec.GetPaymentHash())})
	}
}

// found takes what the node says of the payment.
func (p *payer) found(ctx actor.Context, m lookResult) {
	p.ask = askNothing
	if p.rec.GetState() != ledgerwire.PaymentState_PAYMENT_PAYING {
		return
	}
	if m.err == nil && m.payment.State != lnnode.Unknown {
		p.missing = 0
	}
	switch {
	case m.err != nil: // at a tick again
	case m.payment.State == lnnode.Succeeded:
		p.succeeded(ctx, m.payment)
		return
	case m.payment.State == lnnode.Failed:
		p.forfeit(ctx, m.payment.Reason)
		return
	case m.payment.State == lnnode.Unknown:
		p.call(ctx, askInfo, infoCall{})
	}
	if p.news {
		p.look(ctx)
	}
}

// never gives up a payment that can no longer be begun, when two looks that lie apart
// have shown that the node knows nothing of it.
func (p *payer) never(ctx actor.Context) {
	switch {
	case p.missing == 0:
		p.missing = p.tick
	case p.tick-p.missing >= apartTicks && p.tick-p.tried >= apartTicks:
		p.forfeit(ctx, "the gateway's Lightning node did not begin the payment in time")
	}
}

// succeeded writes the preimage, and claims.
func (p *payer) succeeded(ctx actor.Context, m lnnode.Payment) {
	if !terms.Reveals(m.Preimage[:], messages.Digest(p.rec.GetPaymentHash())) {
		p.w.Log.Error("the Lightning node calls a payment paid and has no preimage of it", slog.String("payment", hex.EncodeToString(p.rec.GetPaymentHash())))
		return
	}
	p.reveal(ctx, m.Preimage, m.Fee)
}

// reveal takes the preimage, from wherever it came.
func (p *payer) reveal(ctx actor.Context, preimage lnnode.Preimage, routing messages.Amount) {
	p.rec.State, p.rec.Preimage, p.rec.RoutingMsat = ledgerwire.PaymentState_PAYMENT_PAID, preimage[:], uint64(routing)
	p.w.write(func(tx storage.Tx) { ledger.PutPayment(tx, p.rec) })
	ctx.Send(p.w.top, standing{p.contract})
	p.claim(ctx)
}

// forfeit signs the contract away, in the ledger first. It must not be called once the
// node may still pay.
func (p *payer) forfeit(ctx actor.Context, reason string) {
	f, err := terms.Forgo(p.seat.id, p.contract, p.seat.Ring.Gateway())
	if err != nil {
		panic(fmt.Sprintf("gateway: %v", err))
	}
	p.w.write(func(tx storage.Tx) {
		rec := p.rec
		if rec == nil {
			o := p.looked.status.Outgoing
			rec = &ledgerwire.Payment{
				Federation: p.seat.id[:], Contract: p.contract[:], PaymentHash: o.PaymentHash[:], HeldMsat: uint64(o.Amount), BeganMs: p.now.UnixMilli(),
			}
		}
		rec.State, rec.Forfeit, rec.Reason, rec.EndedMs = ledgerwire.PaymentState_PAYMENT_FORFEITED, f.Signature[:], clip(reason), p.now.UnixMilli()
		if p.rec == nil {
			_ = ledger.Begin(tx, rec) // it takes no hash, so it cannot fail
		} else {
			ledger.PutPayment(tx, rec)
		}
		ledger.Count(tx, p.seat.id[:], func(t *ledgerwire.Totals) { t.Forfeited++ })
		p.rec = rec
	})
	p.w.Log.Info("payment is forfeited", slog.String("contract", p.contract.String()), slog.String("reason", reason))
	ctx.Send(p.w.top, standing{p.contract})
	ctx.Stop(ctx.Self())
}

// buy has the offer bought.
func (p *payer) buy(ctx actor.Context) {
	p.told = p.tick
	ctx.Request(p.w.top, buy{
		virtual: p.rec.GetVirtual(), hash: messages.Digest(p.rec.GetPaymentHash()), contract: p.contract, payer: p.seat.id,
		amount: messages.Amount(p.rec.GetAmountMsat()), expiry: p.rec.GetDeadline() + deal.Margin,
	})
}

func (p *payer) bought(ctx actor.Context, m bought) {
	switch {
	case p.rec.GetState() != ledgerwire.PaymentState_PAYMENT_BUYING:
	case m.preimage == nil:
		p.forfeit(ctx, m.reason)
	case terms.Reveals(m.preimage[:], messages.Digest(p.rec.GetPaymentHash())):
		p.reveal(ctx, *m.preimage, 0)
	}
}

// claim takes the contract's money.
func (p *payer) claim(ctx actor.Context) {
	p.told = p.tick
	in := terms.Input{Contract: p.contract, Way: terms.Preimage, Key: p.seat.key(), Preimage: [32]byte(p.rec.GetPreimage())}
	ctx.Request(p.seat.client, order{&clientwire.Operation{
		Kind: clientwire.Kind_KIND_REDEEM, Reference: "gateway/pay/" + p.contract.String() + "/claim", AmountMsat: p.rec.GetHeldMsat(),
		Redeem: &clientwire.Redeem{Input: in.Encode(), AmountMsat: p.rec.GetHeldMsat(), Gateway: true},
	}})
}

// ended takes the end of the claim.
func (p *payer) ended(ctx actor.Context, m ended) {
	if p.rec.GetState() != ledgerwire.PaymentState_PAYMENT_PAID || m.err != nil {
		return // at a tick it is tried again
	}
	rec := p.rec
	rec.EndedMs = p.now.UnixMilli()
	if m.op.GetState() == clientwire.State_STATE_DONE {
		rec.State, rec.CostMsat = ledgerwire.PaymentState_PAYMENT_CLAIMED, m.op.GetFeeMsat()
	} else {
		rec.State, rec.Reason = ledgerwire.PaymentState_PAYMENT_LOST, clip(m.op.GetText())
		p.w.Log.Error("an invoice was paid and its contract cannot be claimed", slog.String("contract", p.contract.String()), slog.String("reason", rec.GetReason()))
	}
	p.w.write(func(tx storage.Tx) {
		ledger.PutPayment(tx, rec)
		ledger.Count(tx, p.seat.id[:], func(t *ledgerwire.Totals) {
			if rec.GetState() == ledgerwire.PaymentState_PAYMENT_LOST {
				t.LostMsat += rec.GetHeldMsat()
				return
			}
			t.Sent, t.SentMsat = t.GetSent()+1, t.GetSentMsat()+rec.GetAmountMsat()
			t.FeesMsat, t.RoutingMsat = t.GetFeesMsat()+rec.GetHeldMsat()-rec.GetAmountMsat(), t.GetRoutingMsat()+rec.GetRoutingMsat()
		})
	})
	ctx.Stop(ctx.Self())
}

// maxReason bounds what is kept of a reason, in bytes, so that every reply fits.
const maxReason = 500

func clip(reason string) string {
	return messages.Reject(messages.RejectModuleOwn, "%.*s", maxReason, reason).Text
}
