// Package payer is the actor of one outgoing contract.
//
//	accepts  Wanted, caller.News and Bought by way of LnGateway; Looked and Ended from
//	         GatewayClient; the caller's results; timing.Tick
//	sends    Refused, Standing, Buy to LnGateway; LookFor, Order to GatewayClient
//
// Its record is the only thing that counts:
//
//	none → PAYING     the node is asked to pay, until it says how that ended
//	     → BUYING     the offer behind the invoice is bought, by its buyer
//	     → PAID       the contract is claimed, with the preimage
//	     → CLAIMED    or LOST
//	     → FORFEITED  from none, PAYING and BUYING
package payer

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/buyer"
	"minimint/actors/gateway/caller"
	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/seat"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/storage"
)

// payer is the actor.
type payer struct {
	w        *seat.World
	seat     *seat.Seat
	contract terms.ID

	rec  *ledgerwire.Payment // nil: nothing is agreed
	tick int
	told int // tick of the last message about a purchase or claim

	hearing
	asking
}

// hearing is what is known before anything is agreed.
type hearing struct {
	// requests are those that may be the user's, the first of which is looked at.
	requests []*talkwire.Pay
	looked   *seat.Looked
	looking  bool // the federation is being asked
	info     *caller.InfoResult
	since    int             // tick of the last step
	cash     messages.Amount // in e-cash, when it was decided; 0 if there is no limit
}

// asking is what the node is asked.
type asking struct {
	node    *actor.PID // caller
	ask     ask        // what it is being asked, nothing
	news    bool
	started int // tick at which it was first to pay
	tried   int // tick at which it was asked to pay
	missing int // tick at which it first knew nothing of a payment that was sent; 0: not so
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

// What LnGateway tells a payer, and is told.
type (
	// Wanted brings a request that is signed, or not, by the user.
	Wanted struct{ Request *talkwire.Pay }
	// Refused says that a request changed nothing, and why; without Request that is so
	// for whoever asks about the contract.
	Refused struct {
		Contract  terms.ID
		Rejection *messages.Rejection
		Request   *talkwire.Pay
	}
	// Standing says that the record of a contract was written.
	Standing struct{ Contract terms.ID }
)

// New returns the producer of the payer of a contract.
func New(w *seat.World, s *seat.Seat, contract terms.ID) actor.Producer {
	return func() actor.Actor { return &payer{w: w, seat: s, contract: contract} }
}

// Receive implements actor.Actor.
func (p *payer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.node = p.w.Caller(ctx)
		ctx.Send(p.w.Clock, &timing.Subscribe{PID: ctx.Self(), Every: payTick})
		p.w.View(func(r storage.Reader) { p.rec = ledger.Payment(r, p.contract) })
		p.goOn(ctx)
	case *timing.Tick:
		p.tick++
		p.ticked(ctx)
	case Wanted:
		p.wanted(ctx, m.Request)
	case seat.Looked:
		p.looked, p.looking = &m, false
		p.judge(ctx)
	case caller.InfoResult:
		p.informed(ctx, m)
	case caller.PayResult:
		p.paid(ctx, m.Err)
	case caller.LookResult:
		p.found(ctx, m)
	case caller.News: // whose payment has ended the node does not say
		p.news = true
		p.look(ctx)
	case buyer.Bought:
		p.bought(ctx, m)
	case seat.Ended:
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
		if p.tick-p.told >= seat.AgainTicks {
			p.goOn(ctx)
		}
	}
}

// maxRequests bounds the requests that differ. Anybody can make them; whose one is too
// many asks again.
const maxRequests = 16

// Same reports whether two requests are one.
func Same(a, b *talkwire.Pay) bool {
	return a.GetInvoice() == b.GetInvoice() && bytes.Equal(a.GetSignature(), b.GetSignature())
}

// wanted looks at a request.
func (p *payer) wanted(ctx actor.Context, request *talkwire.Pay) {
	known := slices.ContainsFunc(p.requests, func(r *talkwire.Pay) bool { return Same(r, request) })
	if p.rec != nil || known || len(p.requests) == maxRequests {
		return
	}
	p.requests = append(p.requests, request)
	if len(p.requests) == 1 {
		p.since = p.tick
		p.prepare(ctx)
	}
}

// sift drops requests until the first is one that the contract's user has signed, and
// returns what it drops. For a contract that is not with this gateway it makes no
// difference who asks.
func (h *hearing) sift(s *seat.Seat) (forged []*talkwire.Pay) {
	o := h.looked.Status.Outgoing
	for len(h.requests) > 0 && o != nil && o.GatewayKey == s.Key() && talk.VerifyPay(s.ID, h.requests[0], o.UserKey) != nil {
		forged = append(forged, h.requests[0])
		h.requests = h.requests[1:]
	}
	return forged
}

// prepare asks federation and node for what decides.
func (p *payer) prepare(ctx actor.Context) {
	p.lookUp(ctx)
	p.call(ctx, askInfo, caller.InfoCall{})
}

func (p *payer) lookUp(ctx actor.Context) {
	p.looking = true
	ctx.Request(p.seat.Client, seat.LookFor{Contract: p.contract})
}

// waited ends what takes too long before anything is agreed: a contract that the
// federation does not show is refused for now, and one that cannot be paid for a reason
// that should have passed is forfeited by judge.
func (p *payer) waited(ctx actor.Context) {
	waited := p.tick - p.since
	switch {
	case len(p.requests) == 0:
		if waited > giveUpTicks {
			ctx.Stop(ctx.Self())
		}
	case waited < unknownTicks:
		if p.unknown() && !p.looking {
			p.lookUp(ctx)
		}
	case p.looked == nil || p.looked.Status.State == 0:
		p.refuse(ctx, messages.RejectForNow(messages.RejectContractUnknown, "the federation does not show contract %s", p.contract))
	case waited%2 == 0:
		p.prepare(ctx) // node and federation may have come to an agreement
	}
}

// unknown reports whether the federation has no such contract, as it says.
func (h *hearing) unknown() bool {
	return h.looked != nil && h.looked.Err == nil && h.looked.Raw.Code == messages.RejectContractUnknown
}

// refuse changes nothing, and tells all who ask. Nothing was written, so a later request
// is looked at anew.
func (p *payer) refuse(ctx actor.Context, r *messages.Rejection) {
	p.requests = nil
	ctx.Send(p.w.Top, Refused{Contract: p.contract, Rejection: r})
	ctx.Stop(ctx.Self())
}

// informed uses what the node says of itself, before anything is agreed or to pay again.
func (p *payer) informed(ctx actor.Context, m caller.InfoResult) {
	p.ask = askNothing
	if p.rec != nil {
		p.again(ctx, m)
		return
	}
	p.info = &m
	p.judge(ctx)
}

// judge decides over the request once all is known. An older answer of one side may meet
// a newer one of the other: each was true a few seconds ago, which is all that can be
// known of either.
func (p *payer) judge(ctx actor.Context) {
	if p.rec != nil || len(p.requests) == 0 || p.looked == nil {
		return
	}
	if p.unknown() {
		return // it may have been funded a moment ago: asked again at a tick
	}
	if p.looked.Err != nil || p.looked.Raw.Code != 0 {
		p.refuse(ctx, messages.RejectForNow(messages.RejectBusy, "the federation cannot be asked: %v %s", p.looked.Err, p.looked.Raw.Text))
		return
	}
	if p.info == nil {
		return
	}
	for _, forged := range p.sift(p.seat) {
		rejection := messages.Reject(messages.RejectUnauthorized, "the request is not signed with the contract's user key")
		ctx.Send(p.w.Top, Refused{p.contract, rejection, forged})
	}
	if len(p.requests) == 0 {
		ctx.Stop(ctx.Self())
		return
	}
	plan, err := p.decide(p.w, p.seat)
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

// decide asks the rules about the first request.
func (h *hearing) decide(w *seat.World, s *seat.Seat) (deal.Plan, error) {
	q := deal.Wanted{
		Federation: s.ID, Key: s.Key(), Network: w.Network, Request: h.requests[0],
		Contract: h.looked.Status, Agreed: h.looked.Height, Node: h.info.Info, Now: w.Time(), Costs: s.Costs,
	}
	w.View(func(r storage.Reader) {
		q.Terms, q.Exposure = seat.Terms(ledger.Federation(r, s.ID)), ledger.AtStake(r, s.ID)
	})
	if q.Terms.Exposure > 0 {
		free, reserved, err := s.Purse.Balance()
		if err != nil {
			return deal.Plan{}, &deal.Later{Reason: "the gateway's e-cash cannot be counted"}
		}
		h.cash = free + reserved
		q.Exposure += h.cash
	}
	if h.info.Err != nil {
		// Without a node there is no plan, but whoever is no user of ours learns that first.
		q.Node.Synced = false
	}
	plan, err := deal.Outgoing(q)
	if later := new(deal.Later); h.info.Err != nil && errors.As(err, &later) {
		err = &deal.Later{Reason: "the gateway's Lightning node cannot be reached"}
	}
	return plan, err
}
