package ledger_test

import (
	"errors"
	"testing"

	"minimint/actors/gateway/ledger"
	"minimint/actors/gateway/ledger/ledgerwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/storage"
	"minimint/storage/memory"
)

var federation = messages.FederationID{1}

func with(t *testing.T, store storage.Store, fn func(storage.Tx)) {
	t.Helper()
	if err := store.Update(func(tx storage.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func payment(contract, hash byte, tried bool) *ledgerwire.Payment {
	return &ledgerwire.Payment{
		Federation: federation[:], Contract: append(make([]byte, 31), contract), PaymentHash: append(make([]byte, 31), hash),
		State: ledgerwire.PaymentState_PAYMENT_PAYING, HeldMsat: 100, Tried: tried,
	}
}

// H82: a payment hash is tried for one contract, for ever; one that was not tried leaves
// it free.
func TestOneContractForAHash(t *testing.T) {
	store := memory.New()
	hash := messages.Digest(append(make([]byte, 31), 9))
	with(t, store, func(tx storage.Tx) {
		given := payment(1, 9, false)
		given.State = ledgerwire.PaymentState_PAYMENT_FORFEITED
		if err := ledger.Begin(tx, given); err != nil || ledger.Tried(tx, hash) {
			t.Errorf("forfeited: %v", err)
		}
		if err := ledger.Begin(tx, payment(2, 9, true)); err != nil || !ledger.Tried(tx, hash) {
			t.Errorf("tried: %v", err)
		}
		if err := ledger.Begin(tx, payment(3, 9, true)); !errors.Is(err, ledger.ErrTried) || ledger.Payment(tx, terms.ID(payment(3, 9, true).GetContract())) != nil {
			t.Errorf("tried again: %v", err)
		}
	})
	with(t, store, func(tx storage.Tx) {
		over := ledger.Payment(tx, terms.ID(payment(2, 9, true).GetContract()))
		over.State = ledgerwire.PaymentState_PAYMENT_CLAIMED
		ledger.PutPayment(tx, over)
		if err := ledger.Begin(tx, payment(3, 9, true)); !errors.Is(err, ledger.ErrTried) {
			t.Errorf("tried after the end: %v", err)
		}
	})
}

// What is open is found, what is at stake added up, what happened listed.
func TestOpenAndHistory(t *testing.T) {
	store := memory.New()
	with(t, store, func(tx storage.Tx) {
		for i := range byte(3) {
			if err := ledger.Begin(tx, payment(i, i, true)); err != nil {
				t.Fatal(err)
			}
		}
		offer := terms.Offer{PaymentHash: messages.Digest{7}, Amount: 40, Expiry: 9, Ciphertext: make([]byte, 208)}
		ledger.PutPurchase(tx, &ledgerwire.Purchase{Federation: federation[:], Offer: offer.Wire(), State: ledgerwire.PurchaseState_PURCHASE_BUYING})
		over := ledger.Payment(tx, terms.ID(payment(1, 1, true).GetContract()))
		over.State = ledgerwire.PaymentState_PAYMENT_LOST
		ledger.PutPayment(tx, over)
	})
	snap, _ := store.View()
	defer snap.Release()
	if open := ledger.Open(snap); len(open) != 3 || open[0].Payment.GetNumber() != 1 || open[1].Payment.GetNumber() != 3 || open[2].Purchase.GetNumber() != 4 {
		t.Errorf("open %v", open)
	}
	if sum := ledger.AtStake(snap, federation); sum != 240 {
		t.Errorf("at stake %s", sum)
	}
	if sum := ledger.AtStake(snap, messages.FederationID{2}); sum != 0 {
		t.Errorf("at stake elsewhere %s", sum)
	}
	if page := ledger.History(snap, 0, 2); len(page) != 2 || page[0].Purchase == nil || page[1].Payment.GetNumber() != 3 {
		t.Errorf("newest %v", page)
	}
	if page := ledger.History(snap, 3, 100); len(page) != 2 || page[0].Payment.GetNumber() != 2 {
		t.Errorf("older %v", page)
	}
	if page := ledger.History(snap, 1<<60, 1); len(page) != 1 || page[0].Purchase == nil {
		t.Errorf("before a number that nothing has: %v", page)
	}
	if ledger.Purchase(snap, federation, messages.Digest{7}) == nil || ledger.Purchase(snap, messages.FederationID{}, messages.Digest{7}) != nil {
		t.Error("a purchase is of one federation")
	}
}

// Federations have numbers, refund keys are used once, offers are forgotten when they
// expire and not before.
func TestFederationsAndOffers(t *testing.T) {
	store := memory.New()
	with(t, store, func(tx storage.Tx) {
		for _, id := range []messages.FederationID{{9}, {1}} {
			ledger.PutFederation(tx, &ledgerwire.Federation{Id: id[:]})
		}
		if all := ledger.Federations(tx); len(all) != 2 || all[0].GetId()[0] != 9 || all[1].GetNumber() != 2 {
			t.Errorf("federations %v", all)
		}
		if a, b := ledger.TakeKey(tx, federation), ledger.TakeKey(tx, federation); a != 1<<31 || b != a+1 {
			t.Errorf("keys %d, %d", a, b)
		}
		for i, expiry := range []uint32{300, 20, 7} {
			ledger.Register(tx, federation, terms.Offer{PaymentHash: messages.Digest{byte(i)}, Amount: 40, Expiry: expiry, Ciphertext: make([]byte, 208)})
		}
		if ledger.Due(tx, federation, 6) || !ledger.Due(tx, federation, 7) || ledger.Due(tx, messages.FederationID{9}, 7) {
			t.Error("what is due")
		}
		ledger.Expire(tx, federation, 6, 10)
		if n := ledger.Offers(tx, federation); n != 3 {
			t.Errorf("%d offers", n)
		}
		ledger.Expire(tx, federation, 20, 10)
		if n := ledger.Offers(tx, federation); n != 1 || ledger.Offer(tx, federation, messages.Digest{1}) != nil || ledger.Offer(tx, federation, messages.Digest{0}).Expiry != 300 {
			t.Errorf("%d offers", n)
		}
	})
}
