package gateways

import (
	"fmt"

	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/sim/sched"
)

// A Twist is how a gateway is faulty. Serve answers a request, if at all; the gateway that
// ships is there to be asked.
type Twist struct {
	Name  string
	Serve func(g *Gateway, request *talk.Request, answer func(*talk.Reply))
}

// Twists are the ways in which gateways are faulty here.
func Twists() []Twist {
	return []Twist{
		{"takes no payments", deaf},
		{"keeps quiet about payments", quiet},
		{"says at once that it has paid", brags},
		{"forges forfeits", forges},
		{"forfeits what it pays", gives},
		{"refuses for ever", refuses},
		{"forgets offers", forgets},
		{"shows worthless offers", worthless},
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

// deaf hears of no payment, and so neither pays nor claims nor forfeits.
func deaf(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if request.GetPay() == nil {
		g.ask(request, answer)
	}
}

// quiet pays and claims, and does not say so.
func quiet(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if request.GetPay() != nil {
		answer = func(*talk.Reply) {}
	}
	g.ask(request, answer)
}

// brags shows noise as a preimage.
func brags(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if request.GetPay() == nil {
		g.ask(request, answer)
		return
	}
	noise := g.network.Preimage()
	answer(&talk.Reply{Reply: &talkwire.Reply_Paid{Paid: &talkwire.Paid{Preimage: noise[:]}}})
}

// forges shows forfeits that are not signed.
func forges(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if request.GetPay() == nil {
		g.ask(request, answer)
		return
	}
	f := g.forfeit(terms.ID(request.GetPay().GetContract()))
	f.GetForfeit().Signature[40] ^= 1
	answer(f)
}

// gives signs a forfeit for every contract, and pays and claims it all the same.
func gives(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if request.GetPay() != nil {
		answer(g.forfeit(terms.ID(request.GetPay().GetContract())))
		answer = func(*talk.Reply) {}
	}
	g.ask(request, answer)
}

// forfeit signs one.
func (g *Gateway) forfeit(contract terms.ID) *talk.Reply {
	f, err := terms.Forgo(g.network.cfg.World.Federation().ID(), contract, g.Ring.Gateway())
	if err != nil {
		panic(fmt.Sprintf("gateways: forfeit: %v", err))
	}
	return &talk.Reply{Reply: &talkwire.Reply_Forfeit{Forfeit: &talkwire.Forfeit{Gateway: f.Gateway[:], Signature: f.Signature[:], Reason: "a whim"}}}
}

// refuses pays for nobody.
func refuses(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if request.GetPay() == nil {
		g.ask(request, answer)
		return
	}
	answer(talk.Refuse(messages.Reject(messages.RejectUnauthorized, "no")))
}

// forgets has the shipped gateway know of another offer than the one that it is asked
// to take, so payments for that fail.
func forgets(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	if r := request.GetRegister(); r != nil {
		offer, err := terms.OfferOf(r.GetOffer())
		if err == nil {
			offer, err = terms.Seal(sched.Reader(g.network.cfg.Random), g.network.cfg.Module.Seal(), offer, g.network.Preimage())
		}
		if err != nil {
			panic(fmt.Sprintf("gateways: offer: %v", err))
		}
		request = &talk.Request{Federation: request.GetFederation(), Request: &talkwire.Request_Register{Register: &talkwire.Register{Offer: offer.Wire()}}}
	}
	g.ask(request, answer)
}

// worthless shows payers an offer with the right terms and noise for a preimage.
func worthless(g *Gateway, request *talk.Request, answer func(*talk.Reply)) {
	g.ask(request, func(reply *talk.Reply) {
		if reply.GetOffer() != nil {
			offer, err := terms.OfferOf(reply.GetOffer())
			if err != nil {
				panic(fmt.Sprintf("gateways: offer: %v", err))
			}
			offer.Ciphertext = g.network.Seal(offer, g.network.Preimage())
			reply = &talk.Reply{Reply: &talkwire.Reply_Offer{Offer: offer.Wire()}}
		}
		answer(reply)
	})
}
