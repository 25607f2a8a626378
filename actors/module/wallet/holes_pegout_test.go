package wallet_test

// Holes of the original in withdrawals, through the real transition with the
// real mint.

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/banktest"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// chainFee is what a transaction leaves to the miners, from the coins that the
// chain knows.
func chainFee(t *testing.T, b *banktest.Bank, tx *wire.MsgTx) (fee uint64) {
	t.Helper()
	for _, in := range tx.TxIn {
		found := false
		for h := uint32(1); h <= b.Chain.Height() && !found; h++ {
			for _, from := range b.Chain.Block(h).Transactions {
				if from.TxHash() == in.PreviousOutPoint.Hash {
					fee, found = fee+uint64(from.TxOut[in.PreviousOutPoint.Index].Value), true
				}
			}
		}
		if !found {
			t.Fatalf("the coin %s is on no chain", in.PreviousOutPoint)
		}
	}
	for _, out := range tx.TxOut {
		fee -= uint64(out.Value)
	}
	return fee
}

// The original believed the weight that the user declared: for a declared weight of nothing the federation paid the miners, and its books stopped it.
func TestH5FeeUnderpaid(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	notes := append(b.Fund(300_000), b.Fund(100_000)...)
	out := wallet.PegOut{Address: home, Sats: 250_000}
	need := b.Quote(out).GetFeeSats()
	attempt := func(why string, want messages.RejectionCode) *transaction.Transaction {
		t.Helper()
		t.Log(why)
		tx, _ := b.PegOut(notes, out)
		refusedWith(t, b, tx, want)
		return tx
	}
	for _, declared := range []uint64{0, 1, need - 1} {
		out.MaxFeeSats = declared
		attempt(fmt.Sprintf("%d declared, %d needed", declared, need), messages.RejectPegOutFee)
	}
	out.MaxFeeSats = need
	b.Chain.SetFeeRate(4000)
	b.Settle(nil)
	attempt("the rate rose after the quote", messages.RejectPegOutFee)
	b.Chain.SetFeeRate(2000)
	b.Settle(nil)
	// Another peg-out of the same epoch takes the large coin that the quote was about.
	first, _ := b.PegOut(b.Fund(30_000), wallet.PegOut{Address: home, Sats: 20_000, MaxFeeSats: 3000})
	stale, _ := b.PegOut(notes, out)
	res := b.Run(banktest.Of(first), banktest.Of(stale))
	if len(res.Accepted) != 1 || len(res.Rejected) != 1 || res.Rejected[0].Rejection.Final {
		t.Fatalf("accepted %d, refused for %v", len(res.Accepted), banktest.Codes(res))
	}
	b.Settle(nil)
	b.Broadcast()
	b.Mine(1 + banktest.FinalityDelay)
	out.MaxFeeSats = b.Quote(out).GetFeeSats() + 777
	tx, change := b.PegOut(notes, out)
	b.Accepted(tx)
	b.Notes(tx.ID(), change)
	b.Settle(nil)
	signed := b.Broadcast()
	if paid := chainFee(t, b, signed[0]); paid != out.MaxFeeSats-777 {
		t.Errorf("the miners get %d sat of the %d that were declared", paid, out.MaxFeeSats)
	}
	held := b.Summary().GetCoinsSats() + b.Summary().GetChangeSats()
	b.Mine(1 + banktest.FinalityDelay)
	if now := b.Summary().GetCoinsSats(); now != held {
		t.Errorf("%d sat before the burial, %d after it", held, now)
	}
}

// In the original an output of dust made a transaction that no bitcoin node relays, and its coins were locked for good.
func TestH14DustLocksNothing(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	notes := b.Fund(1_000_000)
	coins := b.Summary().GetCoins()
	for _, c := range addresses(t) {
		out := wallet.PegOut{Address: c.address.EncodeAddress(), Sats: c.dust - 1, MaxFeeSats: 4000}
		tx, _ := b.PegOut(notes, out)
		refusedWith(t, b, tx, messages.RejectDust)
		if got := b.Summary(); got.GetCoins() != coins || got.GetPending() != 0 {
			t.Fatalf("%s: %v after a refusal", c.address, got)
		}
		out.Sats = c.dust
		tx, change := b.PegOut(notes, out)
		b.Accepted(tx)
		notes = b.Notes(tx.ID(), change)
		b.Settle(map[messages.PeerID]banktest.Edit{3: banktest.Silent}) // one member never signs
		for _, signed := range b.Broadcast() {
			if own := signed.TxOut[0]; own.Value != int64(c.dust) || signed.TxOut[1].Value < 330 || len(signed.TxOut) > 2 {
				t.Errorf("%s: outputs of %d and %d sat", c.address, own.Value, signed.TxOut[1].Value)
			}
			for _, in := range signed.TxIn {
				if in.Sequence > wire.MaxTxInSequenceNum-2 {
					t.Errorf("%s: a transaction that is stuck cannot be replaced", c.address)
				}
			}
		}
		b.Mine(1 + banktest.FinalityDelay)
		if got := b.Summary(); got.GetCoins() != coins || got.GetPending() != 0 {
			t.Errorf("%s: coins are locked: %v", c.address, got)
		}
	}
	// What is left over is no dust either: it goes to the miners, if the user paid for it.
	out := wallet.PegOut{Address: home, Sats: 100_000}
	bare := b.Quote(out).GetFeeSats() - 2*43 // without a change output
	out = wallet.PegOut{Address: home, Sats: b.Summary().GetCoinsSats() - bare - 200, MaxFeeSats: bare + 200}
	tx, _ := b.PegOut(append(notes, b.Fund(100_000)...), out)
	b.Accepted(tx)
	b.Settle(nil)
	for _, signed := range b.Broadcast() {
		if len(signed.TxOut) != 1 || chainFee(t, b, signed) != bare+200 {
			t.Errorf("%d outputs, a fee of %d sat", len(signed.TxOut), chainFee(t, b, signed))
		}
	}
	b.Mine(1 + banktest.FinalityDelay)
	if got := b.Summary(); got.GetPending() != 0 {
		t.Errorf("it is not buried: %v", got)
	}
}

// recipientKind is an address, and the least output to it that Bitcoin Core relays.
type recipientKind struct {
	address btcutil.Address
	dust    uint64
}

// addresses are one of each kind.
func addresses(t *testing.T) []recipientKind {
	t.Helper()
	net := &chaincfg.SimNetParams
	p2pkh, err1 := btcutil.NewAddressPubKeyHash(make([]byte, 20), net)
	p2sh, err2 := btcutil.NewAddressScriptHashFromHash(make([]byte, 20), net)
	p2wpkh, err3 := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), net)
	p2wsh, err4 := btcutil.NewAddressWitnessScriptHash(make([]byte, 32), net)
	p2tr, err5 := btcutil.NewAddressTaproot(make([]byte, 32), net)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	return []recipientKind{{p2pkh, 546}, {p2sh, 540}, {p2wpkh, 294}, {p2wsh, 330}, {p2tr, 330}}
}

// In Fedimint the 33rd pending withdrawal ran into an assertion, reachable from inputs, outputs and queries.
func TestV7OnePegOutTooMany(t *testing.T) {
	b := banktest.New(t, banktest.Config{Tiers: []uint32{23}}) // each note pays for one
	var deposits []banktest.Deposit
	for range wallet.MaxPending + 2 {
		deposits = append(deposits, b.Pay(20_000))
	}
	b.Mine(1 + banktest.FinalityDelay)
	claim, orders := b.Claim(deposits[1:]...)
	b.Accepted(claim)
	out := wallet.PegOut{Address: home, Sats: 5000, MaxFeeSats: 2000}
	var txs []*transaction.Transaction
	for _, note := range b.Notes(claim.ID(), orders)[:wallet.MaxPending+1] {
		tx, _ := b.PegOut([]banktest.Note{note}, out)
		txs = append(txs, tx)
	}
	last := txs[wallet.MaxPending]
	res := b.Run(banktest.Of(txs...))
	if len(res.Accepted) != wallet.MaxPending || !slices.Equal(banktest.Codes(res), []messages.RejectionCode{messages.RejectPegOutLimit}) {
		t.Fatalf("%d accepted in one epoch, refused for %v", len(res.Accepted), banktest.Codes(res))
	}
	refusedWith(t, b, last, messages.RejectPegOutLimit)
	if q := b.Quote(out); q.GetReasonCode() != uint32(messages.RejectPegOutLimit) {
		t.Errorf("quote %v", q)
	}
	if list := banktest.Ask(b, "pegouts", nil, new(walletwire.PegOuts)).GetPending(); len(list) != wallet.MaxPending || b.Summary().GetPending() != wallet.MaxPending {
		t.Errorf("%d pending", len(list))
	}
	claim, _ = b.Claim(deposits[0]) // deposits go on
	b.Accepted(claim)
	b.Settle(nil)
	b.Broadcast()
	b.Mine(1 + banktest.FinalityDelay)
	b.Accepted(last) // the refusal was for now
}

// In Fedimint nothing but an unknown discrete logarithm kept the change of a withdrawal from being claimed as a deposit.
func TestV13ChangeIsNoDeposit(t *testing.T) {
	b := banktest.New(t, banktest.Config{})
	notes := b.Fund(200_000)
	tx, _ := b.PegOut(notes, wallet.PegOut{Address: home, Sats: 50_000, MaxFeeSats: 5000})
	b.Accepted(tx)
	unsigned := pendingID(t, b)
	marked := func(id chainhash.Hash, index byte) (there bool) {
		b.View(0, wallet.Kind, func(r storage.Reader) {
			there = r.Get(append(append([]byte{'c'}, id[:]...), 0, 0, 0, index)) != nil
		})
		return there
	}
	if !marked(unsigned, 1) || marked(unsigned, 0) {
		t.Error("not just the change is in the claimed set, from the acceptance on")
	}
	b.Settle(nil)
	b.Broadcast()
	b.Mine(1 + banktest.FinalityDelay)
	if !marked(unsigned, 1) {
		t.Error("the change left the claimed set when it was buried")
	}
	// Whoever knows a key for its script has a sound proof. The mark alone stops him:
	// here on a deposit whose key is known.
	d := b.Pay(60_000)
	b.Mine(1 + banktest.FinalityDelay)
	for _, m := range b.Members {
		err := m.Store.Update(func(tx storage.Tx) error {
			id := d.At.Hash
			storage.Scoped(tx, transition.ModuleScope(wallet.Kind)).Put(append(append([]byte{'c'}, id[:]...), 0, 0, 0, byte(d.At.Index)), []byte{1})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	claim, _ := b.Claim(d)
	refusedWith(t, b, claim, messages.RejectPegInClaimed)
}

// pendingID is the bitcoin txid of the one peg-out that waits.
func pendingID(t *testing.T, b *banktest.Bank) chainhash.Hash {
	t.Helper()
	list := banktest.Ask(b, "pegouts", nil, new(walletwire.PegOuts)).GetPending()
	if len(list) != 1 {
		t.Fatalf("%d peg-outs wait", len(list))
	}
	return chainhash.Hash(list[0].GetTxid())
}
