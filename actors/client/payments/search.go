package payments

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/listings"
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
	gateways []bargain.Candidate // that say that the invoice leads to them
	list     listings.List
	avoid    [][]byte
	ticks    int
	told     bool  // the federation has answered
	asked    []int // requests to gateways that are not answered
	// announced are the offers that the federation knows, registered those of gateways
	// that are the invoice's, as far as one can see.
	announced, registered []terms.Offer
}

// maxSearched bounds the gateways that are asked: it costs little to be listed with the
// node and channel of another.
const maxSearched = 4

// searchTicks is how long the gateway may take when the federation has answered. Most
// likely it is the one that would have to pay otherwise.
const searchTicks = 20

const offersQuestion = "offers"

// seek asks both.
func (p *payer) seek(ctx actor.Context) {
	ctx.Request(p.w.User, orders.Ask{Key: offersQuestion, Module: lightning.Kind, Method: "offers", Body: lightning.OffersRequest(p.invoice.Hash)})
	if p.w.Gateways == nil {
		return
	}
	federation := p.w.Federation.ID()
	for _, g := range p.search.gateways {
		p.number++
		p.search.asked = append(p.search.asked, p.number)
		p.w.Gateways.Ask(ctx.Self(), g.API, p.number, &talk.Request{Federation: federation[:], Request: &talkwire.Request_Find{
			Find: &talkwire.Find{PaymentHash: p.invoice.Hash[:]},
		}})
	}
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

// found takes what a gateway knows.
func (p *payer) found(ctx actor.Context, m Heard) {
	s := p.search
	at := slices.Index(s.asked, m.Key)
	if at < 0 {
		return
	}
	s.asked = slices.Delete(s.asked, at, at+1)
	if w := m.Reply.GetOffer(); w != nil && m.Err == nil {
		if o, err := terms.OfferOf(w); err == nil && bargain.CheckOffer(o, p.invoice, s.list.Height, p.w.Lightning.Seal) == nil && !p.among(s.registered, o) {
			s.registered = append(s.registered, o)
		}
	}
	p.decide(ctx)
}

// among reports whether a list has an offer.
func (p *payer) among(list []terms.Offer, o terms.Offer) bool {
	id := o.ID(p.w.Federation.ID())
	return slices.ContainsFunc(list, func(a terms.Offer) bool { return a.ID(p.w.Federation.ID()) == id })
}

// decide ends the search: with the offer that a gateway knows, the oldest that the
// federation knows, or none. Where gateways know two, one of them lies, and nobody can see
// which: a gateway may be paid to find out.
func (p *payer) decide(ctx actor.Context) {
	s := p.search
	if s == nil || !s.told || len(s.asked) > 0 && s.ticks < searchTicks {
		return
	}
	p.search = nil
	candidates := s.registered
	switch len(s.registered) {
	case 0:
		candidates = s.announced
	case 1:
	default:
		candidates = nil
	}
	for _, o := range candidates {
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
	pay := p.pay()
	pay.Step, pay.Offer = clientwire.PayStep_PAY_STEP_FUND, canonical.Marshal(o.Wire())
	pay.Announced = p.among(s.announced, o)
	p.op.Text = ""
	p.commit(ctx, func(tx storage.Tx) { pay.KeyIndex = book.TakeContractIndex(tx) })
	p.fund(ctx)
	return true
}
