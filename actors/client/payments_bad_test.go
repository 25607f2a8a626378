package client_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/messages/bolt11"
)

// What a gateway sends can stand in the error that its answer ends in. It is kept in the
// record whatever it is: a payment that stopped over it would never be refunded.
func TestGatewayThatSendsRubbish(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	h.fund(alice, 100_000)
	var seen atomic.Bool
	h.set(func(*talkwire.Pay) (*talk.Reply, error) {
		if seen.Load() {
			return paidWith(preimage), nil
		}
		return nil, errors.New("malformed MIME header line: \xff\x1b[2J")
	})
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = alice.Await(h.ctx, id, func(op *client.Operation) {
		if strings.Contains(op.GetText(), "malformed MIME") {
			seen.Store(true)
		}
	}); err != nil {
		t.Error(err)
	}
}

// What cannot be paid is an error before anything is begun or reserved.
func TestBadInvoices(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	h.fund(alice, 100_000)
	own, err := alice.Invoice(h.ctx, client.InvoiceOptions{Amount: 5000, Description: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	foreign := bolt11.Make(bolt11.Draft{Hash: paymentHash(), Amount: price, Created: clienttest.Now, Life: time.Hour}, &chaincfg.MainNetParams, node('x'))
	good := invoiceOf(price).Text
	for name, c := range map[string]struct {
		text string
		o    client.PayOptions
		want error
	}{
		"nothing":            {"", client.PayOptions{}, bolt11.ErrInvoice},
		"noise":              {"lnsb1noise", client.PayOptions{}, bolt11.ErrInvoice},
		"a typing error":     {good[:60] + "q" + good[61:], client.PayOptions{}, bolt11.ErrInvoice},
		"another network":    {foreign.Text, client.PayOptions{}, bolt11.ErrInvoice},
		"expired":            {invoiceOf(price, func(d *bolt11.Draft) { d.Created = clienttest.Now.Add(-2 * time.Hour) }).Text, client.PayOptions{}, client.ErrExpired},
		"almost expired":     {invoiceOf(price, func(d *bolt11.Draft) { d.Life = 10 * time.Second }).Text, client.PayOptions{}, client.ErrExpired},
		"amountless":         {invoiceOf(0).Text, client.PayOptions{}, client.ErrAmountless},
		"own":                {own.GetInvoice().GetText(), client.PayOptions{}, client.ErrOwn},
		"too much":           {invoiceOf(100_000).Text, client.PayOptions{}, client.ErrBalance},
		"with fee too much":  {invoiceOf(99_000).Text, client.PayOptions{}, client.ErrBalance},
		"too dear":           {good, client.PayOptions{MaxFee: 1499}, client.ErrFee},
		"no such gateway":    {good, client.PayOptions{Gateway: make([]byte, 32)}, client.ErrGateway},
		"no key":             {good, client.PayOptions{Gateway: []byte("x")}, client.ErrGateway},
		"too long under way": {invoiceOf(price, func(d *bolt11.Draft) { d.FinalDelay = 4000 }).Text, client.PayOptions{}, client.ErrDelay},
		"that fees eat up":   {invoiceOf(13).Text, client.PayOptions{}, client.ErrAmount},
		"below the minimum":  {invoiceOf(1).Text, client.PayOptions{}, client.ErrAmount},
	} {
		if _, err := alice.Quote(h.ctx, c.text, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: quote: %v", name, err)
		}
		if id, err := alice.Pay(h.ctx, c.text, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: operation %d, %v", name, id, err)
		}
	}
	if b, err := alice.Balance(); err != nil || b.Reserved != 0 {
		t.Errorf("balance %+v, %v", b, err)
	}
	for name, o := range map[string]client.InvoiceOptions{
		"no amount": {}, "too little": {Amount: 1}, "eaten up by fees": {Amount: 13}, "too long a text": {Amount: 5000, Description: strings.Repeat("x", 501)},
		"no text": {Amount: 5000, Description: "\xff"}, "too long": {Amount: 5000, Life: 1 << 60}, "too short": {Amount: 5000, Life: time.Second},
		"no such gateway": {Amount: 5000, Gateway: make([]byte, 32)},
	} {
		if op, err := alice.Invoice(h.ctx, o); err == nil {
			t.Errorf("%s: %v", name, op)
		}
	}
	if ops, err := alice.Operations(); err != nil || len(ops) != 2 {
		t.Errorf("%d operations, %v", len(ops), err)
	}
}
