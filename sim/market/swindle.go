package market

import (
	"fmt"

	"minimint/actors/client/keys"
	"minimint/actors/gateway/talk"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/sim/market/gateways"
	"minimint/sim/market/process"
	"minimint/sim/sched"
)

// swindle is a contract with a gateway that a person hopes to get back although the
// gateway pays an invoice for it.
type swindle struct {
	*deal
	trick   trick
	gateway *gateways.Gateway
	invoice bolt11.Invoice
	asking  *sched.Machine // that waits for the gateway's answer
	forfeit *terms.Forfeit
}

// A trick is what is wrong with the contract.
type trick int

const (
	otherHash trick = iota // it is for another payment hash than the invoice (H80)
	tooLittle              // it holds less than the invoice asks for
	tooSoon                // it ends before the payment must (H81)
	twoAtOnce              // there are two for one invoice
	tricks                 // how many there are
)

// String names it.
func (t trick) String() string {
	return [...]string{"other hash", "too little", "too soon", "two at once"}[t]
}

// longLife is for how many blocks a contract lasts that a gateway takes.
const longLife = 600

// swindle begins one.
func (m *Market) swindle(x *Person, g *gateways.Gateway, amount messages.Amount) {
	t := trick(m.random.IntN(int(tricks)))
	for x.habits.Trick != "" && x.habits.Trick != t.String() {
		t = (t + 1) % tricks
	}
	n := m.network
	inv := n.Shop.Invoice(amount, n.Preimage(), n.Now())
	held, hash, expiry := amount+amount/20+10_000, inv.Hash, m.world.Chain().Height()+longLife
	switch t {
	case otherHash:
		hash[0] ^= 1
	case tooLittle:
		held = amount/2 + 1
	case tooSoon:
		expiry -= longLife - 5
	default:
	}
	m.deceive(x, g, t, inv, held, hash, expiry)
	if t == twoAtOnce {
		m.deceive(x, g, t, inv, held, hash, expiry)
	}
}

// deceive is one contract of a swindle.
func (m *Market) deceive(x *Person, g *gateways.Gateway, t trick, inv bolt11.Invoice, held messages.Amount, hash messages.Digest, expiry uint32) {
	s := &swindle{trick: t, gateway: g, invoice: inv, deal: &deal{
		market: m, number: len(m.swindles) + 1<<16, funder: x, amount: held,
	}}
	s.outgoing = &terms.Outgoing{PaymentHash: hash, Amount: held, GatewayKey: keys.XOnly(g.Ring.Gateway()), UserKey: s.key(x), Expiry: expiry}
	s.id = s.outgoing.ID(m.world.Federation().ID())
	m.swindles = append(m.swindles, s)
}

// look does what is due: it asks the gateway to pay, and takes the money back in any
// way that there is.
func (s *swindle) look() {
	if !s.funded() || !s.funder.Up() {
		return
	}
	if s.asking != s.funder.Machine && s.forfeit == nil {
		s.ask()
	}
	s.collect(s)
}

// ask asks the gateway.
func (s *swindle) ask() {
	request, err := talk.Pay(s.market.world.Federation().ID(), s.id, s.invoice.Text, s.funder.Ring.Contract(s.index()))
	if err != nil {
		panic(fmt.Sprintf("market: request: %v", err))
	}
	request.WaitMs = 5000
	machine := s.funder.Machine
	s.asking = machine
	s.market.network.Ask(s.funder.Process, s.gateway.API, request, func(reply *talk.Reply, _ error) {
		if f := reply.GetForfeit(); f != nil {
			s.forfeit = &terms.Forfeit{Gateway: [32]byte(f.GetGateway()), Signature: [64]byte(f.GetSignature())}
		}
		machine.After(process.Look, func() { s.asking = nil })
	})
}

// ways are those in which the money can be taken back now.
func (s *swindle) ways() []terms.Way {
	ways := []terms.Way{terms.Expired}
	if s.forfeit != nil {
		ways = append(ways, terms.Forfeited)
	}
	return ways
}

// taker implements taking.
func (s *swindle) taker(terms.Way) *Person { return s.funder }

// input implements taking.
func (s *swindle) input(way terms.Way) terms.Input {
	in := terms.Input{Way: way, Key: s.key(s.funder)}
	if way == terms.Forfeited {
		in.Forfeit = *s.forfeit
	}
	return in
}

// pending says what has no end yet, "" if nothing.
func (s *swindle) pending() string { return s.open(s) }
