package market

import (
	"crypto/sha256"
	"fmt"

	"minimint/actors/client/keys"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/sim/sched"
)

// A bargain is a contract of the Lightning module between two people, without any
// Lightning: one of them funds it, and what the two have in mind decides who takes
// the money. Both use their clients as gateways do, by orders with references, and
// put them again and again.
type bargain struct {
	*deal
	plan     plan
	other    *Person // the gateway of an outgoing contract, or who offered
	preimage [terms.PreimageSize]byte
}

// A plan is what two people have in mind.
type plan int

const (
	claims   plan = iota // the gateway knows the preimage and takes the money
	forfeits             // it gives up, and the funder takes the money back
	expires              // it does nothing, and the funder waits
	races                // both take it, in every way there is
	sells                // an offer with its preimage is bought
	cheats               // one without is
	plans                // how many there are
)

// String names the plan.
func (p plan) String() string {
	return [...]string{"claims", "forfeits", "expires", "races", "sells", "cheats"}[p]
}

// bargain begins one between two people, who have something in mind.
func (m *Market) bargain(funder, other *Person, amount messages.Amount) {
	m.agree(plan(m.random.IntN(int(plans))), funder, other, amount)
}

// agree begins one with a plan.
func (m *Market) agree(p plan, funder, other *Person, amount messages.Amount) {
	b := &bargain{deal: &deal{market: m, number: len(m.bargains), funder: funder, amount: amount}, plan: p, other: other}
	random := sched.Reader(m.random)
	if _, err := random.Read(b.preimage[:]); err != nil {
		panic(fmt.Sprintf("market: %v", err))
	}
	hash := messages.Digest(sha256.Sum256(b.preimage[:]))
	expiry := m.world.Chain().Height() + 1000
	if b.plan == expires || b.plan == races {
		expiry = m.world.Chain().Height() + 3 + m.random.Uint32N(15)
	}
	federation := m.world.Federation().ID()
	switch b.plan {
	case sells, cheats:
		offer := terms.Offer{PaymentHash: hash, Amount: amount, ClaimKey: b.key(other), Expiry: expiry}
		hidden := b.preimage
		if b.plan == cheats {
			hidden[0] ^= 1
		}
		offer.Ciphertext = m.network.Seal(offer, hidden)
		b.offer, b.id = &offer, offer.ID(federation)
	default:
		b.outgoing = &terms.Outgoing{
			PaymentHash: hash, Amount: amount, GatewayKey: keys.XOnly(other.Ring.Gateway()), UserKey: b.key(funder), Expiry: expiry,
		}
		b.id = b.outgoing.ID(federation)
	}
	m.bargains = append(m.bargains, b)
}

// look has both do what is due.
func (b *bargain) look() {
	if b.funded() {
		b.collect(b)
	}
}

// ways are those in which somebody wants to take the money, now that it is there.
func (b *bargain) ways() []terms.Way {
	return [...][]terms.Way{
		claims:   {terms.Preimage},
		forfeits: {terms.Forfeited},
		expires:  {terms.Expired},
		races:    {terms.Preimage, terms.Forfeited, terms.Expired},
		sells:    {terms.Claim},
		cheats:   {terms.Return},
	}[b.plan]
}

// taker is who takes it in this way.
func (b *bargain) taker(way terms.Way) *Person {
	if way == terms.Preimage || way == terms.Claim {
		return b.other
	}
	return b.funder
}

// input is what takes the money.
func (b *bargain) input(way terms.Way) terms.Input {
	in := terms.Input{Way: way, Key: b.key(b.taker(way)), Preimage: b.preimage}
	switch way {
	case terms.Preimage:
		in.Key = b.outgoing.GatewayKey
	case terms.Forfeited:
		var err error
		if in.Forfeit, err = terms.Forgo(b.market.world.Federation().ID(), b.id, b.other.Ring.Gateway()); err != nil {
			panic(fmt.Sprintf("market: forfeit: %v", err))
		}
	default:
	}
	return in
}

// pending says what has no end yet, "" if nothing.
func (b *bargain) pending() string { return b.open(b) }

// ends are the states in which a bargain may end.
func (b *bargain) ends() []lightning.State {
	return [...][]lightning.State{
		claims:   {lightningwire.State_STATE_CLAIMED},
		forfeits: {lightningwire.State_STATE_FORFEITED},
		expires:  {lightningwire.State_STATE_REFUNDED},
		races:    {lightningwire.State_STATE_CLAIMED, lightningwire.State_STATE_FORFEITED, lightningwire.State_STATE_REFUNDED},
		sells:    {lightningwire.State_STATE_CLAIMED},
		cheats:   {lightningwire.State_STATE_REFUNDED},
	}[b.plan]
}
