package market

import (
	"fmt"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// A deal is a contract of the Lightning module that a person funds and somebody
// takes the money of, in one way or more at once. Each step is an order with a
// reference, which is put until its client knows of it.
type deal struct {
	market   *Market
	number   int
	funder   *Person
	amount   messages.Amount
	outgoing *terms.Outgoing
	offer    *terms.Offer
	id       terms.ID
}

// A taking is what is special about the end of a deal.
type taking interface {
	// ways are those in which somebody wants to take the money, now that it is there.
	ways() []terms.Way
	// taker is who takes it in this way, input how, but for the contract's id.
	taker(terms.Way) *Person
	input(terms.Way) terms.Input
}

// keyBase is where the indices of deals' keys begin: clients use those below.
const keyBase = 1 << 20

// key is the one with which a person takes the money of this deal.
func (d *deal) key(x *Person) [32]byte { return keys.XOnly(x.Ring.Contract(d.index())) }

func (d *deal) index() uint32 { return keyBase + uint32(d.number) }

func (d *deal) name(what string) string { return fmt.Sprintf("bargain/%d/%s", d.number, what) }

// found is an operation of this deal, nil if it was not begun.
func (d *deal) found(x *Person, what string) *client.Operation {
	return x.Named(d.name(what))
}

// funded has the funder fund the contract, and reports whether he has.
func (d *deal) funded() bool {
	fund := d.found(d.funder, "fund")
	if fund == nil {
		d.funder.Order(d.fund())
	}
	return fund.GetState() == clientwire.State_STATE_DONE
}

// fund is the order that funds the contract.
func (d *deal) fund() *client.Operation {
	op := &client.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: d.name("fund"), AmountMsat: uint64(d.amount), Fund: &clientwire.Fund{}}
	piece := func(out terms.Output, amount messages.Amount) {
		op.Fund.Outputs = append(op.Fund.Outputs, &clientwire.Piece{Body: out.Encode(), AmountMsat: uint64(amount)})
	}
	if d.offer == nil {
		piece(terms.Output{Outgoing: d.outgoing}, d.amount)
		return op
	}
	piece(terms.Output{Offer: d.offer}, 0)
	piece(terms.Output{Purchase: &terms.Purchase{Offer: d.id, RefundKey: d.key(d.funder)}}, d.amount)
	return op
}

// collect has everybody take the money in the ways in which he has not begun to.
func (d *deal) collect(t taking) {
	for _, way := range t.ways() {
		who := t.taker(way)
		if d.found(who, way.String()) == nil {
			who.Order(d.redeem(t.input(way)))
		}
	}
}

// redeem is the order that takes the money.
func (d *deal) redeem(in terms.Input) *client.Operation {
	in.Contract = d.id
	r := &clientwire.Redeem{Input: in.Encode(), AmountMsat: uint64(d.amount), KeyIndex: d.index()}
	if in.Way == terms.Preimage {
		r.Gateway, r.KeyIndex = true, 0
	}
	return &client.Operation{Kind: clientwire.Kind_KIND_REDEEM, Reference: d.name(in.Way.String()), AmountMsat: uint64(d.amount), Redeem: r}
}

// open says what has no end yet, "" if nothing.
func (d *deal) open(t taking) string {
	fund := d.found(d.funder, "fund")
	switch {
	case fund == nil:
		return "is not funded"
	case fund.GetState() == clientwire.State_STATE_FAILED:
		return ""
	case fund.GetState() == clientwire.State_STATE_PENDING:
		return "is being funded: " + fund.GetText()
	}
	for _, way := range t.ways() {
		op := d.found(t.taker(way), way.String())
		if op == nil || op.GetState() == clientwire.State_STATE_PENDING {
			return fmt.Sprintf("is not taken by %s: %s", way, op.GetText())
		}
	}
	return ""
}
