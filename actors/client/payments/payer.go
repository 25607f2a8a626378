package payments

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/canonical"
	"minimint/messages/timing"
	"minimint/storage"
)

// payer is the actor that carries one PAY.
//
//	accepts  List from LnClient, orders.Begun, Ended and Answer from UserClient, Heard
//	         from the gateway, carrier.Recall, timing.Tick
//	sends    ListWanted, orders.Begin, Follow, Ask and Recall, requests to the gateway
//
// Its steps are those of clientwire.PayStep. It ends in one of two ways: with the
// preimage, or with the money back (or never gone).
type payer struct {
	trade
	invoice bolt11.Invoice
	search  *search // for an offer, while the payment is planned
	// height is the newest agreed one that it knows; since are the ticks since it asked.
	height uint32
	since  int
	// looking says that what was to be funded is there already, and is looked at.
	looking bool
}

// heightTicks is how often the height is asked for while a contract may expire.
const heightTicks = 20

// NewPayer returns the producer of the payer of a stored operation.
func NewPayer(w *World, id uint64) actor.Producer {
	return func() actor.Actor { return &payer{trade: trade{w: w, id: id}} }
}

// Receive implements actor.Actor.
func (p *payer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if p.load(ctx) {
			p.start(ctx)
		}
		return
	case *spawn.Lost:
		if _, ok := m.Message.(carrier.Recall); ok {
			p.recall(ctx)
		}
		return
	}
	if p.op.GetState() != clientwire.State_STATE_PENDING {
		return // it is over, and stops
	}
	switch m := ctx.Message().(type) {
	case *timing.Tick:
		p.tick(ctx)
	case List:
		p.listed(ctx, m)
	case orders.Begun:
		p.begun(ctx, m)
	case orders.Ended:
		p.ended(ctx, m)
	case orders.Answer:
		p.answer(ctx, m)
	case Heard:
		p.heard(ctx, m)
	case carrier.Recall:
		p.recall(ctx)
	}
}

func (p *payer) pay() *clientwire.Pay { return p.op.GetPay() }

// start goes on from the record.
func (p *payer) start(ctx actor.Context) {
	invoice, err := bolt11.Read(p.pay().GetInvoice(), p.w.Network)
	mustRead(err)
	p.invoice = invoice
	p.step(ctx)
}

// step does what the record says comes next; it can be repeated.
func (p *payer) step(ctx actor.Context) {
	switch p.pay().GetStep() {
	case clientwire.PayStep_PAY_STEP_PLAN:
		ctx.Request(p.w.Ln, ListWanted{})
	case clientwire.PayStep_PAY_STEP_FUND:
		p.fund(ctx)
	case clientwire.PayStep_PAY_STEP_WAIT:
		p.await(ctx)
	case clientwire.PayStep_PAY_STEP_REFUND:
		p.await(ctx)
		p.begin(ctx, p.refundPart())
	}
}

func (p *payer) tick(ctx actor.Context) {
	step, gateway := p.trade.tick(ctx)
	if step {
		p.step(ctx)
	}
	waiting := p.pay().GetStep() == clientwire.PayStep_PAY_STEP_WAIT && p.pay().GetOffer() == nil
	if gateway && waiting {
		p.askGateway(ctx)
	}
	if p.search != nil && p.search.told {
		p.search.ticks++
		p.decide(ctx)
	}
	if p.since++; waiting && p.since >= heightTicks {
		p.since = 0
		ctx.Request(p.w.Ln, ListWanted{})
	}
}

// listed plans the payment, or sees whether its contract has expired.
func (p *payer) listed(ctx actor.Context, l List) {
	p.height = max(p.height, l.Height)
	switch p.pay().GetStep() {
	case clientwire.PayStep_PAY_STEP_PLAN:
		if p.search == nil {
			p.plan(ctx, l)
		}
	case clientwire.PayStep_PAY_STEP_WAIT:
		if p.pay().GetOffer() == nil && p.height >= p.pay().GetExpiry() {
			p.refund(ctx, fmt.Sprintf("it was not paid before height %d", p.pay().GetExpiry()))
		}
	default:
	}
}

// plan decides how to pay.
func (p *payer) plan(ctx actor.Context, l List) {
	now := p.w.Now()
	switch _, err := bargain.Read(p.pay().GetInvoice(), p.w.Network, now); {
	case errors.Is(err, bargain.ErrExpired):
		p.fail(ctx, clientwire.Cause_CAUSE_EXPIRED, err.Error())
		return
	case err != nil:
		p.fail(ctx, clientwire.Cause_CAUSE_INVOICE, err.Error())
		return
	case l.Err != nil:
		p.pause = retryTicks
		p.say(ctx, "%v", l.Err)
		return
	}
	tried, bought := p.before()
	if c, ok := bargain.Behind(p.invoice, l.Gateways); ok && !bought {
		p.search = &search{gateway: c, list: l, avoid: tried}
		p.seek(ctx)
		return
	}
	p.agree(ctx, l, tried)
}

// before returns the gateways through which this invoice could not be paid before, and
// whether an offer for it was bought that was worthless.
func (p *payer) before() (gateways [][]byte, bought bool) {
	p.w.View(func(r storage.Reader) {
		for op := book.Operation(r, p.pay().GetPrevious()); op != nil; op = book.Operation(r, op.GetPay().GetPrevious()) {
			old := op.GetPay()
			bought = bought || old.GetOffer() != nil && old.GetRefund() != 0
			if old.GetListing() != nil && old.GetRefund() != 0 {
				key := readListing(old.GetListing()).Key
				gateways = append(gateways, key[:])
			}
		}
	})
	return gateways, bought
}

// agree chooses a gateway and writes down the contract with it.
func (p *payer) agree(ctx actor.Context, l List, avoid [][]byte) {
	wish := bargain.Wish{
		Amount: p.invoice.Amount, MaxFee: messages.Amount(p.pay().GetMaxFeeMsat()), Only: p.pay().GetGateway(), Avoid: avoid, Claim: p.w.Lightning.Fees.Claim,
	}
	choice, err := bargain.ToSend(l.Gateways, wish)
	if errors.Is(err, bargain.ErrGateway) && len(avoid) > 0 {
		wish.Avoid = nil // better than none
		choice, err = bargain.ToSend(l.Gateways, wish)
	}
	if err == nil && p.w.Gateways == nil {
		err = fmt.Errorf("%w: this program cannot reach any", bargain.ErrGateway)
	}
	var o terms.Outgoing
	if err == nil {
		_, err = bargain.Contract(p.invoice, choice, l.Height, [32]byte{})
	}
	if err != nil {
		p.fail(ctx, causeOf(err), err.Error())
		return
	}
	pay := p.pay()
	p.op.Text = ""
	pay.Step, pay.GatewayFeeMsat, pay.Listing = clientwire.PayStep_PAY_STEP_FUND, uint64(choice.Fee), canonical.Marshal(choice.Listing.Wire())
	p.commit(ctx, func(tx storage.Tx) {
		pay.KeyIndex = book.TakeContractIndex(tx)
		o, _ = bargain.Contract(p.invoice, choice, l.Height, p.userKey()) // as before
		pay.Outgoing, pay.Expiry = canonical.Marshal(o.Wire()), o.Expiry
	})
	p.fund(ctx)
}

func causeOf(err error) clientwire.Cause {
	switch {
	case errors.Is(err, bargain.ErrFee):
		return clientwire.Cause_CAUSE_LIMIT
	case errors.Is(err, bargain.ErrGateway):
		return clientwire.Cause_CAUSE_GATEWAY
	case errors.Is(err, bargain.ErrExpired):
		return clientwire.Cause_CAUSE_EXPIRED
	default:
		return clientwire.Cause_CAUSE_INVOICE
	}
}

// userKey is the key that takes the money back.
func (p *payer) userKey() [32]byte { return keys.XOnly(p.w.Ring.Contract(p.pay().GetKeyIndex())) }

// contractID is that of the contract that was chosen.
func (p *payer) contractID() terms.ID {
	if p.pay().GetOffer() != nil {
		return readOffer(p.pay().GetOffer()).ID(p.w.Federation.ID())
	}
	return readOutgoing(p.pay().GetOutgoing()).ID(p.w.Federation.ID())
}

// fund begins to pay into the contract.
func (p *payer) fund(ctx actor.Context) {
	pay := p.pay()
	part := &clientwire.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: p.fundReference(), Fund: new(clientwire.Fund)}
	add := func(amount messages.Amount, out terms.Output) {
		part.AmountMsat += uint64(amount)
		part.Fund.Outputs = append(part.Fund.Outputs, &clientwire.Piece{Body: out.Encode(), AmountMsat: uint64(amount)})
	}
	if pay.GetOffer() != nil {
		o := readOffer(pay.GetOffer())
		if !pay.GetAnnounced() {
			add(0, terms.Output{Offer: &o})
		}
		add(o.Amount, terms.Output{Purchase: &terms.Purchase{Offer: o.ID(p.w.Federation.ID()), RefundKey: p.userKey()}})
	} else {
		o := readOutgoing(pay.GetOutgoing())
		add(o.Amount, terms.Output{Outgoing: &o})
	}
	p.begin(ctx, part)
}

func (p *payer) fundReference() string {
	if p.pay().GetAnnounced() {
		return p.reference("buy")
	}
	return p.reference("fund")
}

// ended takes the end of a part.
func (p *payer) ended(ctx actor.Context, m orders.Ended) {
	switch {
	case m.Parked: // so is this
		p.w.Log.Warn("a part of a payment has stopped")
		ctx.Stop(ctx.Self())
	case m.Op.GetReference() == p.fundReference() && p.pay().GetStep() == clientwire.PayStep_PAY_STEP_FUND:
		p.funded(ctx, m.Op)
	case m.Op.GetKind() == clientwire.Kind_KIND_REDEEM && p.pay().GetStep() == clientwire.PayStep_PAY_STEP_REFUND:
		p.refunded(ctx, m.Op)
	}
}

// funded goes on when the money is in the contract, or could not be brought there.
func (p *payer) funded(ctx actor.Context, part *clientwire.Operation) {
	p.pay().Fund = part.GetId()
	switch {
	case part.GetState() == clientwire.State_STATE_DONE:
		p.proceed(ctx)
	case part.GetCode() == uint32(messages.RejectContractExists): // whoever has done that
		p.looking = true
		p.watch(ctx, p.contractID())
	default:
		p.op.Code = part.GetCode()
		p.fail(ctx, part.GetCause(), part.GetText())
	}
}

// proceed asks for the preimage, and then writes that it does.
func (p *payer) proceed(ctx actor.Context) {
	p.pay().Step, p.op.Text = clientwire.PayStep_PAY_STEP_WAIT, ""
	p.await(ctx)
	p.commit(ctx)
}

// await follows what becomes of the contract, and asks the gateway.
func (p *payer) await(ctx actor.Context) {
	p.watch(ctx, p.contractID())
	if p.pay().GetStep() == clientwire.PayStep_PAY_STEP_WAIT && p.pay().GetOffer() == nil {
		p.askGateway(ctx)
	}
}

func (p *payer) askGateway(ctx actor.Context) {
	request, err := talk.Pay(p.w.Federation.ID(), p.contractID(), p.invoice.Text, p.w.Ring.Contract(p.pay().GetKeyIndex()))
	if err != nil {
		panic(fmt.Sprintf("payments: operation %d: %v", p.id, err))
	}
	p.ask(ctx, readListing(p.pay().GetListing()).API, request)
}

// heard takes what the gateway says. Only a preimage and a forfeit count, and both are
// checked.
func (p *payer) heard(ctx actor.Context, m Heard) {
	quick := p.open <= 1 // no tick has passed since it was asked
	if !p.trade.heard(m) {
		return
	}
	if p.search != nil {
		p.found(ctx, m)
		return
	}
	if p.pay().GetStep() != clientwire.PayStep_PAY_STEP_WAIT {
		return
	}
	gateway := nameOf(readListing(p.pay().GetListing()).Gateway)
	if m.Err != nil {
		p.later()
		p.say(ctx, "%s does not answer (%v); the money comes back at height %d at the latest", gateway, m.Err, p.pay().GetExpiry())
		return
	}
	switch r := m.Reply.GetReply().(type) {
	case *talkwire.Reply_Paid:
		if p.paid(ctx, r.Paid.GetPreimage()) {
			return
		}
		p.report(ctx, "%s: says that it has paid, with a wrong preimage", gateway)
		p.later()
	case *talkwire.Reply_Forfeit:
		p.forfeited(ctx, r.Forfeit, gateway)
	case *talkwire.Reply_Pending:
		p.failures = 0
		p.say(ctx, "%s is paying: %.200s", gateway, clean(r.Pending.GetText()))
		if p.wait = 1; !quick {
			p.askGateway(ctx)
		}
	case *talkwire.Reply_Refusal:
		if p.later(); r.Refusal.GetFinal() {
			p.wait = longestPause
		}
		p.say(ctx, "%s refuses: %.200s; the money comes back at height %d at the latest", gateway, clean(r.Refusal.GetText()), p.pay().GetExpiry())
	default:
		p.report(ctx, "%s: reply of the wrong kind", gateway)
		p.later()
	}
}

// forfeited takes the money back at once if the gateway has really given it up.
func (p *payer) forfeited(ctx actor.Context, m *talkwire.Forfeit, gateway string) {
	f := terms.Forfeit{Gateway: [32]byte(m.GetGateway()), Signature: [64]byte(m.GetSignature())}
	if f.Gateway != readOutgoing(p.pay().GetOutgoing()).GatewayKey || f.Verify(p.w.Federation.ID(), p.contractID()) != nil {
		p.report(ctx, "%s: a forfeit that is not signed by it", gateway)
		p.later()
		return
	}
	p.pay().Forfeit = m.GetSignature()
	p.refund(ctx, fmt.Sprintf("%s could not pay it: %.300s", gateway, clean(m.GetReason())))
}

// refund begins to take the money back, for a reason.
func (p *payer) refund(ctx actor.Context, reason string) {
	p.pay().Step, p.pay().Reason = clientwire.PayStep_PAY_STEP_REFUND, reason
	p.op.Text = "the money is being taken back: " + reason
	p.commit(ctx)
	p.begin(ctx, p.refundPart())
}

// refundPart is the part that takes the money back.
func (p *payer) refundPart() *clientwire.Operation {
	pay := p.pay()
	in := terms.Input{Contract: p.contractID(), Key: p.userKey()}
	amount := uint64(0)
	switch {
	case pay.GetOffer() != nil:
		in.Way, amount = terms.Return, uint64(readOffer(pay.GetOffer()).Amount)
	case pay.GetForfeit() != nil:
		o := readOutgoing(pay.GetOutgoing())
		in.Way, amount = terms.Forfeited, uint64(o.Amount)
		in.Forfeit = terms.Forfeit{Gateway: o.GatewayKey, Signature: [schnorr.SignatureSize]byte(pay.GetForfeit())}
	default:
		in.Way, amount = terms.Expired, uint64(readOutgoing(pay.GetOutgoing()).Amount)
	}
	return p.redeem(p.reference("refund/"+in.Way.String()), in, amount, pay.GetKeyIndex())
}

// refunded ends the operation when the money is back. If it is not, somebody else has
// it: the gateway, which has shown the preimage for it, or another device of the user.
func (p *payer) refunded(ctx actor.Context, part *clientwire.Operation) {
	p.pay().Refund = part.GetId()
	switch {
	case part.GetState() == clientwire.State_STATE_DONE:
		p.failRefunded(ctx, p.pay().GetReason())
	case part.GetCode() == uint32(messages.RejectContractClosed):
		if p.status != nil {
			p.state(ctx, *p.status)
		} // otherwise its state is on its way
	case p.pay().GetForfeit() != nil:
		p.pay().Forfeit, p.pay().Step = nil, clientwire.PayStep_PAY_STEP_WAIT
		p.report(ctx, "the forfeit was of no use: %s", part.GetText())
		p.later()
	default:
		p.fail(ctx, part.GetCause(), fmt.Sprintf("%s; the money could not be taken back: %s", p.pay().GetReason(), part.GetText()))
	}
}

// failRefunded ends a payment that was not made.
func (p *payer) failRefunded(ctx actor.Context, reason string) {
	p.op.FeeMsat = p.fees()
	p.fail(ctx, clientwire.Cause_CAUSE_REFUNDED, "refunded: "+reason, p.experience(false))
}

// fees is what the parts have cost.
func (p *payer) fees() uint64 {
	sum := p.part(p.fundReference()).GetFeeMsat()
	if p.pay().GetStep() == clientwire.PayStep_PAY_STEP_REFUND {
		sum += p.part(p.refundPart().GetReference()).GetFeeMsat()
	}
	return sum
}

// experience notes what became of a payment through the gateway, if there was one.
func (p *payer) experience(paid bool) func(storage.Tx) {
	return func(tx storage.Tx) {
		if listing := p.pay().GetListing(); listing != nil {
			book.AddExperience(tx, readListing(listing).Key, paid)
		}
	}
}

// paid ends the operation if this is the preimage, which is proof of payment however
// it came.
func (p *payer) paid(ctx actor.Context, preimage []byte) bool {
	if !terms.Reveals(preimage, p.invoice.Hash) {
		return false
	}
	p.pay().Preimage, p.op.Text, p.op.Code = preimage, "", 0
	p.op.FeeMsat = p.part(p.fundReference()).GetFeeMsat() + p.pay().GetGatewayFeeMsat()
	p.end(ctx, clientwire.State_STATE_DONE, p.experience(true))
	return true
}

// answer takes what the federation says of the contract, or of offers.
func (p *payer) answer(ctx actor.Context, m orders.Answer) {
	if m.Key == offersQuestion {
		p.offers(ctx, m)
		return
	}
	if s, ok := p.watched(ctx, m); ok {
		p.state(ctx, s)
	}
}

// state acts on the state of the contract.
func (p *payer) state(ctx actor.Context, s lightning.Status) {
	if p.looking {
		p.looked(ctx, s)
		return
	}
	refunding := p.pay().GetStep() == clientwire.PayStep_PAY_STEP_REFUND
	switch s.State {
	case stateValid, stateClaimed:
		if s.Preimage != nil {
			p.paid(ctx, s.Preimage[:])
		}
	case stateInvalid:
		if !refunding {
			p.refund(ctx, "its offer was worthless: whoever made it did not know the preimage")
		}
	case stateRefunded, stateForfeited:
		if refunding { // by the part that is under way, unless that has failed
			part := p.part(p.refundPart().GetReference())
			if part.GetState() != clientwire.State_STATE_FAILED {
				return
			}
		}
		p.failRefunded(ctx, "another device with the same words has taken the money back")
	default:
	}
}

// looked goes on when what was to be funded was there already.
func (p *payer) looked(ctx actor.Context, s lightning.Status) {
	switch p.looking = false; {
	case p.pay().GetOffer() == nil: // somebody has paid our bill
		p.proceed(ctx)
		p.state(ctx, s)
	case s.State == stateOffered && !p.pay().GetAnnounced():
		p.pay().Announced = true
		p.commit(ctx)
		p.fund(ctx)
	case s.State == stateOffered: // that was an older state
		p.looking = true
	default:
		p.fail(ctx, clientwire.Cause_CAUSE_INVOICE, "somebody else has paid this invoice; nothing was spent")
	}
}

// recall is the user's wish to have the money back. What is not spent yet stays;
// otherwise it is for the gateway, or the height, to say.
func (p *payer) recall(ctx actor.Context) {
	switch p.pay().GetStep() {
	case clientwire.PayStep_PAY_STEP_PLAN:
		p.fail(ctx, clientwire.Cause_CAUSE_CANCELLED, "cancelled before anything was sent")
	case clientwire.PayStep_PAY_STEP_FUND:
		if part := p.part(p.fundReference()); part != nil {
			ctx.Send(p.w.User, orders.Recall{ID: part.GetId()})
		}
	case clientwire.PayStep_PAY_STEP_WAIT:
		p.failures = 0
		p.await(ctx)
		ctx.Request(p.w.Ln, ListWanted{})
	case clientwire.PayStep_PAY_STEP_REFUND:
	}
}
