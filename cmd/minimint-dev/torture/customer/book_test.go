package customer

import (
	"testing"

	"minimint/actors/client/book"
	"minimint/actors/client/clientwire"
	"minimint/cmd/minimint-dev/stage"
	"minimint/crypto/tbs"
	"minimint/storage"
	"minimint/storage/memory"
)

func TestBooks(t *testing.T) {
	const done, failed, pending = clientwire.State_STATE_DONE, clientwire.State_STATE_FAILED, clientwire.State_STATE_PENDING
	operations := []*clientwire.Operation{
		{Kind: clientwire.Kind_KIND_DEPOSIT, State: done},
		{Kind: clientwire.Kind_KIND_CLAIM, State: done, AmountMsat: 100_000, FeeMsat: 1_000},
		{Kind: clientwire.Kind_KIND_CLAIM, State: pending, AmountMsat: 7_000},
		{Kind: clientwire.Kind_KIND_RECEIVE, State: done, AmountMsat: 2_000},
		{Kind: clientwire.Kind_KIND_RECEIVE, State: failed, AmountMsat: 3_000},
		{Kind: clientwire.Kind_KIND_SPEND, State: done, AmountMsat: 5_000, FeeMsat: 3},
		{Kind: clientwire.Kind_KIND_SPEND, State: failed, AmountMsat: 5_000, FeeMsat: 5}, // taken back
		{Kind: clientwire.Kind_KIND_RECLAIM, State: done, AmountMsat: 5_000},
		{
			Kind: clientwire.Kind_KIND_WITHDRAW, State: done, AmountMsat: 20_000, FeeMsat: 10,
			Withdrawal: &clientwire.Withdrawal{Sats: 20, MaxFeeSats: 4},
		},
		{Kind: clientwire.Kind_KIND_REISSUE, State: done, AmountMsat: 1_000, FeeMsat: 2},
	}
	const want = 100_000 - 1_000 + 2_000 - 5_003 - 5 + 5_000 - 24_010 - 2
	s := memory.New()
	var got books
	err := s.Update(func(tx storage.Tx) error {
		for _, op := range operations {
			book.Add(tx, op)
		}
		for i, n := range []*clientwire.Note{{Tier: 3}, {Tier: 4, Operation: 7}, {Tier: 5, Doubtful: true}} {
			book.PutNote(tx, book.Note{Nonce: tbs.Nonce{byte(i)}, Note: n})
		}
		var err error
		got, err = sums(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got != (books{notes: 8 + 16 + 32, brought: want}) {
		t.Errorf("%+v, want %d and %d", got, 8+16+32, want)
	}
}

// A payment ends when one wallet has cashed it; if the payer takes it back at the
// same time, one of both must win.
func TestPaymentsHaveOneWinner(t *testing.T) {
	for _, c := range []struct {
		name  string
		raced bool
		won   []bool
		fine  bool
	}{
		{"cashed", false, []bool{true}, true},
		{"refused", false, []bool{false}, false},
		{"cashed before it was taken back", true, []bool{true, false}, true},
		{"taken back before it was cashed", true, []bool{false, true}, true},
		{"both", true, []bool{true, true}, false},
		{"nobody", true, []bool{false, false}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fine := true
			m := NewMarket([]*Customer{New(user("ann"), 1, nil)}, func(string, string) { fine = false })
			p := &payment{raced: c.raced}
			for _, won := range c.won {
				m.ended(p, won)
			}
			if fine != c.fine || m.Payments() != 1 {
				t.Errorf("fine %t, %d payments", fine, m.Payments())
			}
		})
	}
}

func user(name string) *stage.User { return &stage.User{Name: name} }
