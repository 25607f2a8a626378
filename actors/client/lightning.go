package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/client/bargain"
	"minimint/actors/client/carrier"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/listings"
	"minimint/actors/client/payments"
	"minimint/actors/module/lightning"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/storage"
)

// Gateways is the port through which a client reaches Lightning gateways, see package
// payments.
type Gateways = payments.Gateways

// Gateway is a listed gateway, with what this client has seen of it.
type Gateway = bargain.Candidate

// Why an invoice cannot be paid or made: errors of [Client.Pay], [Client.Quote] and
// [Client.Invoice] wrap one of these, or bolt11.ErrInvoice for what is no invoice of
// this network. Nothing is begun and nothing reserved then.
var (
	ErrExpired    = bargain.ErrExpired
	ErrAmountless = bargain.ErrAmountless
	ErrOwn        = bargain.ErrOwn
	ErrFee        = bargain.ErrFee
	ErrGateway    = bargain.ErrGateway
	ErrAmount     = bargain.ErrAmount
	ErrDelay      = bargain.ErrDelay
	ErrText       = bargain.ErrText
	// ErrBalance says that there are not enough free notes.
	ErrBalance = errors.New("not enough money")
)

// PayOptions say how an invoice may be paid.
type PayOptions struct {
	// MaxFee bounds what the gateway takes on top of the invoice's amount; 0 leaves it
	// to the choice of the cheapest. The federation's own fees are not counted.
	MaxFee messages.Amount
	// Gateway is the key of the only gateway that may be asked to pay; nil for any.
	Gateway []byte
}

// A PayQuote says what paying an invoice would cost.
type PayQuote struct {
	Invoice bolt11.Invoice
	// Operation pays this invoice already, or has paid it; 0 if none does.
	Operation uint64
	// Gateway would be asked to pay, and take Fee.
	Gateway Gateway
	Fee     messages.Amount
	// Internal says that the payee is served by a gateway of this federation: then most
	// likely no gateway is needed, and there is no Fee to be paid.
	Internal bool
	// FederationFee is what the federation takes for the contract, without that for notes.
	FederationFee messages.Amount
}

// Pay begins to pay a Lightning invoice. An invoice that this client pays or has paid
// already is not paid again: the same operation is returned. The operation is done
// when the preimage is known, which is in its record; if it cannot be paid Await returns
// a *FailedError with the reason once the money is back.
func (c *Client) Pay(ctx context.Context, invoice string, o PayOptions) (uint64, error) {
	q, err := c.Quote(ctx, invoice, o)
	switch {
	case q.Operation != 0:
		return q.Operation, nil
	case err != nil:
		return 0, err
	}
	op := &Operation{Kind: clientwire.Kind_KIND_PAY, Pay: &clientwire.Pay{
		Invoice: invoice, MaxFeeMsat: uint64(o.MaxFee), Gateway: o.Gateway,
	}}
	if len(o.Gateway) == 0 && o.MaxFee == 0 { // not more than what was found
		op.Pay.MaxFeeMsat = max(uint64(q.Fee), 1)
	}
	if err := c.world.prepare(op); err != nil {
		return 0, err
	}
	return c.call(ctx, begin{op})
}

// Quote says what Pay would do, or why it would not, without doing it.
func (c *Client) Quote(ctx context.Context, invoice string, o PayOptions) (PayQuote, error) {
	if c.world.payments == nil {
		return PayQuote{}, carrier.ErrNoLightning
	}
	q := PayQuote{FederationFee: c.world.Lightning.Fees.Contract}
	op := &Operation{Kind: clientwire.Kind_KIND_PAY, Pay: &clientwire.Pay{Invoice: invoice, Gateway: o.Gateway}}
	if err := c.world.prepare(op); err != nil {
		return q, err
	}
	var err error
	if q.Invoice, err = bolt11.Read(invoice, c.world.network); err != nil {
		return q, err
	}
	var refusal error
	var tried [][]byte
	err = c.view(func(r storage.Reader) {
		q.Operation, refusal = c.world.payments.Admit(r, op)
		tried, _ = payments.Tried(r, op)
	})
	if err = errors.Join(err, refusal); err != nil || q.Operation != 0 {
		return q, err
	}
	a, err := c.ask(ctx, listWanted{})
	if err != nil {
		return q, err
	}
	q.Internal = len(bargain.Behind(q.Invoice, a.list.Gateways)) > 0
	choice, err := bargain.ToSend(a.list.Gateways, bargain.Wish{
		Amount: q.Invoice.Amount, MaxFee: o.MaxFee, Only: o.Gateway, Avoid: tried, Claim: c.world.Lightning.Fees.Claim,
	})
	if err == nil && c.world.payments.Gateways == nil && !q.Internal {
		err = fmt.Errorf("%w: this program cannot reach any", ErrGateway)
	}
	if err == nil {
		_, err = bargain.Contract(q.Invoice, choice, a.list.Height, [32]byte{})
	}
	if err != nil && !(q.Internal && (errors.Is(err, ErrFee) || errors.Is(err, ErrGateway))) {
		return q, err
	}
	q.Gateway, q.Fee = choice.Candidate, choice.Fee
	return q, c.affords(q)
}

// affords checks the balance; whether notes of the right kind are there is seen when
// they are taken.
func (c *Client) affords(q PayQuote) error {
	b, err := c.Balance()
	if err != nil {
		return err
	}
	total, err := q.Invoice.Amount.Add(q.FederationFee)
	if err == nil && !q.Internal {
		total, err = total.Add(q.Fee)
	}
	if err != nil || total > b.Free {
		return fmt.Errorf("%w: it takes %s, and %s is free", ErrBalance, total, b.Free)
	}
	return nil
}

// InvoiceOptions say what an own invoice asks for.
type InvoiceOptions struct {
	Amount      messages.Amount
	Description string
	// Life is how long it can be paid; 0 means an hour.
	Life time.Duration
	// Gateway is the key of the only gateway through which it may be paid; nil for any.
	Gateway []byte
}

// Invoice begins to ask for a payment. It returns when there is an invoice that can be
// shown (Invoice.Text of the record), or an error if there will be none. The operation
// is done when the money is there.
func (c *Client) Invoice(ctx context.Context, o InvoiceOptions) (*Operation, error) {
	if o.Life == 0 {
		o.Life = bargain.DefaultLife
	}
	if o.Life > bargain.MaxInvoiceLife {
		return nil, fmt.Errorf("%w: it would be good for %s", ErrText, o.Life)
	}
	op := &Operation{Kind: clientwire.Kind_KIND_INVOICE, AmountMsat: uint64(o.Amount), Invoice: &clientwire.Invoice{
		Description: o.Description, LifeS: uint32(o.Life / time.Second), Gateway: o.Gateway,
	}}
	if err := c.world.prepare(op); err != nil {
		return nil, err
	}
	a, err := c.ask(ctx, listWanted{})
	if err == nil {
		_, err = bargain.ToReceive(a.list.Gateways, bargain.Wish{Amount: o.Amount, Only: o.Gateway, Claim: c.world.Lightning.Fees.Claim})
	}
	if err != nil {
		return nil, err
	}
	id, err := c.call(ctx, begin{op})
	if err != nil {
		return nil, err
	}
	shown := func(op *Operation) bool { return op.GetInvoice().GetStep() >= clientwire.InvoiceStep_INVOICE_STEP_WAIT }
	return c.await(ctx, id, nil, shown)
}

// Gateways returns who is listed in the federation, in the order of their keys.
func (c *Client) Gateways(ctx context.Context) ([]Gateway, error) {
	a, err := c.ask(ctx, listWanted{})
	return a.list.Gateways, err
}

// readLightning reads fees and keys of the Lightning module, if there is one.
func (w *world) readLightning(gateways Gateways) error {
	if _, ok := w.Federation.Module(lightning.Kind); !ok || w.network == nil {
		return nil // without bitcoin there are no heights, and no contracts
	}
	terms, err := lightning.FromFederation(w.Federation)
	if err != nil {
		return err
	}
	w.Lightning = &terms
	w.payments = &payments.World{
		World: &w.World, Network: w.network, Gateways: gateways, Rand: w.rand,
		Now: w.time.now,
	}
	return nil
}

// prepare checks a PAY or an INVOICE that somebody wants to begin.
func (w *world) prepare(op *clientwire.Operation) error {
	if w.payments == nil {
		return carrier.ErrNoLightning
	}
	return w.payments.Prepare(op)
}

// startPayments spawns LnClient.
func (u *userClient) startPayments(ctx actor.Context) {
	if u.w.payments == nil {
		return
	}
	fresh := *u.w.payments
	fresh.World = &u.w.World
	u.w.payments = &fresh
	fresh.Ln = ctx.Spawn(u.w.Spawn.Props(spawn.Restart(carrier.RestartPause), listings.New(&u.w.World)))
}
