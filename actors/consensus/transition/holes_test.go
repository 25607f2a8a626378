package transition_test

// Holes of the original in what a transaction may be, with the real mint and
// wallet where those say what money is.

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/banktest"
	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

// The original added amounts in 64 bits that wrap, so two outputs of 2⁶⁴−y and y+5 cost 5.
func TestH2AmountsDoNotWrap(t *testing.T) {
	const in = 5
	for name, c := range map[string]struct {
		module vault
		fee    messages.Amount
		ins    []messages.Amount
		outs   []messages.Amount
	}{
		"two outputs":        {outs: []messages.Amount{math.MaxUint64 - 6, 12}, ins: []messages.Amount{in}},
		"three outputs":      {outs: []messages.Amount{1 << 63, 1 << 63, in}, ins: []messages.Amount{in}},
		"outputs within cap": {outs: slices.Repeat([]messages.Amount{messages.MaxAmount}, 9), ins: []messages.Amount{in}},
		"outputs and fee":    {outs: []messages.Amount{math.MaxUint64 - 94}, fee: 100, ins: []messages.Amount{in}},
		"inputs":             {ins: []messages.Amount{math.MaxUint64, 6}, outs: []messages.Amount{in}},
		"one huge input":     {ins: []messages.Amount{1 << 62}, outs: []messages.Amount{1 << 62}},
		"fees of items":      {module: vault{fee: 1 << 63}, ins: []messages.Amount{2, 3}, fee: in},
	} {
		w := newWorld(c.module)
		var ins, outs [][]byte
		for i, a := range c.ins {
			ins = append(ins, body('d', uint64(i), a, w.key))
		}
		for i, a := range c.outs {
			outs = append(outs, body('w', uint64(i), a, w.key))
		}
		t.Log(name)
		rejectedWith(t, w.run(t, txs(w.build(t, c.fee, ins, outs))), messages.RejectAmountOverflow)
		if got := w.audit(t); got != (transition.Totals{}) {
			t.Errorf("%s: audit %+v", name, got)
		}
	}
	// Nor does a fee exist that is more than all money, or a payment of it.
	for _, fee := range []messages.Amount{messages.MaxAmount + 1, 1 << 63, math.MaxUint64} {
		_, err := transaction.Build(transaction.Draft{Inputs: []transaction.Item{{Kind: "vault"}}, Fee: fee}, nil)
		var r *messages.Rejection
		if !errors.As(err, &r) || r.Code != messages.RejectAmountOverflow {
			t.Errorf("a fee of %d: %v", fee, err)
		}
	}
	b := banktest.New(t, banktest.Config{Tiers: []uint32{20}})
	note := b.Fund(3000)[0]
	for _, out := range []wallet.PegOut{{Sats: math.MaxUint64/1000 + 2}, {Sats: 1, MaxFeeSats: math.MaxUint64}, {Sats: 21e14, MaxFeeSats: 21e14}} {
		out.Address = banktest.Home()
		out.Sats = max(out.Sats, 1000)
		d := transaction.Draft{Inputs: []transaction.Item{note.Item()}, Outputs: []transaction.Item{{Kind: wallet.Kind, Body: out.Bytes()}}}
		rejectedWith(t, b.Run(banktest.Of(b.Sign(d, note.Secret))), messages.RejectAmountOverflow)
	}
}

// In the original whatever needed no input was free, of any size and in any number, and kept for ever.
func TestH11SpamIsPaidFor(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{14, 20}, SpendFee: 100, IssueFee: 50})
	notes := b.Fund(5000)
	before := b.Hash()
	unchanged := func(name string, res transition.Result) {
		t.Helper()
		if len(res.Accepted) > 0 || b.Hash() != before {
			t.Errorf("%s: %d accepted, state changed: %v", name, len(res.Accepted), b.Hash() != before)
		}
	}
	// Without an input there is nobody to pay: not even bytes that say so are read.
	order := b.Order(14)
	free := canonical.Marshal(&wire.Transaction{Outputs: []*wire.ModuleItem{{Kind: string(mint.Kind), Body: order.Item().Body}}})
	if _, err := transaction.Decode(free); err == nil {
		t.Error("a transaction without inputs")
	}
	res := b.Apply(nil, canonical.Marshal(&wire.Contribution{Transactions: [][]byte{free, free}}))
	if unchanged("no inputs", res); len(res.Faults) != 1 || res.Faults[0].Peer != 1 {
		t.Errorf("a member that proposes it: %v", res.Faults)
	}
	// Each item costs its fee, however little it is worth.
	var orders []transaction.Item
	for range 64 {
		orders = append(orders, b.Order(14).Item())
	}
	spend := func(fee messages.Amount, outputs ...transaction.Item) *transaction.Transaction {
		return b.Sign(transaction.Draft{Inputs: []transaction.Item{notes[0].Item()}, Outputs: outputs, Fee: fee}, notes[0].Secret)
	}
	cheap, paid := spend(0, orders...), spend(mint.Amount(14), orders[:63]...)
	res = b.Run(banktest.Of(cheap))
	if unchanged("too cheap", res); !slices.Equal(banktest.Codes(res), []messages.RejectionCode{messages.RejectFeeTooLow}) {
		t.Errorf("64 notes for nothing: refused for %v", banktest.Codes(res))
	}
	// What is refused leaves nothing behind, whatever number there is of it.
	var rivals []*transaction.Transaction
	for i := range 64 {
		rivals = append(rivals, spend(messages.Amount(i), orders[i]))
	}
	res = b.Run(banktest.Of(rivals...), banktest.Of(rivals...))
	unchanged("64 ways to spend a note", res)
	if len(res.Rejected) != 64 {
		t.Errorf("%d refused", len(res.Rejected))
	}
	b.Accepted(paid)
	// Size and count are bounded before anything else is looked at.
	for name, d := range map[string]transaction.Draft{
		"items":   {Inputs: slices.Repeat([]transaction.Item{{Kind: "vault"}}, transaction.MaxItems+1)},
		"an item": {Inputs: []transaction.Item{{Kind: "vault", Body: make([]byte, transaction.MaxItemSize+1)}}},
		"bytes":   {Inputs: slices.Repeat([]transaction.Item{{Kind: "vault", Body: make([]byte, transaction.MaxItemSize)}}, 3)},
	} {
		_, err := transaction.Build(d, nil)
		var r *messages.Rejection
		if !errors.As(err, &r) || r.Code != messages.RejectTooLarge {
			t.Errorf("too many or too large %s: %v", name, err)
		}
	}
}

// In the original a badly signed twin, or an invalid transaction of the same note, proposed by a member with a lower id shut the good one out.
func TestH25BadlySignedTwin(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{20}})
	notes := b.Fund(12_000)
	for name, bad := range map[string]func(good *transaction.Transaction, note banktest.Note) *transaction.Transaction{
		"a badly signed twin": func(good *transaction.Transaction, _ banktest.Note) *transaction.Transaction {
			sig := bytes.Clone(good.Signature())
			sig[40] ^= 1
			return rebuilt(t, good, sig)
		},
		"a twin without signature": func(good *transaction.Transaction, _ banktest.Note) *transaction.Transaction {
			return rebuilt(t, good, nil)
		},
		"an unbalanced rival": func(good *transaction.Transaction, note banktest.Note) *transaction.Transaction {
			return b.Sign(transaction.Draft{Inputs: good.Inputs(), Outputs: good.Outputs(), Fee: good.Fee() + 1}, note.Secret)
		},
		"a rival that asks for a used blind nonce": func(good *transaction.Transaction, note banktest.Note) *transaction.Transaction {
			spare, _ := b.Transfer(notes[1:2], 0)
			return b.Sign(transaction.Draft{Inputs: good.Inputs(), Outputs: append(slices.Clone(spare.Outputs()), spare.Outputs()...), Fee: good.Fee()}, note.Secret)
		},
		"a rival that steals": func(good *transaction.Transaction, _ banktest.Note) *transaction.Transaction {
			spare, _ := b.Transfer(notes[1:2], 0)
			return b.Sign(transaction.Draft{Inputs: good.Inputs(), Outputs: spare.Outputs(), Fee: good.Fee()}, notes[1].Secret)
		},
	} {
		good, change := b.Transfer(notes[:1], 0)
		twin := bad(good, notes[0])
		if twin.WitnessID() == good.WitnessID() {
			t.Fatalf("%s: the same form", name)
		}
		// It comes first: alone in an epoch, from a lower id, and beside the good one.
		b.Run(banktest.Of(twin))
		res := b.Run(banktest.Of(twin), banktest.Of(twin, good), banktest.Of(good, twin), banktest.Of(good))
		if len(res.Accepted) != 1 || res.Accepted[0] != good.ID() || len(res.Rejected) != 1 || res.Rejected[0].Witness != twin.WitnessID() {
			t.Fatalf("%s: accepted %v, refused %v", name, res.Accepted, res.Rejected)
		}
		// Then it cannot take back what is done.
		if res := b.Run(banktest.Of(twin)); len(res.Accepted) != 0 {
			t.Errorf("%s: accepted after the good one", name)
		}
		notes = append(b.Notes(good.ID(), change), notes[1:]...)
	}
}

// rebuilt is a transaction with another signature.
func rebuilt(t *testing.T, tx *transaction.Transaction, sig []byte) *transaction.Transaction {
	t.Helper()
	other, err := transaction.Build(transaction.Draft{Inputs: tx.Inputs(), Outputs: tx.Outputs(), Fee: tx.Fee()}, sig)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// What an input asks for follows the agreed fee rate, so the same bytes that are too
// cheap now may pass later: a refusal that called itself final would be a lie.
func TestFeeTooLowIsNotForEver(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{20}})
	d := b.Pay(40_000)
	b.Mine(1 + banktest.FinalityDelay)
	claim, _ := b.Claim(d)
	b.Chain.SetFeeRate(100_000)
	b.Mine(1)
	res := b.Run(banktest.Of(claim))
	for _, r := range []*messages.Rejection{b.Submit(claim), res.Rejected[0].Rejection} {
		if r == nil || r.Code != messages.RejectFeeTooLow || r.Final {
			t.Errorf("at a high rate: %v, want a refusal for now", r)
		}
	}
	b.Chain.SetFeeRate(2000)
	b.Mine(1)
	b.Accepted(claim)
}
