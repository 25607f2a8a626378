package client_test

import (
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/clientwire"
	"minimint/messages"
	"minimint/messages/wire"
)

// pay pays to a deposit's address, and buries it.
func (w *world) pay(op *client.Operation, sats int64) {
	w.Helper()
	w.bitcoin(op, sats)
	w.f.Chain.Mine(4)
}

// bitcoin pays to a deposit's address; no block has that yet.
func (w *world) bitcoin(op *client.Operation, sats int64) {
	w.Helper()
	w.f.Chain.PayTo(op.GetDeposit().GetAddress(), sats)
}

func (w *world) deposit(c *client.Client) *client.Operation {
	w.Helper()
	return clienttest.Deposit(w, c)
}

// claims waits until a deposit has so many claims, and for their ends.
func (w *world) claims(c *client.Client, deposit uint64, want int) []*client.Operation {
	w.Helper()
	for {
		ops, err := c.Operations()
		if err != nil {
			w.Fatal(err)
		}
		var found []*client.Operation
		for _, op := range ops {
			if op.GetParent() == deposit {
				found = append(found, op)
			}
		}
		if len(found) >= want {
			for i, op := range found {
				found[i], _ = c.Await(w.ctx, op.GetId(), nil)
			}
			return found
		}
		if w.ctx.Err() != nil {
			w.Fatalf("%d claims, want %d", len(found), want)
		}
	}
}

// Every deposit to an address becomes notes, also a later one, and one that is
// paid before the federation has agreed on its block waits for that.
func TestDepositsToOneAddress(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.user()
	op := w.deposit(alice)
	w.pay(op, 50_000)
	w.claimsBegun(alice, op.GetId(), 1)
	w.f.Observe()
	w.done(alice, op.GetId(), nil)
	w.pay(op, 7_000)
	w.f.Observe()
	claims := w.claims(alice, op.GetId(), 2)
	want := messages.Amount(0)
	for _, c := range claims {
		if c.GetState() != clientwire.State_STATE_DONE {
			t.Errorf("claim ended as %s: %s", c.GetState(), c.GetText())
		}
		want += messages.Amount(c.GetAmountMsat() - c.GetFeeMsat())
	}
	if got := w.balance(alice); got != want || len(claims) != 2 {
		t.Errorf("balance %s after %d claims, want %s", got, len(claims), want)
	}
}

// A payment can come to stand below the height at which its address was made: the
// newest blocks were replaced, and it is in the first of the others.
func TestDepositBelowTheTip(t *testing.T) {
	w := newWorldOf(t, large())
	w.f.Chain.Mine(3)
	alice := w.user()
	op := w.deposit(alice)
	w.bitcoin(op, 50_000)
	w.f.Chain.Reorg(2, 6)
	w.f.Observe()
	w.done(alice, op.GetId(), nil)
}

// claimsBegun waits until a deposit was seen.
func (w *world) claimsBegun(c *client.Client, deposit uint64, want int) {
	w.Helper()
	for w.ctx.Err() == nil {
		n := 0
		ops, _ := c.Operations()
		for _, op := range ops {
			if op.GetParent() == deposit {
				n++
			}
		}
		if n >= want {
			return
		}
	}
	w.Fatal("the deposit was not found")
}

// A deposit that does not pay for its own claim says so, and is no end for the
// address.
func TestDepositThatIsTooSmall(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.user()
	op := w.deposit(alice)
	w.pay(op, 150)
	w.f.Observe()
	claim := w.claims(alice, op.GetId(), 1)[0]
	if claim.GetCause() != clientwire.Cause_CAUSE_WORTHLESS {
		t.Errorf("claim ended as %s, %s: %s", claim.GetState(), claim.GetCause(), claim.GetText())
	}
	w.pay(op, 30_000)
	w.f.Observe()
	w.done(alice, op.GetId(), nil)
}

func (w *world) rich() *client.Client {
	w.Helper()
	c := w.user()
	op := w.deposit(c)
	w.pay(op, 90_000)
	w.f.Observe()
	w.done(c, op.GetId(), nil)
	return c
}

func recipient(t *testing.T) string {
	t.Helper()
	a, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	return a.EncodeAddress()
}

func TestWithdraw(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.rich()
	before := w.balance(alice)
	id, err := alice.Withdraw(w.ctx, recipient(t), 20_000, 0)
	op := w.done(alice, id, err)
	spent := before - w.balance(alice)
	cost := messages.Amount(20_000+op.GetWithdrawal().GetMaxFeeSats())*messages.Sat + messages.Amount(op.GetFeeMsat())
	if len(op.GetWithdrawal().GetTxid()) != 32 || spent != cost {
		t.Errorf("txid %x, %s are gone, want %s", op.GetWithdrawal().GetTxid(), spent, cost)
	}
}

func TestWithdrawRefusals(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.rich()
	have := w.balance(alice)
	for _, c := range []struct {
		name        string
		address     string
		sats, limit uint64
		cause       clientwire.Cause
		code        messages.RejectionCode
	}{
		{"foreign address", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", 20_000, 0, clientwire.Cause_CAUSE_REJECTED, messages.RejectAddress},
		{"dust", recipient(t), 10, 0, clientwire.Cause_CAUSE_REJECTED, messages.RejectDust},
		{"above the limit", recipient(t), 20_000, 1, clientwire.Cause_CAUSE_LIMIT, 0},
		{"more than there is", recipient(t), 89_000, 0, clientwire.Cause_CAUSE_FUNDS, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := alice.Withdraw(w.ctx, c.address, c.sats, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			failed(w, alice, id, c.cause, c.code)
			if w.balance(alice) != have {
				t.Error("a refused withdrawal has cost something")
			}
		})
	}
}

// One member that lies about prices and about the bitcoin transaction is named,
// and changes nothing.
func TestWithdrawWithALiar(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.rich()
	w.f.Members[1].SetTwist(func(r *wire.ClientReply) {
		if a := r.GetAnswer(); a != nil {
			a.Body = append([]byte{8, 1}, a.GetBody()...)
		}
		for _, o := range r.GetStatus().GetAccepted().GetOutputs() {
			if len(o.GetOutcome()) > 4 {
				o.Outcome[4] ^= 1
			}
		}
	})
	id, err := alice.Withdraw(w.ctx, recipient(t), 20_000, 0)
	w.done(alice, id, err)
	w.reported(alice, id, "member 1 (bob): another bitcoin transaction",
		`member 1 (bob): another answer to "wallet summary"`, `member 1 (bob): another answer to "quote"`)
}
