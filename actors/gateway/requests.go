package gateway

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/gateway/payer"
	"minimint/actors/gateway/seat"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
)

// A waiter wants to know how a contract's payment ends.
type waiter struct {
	contract terms.ID
	number   uint64
	to       *actor.PID
	until    time.Time
}

// maxWaiters bounds them; who comes when there are as many is answered at once.
const maxWaiters = 4096

// ask serves a client's request.
func (l *lnGateway) ask(ctx actor.Context, m Ask) {
	id, _ := messages.DigestFrom(m.Request.GetFederation())
	s := l.seat(id)
	if s == nil {
		ctx.Respond(Told{m.Number, refusal(messages.RejectForNow(messages.RejectWrongFederation, "this gateway does not work in federation %s", id))})
		return
	}
	switch r := m.Request.GetRequest().(type) {
	case *talkwire.Request_Pay:
		l.askPay(ctx, s, m, r.Pay)
	case *talkwire.Request_Register:
		ctx.Respond(Told{m.Number, l.register(s, r.Register)})
	case *talkwire.Request_Find:
		ctx.Respond(Told{m.Number, l.find(s, r.Find)})
	default:
		ctx.Respond(Told{m.Number, refusal(messages.Reject(messages.RejectMalformed, "there is nothing in this request"))})
	}
}

// askPay answers if there is an end, and otherwise when there is one or the wait is over.
func (l *lnGateway) askPay(ctx actor.Context, s *seat.Seat, m Ask, pay *talkwire.Pay) {
	contract := terms.ID(pay.GetContract())
	var rec *ledgerwire.Payment
	l.w.View(func(r storage.Reader) { rec = ledger.Payment(r, contract) })
	if reply := l.end(s, rec); reply != nil {
		ctx.Respond(Told{m.Number, reply})
		return
	}
	if rec == nil && l.payers[contract] == nil && len(l.payers) >= maxPayers {
		ctx.Respond(Told{m.Number, refusal(messages.RejectForNow(messages.RejectBusy, "the gateway has %d payments under way; ask again", len(l.payers)))})
		return
	}
	ctx.Send(l.payer(ctx, s, contract), payer.Wanted{Request: pay})
	wait := min(time.Duration(m.Request.GetWaitMs())*time.Millisecond, talk.MaxWait)
	if wait == 0 || len(l.waiters) >= maxWaiters {
		ctx.Respond(Told{m.Number, pending(rec)})
		return
	}
	l.waiters = append(l.waiters, waiter{contract: contract, number: m.Number, to: ctx.Sender(), until: l.now.Add(wait)})
}

// end is the answer that stands for ever, nil if there is none yet.
func (l *lnGateway) end(s *seat.Seat, rec *ledgerwire.Payment) *talk.Reply {
	switch rec.GetState() {
	case ledgerwire.PaymentState_PAYMENT_PAID, ledgerwire.PaymentState_PAYMENT_CLAIMED, ledgerwire.PaymentState_PAYMENT_LOST:
		return &talk.Reply{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: rec.GetPreimage()}}}
	case ledgerwire.PaymentState_PAYMENT_FORFEITED:
		key := s.Key()
		return &talk.Reply{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: key[:], Signature: rec.GetForfeit(), Reason: rec.GetReason()}}}
	case ledgerwire.PaymentState_PAYMENT_UNKNOWN, ledgerwire.PaymentState_PAYMENT_PAYING, ledgerwire.PaymentState_PAYMENT_BUYING:
	}
	return nil
}

func pending(rec *ledgerwire.Payment) *talk.Reply {
	text := "the gateway looks at the contract"
	switch rec.GetState() {
	case ledgerwire.PaymentState_PAYMENT_PAYING:
		text = "the Lightning payment is under way"
	case ledgerwire.PaymentState_PAYMENT_BUYING:
		text = "the recipient's federation decides"
	default:
	}
	return &talk.Reply{Reply: &talkwire.Reply_Pending{Pending: &talkwire.Pending{Text: text}}}
}

func refusal(r *messages.Rejection) *talk.Reply { return talk.Refuse(r) }

// stands answers all who wait for a contract if there is an end.
func (l *lnGateway) stands(ctx actor.Context, contract terms.ID) {
	var rec *ledgerwire.Payment
	l.w.View(func(r storage.Reader) { rec = ledger.Payment(r, contract) })
	if s := l.seat(messages.FederationID(rec.GetFederation())); s != nil {
		if reply := l.end(s, rec); reply != nil {
			l.answer(ctx, contract, reply)
		}
	}
}

// answer answers all who wait for a contract.
func (l *lnGateway) answer(ctx actor.Context, contract terms.ID, reply *talk.Reply) {
	rest := l.waiters[:0]
	for _, w := range l.waiters {
		if w.contract == contract {
			ctx.Send(w.to, Told{w.number, reply})
		} else {
			rest = append(rest, w)
		}
	}
	clear(l.waiters[len(rest):])
	l.waiters = rest
}

// tick answers those whose wait is over.
func (l *lnGateway) tick(ctx actor.Context, now time.Time) {
	l.now = now
	l.w.Tick(now)
	if l.ticks++; l.ticks%resumeTicks == 0 {
		l.resume(ctx)
	}
	rest := l.waiters[:0]
	for _, w := range l.waiters {
		if w.until.After(now) {
			rest = append(rest, w)
			continue
		}
		var rec *ledgerwire.Payment
		l.w.View(func(r storage.Reader) { rec = ledger.Payment(r, w.contract) })
		ctx.Send(w.to, Told{w.number, pending(rec)})
	}
	clear(l.waiters[len(rest):])
	l.waiters = rest
}

// register takes an offer, or the one that was taken before again.
func (l *lnGateway) register(s *seat.Seat, m *talkwire.Register) *talk.Reply {
	offer, err := terms.OfferOf(m.GetOffer())
	if err != nil {
		return refusal(messages.Reject(messages.RejectMalformed, "offer: %v", err))
	}
	q := deal.Registration{Offer: offer, Seal: s.Seal, Agreed: l.seen[slices.Index(l.seats, s)].Height}
	l.w.View(func(r storage.Reader) {
		q.Terms = seat.Terms(ledger.Federation(r, s.ID))
		q.Stored, q.Count = ledger.Offer(r, s.ID, offer.PaymentHash), ledger.Offers(r, s.ID)
	})
	if rejection := deal.Register(q); rejection != nil {
		return refusal(rejection)
	}
	if q.Stored == nil {
		l.w.Write(func(tx storage.Tx) {
			ledger.Expire(tx, s.ID, q.Agreed, expireAtOnce)
			ledger.Register(tx, s.ID, offer)
		})
	}
	return &talk.Reply{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}}
}

// expireAtOnce bounds the offers that are forgotten when one comes in.
const expireAtOnce = 16

// find tells an offer that is registered.
func (l *lnGateway) find(s *seat.Seat, m *talkwire.Find) *talk.Reply {
	hash := messages.Digest(m.GetPaymentHash())
	var offer *terms.Offer
	l.w.View(func(r storage.Reader) { offer = ledger.Offer(r, s.ID, hash) })
	if offer == nil {
		return refusal(messages.RejectForNow(messages.RejectNotFound, "no offer is registered for payment hash %s", hash))
	}
	return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: offer.Wire()}}
}
