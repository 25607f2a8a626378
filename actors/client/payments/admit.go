package payments

import (
	"errors"
	"fmt"
	"time"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/messages"
	"minimint/storage"
)

// Prepare checks what somebody wants to begin, a PAY or an INVOICE, and leaves nothing
// in op but what is the beginner's to say. Errors are those of packages bargain and
// bolt11. Whether an invoice has expired is not looked at: it may have been paid.
func (w *World) Prepare(op *clientwire.Operation) error {
	switch op.GetKind() {
	case clientwire.Kind_KIND_PAY:
		want := op.GetPay()
		i, err := bargain.Read(want.GetInvoice(), w.Network, time.Time{})
		if err != nil {
			return err
		}
		op.AmountMsat, op.Pay = uint64(i.Amount), &clientwire.Pay{
			Invoice: i.Text, MaxFeeMsat: want.GetMaxFeeMsat(), Gateway: want.GetGateway(), PaymentHash: i.Hash[:],
		}
		return errors.Join(bargain.CheckKey(want.GetGateway()), bargain.CheckWorth(w.Purse.Terms(), i.Amount, w.Lightning.Fees.Claim))
	case clientwire.Kind_KIND_INVOICE:
		want := op.GetInvoice()
		op.Invoice = &clientwire.Invoice{Description: want.GetDescription(), LifeS: want.GetLifeS(), Gateway: want.GetGateway()}
		r := bargain.Receipt{
			Amount: messages.Amount(op.GetAmountMsat()), Description: want.GetDescription(), Life: time.Duration(want.GetLifeS()) * time.Second,
			Claim: w.Lightning.Fees.Claim,
		}
		return errors.Join(r.Check(), bargain.CheckKey(want.GetGateway()), bargain.CheckWorth(w.Purse.Terms(), r.Amount, r.Claim))
	default:
		panic(fmt.Sprintf("payments: operation of kind %s", op.GetKind()))
	}
}

// Admit decides whether a prepared PAY may begin. It returns the operation that pays the
// same invoice already, or has paid it: nothing is paid twice. One that failed does
// not count, since its money is back. Errors wrap bargain.ErrOwn or ErrExpired.
func (w *World) Admit(r storage.Reader, op *clientwire.Operation) (known uint64, err error) {
	hash := messages.Digest(op.GetPay().GetPaymentHash())
	if old := book.Operation(r, book.PaymentOf(r, hash)); old != nil {
		if old.GetState() != clientwire.State_STATE_FAILED {
			return old.GetId(), nil
		}
		op.Pay.Previous = old.GetId()
	}
	if mine := book.InvoiceOf(r, hash); mine != 0 {
		return 0, fmt.Errorf("%w: it is that of operation %d", bargain.ErrOwn, mine)
	}
	_, err = bargain.Read(op.GetPay().GetInvoice(), w.Network, w.Now())
	return 0, err
}

// Tried returns the gateways through which the invoice of a PAY could not be paid before,
// and whether an offer for it was bought that was worthless.
func Tried(r storage.Reader, op *clientwire.Operation) (gateways [][]byte, bought bool) {
	for op = book.Operation(r, op.GetPay().GetPrevious()); op != nil; op = book.Operation(r, op.GetPay().GetPrevious()) {
		old := op.GetPay()
		bought = bought || old.GetOffer() != nil && old.GetRefund() != 0
		if old.GetListing() != nil && old.GetRefund() != 0 {
			key := readListing(old.GetListing()).Key
			gateways = append(gateways, key[:])
		}
	}
	return gateways, bought
}
