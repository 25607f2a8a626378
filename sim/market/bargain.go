package market

import (
	"crypto/sha256"
	"fmt"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/crypto/domain"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/sim/sched"
)

// A bargain is a contract of the Lightning module between two people, without any
// Lightning: one of them funds it, and what the two have in mind decides who takes
// the money. Both use their clients as gateways do, by orders with references, and
// put them again and again.
type bargain struct {
	market *Market
	number int
	plan   plan
	// funder pays, other is the gateway of an outgoing contract, or who offered.
	funder, other *Person
	hash          messages.Digest
	preimage      [terms.PreimageSize]byte
	amount        messages.Amount
	outgoing      *terms.Outgoing
	offer         *terms.Offer
	id            terms.ID
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

// keyBase is where the indices of bargains' keys begin: clients use those below.
const keyBase = 1 << 20

// bargain begins one between two people, who have something in mind.
func (m *Market) bargain(funder, other *Person, amount messages.Amount) {
	m.agree(plan(m.random.IntN(int(plans))), funder, other, amount)
}

// agree begins one with a plan.
func (m *Market) agree(p plan, funder, other *Person, amount messages.Amount) {
	b := &bargain{market: m, number: len(m.bargains), plan: p, funder: funder, other: other, amount: amount}
	random := sched.Reader(m.random)
	if _, err := random.Read(b.preimage[:]); err != nil {
		panic(fmt.Sprintf("market: %v", err))
	}
	b.hash = sha256.Sum256(b.preimage[:])
	expiry := m.world.Chain().Height() + 1000
	if b.plan == expires || b.plan == races {
		expiry = m.world.Chain().Height() + 3 + m.random.Uint32N(15)
	}
	federation := m.world.Federation().ID()
	switch b.plan {
	case sells, cheats:
		offer := terms.Offer{PaymentHash: b.hash, Amount: amount, ClaimKey: b.key(other), Expiry: expiry}
		hidden := b.preimage
		if b.plan == cheats {
			hidden[0] ^= 1
		}
		offer.Ciphertext = m.seal(offer, hidden)
		b.offer, b.id = &offer, offer.ID(federation)
	default:
		b.outgoing = &terms.Outgoing{
			PaymentHash: b.hash, Amount: amount, GatewayKey: keys.XOnly(other.ring.Gateway()), UserKey: b.key(funder), Expiry: expiry,
		}
		b.id = b.outgoing.ID(federation)
	}
	m.bargains = append(m.bargains, b)
}

// seal encrypts for the members what an offer says to be its preimage; it may be
// anything, unlike with terms.Seal.
func (m *Market) seal(offer terms.Offer, hidden [terms.PreimageSize]byte) []byte {
	to := m.lightning.Seal()
	offer.Ciphertext = nil
	label := domain.Hash(domain.Label, to.Federation[:], []byte("lightning offer"), canonical.Marshal(offer.Wire()))
	c, err := tenc.Encrypt(sched.Reader(m.random), to.Keys, label[:], hidden[:])
	if err != nil {
		panic(fmt.Sprintf("market: offer: %v", err))
	}
	return c.Encode()
}

// key is the one with which a person takes the money of this bargain.
func (b *bargain) key(x *Person) [32]byte { return keys.XOnly(x.ring.Contract(b.index())) }

func (b *bargain) index() uint32 { return keyBase + uint32(b.number) }

func (b *bargain) name(what string) string { return fmt.Sprintf("bargain/%d/%s", b.number, what) }

// found is an operation of this bargain, nil if it was not begun.
func (b *bargain) found(x *Person, what string) *client.Operation {
	return x.named(b.name(what))
}

// look has both do what is due.
func (b *bargain) look() {
	fund := b.found(b.funder, "fund")
	if fund == nil {
		b.funder.order(b.fund())
	}
	if fund.GetState() != clientwire.State_STATE_DONE {
		return
	}
	for _, way := range b.ways() {
		who := b.taker(way)
		if b.found(who, way.String()) == nil {
			who.order(b.take(who, way))
		}
	}
}

// fund is the order that funds the contract.
func (b *bargain) fund() *client.Operation {
	op := &client.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: b.name("fund"), AmountMsat: uint64(b.amount), Fund: &clientwire.Fund{}}
	piece := func(out terms.Output, amount messages.Amount) {
		op.Fund.Outputs = append(op.Fund.Outputs, &clientwire.Piece{Body: out.Encode(), AmountMsat: uint64(amount)})
	}
	if b.offer == nil {
		piece(terms.Output{Outgoing: b.outgoing}, b.amount)
		return op
	}
	piece(terms.Output{Offer: b.offer}, 0)
	piece(terms.Output{Purchase: &terms.Purchase{Offer: b.id, RefundKey: b.key(b.funder)}}, b.amount)
	return op
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

// take is the order that takes the money.
func (b *bargain) take(who *Person, way terms.Way) *client.Operation {
	in := terms.Input{Contract: b.id, Way: way, Key: b.key(who), Preimage: b.preimage}
	r := &clientwire.Redeem{AmountMsat: uint64(b.amount), KeyIndex: b.index()}
	switch way {
	case terms.Preimage:
		in.Key, r.Gateway, r.KeyIndex = b.outgoing.GatewayKey, true, 0
	case terms.Forfeited:
		var err error
		if in.Forfeit, err = terms.Forgo(b.market.world.Federation().ID(), b.id, b.other.ring.Gateway()); err != nil {
			panic(fmt.Sprintf("market: forfeit: %v", err))
		}
	default:
	}
	r.Input = in.Encode()
	return &client.Operation{Kind: clientwire.Kind_KIND_REDEEM, Reference: b.name(way.String()), AmountMsat: uint64(b.amount), Redeem: r}
}

// pending says what has no end yet, "" if nothing.
func (b *bargain) pending() string {
	fund := b.found(b.funder, "fund")
	switch {
	case fund == nil:
		return "is not funded"
	case fund.GetState() == clientwire.State_STATE_FAILED:
		return ""
	case fund.GetState() == clientwire.State_STATE_PENDING:
		return "is being funded: " + fund.GetText()
	}
	for _, way := range b.ways() {
		op := b.found(b.taker(way), way.String())
		if op == nil || op.GetState() == clientwire.State_STATE_PENDING {
			return fmt.Sprintf("is not taken by %s: %s", way, op.GetText())
		}
	}
	return ""
}

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

// order gives an order to a person's client, if it runs.
func (p *Process) order(op *client.Operation) {
	if p.Up() {
		p.system.Root.Send(p.client.PID(), orders.Begin{Op: op})
	}
}
