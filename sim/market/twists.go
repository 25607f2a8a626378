package market

import (
	"fmt"

	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/sim/sched"
)

// A Twist is how a gateway is faulty: the one that ships runs behind it.
type Twist struct {
	Name string
	// Request is what the gateway hears instead of a request; nil is nothing.
	Request func(g *Gateway, request *talk.Request) *talk.Request
	// Reply is what it tells a client instead of a reply; nil is silence.
	Reply func(g *Gateway, request *talk.Request, reply *talk.Reply) *talk.Reply
}

// Twists are the ways in which gateways are faulty here.
func Twists() []Twist {
	return []Twist{
		{Name: "takes no payments", Request: deaf},
		{Name: "keeps quiet about payments", Reply: onPay(func(*Gateway, *talk.Request, *talk.Reply) *talk.Reply { return nil })},
		{Name: "says at once that it has paid", Reply: onPay(brags)},
		{Name: "forges forfeits", Reply: onPay(forges)},
		{Name: "forfeits what it pays", Reply: onPay(gives)},
		{Name: "refuses for ever", Reply: onPay(refuses)},
		{Name: "forgets offers", Request: forgets},
		{Name: "shows worthless offers", Reply: worthless},
	}
}

// FindTwist returns the twist of a name.
func FindTwist(name string) (Twist, bool) {
	for _, t := range Twists() {
		if t.Name == name {
			return t, true
		}
	}
	return Twist{}, false
}

// onPay twists the replies to requests to pay.
func onPay(twist func(*Gateway, *talk.Request, *talk.Reply) *talk.Reply) func(*Gateway, *talk.Request, *talk.Reply) *talk.Reply {
	return func(g *Gateway, request *talk.Request, reply *talk.Reply) *talk.Reply {
		if request.GetPay() == nil {
			return reply
		}
		return twist(g, request, reply)
	}
}

// deaf hears of no payment, and so neither pays nor claims nor forfeits.
func deaf(_ *Gateway, request *talk.Request) *talk.Request {
	if request.GetPay() != nil {
		return nil
	}
	return request
}

// brags shows noise as a preimage.
func brags(g *Gateway, _ *talk.Request, _ *talk.Reply) *talk.Reply {
	noise := g.market.network.preimage()
	return &talk.Reply{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: noise[:]}}}
}

// forges has another key sign.
func forges(g *Gateway, request *talk.Request, _ *talk.Reply) *talk.Reply {
	return g.forfeit(request, terms.ID(request.GetPay().GetContract()), func(f *terms.Forfeit) { f.Signature[40] ^= 1 })
}

// gives signs forfeits for contracts that it claims as well.
func gives(g *Gateway, request *talk.Request, _ *talk.Reply) *talk.Reply {
	return g.forfeit(request, terms.ID(request.GetPay().GetContract()), func(*terms.Forfeit) {})
}

// forfeit makes one, changed.
func (g *Gateway) forfeit(request *talk.Request, contract terms.ID, change func(*terms.Forfeit)) *talk.Reply {
	f, err := terms.Forgo(g.market.world.Federation().ID(), contract, g.ring.Gateway())
	if err != nil {
		panic(fmt.Sprintf("market: forfeit for %v: %v", request, err))
	}
	change(&f)
	return &talk.Reply{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: f.Gateway[:], Signature: f.Signature[:], Reason: "a whim"}}}
}

// refuses takes nobody's word for anything.
func refuses(*Gateway, *talk.Request, *talk.Reply) *talk.Reply {
	return &talk.Reply{Reply: &talkwire.Reply_Refusal{Refusal: &talkwire.Refusal{Code: 1, Text: "no", Final: true}}}
}

// forgets has the shipped gateway know of another offer than the one that it is asked
// to take, so payments for that fail.
func forgets(g *Gateway, request *talk.Request) *talk.Request {
	r := request.GetRegister()
	if r == nil {
		return request
	}
	offer, err := terms.OfferOf(r.GetOffer())
	if err != nil {
		panic(fmt.Sprintf("market: offer: %v", err))
	}
	offer, err = terms.Seal(sched.Reader(g.market.random), g.market.lightning.Seal(), offer, g.market.network.preimage())
	if err != nil {
		panic(fmt.Sprintf("market: offer: %v", err))
	}
	return &talk.Request{Federation: request.GetFederation(), Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: offer.Wire()}}}
}

// worthless shows payers an offer with the right terms and noise for a preimage.
func worthless(g *Gateway, request *talk.Request, reply *talk.Reply) *talk.Reply {
	if reply.GetOffer() == nil {
		return reply
	}
	offer, err := terms.OfferOf(reply.GetOffer())
	if err != nil {
		panic(fmt.Sprintf("market: offer for %v: %v", request, err))
	}
	offer.Ciphertext = g.market.seal(offer, g.market.network.preimage())
	return &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: offer.Wire()}}
}
