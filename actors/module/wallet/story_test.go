package wallet_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// spoil makes a member sign nonsense.
func spoil(items [][]byte) [][]byte {
	for i, body := range items {
		item := new(walletwire.Item)
		if canonical.Unmarshal(body, item, 1<<20) == nil && item.GetSignatures() != nil {
			item.GetSignatures().GetSignatures()[0][40] ^= 1
			items[i] = canonical.Marshal(item)
		}
	}
	return items
}

// verifyScripts runs bitcoin's own rules over a spend of deposits and change.
func verifyScripts(t *testing.T, tx *wire.MsgTx, spent map[wire.OutPoint]*wire.TxOut) {
	t.Helper()
	prev := txscript.NewMultiPrevOutFetcher(spent)
	hashes := txscript.NewTxSigHashes(tx, prev)
	for i, in := range tx.TxIn {
		out := prev.FetchPrevOutput(in.PreviousOutPoint)
		if out == nil {
			t.Fatalf("input %d spends the unknown %s", i, in.PreviousOutPoint)
		}
		engine, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, prev)
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.Execute(); err != nil {
			t.Errorf("input %d: %v", i, err)
		}
	}
}

// From a deposit to the change of a peg-out that is spent again, with one
// member that signs nonsense and one that says nothing at the decisive moments.
func TestStory(t *testing.T) {
	f := newFederation(t)
	f.run(nil)
	if f.height() != birthday {
		t.Fatalf("agreed height %d, want %d", f.height(), birthday)
	}

	at := f.pay(1, 1_000_000)
	f.world.Mine(1)
	proof := f.proof(1, at)
	_, err := f.claim(proof.Bytes())
	wantCode(t, err, messages.RejectBlockUnknown, false)
	f.world.Mine(delay)
	f.run(map[messages.PeerID]edit{3: silent})
	worth, err := f.claim(proof.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if worth.Amount != 1_000_000*messages.Sat || worth.Fee == 0 || worth.Fee > 1000*messages.Sat {
		t.Errorf("worth %s with a fee of %s", worth.Amount, worth.Fee)
	}
	_, err = f.claim(proof.Bytes())
	wantCode(t, err, messages.RejectPegInClaimed, true)

	out := wallet.PegOut{Address: recipient(&chaincfg.SimNetParams), Sats: 300_000}
	q := f.quote(out)
	if q.GetReasonCode() != 0 || q.GetFeeSats() == 0 || q.GetMaxFeeSats() < q.GetFeeSats() {
		t.Fatalf("quote %v", q)
	}
	out.MaxFeeSats = q.GetMaxFeeSats()
	peg, cost, err := f.withdraw(out)
	if err != nil {
		t.Fatal(err)
	}
	if want := messages.Amount(out.Sats+out.MaxFeeSats) * messages.Sat; cost.Amount != want {
		t.Errorf("cost %s, want %s", cost.Amount, want)
	}
	if s := f.status(peg); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_SIGNING {
		t.Errorf("status %v", s)
	}

	// Member 0 signs nonsense, member 2 nothing: two signatures are not enough.
	f.runEpoch(map[messages.PeerID]edit{0: spoil, 2: silent})
	wantMisbehaviour(t, f.verdict[0][0])
	if n := len(wallet.PendingBroadcasts(f.state())); n != 0 {
		t.Fatalf("%d transactions to broadcast after two signatures", n)
	}
	f.runEpoch(map[messages.PeerID]edit{0: spoil})
	txs := f.broadcast()
	if len(txs) != 1 {
		t.Fatalf("%d transactions to broadcast", len(txs))
	}
	if s := f.status(peg); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BROADCAST || !bytes.Equal(s.GetTxid(), hashOf(txs[0])) {
		t.Errorf("status %v", s)
	}
	deposit := f.world.Block(f.world.Height() - delay).Transactions[1].TxOut[0]
	verifyScripts(t, txs[0], map[wire.OutPoint]*wire.TxOut{at: deposit})
	if n := f.run(nil); n != 0 {
		t.Errorf("%d epochs with nothing to agree on", n)
	}

	// The change is no coin before the burial.
	rest := wallet.PegOut{Address: out.Address, Sats: 600_000, MaxFeeSats: 5000}
	_, _, err = f.withdraw(rest)
	wantCode(t, err, messages.RejectNoFunds, false)
	f.mine(1 + delay)
	if s := f.status(peg); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BURIED || s.GetHeight() != f.height() {
		t.Fatalf("status %v at height %d", s, f.height())
	}
	if n := len(wallet.PendingBroadcasts(f.state())); n != 0 {
		t.Errorf("%d transactions to broadcast after the burial", n)
	}
	sum := f.summary()
	change := uint64(txs[0].TxOut[1].Value)
	if sum.GetCoins() != 1 || sum.GetCoinsSats() != change || sum.GetPending() != 0 || sum.GetChangeSats() != 0 {
		t.Errorf("summary %v, change %d", sum, change)
	}
	if f.env.owed["peg-out-reserve"] != 0 {
		t.Errorf("reserve of %d msat after the burial", f.env.owed["peg-out-reserve"])
	}

	// The change is spent like any coin.
	if _, _, err = f.withdraw(rest); err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	again := f.broadcast()
	verifyScripts(t, again[0], map[wire.OutPoint]*wire.TxOut{
		{Hash: txs[0].TxHash(), Index: 1}: txs[0].TxOut[1],
	})
	f.mine(1 + delay)
	if n := f.run(nil); n != 0 || f.summary().GetPending() != 0 {
		t.Errorf("%d epochs and %v after all is done", n, f.summary())
	}
}

func hashOf(tx *wire.MsgTx) []byte {
	h := tx.TxHash()
	return h[:]
}

// Every subset of n−f members completes a transaction, and each makes another
// valid witness for the same txid.
func TestAnyThresholdOfMembersSigns(t *testing.T) {
	for absent := messages.PeerID(0); absent < members; absent++ {
		f := newFederation(t)
		f.run(nil)
		at := f.deposit(1, 500_000)
		if _, _, err := f.withdraw(wallet.PegOut{Address: recipient(&chaincfg.SimNetParams), Sats: 100_000, MaxFeeSats: 2000}); err != nil {
			t.Fatal(err)
		}
		f.run(map[messages.PeerID]edit{absent: silent})
		txs := f.broadcast()
		if len(txs) != 1 {
			t.Fatalf("without member %d: %d transactions", absent, len(txs))
		}
		verifyScripts(t, txs[0], map[wire.OutPoint]*wire.TxOut{at: f.world.Block(f.world.Height() - delay).Transactions[1].TxOut[0]})
	}
}
