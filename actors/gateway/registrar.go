package gateway

import (
	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/gateway/deal"
	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/seat"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/storage"
)

// registrar is the actor that keeps users' offers: to check one takes a while, and payments
// are not to wait for it.
//
//	accepts  offered from LnGateway
//	sends    Told to who asked; served to LnGateway
type registrar struct{ w *seat.World }

// offered brings a request about an offer; served says that one was answered, whatever became
// of it.
type (
	offered struct {
		ask    Ask
		who    *actor.PID
		seat   *seat.Seat
		height uint32 // agreed
	}
	served struct{}
)

// Receive implements actor.Actor.
func (g *registrar) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case offered:
		switch r := m.ask.Request.GetRequest().(type) {
		case *talkwire.Request_Register:
			g.answer(ctx, m, g.register(m.seat, m.height, r.Register))
		case *talkwire.Request_Find:
			g.answer(ctx, m, g.find(m.seat, r.Find))
		}
	case *spawn.Lost:
		if lost, ok := m.Message.(offered); ok {
			g.answer(ctx, lost, interrupted())
		}
	}
}

func (g *registrar) answer(ctx actor.Context, m offered, reply *talk.Reply) {
	ctx.Send(m.who, Told{m.ask.Number, reply})
	ctx.Request(g.w.Top, served{})
}

// register takes an offer, or the one that was taken before again.
func (g *registrar) register(s *seat.Seat, height uint32, m *talkwire.Register) *talk.Reply {
	offer, err := terms.OfferOf(m.GetOffer())
	if err != nil {
		return refusal(messages.Reject(messages.RejectMalformed, "offer: %v", err))
	}
	q := deal.Registration{Offer: offer, Seal: s.Seal, Claim: s.Costs.Claim, Agreed: height}
	g.tidy(s, height)
	g.w.View(func(r storage.Reader) {
		q.Terms = seat.Terms(ledger.Federation(r, s.ID))
		q.Stored, q.Count = ledger.Offer(r, s.ID, offer.PaymentHash), ledger.Offers(r, s.ID)
	})
	if rejection := deal.Register(q); rejection != nil {
		return refusal(rejection)
	}
	if q.Stored == nil {
		g.w.Write(func(tx storage.Tx) {
			ledger.Register(tx, s.ID, offer)
		})
	}
	return &talk.Reply{Reply: &talkwire.Reply_Registered{Registered: &talkwire.Registered{}}}
}

// expireAtOnce bounds the offers that are forgotten when one comes in.
const expireAtOnce = 1024

// tidy forgets offers that have expired, before anything is decided: also a table that is
// full empties this way.
func (g *registrar) tidy(s *seat.Seat, height uint32) {
	due := false
	g.w.View(func(r storage.Reader) { due = ledger.Due(r, s.ID, height) })
	if due {
		g.w.Write(func(tx storage.Tx) { ledger.Expire(tx, s.ID, height, expireAtOnce) })
	}
}

// find tells an offer that is registered.
func (g *registrar) find(s *seat.Seat, m *talkwire.Find) *talk.Reply {
	hash := messages.Digest(m.GetPaymentHash())
	var offer *terms.Offer
	g.w.View(func(r storage.Reader) { offer = ledger.Offer(r, s.ID, hash) })
	if offer == nil {
		return refusal(messages.RejectForNow(messages.RejectNotFound, "no offer is registered for payment hash %s", hash))
	}
	return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: offer.Wire()}}
}
