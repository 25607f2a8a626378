package lightning_test

import (
	"testing"

	"minimint/actors/module/banktest"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
)

// What an offer costs a member: the check when it is announced, this member's
// share, and the shares of all until the preimage is there (n = 4).
func BenchmarkOffer(b *testing.B) {
	d := newDesk(b, config(2, 4))
	d.at(now)
	o := sealedFor(now+5, d.Seal(), 1)
	id := o.ID(banktest.Federation)
	body := terms.Output{Offer: &o}.Encode()
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			d.Check([]contract.Items{{Outputs: [][]byte{body}}})
		}
	})
	for _, out := range []terms.Output{{Offer: &o}, purchase(id)} {
		if err := d.output(out); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("share", func(b *testing.B) {
		for b.Loop() {
			d.Propose(d.scope(), nil)
		}
	})
	items := [][]byte{shareOf(b, 0, o, 4), shareOf(b, 1, o, 4), shareOf(b, 2, o, 4)}
	b.Run("reveal", func(b *testing.B) {
		for b.Loop() {
			mark := d.state.Savepoint()
			for p, item := range items {
				if err := d.item(messages.PeerID(p), item); err != nil {
					b.Fatal(err)
				}
			}
			d.state.Rollback(mark)
		}
	})
}
