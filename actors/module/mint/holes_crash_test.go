package mint_test

import (
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/transaction"
)

// H63: the original charged by tier, however many notes of it there were, took the fee
// of spending for what was issued, and had no fee for issuing at all. Here every note
// that is spent and every note that is issued costs its own fee, not one msat less.
func TestH63EveryNoteCostsItsOwnFee(t *testing.T) {
	b := openBank(t, 3, 4, 7)
	const fee = 3*spendFee + 2*issueFee
	pays := func(number uint64, fee messages.Amount) *transaction.Transaction {
		d := transaction.Draft{Fee: fee}
		var secrets []*btcec.PrivateKey
		for _, c := range b.coins[3:] { // three of one tier
			d.Inputs, secrets = append(d.Inputs, minted(c.note)), append(secrets, c.secret)
		}
		left := b.worth(b.coins[3:]...) - fee
		for range 2 { // and two of one tier
			d.Outputs = append(d.Outputs, minted(b.house.output(b.house.order(0))))
			left -= mint.Amount(4)
		}
		d.Outputs = append(d.Outputs, transaction.Item{Kind: tillKind, Body: tillBody(number, left)})
		return pay(t, d, secrets...)
	}
	wantCodes(t, "one msat less", b.run(t, list(pays(1, fee-1))), messages.RejectFeeTooLow)
	wantCodes(t, "by tier", b.run(t, list(pays(2, spendFee+issueFee))), messages.RejectFeeTooLow)
	if res := b.run(t, list(pays(3, fee))); len(res.Accepted) != 1 {
		t.Errorf("refused: %v", codes(res))
	}
}
