package client_test

import (
	"bytes"
	"slices"
	"testing"

	"minimint/actors/client"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/messages"
)

// An actor that fails once over any message that a payment or a receipt needs, before or
// after it was handled, costs no money, and nobody waits for ever.
func TestPaymentsGoOnAfterFailures(t *testing.T) {
	const started, tick = "*actor.Started", "*timing.Tick"
	for kind, list := range map[string][]string{
		"payments.payer":    {started, tick, "listings.List", "orders.Begun", "orders.Ended", "orders.Answer", "payments.Heard"},
		"payments.payee":    {started, tick, "listings.List", "orders.Begun", "orders.Ended", "orders.Answer", "payments.Heard"},
		"listings.lnClient": {"listings.Wanted", "orders.Answer"},
		"inquirer.desk":     {"orders.Ask", "inquirer.ready", "inquirer.answered"},
		"inquirer.bench":    {started, tick, "inquirer.put", "lines.Heard"},
		"client.userClient": {"orders.Begin", "orders.Follow", "orders.Ask", "carrier.Changed"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.set(func(m *talkwire.Pay) (*talk.Reply, error) { return h.forgo(m, "no route"), nil })
			alice, carol := h.user(), h.user()
			h.fund(alice, 250_000)
			for pair := range slices.Chunk(list, 2) { // over one before, over the other after; fewer than would park it
				h.spring(alice, carol, func() func() bool {
					var sprung []func() bool
					for n, message := range pair {
						sprung = append(sprung, h.rig.Trap(kind, message, n == 1))
					}
					return func() bool {
						return !slices.ContainsFunc(sprung, func(s func() bool) bool { return !s() })
					}
				})
				if t.Failed() {
					t.Fatalf("over %s", pair)
				}
			}
		})
	}
}

// spring sets a trap, has carol paid by alice within the federation, alice fail to pay
// somebody outside, and looks at the books.
func (h *house) spring(alice, carol *client.Client, trap func() func() bool) {
	h.Helper()
	a, c := h.balance(alice), h.balance(carol)
	sprung := trap()
	receipt, i := h.tries(carol)
	paid := h.done(alice, h.pay(alice, i.GetInvoice().GetText()), nil)
	got := h.done(carol, receipt, nil)
	if !bytes.Equal(paid.GetPay().GetPreimage(), got.GetInvoice().GetPreimage()) {
		h.Error("payer and payee know different preimages")
	}
	a -= 4000 + messages.Amount(paid.GetFeeMsat())
	c += 4000 - messages.Amount(got.GetFeeMsat())
	h.refunded(alice, h.pay(alice, invoiceOf(5000).Text), nil, a, "no route")
	if h.balance(carol) != c {
		h.Errorf("carol has %s, want %s", h.balance(carol), c)
	}
	if !sprung() {
		h.Error("the trap was not sprung")
	}
}

// tries asks for an invoice until there is one: what the façade asked may be lost.
func (h *house) tries(c *client.Client) (uint64, *client.Operation) {
	h.Helper()
	for range 3 {
		if op, err := c.Invoice(h.ctx, client.InvoiceOptions{Amount: 4000}); err == nil {
			return op.GetId(), op
		}
	}
	h.Fatal("no invoice")
	return 0, nil
}

// pay begins a payment, which it tries again if the call was interrupted.
func (h *house) pay(c *client.Client, text string) uint64 {
	h.Helper()
	var err error
	for range 3 {
		var id uint64
		if id, err = c.Pay(h.ctx, text, client.PayOptions{}); err == nil {
			return id
		}
	}
	h.Fatal(err)
	return 0
}
