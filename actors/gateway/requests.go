package gateway

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

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
	request  *talkwire.Pay
	number   uint64
	to       *actor.PID
	until    int // tick: clocks may jump
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
	case *talkwire.Request_Register, *talkwire.Request_Find:
		l.askRegistrar(ctx, s, m)
	default:
		ctx.Respond(Told{m.Number, refusal(messages.Reject(messages.RejectMalformed, "there is nothing in this request"))})
	}
}

// maxOffered bounds the requests about offers that wait for the registrar: who has gone since
// he asked holds no place at the door any more, so nothing else does.
const maxOffered = 256

// askRegistrar has the registrar answer, unless as many wait for it already as can.
func (l *lnGateway) askRegistrar(ctx actor.Context, s *seat.Seat, m Ask) {
	if l.offered >= maxOffered {
		ctx.Respond(Told{m.Number, refusal(messages.RejectForNow(messages.RejectBusy, "%d requests about offers wait already; ask again", maxOffered))})
		return
	}
	l.offered++
	ctx.Request(l.registrar, offered{m, ctx.Sender(), s, l.seen[slices.Index(l.seats, s)].Height})
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
	if rec == nil && l.payers[contract] == nil && l.crowded() {
		ctx.Respond(Told{m.Number, refusal(messages.RejectForNow(messages.RejectBusy, "the gateway looks at as many contracts as it can; ask again"))})
		return
	}
	ctx.Send(l.payer(ctx, s, contract), payer.Wanted{Request: pay})
	wait := min(time.Duration(m.Request.GetWaitMs())*time.Millisecond, talk.MaxWait)
	if wait == 0 || len(l.waiters) >= maxWaiters {
		ctx.Respond(Told{m.Number, pending(rec)})
		return
	}
	l.waiters = append(l.waiters, waiter{contract: contract, request: pay, number: m.Number, to: ctx.Sender(), until: l.ticks + int((wait+topTick-1)/topTick)})
}

// crowded reports whether as many contracts are looked at as can be. Payments that are
// under way do not count: they are paid for.
func (l *lnGateway) crowded() bool {
	if len(l.payers) < maxPayers {
		return false
	}
	agreed := 0
	l.w.View(func(r storage.Reader) {
		for _, e := range ledger.Open(r) {
			if e.Payment != nil {
				agreed++
			}
		}
	})
	return len(l.payers)-agreed >= maxPayers
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
			l.answer(ctx, contract, nil, reply)
		}
	}
}

// answer answers those who wait for a contract and have made a request, all if it is nil.
func (l *lnGateway) answer(ctx actor.Context, contract terms.ID, request *talkwire.Pay, reply *talk.Reply) {
	rest := l.waiters[:0]
	for _, w := range l.waiters {
		if w.contract == contract && (request == nil || payer.Same(w.request, request)) {
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
	l.w.Tick(now)
	if l.ticks++; l.ticks%resumeTicks == 0 {
		l.resume(ctx)
	}
	rest := l.waiters[:0]
	for _, w := range l.waiters {
		if w.until > l.ticks {
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
