package payments

import (
	"errors"
	"fmt"
	"time"

	"minimint/actors/client/bargain"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/notes"
	"minimint/messages"
	"minimint/messages/bolt11"
	"minimint/messages/transaction"
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
		return errors.Join(checkKey(want.GetGateway()), w.worth(i.Amount))
	case clientwire.Kind_KIND_INVOICE:
		want := op.GetInvoice()
		op.Invoice = &clientwire.Invoice{Description: want.GetDescription(), LifeS: want.GetLifeS(), Gateway: want.GetGateway()}
		r := bargain.Receipt{
			Amount: messages.Amount(op.GetAmountMsat()), Description: want.GetDescription(), Life: time.Duration(want.GetLifeS()) * time.Second,
			Claim: w.Lightning.Fees.Claim,
		}
		return errors.Join(r.Check(), checkKey(want.GetGateway()), w.worth(r.Amount))
	default:
		panic(fmt.Sprintf("payments: operation of kind %s", op.GetKind()))
	}
}

// worth checks that a contract of the amount leaves something for whoever takes it: an
// amount that fees eat up would be lost (V10).
func (w *World) worth(amount messages.Amount) error {
	if left, err := amount.Sub(w.Lightning.Fees.Claim); err == nil {
		if made, _, err := w.Purse.Terms().Change(left, transaction.MaxItems); errors.Is(err, notes.ErrTooMany) || len(made) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: after the federation's fees %s would leave nothing", bargain.ErrAmount, amount)
}

func checkKey(key []byte) error {
	if n := len(key); n != 0 && n != 32 {
		return fmt.Errorf("%w: a gateway's key has 32 bytes, not %d", bargain.ErrGateway, n)
	}
	return nil
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

// Paying returns the operation that pays an invoice or has paid it, 0 if none does.
func Paying(r storage.Reader, i bolt11.Invoice) uint64 {
	if old := book.Operation(r, book.PaymentOf(r, i.Hash)); old != nil && old.GetState() != clientwire.State_STATE_FAILED {
		return old.GetId()
	}
	return 0
}
