package client_test

import (
	"errors"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/gateway/talk"
	"minimint/actors/gateway/talk/talkwire"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// V10: a record that cannot be carried stops its own operation. Payments beside it go
// on, and it has reserved nothing.
func TestV10PoisonedRecordParksAlone(t *testing.T) {
	h := newHouse(t)
	store := memory.New()
	h.join(store, "")
	poison := []*client.Operation{
		{Kind: clientwire.Kind_KIND_PAY, Pay: &clientwire.Pay{Invoice: "noise"}},
		{Kind: clientwire.Kind_KIND_PAY, Pay: &clientwire.Pay{Invoice: invoiceOf(price).Text, Step: clientwire.PayStep_PAY_STEP_WAIT, Outgoing: []byte("noise")}},
		{Kind: clientwire.Kind_KIND_INVOICE, Invoice: &clientwire.Invoice{Step: clientwire.InvoiceStep_INVOICE_STEP_CLAIM}},
		{Kind: clientwire.Kind_KIND_FUND, Fund: &clientwire.Fund{Outputs: []*clientwire.Piece{{Body: []byte("noise")}}}},
		{Kind: clientwire.Kind_KIND_REDEEM, Redeem: &clientwire.Redeem{Input: []byte("noise")}},
	}
	err := store.Update(func(tx storage.Tx) error {
		for _, op := range poison {
			op.State = clientwire.State_STATE_PENDING
			book.Add(tx, op)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	alice := h.open(store)
	h.fund(alice, 100_000)
	h.set(func(*talkwire.Pay) (*talk.Reply, error) { return paidWith(preimage), nil })
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	h.done(alice, id, err)
	for _, op := range poison {
		if _, err := alice.Await(h.ctx, op.GetId(), nil); !errors.Is(err, client.ErrParked) {
			t.Errorf("operation %d: %v", op.GetId(), err)
		}
		who := h.rig.Customer()
		who.Tell(alice.PID(), orders.Follow{ID: op.GetId()})
		if e := hear[orders.Ended](h.world, who); !e.Parked {
			t.Errorf("operation %d ended: %+v", op.GetId(), e)
		}
	}
	h.balance(alice)
}

// V10: anybody can make a contract in which an own key stands, of an amount that does
// not pay for taking it. Whoever tries is told so, and nothing else is touched.
func TestV10WorthlessContractFailsAlone(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	h.fund(alice, 50_000)
	o := terms.Outgoing{
		PaymentHash: paymentHash(), Amount: 11, Expiry: h.f.Observe() + 1,
		UserKey: keys.XOnly(h.ringOf(alice).Contract(5)), GatewayKey: h.listing.Key,
	}
	h.order(h.bob, h.rig.Customer(), fund("small", o.Amount, terms.Output{Outgoing: &o}))
	h.f.Pass(1)
	in := terms.Input{Contract: o.ID(h.f.Config.ID()), Way: terms.Expired, Key: o.UserKey}
	op := h.order(alice, h.rig.Customer(), redeem("take", o.Amount, in, &clientwire.Redeem{KeyIndex: 5}))
	if op.GetState() != clientwire.State_STATE_FAILED || op.GetCause() != clientwire.Cause_CAUSE_WORTHLESS {
		t.Error(op)
	}
	h.balance(alice)
}

// Who copies a contract that he sees coming pays the victim's bill: the payment goes on
// with the copy, and the victim's money stays.
func TestSomebodyFundsOurContract(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	had := h.fund(alice, 100_000)
	h.set(func(*talkwire.Pay) (*talk.Reply, error) { return paidWith(preimage), nil })
	stop := make(chan struct{})
	blocked := h.block(stop)
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-blocked
	op, err := alice.Operation(id)
	if err != nil {
		t.Fatal(err)
	}
	w := new(lightningwire.Outgoing)
	if err := unmarshal(op.GetPay().GetOutgoing(), w); err != nil {
		t.Fatal(err)
	}
	o, err := terms.OutgoingOf(w)
	if err != nil {
		t.Fatal(err)
	}
	h.order(h.bob, h.rig.Customer(), fund("copy", o.Amount, terms.Output{Outgoing: &o}))
	close(stop)
	op = h.done(alice, id, nil)
	if got := h.balance(alice); got != had || len(op.GetPay().GetPreimage()) == 0 {
		t.Errorf("balance %s, want %s; %v", got, had, op)
	}
}

// A payment that has not come to its contract yet can be called off; nothing is lost
// but the fees of the transaction that takes the notes back.
func TestReclaimOfAPayment(t *testing.T) {
	h := newHouse(t)
	alice := h.user()
	had := h.fund(alice, 100_000)
	stop := make(chan struct{})
	blocked := h.block(stop)
	id, err := alice.Pay(h.ctx, invoiceOf(price).Text, client.PayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-blocked
	if back, err := alice.Reclaim(h.ctx, id); err != nil || back != id {
		t.Fatalf("reclaim: %d, %v", back, err)
	}
	op, err := alice.Await(h.ctx, id, nil)
	close(stop)
	if op.GetCause() != clientwire.Cause_CAUSE_CANCELLED || h.balance(alice) > had {
		t.Errorf("%v, %v", op, err)
	}
	if got := h.balance(alice); got < had-200 || got != had-messages.Amount(op.GetFeeMsat()) {
		t.Errorf("balance %s of %s, with a fee of %d", got, had, op.GetFeeMsat())
	}
	if _, err := alice.Reclaim(h.ctx, id); err == nil {
		t.Error("called off twice")
	}
}

// block has members refuse the first transaction that pays into a contract for now,
// until stop is closed; the channel that it returns is closed when they did.
func (h *house) block(stop <-chan struct{}) <-chan struct{} {
	first := make(chan struct{})
	var victim messages.TxID
	h.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		o, err := terms.DecodeOutput(tx.Outputs()[0].Body)
		if err != nil || o.Outgoing == nil {
			return nil
		}
		if victim == (messages.TxID{}) {
			victim = tx.ID()
			close(first)
		}
		select {
		case <-stop:
			return nil
		default:
		}
		if tx.ID() == victim {
			return messages.RejectForNow(messages.RejectBusy, "not now")
		}
		return nil
	}
	return first
}
