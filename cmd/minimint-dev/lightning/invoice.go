package lightning

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/messages"
)

// An Invoice is what a node wants to be paid.
type Invoice struct {
	Text string // BOLT #11
	Hash messages.Digest
}

// Invoice makes an invoice for an amount in msat that is valid for so many seconds.
func (n *Node) Invoice(ctx context.Context, amount messages.Amount, seconds int64) (Invoice, error) {
	var added lndwire.AddInvoiceResponse
	request := &lndwire.Invoice{ValueMsat: int64(amount), Memo: "minimint", Expiry: seconds}
	if err := n.call(ctx, "/lnrpc.Lightning/AddInvoice", request, &added); err != nil {
		return Invoice{}, err
	}
	return Invoice{Text: added.GetPaymentRequest(), Hash: messages.Digest(added.GetRHash())}, nil
}

// Hold makes an invoice whose payment the node keeps in the air until Settle or
// Cancel.
func (n *Node) Hold(ctx context.Context, hash messages.Digest, amount messages.Amount) (Invoice, error) {
	var added lndwire.AddHoldInvoiceResp
	request := &lndwire.AddHoldInvoiceRequest{Hash: hash[:], ValueMsat: int64(amount)}
	if err := n.call(ctx, "/invoicesrpc.Invoices/AddHoldInvoice", request, &added); err != nil {
		return Invoice{}, err
	}
	return Invoice{Text: added.GetPaymentRequest(), Hash: hash}, nil
}

// Settle takes the payment of a held invoice, with its preimage.
func (n *Node) Settle(ctx context.Context, preimage [32]byte) error {
	return n.call(ctx, "/invoicesrpc.Invoices/SettleInvoice", &lndwire.SettleInvoiceMsg{Preimage: preimage[:]}, &lndwire.SettleInvoiceResp{})
}

// Cancel gives the payment of a held invoice back.
func (n *Node) Cancel(ctx context.Context, hash messages.Digest) error {
	return n.call(ctx, "/invoicesrpc.Invoices/CancelInvoice", &lndwire.CancelInvoiceMsg{PaymentHash: hash[:]}, &lndwire.CancelInvoiceResp{})
}

// Paid tells what arrived for an invoice, in msat, and in which state it is.
func (n *Node) Paid(ctx context.Context, hash messages.Digest) (messages.Amount, lndwire.Invoice_InvoiceState, error) {
	var got lndwire.Invoice
	err := n.call(ctx, "/lnrpc.Lightning/LookupInvoice", &lndwire.PaymentHash{RHash: hash[:]}, &got)
	return messages.Amount(max(got.GetAmtPaidMsat(), 0)), got.GetState(), err
}

// Held waits until the payment of a held invoice has come in.
func (n *Node) Held(ctx context.Context, hash messages.Digest) error {
	return n.await(ctx, "the payment has come in", func() (bool, error) {
		_, state, err := n.Paid(ctx, hash)
		return state == lndwire.Invoice_ACCEPTED, err
	})
}

// ErrUnpaid says that a payment failed for good.
var ErrUnpaid = errors.New("not paid")

// maxFee is what routing may cost, in msat.
const maxFee = 100_000

// Pay pays an invoice and returns the preimage and the fee in msat.
func (n *Node) Pay(ctx context.Context, invoice string) (preimage [32]byte, fee messages.Amount, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := n.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/routerrpc.Router/SendPaymentV2")
	if err != nil {
		return preimage, 0, fmt.Errorf("lightning: %s: %w", n.cfg.Name, err)
	}
	request := &lndwire.SendPaymentRequest{PaymentRequest: invoice, TimeoutSeconds: 60, FeeLimitMsat: maxFee, MaxParts: 1, NoInflightUpdates: true}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil {
		return preimage, 0, fmt.Errorf("lightning: %s: %w", n.cfg.Name, err)
	}
	var end lndwire.Payment
	if err := stream.RecvMsg(&end); err != nil {
		return preimage, 0, fmt.Errorf("lightning: %s pays: %w", n.cfg.Name, err)
	}
	if end.GetStatus() != lndwire.Payment_SUCCEEDED {
		return preimage, 0, fmt.Errorf("lightning: %s: %w: %s", n.cfg.Name, ErrUnpaid, end.GetFailureReason())
	}
	b, err := hex.DecodeString(end.GetPaymentPreimage())
	if err != nil || len(b) != len(preimage) {
		return preimage, 0, fmt.Errorf("lightning: %s: preimage %q", n.cfg.Name, end.GetPaymentPreimage())
	}
	return [32]byte(b), messages.Amount(end.GetFeeMsat()), nil
}

// Payments lists all payments that the node has ever tried, as it knows them itself.
func (n *Node) Payments(ctx context.Context) ([]*lndwire.Payment, error) {
	var list lndwire.ListPaymentsResponse
	err := n.call(ctx, "/lnrpc.Lightning/ListPayments", &lndwire.ListPaymentsRequest{IncludeIncomplete: true}, &list)
	return list.GetPayments(), err
}

// maxInvoices is more than a node of ours ever has.
const maxInvoices = 10_000

// Invoices lists all invoices that the node has ever made, as it knows them itself.
func (n *Node) Invoices(ctx context.Context) ([]*lndwire.Invoice, error) {
	var list lndwire.ListInvoiceResponse
	err := n.call(ctx, "/lnrpc.Lightning/ListInvoices", &lndwire.ListInvoiceRequest{NumMaxInvoices: maxInvoices}, &list)
	return list.GetInvoices(), err
}
