package client_test

import (
	"context"
	"crypto/sha256"
	"testing"

	"minimint/actors/client"
	"minimint/actors/client/book"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/orders"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/memory"
)

// hear returns what a customer is told next.
func hear[T any](w *world, c *clienttest.Customer) T {
	w.Helper()
	m, err := clienttest.Heard[T](w.ctx, c)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// ringOf reads the keys of a client.
func (w *world) ringOf(c *client.Client) *keys.Ring {
	w.Helper()
	words, err := c.Words()
	if err != nil {
		w.Fatal(err)
	}
	return keys.NewRing(words, c.Federation().ID())
}

// preimage and its hash.
var preimage = [32]byte{'p', 'r', 'e'}

func paymentHash() messages.Digest { return sha256.Sum256(preimage[:]) }

// outgoing is a contract of alice with bob as the gateway.
func (w *world) outgoing(alice, bob *client.Client, expiry uint32) terms.Outgoing {
	return terms.Outgoing{
		PaymentHash: paymentHash(), Amount: 50_000, Expiry: expiry,
		UserKey: keys.XOnly(w.ringOf(alice).Contract(0)), GatewayKey: keys.XOnly(w.ringOf(bob).Gateway()),
	}
}

func fund(reference string, amount messages.Amount, outputs ...terms.Output) *client.Operation {
	op := &client.Operation{Kind: clientwire.Kind_KIND_FUND, Reference: reference, AmountMsat: uint64(amount), Fund: new(clientwire.Fund)}
	for _, o := range outputs {
		piece := &clientwire.Piece{Body: o.Encode()}
		if o.Outgoing != nil || o.Purchase != nil {
			piece.AmountMsat = uint64(amount)
		}
		op.Fund.Outputs = append(op.Fund.Outputs, piece)
	}
	return op
}

func redeem(reference string, amount messages.Amount, in terms.Input, r *clientwire.Redeem) *client.Operation {
	return &client.Operation{Kind: clientwire.Kind_KIND_REDEEM, Reference: reference, AmountMsat: uint64(amount), Redeem: &clientwire.Redeem{
		Input: in.Encode(), AmountMsat: uint64(amount), KeyIndex: r.GetKeyIndex(), Gateway: r.GetGateway(),
	}}
}

// order begins an operation for a customer and returns its end.
func (w *world) order(c *client.Client, who *clienttest.Customer, op *client.Operation) *client.Operation {
	w.Helper()
	who.Tell(c.PID(), orders.Begin{Op: op})
	b := hear[orders.Begun](w, who)
	if b.Err != nil || b.Reference != op.GetReference() {
		w.Fatalf("begun %+v", b)
	}
	who.Tell(c.PID(), orders.Follow{ID: b.ID})
	e := hear[orders.Ended](w, who)
	if e.ID != b.ID || e.Parked || e.Op.GetId() != b.ID {
		w.Fatalf("ended %+v", e)
	}
	return e.Op
}

// A gateway is paid against the preimage, and every amount is right to the msat.
func TestOrdersFundAndRedeem(t *testing.T) {
	w := newWorld(t)
	height := w.f.Observe()
	alice, bob := w.user(), w.user()
	had := w.fund(alice, 100_000)
	user, gateway := w.rig.Customer(), w.rig.Customer()
	o := w.outgoing(alice, bob, height+10)
	paid := w.order(alice, user, fund("pay/1/fund", o.Amount, terms.Output{Outgoing: &o}))
	if paid.GetState() != clientwire.State_STATE_DONE {
		t.Fatal(paid)
	}
	if got, want := w.balance(alice), had-o.Amount-messages.Amount(paid.GetFeeMsat()); got != want {
		t.Errorf("alice has %s, want %s", got, want)
	}
	in := terms.Input{Contract: o.ID(w.f.Config.ID()), Way: terms.Preimage, Key: o.GatewayKey, Preimage: preimage}
	took := w.order(bob, gateway, redeem("pay/1/claim", o.Amount, in, &clientwire.Redeem{Gateway: true}))
	if took.GetState() != clientwire.State_STATE_DONE {
		t.Fatal(took)
	}
	if got, want := w.balance(bob), o.Amount-messages.Amount(took.GetFeeMsat()); got != want {
		t.Errorf("bob has %s, want %s", got, want)
	}
	// Too late for alice.
	back := terms.Input{Contract: in.Contract, Way: terms.Expired, Key: o.UserKey}
	if lost := w.order(alice, user, redeem("pay/1/refund", o.Amount, back, &clientwire.Redeem{})); lost.GetState() != clientwire.State_STATE_FAILED ||
		lost.GetCode() != uint32(messages.RejectContractClosed) {
		t.Error(lost)
	}
	w.balance(alice) // nothing is reserved
}

// What was begun under a reference is not begun again, whatever stands beside it, and
// also by another incarnation of the client.
func TestOrdersBeginOnce(t *testing.T) {
	w := newWorld(t)
	height := w.f.Observe()
	store := memory.New()
	w.join(store, "")
	alice, bob := w.open(store), w.user()
	w.fund(alice, 100_000)
	who := w.rig.Customer()
	o := w.outgoing(alice, bob, height+10)
	first := w.order(alice, who, fund("x", o.Amount, terms.Output{Outgoing: &o}))
	again := w.order(alice, who, fund("x", o.Amount, terms.Output{Outgoing: &o}))
	alice.Close()
	alice = w.open(store)
	third := w.order(alice, who, redeem("x", 5, terms.Input{Way: terms.Expired, Key: o.UserKey}, &clientwire.Redeem{}))
	if first.GetId() != again.GetId() || first.GetId() != third.GetId() {
		t.Errorf("operations %d, %d and %d under one name", first.GetId(), again.GetId(), third.GetId())
	}
	ops, err := alice.Operations()
	if err != nil || len(ops) != 2 { // with that which brought the money
		t.Errorf("%d operations, %v", len(ops), err)
	}
}

// What cannot be carried is refused before anything is written.
func TestOrdersThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user(), w.user()
	who := w.rig.Customer()
	o := w.outgoing(alice, bob, 9)
	in := terms.Input{Contract: o.ID(w.f.Config.ID()), Way: terms.Expired, Key: o.UserKey}
	good := func() *client.Operation { return fund("r", o.Amount, terms.Output{Outgoing: &o}) }
	for what, op := range map[string]*client.Operation{
		"no reference":        fund("", o.Amount, terms.Output{Outgoing: &o}),
		"nothing to fund":     fund("r", o.Amount),
		"another amount":      func() *client.Operation { op := good(); op.Fund.Outputs[0].AmountMsat++; return op }(),
		"noise":               func() *client.Operation { op := good(); op.Fund.Outputs[0].Body = []byte("noise"); return op }(),
		"a number":            func() *client.Operation { op := good(); op.Id = 7; return op }(),
		"an end":              func() *client.Operation { op := good(); op.State = clientwire.State_STATE_DONE; return op }(),
		"no input":            {Kind: clientwire.Kind_KIND_REDEEM, Reference: "r"},
		"another's key":       redeem("r", o.Amount, in, &clientwire.Redeem{KeyIndex: 1}),
		"the gateway's key":   redeem("r", o.Amount, in, &clientwire.Redeem{Gateway: true}),
		"more than there is":  redeem("r", messages.MaxAmount+1, in, &clientwire.Redeem{}),
		"a kind that is none": {Reference: "r", Kind: 99},
	} {
		who.Tell(alice.PID(), orders.Begin{Op: op})
		if b := hear[orders.Begun](w, who); b.Err == nil {
			t.Errorf("%s: begun %+v", what, b)
		}
	}
	if ops, err := alice.Operations(); err != nil || len(ops) != 0 {
		t.Errorf("%d operations, %v", len(ops), err)
	}
	who.Tell(alice.PID(), orders.Follow{ID: 77})
	if e := hear[orders.Ended](w, who); !e.Parked || e.Op != nil {
		t.Errorf("followed nothing: %+v", e)
	}
}

// A contract that is not there yet, or not ours yet, is waited for: the money comes
// when its height has come.
func TestRedeemWaitsUntilItIsReady(t *testing.T) {
	w := newWorld(t)
	height := w.f.Observe()
	alice, bob := w.user(), w.user()
	w.fund(alice, 100_000)
	user, other := w.rig.Customer(), w.rig.Customer()
	o := w.outgoing(alice, bob, height+3)
	back := terms.Input{Contract: o.ID(w.f.Config.ID()), Way: terms.Expired, Key: o.UserKey}
	user.Tell(alice.PID(), orders.Begin{Op: redeem("refund", o.Amount, back, &clientwire.Redeem{})})
	b := hear[orders.Begun](w, user)
	user.Tell(alice.PID(), orders.Follow{ID: b.ID})
	w.says(alice, b.ID, messages.RejectContractUnknown)
	w.order(alice, other, fund("fund", o.Amount, terms.Output{Outgoing: &o}))
	w.says(alice, b.ID, messages.RejectContractNotReady)
	had := w.free(alice)
	w.f.Pass(3)
	e := hear[orders.Ended](w, user)
	if e.Op.GetState() != clientwire.State_STATE_DONE || w.balance(alice) != had+o.Amount-messages.Amount(e.Op.GetFeeMsat()) {
		t.Errorf("%v", e)
	}
}

// says waits until an operation that is pending names the code of a refusal.
func (w *world) says(c *client.Client, id uint64, code messages.RejectionCode) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	_, _ = c.Await(ctx, id, func(op *client.Operation) {
		if op.GetCode() == uint32(code) {
			cancel()
		}
	})
	if ctx.Err() == nil {
		w.Errorf("operation %d never said %d", id, code)
	}
}

func (w *world) free(c *client.Client) messages.Amount {
	w.Helper()
	b, err := c.Balance()
	if err != nil {
		w.Fatal(err)
	}
	return b.Free
}

// What is refused for now can be turned round, and what is refused for ever fails
// with the reason; either way the notes are free again.
func TestFundIsRecalledOrRefused(t *testing.T) {
	w := newWorld(t)
	height := w.f.Observe()
	alice, bob := w.user(), w.user()
	had := w.fund(alice, 100_000)
	who := w.rig.Customer()
	buy := terms.Purchase{Offer: terms.ID{7}, RefundKey: keys.XOnly(w.ringOf(alice).Contract(1))}
	who.Tell(alice.PID(), orders.Begin{Op: fund("buy", 40_000, terms.Output{Purchase: &buy})})
	b := hear[orders.Begun](w, who)
	w.says(alice, b.ID, messages.RejectContractUnknown)
	who.Tell(alice.PID(), orders.Follow{ID: b.ID})
	who.Tell(alice.PID(), orders.Recall{ID: b.ID})
	e := hear[orders.Ended](w, who)
	if e.Op.GetCause() != clientwire.Cause_CAUSE_CANCELLED || w.balance(alice) != had-messages.Amount(e.Op.GetFeeMsat()) {
		t.Errorf("recalled: %v", e)
	}
	had = w.balance(alice)
	o := w.outgoing(alice, bob, height)
	if op := w.order(alice, who, fund("late", o.Amount, terms.Output{Outgoing: &o})); op.GetCause() != clientwire.Cause_CAUSE_REJECTED ||
		op.GetCode() != uint32(messages.RejectExpiry) || w.balance(alice) != had {
		t.Errorf("refused: %v", op)
	}
	o.Amount = had
	if op := w.order(alice, who, fund("dear", o.Amount, terms.Output{Outgoing: &o})); op.GetCause() != clientwire.Cause_CAUSE_FUNDS || w.balance(alice) != had {
		t.Errorf("not enough: %v", op)
	}
}

// Money in a contract survives a client that dies in any commit of funding it, or of
// taking it back, and neither is done twice.
func TestH71CrashWhileFundingAndRedeeming(t *testing.T) {
	crashes(t, func(w *world, plan func(*memory.Store)) {
		height := w.f.Observe()
		store := memory.New()
		w.join(store, "")
		alice, bob := w.open(store), w.user()
		had := w.fund(alice, 100_000)
		o := w.outgoing(alice, bob, height+2)
		alice.Close()
		for _, op := range []*client.Operation{
			fund("fund", o.Amount, terms.Output{Outgoing: &o}),
			redeem("refund", o.Amount, terms.Input{Contract: o.ID(w.f.Config.ID()), Way: terms.Expired, Key: o.UserKey}, &clientwire.Redeem{}),
		} {
			plan(store)
			w.dying(store, func(ctx context.Context, c *client.Client) (uint64, error) {
				who := w.rig.Customer()
				who.Tell(c.PID(), orders.Begin{Op: op})
				b, err := clienttest.Heard[orders.Begun](ctx, who)
				if err == nil {
					err = b.Err
				}
				return b.ID, err
			})
			store = store.Clone()
			c := w.open(store)
			if end := w.order(c, w.rig.Customer(), op); end.GetState() != clientwire.State_STATE_DONE {
				w.Fatalf("%s after the crash: %v", op.GetReference(), end)
			} else {
				had -= messages.Amount(end.GetFeeMsat())
			}
			c.Close()
			w.f.Pass(2)
		}
		if got := w.balance(w.open(store)); got != had {
			w.Errorf("balance %s, want %s", got, had)
		}
	})
}

// The book keeps names apart.
func TestNamesAreUnique(t *testing.T) {
	store := memory.New()
	err := store.Update(func(tx storage.Tx) error {
		for _, name := range []string{"a", "b", "", ""} {
			book.Add(tx, &client.Operation{Reference: name})
		}
		if book.Named(tx, "a") != 1 || book.Named(tx, "b") != 2 || book.Named(tx, "") != 0 {
			t.Error("names are mixed up")
		}
		defer func() {
			if recover() == nil {
				t.Error("a name was given twice")
			}
		}()
		book.Add(tx, &client.Operation{Reference: "a"})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
