package mint_test

import (
	"testing"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/mint"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// Whatever bytes a client or a member sends, the worst that follows is a
// typed refusal that storage and wire can hold, and the audit stays right.
func FuzzTransaction(f *testing.F) {
	t := &testing.T{}
	b := openBank(t, 2, 3, 6)
	start := b.store
	spend := b.spend(t, 1, b.coins[0], b.coins[2])
	reissue := pay(t, transaction.Draft{
		Inputs: []transaction.Item{minted(b.coins[3].note)}, Outputs: []transaction.Item{minted(b.house.output(b.house.order(0)))}, Fee: 56,
	}, b.coins[3].secret)
	for _, tx := range []*transaction.Transaction{spend, reissue} {
		f.Add(tx.Bytes(), []byte(nil))
		f.Add(tx.Bytes(), outcome.Contribution{Transactions: list(tx, reissue), Items: []transaction.Item{{Kind: mint.Kind, Body: []byte{1}}}}.Encode())
	}
	f.Fuzz(func(t *testing.T, raw, contribution []byte) {
		b.store = start.Clone()
		tx, err := transaction.Decode(raw)
		if err == nil {
			b.core.Check(list(tx))
			snap := b.view(t)
			// Submissions are tried only after they passed; that noise is tried
			// here as well costs nothing and finds more.
			if r := b.core.Try(snap, b.epoch, tx); r != nil {
				wellFormed(t, r)
			}
			snap.Release()
		}
		o := outcome.Outcome{Epoch: b.epoch, Contributions: []outcome.Member{{Peer: 0, Contribution: contribution}, {Peer: 2, Contribution: raw}}}
		if err == nil {
			o.Contributions = append(o.Contributions, outcome.Member{Peer: 3, Contribution: outcome.Contribution{Transactions: list(tx)}.Encode()})
		}
		res := b.apply(t, o, func(messages.WitnessID) bool { return false })
		for _, r := range res.Rejected {
			wellFormed(t, r.Rejection)
		}
		for _, fault := range res.Faults {
			if len(fault.Text) > messages.MaxRejectionText || !utf8.ValidString(fault.Text) {
				t.Fatalf("fault %q", fault.Text)
			}
		}
		if got := b.audit(t); got.Assets != got.Liabilities || got.Assets > 1000 {
			t.Fatalf("audit %+v", got)
		}
	})
}

func wellFormed(t interface{ Fatalf(string, ...any) }, r *messages.Rejection) {
	if r.Code == 0 || r.Text == "" || len(r.Text) > messages.MaxRejectionText || !utf8.ValidString(r.Text) {
		t.Fatalf("refusal %+v", r)
	}
	canonical.Marshal(&wire.Rejected{Code: uint32(r.Code), Text: r.Text})
}

// In the original any invalid transaction ended the process that it was submitted to: here are nearly right ones, mixed, damaged and signed.
func TestH13DamagedTransactions(t *testing.T) {
	b := openBank(t, 2, 3, 6)
	start := b.store
	bodies := [][]byte{b.coins[0].note, b.coins[3].note, b.coins[1].order, b.house.output(b.house.order(0)), tillBody(4, 9), {}}
	kinds := []messages.ModuleKind{mint.Kind, mint.Kind, mint.Kind, tillKind, "wallet"}
	rapid.Check(t, func(t *rapid.T) {
		b.store = start.Clone()
		item := rapid.Custom(func(t *rapid.T) transaction.Item {
			body := append([]byte(nil), rapid.SampledFrom(bodies).Draw(t, "body")...)
			if len(body) > 0 && rapid.IntRange(0, 2).Draw(t, "damage") == 0 {
				body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
			return transaction.Item{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Body: body}
		})
		d := transaction.Draft{
			Inputs: rapid.SliceOfN(item, 1, 3).Draw(t, "in"), Outputs: rapid.SliceOfN(item, 0, 3).Draw(t, "out"), Fee: messages.Amount(rapid.Uint64Range(0, 80).Draw(t, "fee")),
		}
		tx := pay(t, d, rapid.SampledFrom([][]*btcec.PrivateKey{nil, {b.coins[0].secret}, {b.coins[0].secret, b.coins[3].secret}}).Draw(t, "keys")...)
		res := b.run(t, list(tx), list(tx))
		if len(res.Accepted)+len(res.Rejected) != 1 {
			t.Fatalf("decided %d times", len(res.Accepted)+len(res.Rejected))
		}
		for _, r := range res.Rejected {
			wellFormed(t, r.Rejection)
		}
		if got := b.audit(t); got.Assets != got.Liabilities || res.Totals != (transition.Totals{Assets: got.Assets, Liabilities: got.Liabilities}) {
			t.Fatalf("audit %+v", got)
		}
	})
}
