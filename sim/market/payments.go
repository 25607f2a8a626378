package market

import (
	"fmt"
	"slices"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/messages"
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
	inv := n.Shop.Invoice(amount, n.Preimage(), n.Now())
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
	x.Order(&client.Operation{
		Kind: clientwire.Kind_KIND_INVOICE, Reference: fmt.Sprintf("invoice/%d", x.asks), AmountMsat: uint64(amount),
		Invoice: &clientwire.Invoice{LifeS: 60 + x.Random.Uint32N(600)},
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
	switch dice := x.Random.IntN(10); {
	case dice < 3:
		x.market.network.Visit(text)
	case dice < 5:
		x.market.network.Late(text, op)
	case dice < 9 && len(others) > 0:
		y := others[x.Random.IntN(len(others))]
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
		x.Order(&client.Operation{Kind: clientwire.Kind_KIND_PAY, Reference: b.name, Pay: &clientwire.Pay{Invoice: b.text}})
	}
}
