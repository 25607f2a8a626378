package market

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/canonical"
)

// A bill is an invoice that a person wants to pay.
type bill struct {
	name  string // reference of the operation that pays it
	text  string
	tries int
}

// tries is how often a person tries to begin a payment that the client refuses to begin:
// there may be no gateway yet, or too little money.
const tries = 8

// buy has a person pay an invoice of the shop.
func (x *Person) buy(amount messages.Amount) {
	n := x.market.network
	inv := n.shop.Invoice(amount, n.preimage(), n.now())
	x.bill(inv.Text)
}

// bill gives a person an invoice to pay.
func (x *Person) bill(text string) {
	x.billed++
	x.bills = append(x.bills, &bill{name: fmt.Sprintf("bill/%d", x.billed), text: text})
}

// ask has a person make an invoice.
func (x *Person) ask(amount messages.Amount) {
	x.asks++
	x.order(&client.Operation{
		Kind: clientwire.Kind_KIND_INVOICE, Reference: fmt.Sprintf("invoice/%d", x.asks), AmountMsat: uint64(amount),
		Invoice: &clientwire.Invoice{LifeS: 60 + x.random.Uint32N(600)},
	})
}

// shows hands an invoice that is ready to whoever shall pay it: the shop, another person,
// or nobody.
func (x *Person) shows(op *client.Operation) {
	text := op.GetInvoice().GetText()
	if x.given[op.GetId()] || text == "" || op.GetState() != clientwire.State_STATE_PENDING || op.GetInvoice().GetStep() < clientwire.InvoiceStep_INVOICE_STEP_WAIT {
		return
	}
	x.given[op.GetId()] = true
	others := x.market.others(x)
	switch dice := x.random.IntN(10); {
	case dice < 3:
		x.market.network.visit(text)
	case dice < 5:
		x.market.network.late(text, op)
	case dice < 9 && len(others) > 0:
		y := others[x.random.IntN(len(others))]
		y.bill(text)
	}
}

// pays begins the payments that are wanted.
func (x *Person) pays(ops []*client.Operation) {
	x.bills = slices.DeleteFunc(x.bills, func(b *bill) bool {
		b.tries++
		return b.tries > tries || x.resting || slices.ContainsFunc(ops, func(op *client.Operation) bool { return op.GetReference() == b.name })
	})
	for _, b := range x.bills {
		x.order(&client.Operation{Kind: clientwire.Kind_KIND_PAY, Reference: b.name, Pay: &clientwire.Pay{Invoice: b.text}})
	}
}

// A latecomer is an invoice that the shop pays when its offer is about to end.
type latecomer struct {
	text   string
	height uint32
}

// late has the shop pay an invoice at the last moment, or a little after it.
func (n *lightningNet) late(text string, op *client.Operation) {
	offer := new(lightningwire.Offer)
	if err := canonical.Unmarshal(op.GetInvoice().GetOffer(), offer, maxOffer); err != nil {
		panic(fmt.Sprintf("market: offer: %v", err))
	}
	n.latecomers = append(n.latecomers, latecomer{text, offer.GetExpiry() + 2 - n.market.random.Uint32N(8)})
}

// maxOffer bounds an encoded offer.
const maxOffer = 1024

// hurry pays what must be paid now.
func (n *lightningNet) hurry() {
	n.latecomers = slices.DeleteFunc(n.latecomers, func(l latecomer) bool {
		if n.market.height() < l.height {
			return false
		}
		n.visit(l.text)
		return true
	})
}

// visit has the shop pay an invoice.
func (n *lightningNet) visit(text string) {
	inv, err := bolt11.Read(text, &chaincfg.SimNetParams)
	if err != nil {
		n.market.world.Violate("health", "an invoice cannot be read: %v", err)
		return
	}
	n.visits = append(n.visits, inv)
	n.shop.Send(inv)
}
