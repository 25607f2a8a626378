package payments

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/terms"
	"minimint/messages/canonical"
	"minimint/storage"
)

// search looks for the offer behind an invoice whose payee is a user of the same
// federation: then it can be bought, and no gateway is needed. The gateway that the
// invoice leads to knows it; the federation does if somebody has announced it.
type search struct {
	gateway bargain.Candidate
	list    List
	avoid   [][]byte
	ticks   int
	// told and asked say that the federation, and the gateway, have answered.
	told, asked bool
	announced   []terms.Offer
	registered  *terms.Offer
}

// searchTicks is how long the gateway may take when the federation has answered. Most
// likely it is the one that would have to pay otherwise.
const searchTicks = 20

const offersQuestion = "offers"

// seek asks both.
func (p *payer) seek(ctx actor.Context) {
	ctx.Request(p.w.User, orders.Ask{Key: offersQuestion, Module: lightning.Kind, Method: "offers", Body: lightning.OffersRequest(p.invoice.Hash)})
	if p.w.Gateways == nil {
		p.search.asked = true
		return
	}
	federation := p.w.Federation.ID()
	p.ask(ctx, p.search.gateway.API, &talk.Request{Federation: federation[:], Request: &talkwire.Request_Find{
		Find: &talkwire.Find{PaymentHash: p.invoice.Hash[:]},
	}})
}

// offers takes what the federation knows.
func (p *payer) offers(ctx actor.Context, m orders.Answer) {
	if p.search == nil {
		return
	}
	p.search.told = true
	list, err := lightning.ReadOffers(p.w.Federation.ID(), p.invoice.Hash, []byte(m.Body))
	if m.Code == 0 && err == nil {
		for _, s := range list {
			p.search.announced = append(p.search.announced, *s.Offer)
		}
	}
	p.decide(ctx)
}

// found takes what the gateway knows.
func (p *payer) found(ctx actor.Context, m Heard) {
	p.search.asked = true
	if w := m.Reply.GetOffer(); w != nil && m.Err == nil {
		if o, err := terms.OfferOf(w); err == nil {
			p.search.registered = &o
		}
	}
	p.decide(ctx)
}

// decide ends the search: with the offer that the gateway knows, the oldest that the
// federation knows, or none.
func (p *payer) decide(ctx actor.Context) {
	s := p.search
	if s == nil || !s.told || !s.asked && s.ticks < searchTicks {
		return
	}
	p.search = nil
	p.open = 0 // an answer that comes now answers nothing
	if s.registered != nil && p.buys(ctx, *s.registered, s) {
		return
	}
	for _, o := range s.announced {
		if p.buys(ctx, o, s) {
			return
		}
	}
	p.agree(ctx, s.list, s.avoid)
}

// buys writes down that an offer is bought, if it is that of the invoice.
func (p *payer) buys(ctx actor.Context, o terms.Offer, s *search) bool {
	if bargain.CheckOffer(o, p.invoice, s.list.Height, p.w.Lightning.Seal) != nil {
		return false
	}
	id := o.ID(p.w.Federation.ID())
	pay := p.pay()
	pay.Step, pay.Offer = clientwire.PayStep_PAY_STEP_FUND, canonical.Marshal(o.Wire())
	pay.Announced = slices.ContainsFunc(s.announced, func(a terms.Offer) bool { return a.ID(p.w.Federation.ID()) == id })
	p.op.Text = ""
	p.commit(ctx, func(tx storage.Tx) { pay.KeyIndex = book.TakeContractIndex(tx) })
	p.fund(ctx)
	return true
}
