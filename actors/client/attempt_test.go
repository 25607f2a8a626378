package client_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// In Fedimint a blind nonce that somebody copied and had signed first cost its owner the money: here the client asks again with a fresh one.
func TestV6CopiedBlindNoncesAreReplaced(t *testing.T) {
	w := newWorld(t)
	spoiled := messages.TxID{}
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		if tx.Inputs()[0].Kind == mint.Kind && spoiled == (messages.TxID{}) {
			spoiled = tx.ID()
			w.f.Spoil(tx)
		}
		return nil
	}
	alice := w.user()
	id, err := alice.Receive(w.ctx, w.f.Token(30_000))
	op := w.done(alice, id, err)
	if len(op.GetAttempts()) != 2 || op.GetAttempts()[0].GetCode() != uint32(messages.RejectBlindNonceUsed) {
		t.Errorf("attempts %v", op.GetAttempts())
	}
	if got, want := w.balance(alice), 30_000-messages.Amount(op.GetFeeMsat()); got != want {
		t.Errorf("balance %s, want %s", got, want)
	}
}

// A refusal for now is no end: the same bytes are sent until they pass.
func TestRefusalForNowIsRetried(t *testing.T) {
	w := newWorld(t)
	seen := map[messages.WitnessID]int{}
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		if tx.Inputs()[0].Kind != mint.Kind {
			return nil
		}
		if seen[tx.WitnessID()]++; seen[tx.WitnessID()] <= 12 {
			return messages.RejectForNow(messages.RejectBusy, "not now")
		}
		return nil
	}
	alice := w.user()
	id, err := alice.Receive(w.ctx, w.f.Token(30_000))
	if err != nil {
		t.Fatal(err)
	}
	told := false
	op, err := alice.Await(w.ctx, id, func(op *client.Operation) {
		told = told || op.GetText() == "the federation refuses it for now: not now"
	})
	if err != nil || !told || len(op.GetAttempts()) != 1 || len(seen) != 1 {
		t.Errorf("%v; told %v, %d attempts, %d transactions", err, told, len(op.GetAttempts()), len(seen))
	}
}

// A member that refuses with the others says so in words of its own. However long they are
// and wherever they are cut, they can be kept in the record, and shown.
func TestRefusalInStrangeWords(t *testing.T) {
	w := newWorld(t)
	var open atomic.Bool
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		if tx.Inputs()[0].Kind == mint.Kind && !open.Load() {
			return messages.RejectForNow(messages.RejectBusy, "not now")
		}
		return nil
	}
	w.f.Members[0].SetTwist(func(r *wire.ClientReply) {
		if r.GetRefusal() != nil {
			r.GetRefusal().Text = "\x1b[2J" + strings.Repeat("x", messages.MaxRejectionText-5) + "é"
		}
	})
	alice := w.user()
	id, err := alice.Receive(w.ctx, w.f.Token(30_000))
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	_, err = alice.Await(w.ctx, id, func(op *client.Operation) {
		if strings.Contains(op.GetText(), "xxx") {
			told = op.GetText()
			open.Store(true)
		}
	})
	if err != nil || !utf8.ValidString(told) || strings.ContainsFunc(told, unicode.IsControl) {
		t.Errorf("%v, %q", err, told)
	}
}

// pegOutsRefused makes every withdrawal fail for now.
func pegOutsRefused(tx *transaction.Transaction) *messages.Rejection {
	if tx.Outputs()[0].Kind == wallet.Kind {
		return messages.RejectForNow(messages.RejectPegOutLimit, "too many")
	}
	return nil
}

// The user turns a withdrawal round that does not get on.
func TestPendingWithdrawalIsCancelled(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.rich()
	before := w.balance(alice)
	w.f.Screen = pegOutsRefused
	id, err := alice.Withdraw(w.ctx, recipient(t), 20_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	turned := false
	op, _ := alice.Await(w.ctx, id, func(op *client.Operation) {
		if op.GetCode() == uint32(messages.RejectPegOutLimit) && !turned {
			turned = true
			if _, err := alice.Reclaim(w.ctx, id); err != nil {
				t.Error(err)
			}
		}
	})
	cancelled(w, alice, op, before)
}

// A withdrawal that is refused for now for long turns itself round.
func TestWithdrawalGivesUp(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.rich()
	before := w.balance(alice)
	w.f.Screen = pegOutsRefused
	id, err := alice.Withdraw(w.ctx, recipient(t), 20_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := alice.Await(w.ctx, id, nil)
	cancelled(w, alice, op, before)
}

// The same, if for long nobody had answered at all: two minutes begin with the refusal.
func TestWithdrawalGivesUpLate(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.rich()
	before := w.balance(alice)
	w.f.Screen = pegOutsRefused
	silent := func(silent bool) {
		for _, m := range w.f.Members {
			m.SetSilent(silent)
		}
	}
	silent(true)
	id, err := alice.Withdraw(w.ctx, recipient(t), 20_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	for until := w.rig.Beats() + 300; w.rig.Beats() < until; { // 240 are two minutes
		w.rig.Wait()
	}
	silent(false)
	op, _ := alice.Await(w.ctx, id, nil)
	cancelled(w, alice, op, before)
}

func cancelled(w *world, c *client.Client, op *client.Operation, before messages.Amount) {
	w.Helper()
	if op.GetState() != clientwire.State_STATE_FAILED || op.GetCause() != clientwire.Cause_CAUSE_CANCELLED {
		w.Errorf("ended as %s, %s: %s", op.GetState(), op.GetCause(), op.GetText())
	}
	if got, want := w.balance(c), before-messages.Amount(op.GetFeeMsat()); got != want {
		w.Errorf("balance %s, want %s", got, want)
	}
}

// A deposit whose block is replaced before the federation agrees on it is found
// again where it is then.
func TestDepositMovesToAnotherBlock(t *testing.T) {
	w := newWorldOf(t, large())
	alice := w.user()
	op := w.deposit(alice)
	w.pay(op, 40_000)
	w.claimsBegun(alice, op.GetId(), 1)
	w.f.Chain.Reorg(5, 9)
	w.f.Observe()
	w.done(alice, op.GetId(), nil)
	ops, err := alice.Operations()
	if err != nil {
		t.Fatal(err)
	}
	var states []clientwire.State
	for _, o := range ops {
		if o.GetParent() == op.GetId() {
			states = append(states, o.GetState())
		}
	}
	if len(states) != 2 || states[0] != clientwire.State_STATE_FAILED || states[1] != clientwire.State_STATE_DONE {
		t.Errorf("claims %v", states)
	}
}

// Reissue exchanges notes of at least an amount, and brings them back less fees.
func TestReissue(t *testing.T) {
	w := newWorld(t)
	alice := w.user()
	before := w.fund(alice, 60_000)
	id, err := alice.Reissue(w.ctx, 10_000)
	op := w.done(alice, id, err)
	if got, want := w.balance(alice), before-messages.Amount(op.GetFeeMsat()); got != want || op.GetFeeMsat() == 0 {
		t.Errorf("balance %s, want %s", got, want)
	}
}

// A claim whose fee has become too low is made anew at today's price. The former
// one may still pass, so whichever does, the money arrives.
func TestClaimIsPricedAnew(t *testing.T) {
	tooLow := messages.RejectForNow(messages.RejectFeeTooLow, "too low")
	// Each says what becomes of a form, given how often each form was seen.
	for name, screen := range map[string]func(form int, seen []int) *messages.Rejection{
		"the new one passes": func(form int, _ []int) *messages.Rejection {
			if form == 0 {
				return tooLow
			}
			return nil
		},
		"the old one passes": func(form int, seen []int) *messages.Rejection {
			switch {
			case len(seen) < 2:
				return tooLow
			case form > 0 && seen[0] <= 8: // the old one has not come again
				return messages.RejectForNow(messages.RejectBusy, "later")
			}
			return nil
		},
		"one of many passes": func(form int, seen []int) *messages.Rejection {
			if form == 3 && len(seen) == 8 && seen[7] > 12 { // no ninth came
				return nil
			}
			return tooLow
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOf(t, large())
			forms := map[messages.WitnessID]int{}
			var seen []int
			w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
				if tx.Inputs()[0].Kind != wallet.Kind {
					return nil
				}
				form, known := forms[tx.WitnessID()]
				if !known {
					form = len(forms)
					forms[tx.WitnessID()], seen = form, append(seen, 0)
				}
				seen[form]++
				return screen(form, seen)
			}
			if name == "the old one passes" {
				w.tellClaimedFirst()
			}
			alice := w.user()
			op := w.deposit(alice)
			w.pay(op, 50_000)
			w.f.Observe()
			w.done(alice, op.GetId(), nil)
			claim := w.claims(alice, op.GetId(), 1)[0]
			if n := len(claim.GetAttempts()); claim.GetState() != clientwire.State_STATE_DONE || n < 2 || n != len(forms) {
				t.Errorf("claim ended as %s after %d attempts, %d forms: %s", claim.GetState(), n, len(forms), claim.GetText())
			}
			if got, want := w.balance(alice), messages.Amount(claim.GetAmountMsat()-claim.GetFeeMsat()); got != want || got == 0 {
				t.Errorf("balance %s, want %s", got, want)
			}
		})
	}
}

// A claim whose price cannot be learnt anew waits for what it has sent: should it fail,
// and its transaction be accepted, the deposit would be gone.
func TestClaimWithoutAPriceWaits(t *testing.T) {
	w := newWorldOf(t, large())
	var tooLow, waits atomic.Bool
	w.f.Screen = func(tx *transaction.Transaction) *messages.Rejection {
		if tx.Inputs()[0].Kind != wallet.Kind || waits.Load() {
			return nil
		}
		tooLow.Store(true)
		return messages.RejectForNow(messages.RejectFeeTooLow, "too low")
	}
	for _, m := range w.f.Members {
		m.SetTwist(func(r *wire.ClientReply) {
			if r.GetAnswer() != nil && tooLow.Load() {
				r.Reply = &wire.ClientReply_Refusal{Refusal: &wire.Refusal{Code: uint32(messages.RejectMalformed), Final: true, Text: "no prices"}}
			}
		})
	}
	alice := w.user()
	op := w.deposit(alice)
	w.pay(op, 50_000)
	w.f.Observe()
	w.claimsBegun(alice, op.GetId(), 1)
	claim, err := alice.Await(w.ctx, op.GetId()+1, func(op *client.Operation) {
		if op.GetText() == "an earlier transaction may still pass: no prices" {
			waits.Store(true)
		}
	})
	if err != nil || len(claim.GetAttempts()) != 1 {
		t.Fatalf("ended as %v", claim)
	}
	w.done(alice, op.GetId(), nil)
}

// tellClaimedFirst lets nobody hear that a claim was accepted before all members
// have said of another one that its deposit is claimed.
func (w *world) tellClaimedFirst() {
	var claimed atomic.Int32
	for _, m := range w.f.Members {
		var said atomic.Bool
		m.SetTwist(func(r *wire.ClientReply) {
			if r.GetRefusal().GetCode() == uint32(messages.RejectPegInClaimed) && !said.Swap(true) {
				claimed.Add(1)
			}
			if s := r.GetStatus(); s.GetAccepted() != nil && int(claimed.Load()) < len(w.f.Members) {
				s.Accepted = nil
			}
		})
	}
}
