package wallet_test

import (
	"math"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

var home = recipient(&chaincfg.SimNetParams)

func funded(t *testing.T, deposits ...int64) *federation {
	f := newFederation(t)
	f.run(nil)
	for _, sats := range deposits {
		f.deposit(1, sats)
	}
	return f
}

// What bitcoin would not relay and what is no address of the network is refused
// with its reason, before it touches any state.
func TestStatelessRefusalsOfPegOuts(t *testing.T) {
	main := &chaincfg.MainNetParams
	p2pkh, _ := btcutil.NewAddressPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	p2sh, _ := btcutil.NewAddressScriptHashFromHash(make([]byte, 20), &chaincfg.SimNetParams)
	p2wsh, _ := btcutil.NewAddressWitnessScriptHash(make([]byte, 32), &chaincfg.SimNetParams)
	p2tr, _ := btcutil.NewAddressTaproot(make([]byte, 32), &chaincfg.SimNetParams)
	f := newFederation(t)
	for _, c := range []struct {
		name string
		out  wallet.PegOut
		code messages.RejectionCode
	}{
		{"P2WPKH dust", wallet.PegOut{Address: home, Sats: 293}, messages.RejectDust},
		{"P2WPKH", wallet.PegOut{Address: home, Sats: 294}, 0},
		{"P2PKH dust", wallet.PegOut{Address: p2pkh.EncodeAddress(), Sats: 545}, messages.RejectDust},
		{"P2PKH", wallet.PegOut{Address: p2pkh.EncodeAddress(), Sats: 546}, 0},
		{"P2SH dust", wallet.PegOut{Address: p2sh.EncodeAddress(), Sats: 539}, messages.RejectDust},
		{"P2SH", wallet.PegOut{Address: p2sh.EncodeAddress(), Sats: 540}, 0},
		{"P2WSH dust", wallet.PegOut{Address: p2wsh.EncodeAddress(), Sats: 329}, messages.RejectDust},
		{"P2WSH", wallet.PegOut{Address: p2wsh.EncodeAddress(), Sats: 330}, 0},
		{"P2TR dust", wallet.PegOut{Address: p2tr.EncodeAddress(), Sats: 329}, messages.RejectDust},
		{"P2TR", wallet.PegOut{Address: p2tr.EncodeAddress(), Sats: 330}, 0},
		{"nothing", wallet.PegOut{Address: home}, messages.RejectDust},
		{"no address", wallet.PegOut{Sats: 1000}, messages.RejectAddress},
		{"noise", wallet.PegOut{Address: "somewhere", Sats: 1000}, messages.RejectAddress},
		{"mainnet segwit", wallet.PegOut{Address: recipient(main), Sats: 1000}, messages.RejectAddress},
		{"mainnet base58", wallet.PegOut{Address: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", Sats: 1000}, messages.RejectAddress},
		{"upper case", wallet.PegOut{Address: strings.ToUpper(home), Sats: 1000}, messages.RejectAddress},
		{"public key", wallet.PegOut{Address: "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", Sats: 1000}, messages.RejectAddress},
		{"more than exists", wallet.PegOut{Address: home, Sats: 21_000_001 * 100_000_000}, messages.RejectAmountOverflow},
		{"wraps", wallet.PegOut{Address: home, Sats: 1000, MaxFeeSats: math.MaxUint64}, messages.RejectAmountOverflow},
		{"sum wraps", wallet.PegOut{Address: home, Sats: 21_000_000 * 100_000_000, MaxFeeSats: 1}, messages.RejectAmountOverflow},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := f.check(contract.Items{Outputs: [][]byte{c.out.Bytes()}})
			if c.code == 0 {
				if v.Rejection != nil {
					t.Error(v.Rejection)
				}
				return
			}
			if v.Rejection == nil || v.Rejection.Code != c.code || !v.Rejection.Final {
				t.Errorf("%v, want final rejection %d", v.Rejection, c.code)
			}
			if q := f.quote(c.out); q.GetReasonCode() == 0 {
				t.Errorf("quote %v", q)
			}
		})
	}
	if v := f.check(contract.Items{Outputs: [][]byte{[]byte("noise")}}); v.Rejection == nil || v.Rejection.Code != messages.RejectMalformed {
		t.Errorf("noise: %v", v.Rejection)
	}
}

// H62: the original multiplied the rate with the weight and paid four times too much.
// The fee is that of virtual bytes, never less than the transaction that results needs
// at the agreed rate, nor more than a few bytes above.
func TestH62FeeIsPerVirtualByte(t *testing.T) {
	f := funded(t, 50_000, 60_000, 70_000)
	for _, sats := range []uint64{40_000, 90_000} {
		out := wallet.PegOut{Address: home, Sats: sats, MaxFeeSats: 20_000}
		if _, _, err := f.withdraw(out); err != nil {
			t.Fatal(err)
		}
	}
	f.run(nil)
	sum := map[wire.OutPoint]int64{}
	for h := uint32(1); h <= f.world.Height(); h++ {
		for _, tx := range f.world.Block(h).Transactions {
			for i, o := range tx.TxOut {
				sum[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = o.Value
			}
		}
	}
	for _, tx := range f.broadcast() {
		fee := -tx.TxOut[0].Value - tx.TxOut[1].Value
		for _, in := range tx.TxIn {
			fee += sum[in.PreviousOutPoint]
		}
		weight := 3*tx.SerializeSizeStripped() + tx.SerializeSize()
		least := int64(2 * ((weight + 3) / 4)) // 2000 sat per 1000 vbytes
		slack := int64(2 * 3 * len(tx.TxIn))   // up to 3 bytes for each of 3 signatures, a quarter of a vbyte each
		if fee < least || fee > least+slack {
			t.Errorf("%d inputs: fee %d for weight %d, want %d to %d", len(tx.TxIn), fee, weight, least, least+slack)
		}
	}
}

// Change below dust goes to the miners only as far as the user declared.
func TestDustChangeIsPaidByTheUserOrNotAtAll(t *testing.T) {
	f := funded(t, 100_000)
	probe := f.quote(wallet.PegOut{Address: home, Sats: 50_000}) // with change
	bare := probe.GetFeeSats() - 2*43                            // without the change output
	out := wallet.PegOut{Address: home, Sats: 100_000 - bare - 200}
	q := f.quote(out)
	if q.GetFeeSats() != bare+200 {
		t.Fatalf("quote of %d sat, want %d", q.GetFeeSats(), bare+200)
	}
	out.MaxFeeSats = q.GetFeeSats() - 1
	_, _, err := f.withdraw(out)
	wantCode(t, err, messages.RejectPegOutFee, false)
	out.MaxFeeSats = q.GetFeeSats()
	at, _, err := f.withdraw(out)
	if err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	txs := f.broadcast()
	if len(txs[0].TxOut) != 1 {
		t.Errorf("%d outputs", len(txs[0].TxOut))
	}
	f.mine(1 + delay)
	if s := f.status(at); s.GetState() != walletwire.PegOutState_PEG_OUT_STATE_BURIED {
		t.Errorf("status %v", s)
	}
	if sum := f.summary(); sum.GetCoins() != 0 || f.env.assets["coins"]+f.env.assets["change"] != 0 {
		t.Errorf("summary %v", sum)
	}
}

// No two payments share a change script.
func TestChangeScriptsDiffer(t *testing.T) {
	f := funded(t, 500_000, 500_000)
	for range 2 {
		if _, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 100_000, MaxFeeSats: 2000}); err != nil {
			t.Fatal(err)
		}
	}
	f.run(nil)
	txs := f.broadcast()
	if string(txs[0].TxOut[1].PkScript) == string(txs[1].TxOut[1].PkScript) {
		t.Error("two payments have the same change script")
	}
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			if in.Sequence != 0xfffffffd {
				t.Errorf("sequence %x cannot be replaced", in.Sequence)
			}
		}
	}
}

// Signatures that no correct member sends, and those that come too late.
func TestSignatureItems(t *testing.T) {
	f := funded(t, 500_000)
	if _, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 100_000, MaxFeeSats: 2000}); err != nil {
		t.Fatal(err)
	}
	of := func(p int) *walletwire.Signatures {
		item := new(walletwire.Item)
		if err := canonical.Unmarshal(f.modules[p].Propose(f.state(), nil)[0], item, 1<<20); err != nil {
			t.Fatal(err)
		}
		return item.GetSignatures()
	}
	send := func(p messages.PeerID, s *walletwire.Signatures) error {
		return f.item(p, canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Signatures{Signatures: s}}))
	}
	sigs := [members]*walletwire.Signatures{of(0), of(1), of(2), of(3)}
	good := sigs[0]
	wantMisbehaviour(t, send(0, &walletwire.Signatures{}))
	wantMisbehaviour(t, send(0, &walletwire.Signatures{Txid: make([]byte, 32), Signatures: good.GetSignatures()}))
	wantMisbehaviour(t, send(0, &walletwire.Signatures{Txid: good.GetTxid()}))
	wantMisbehaviour(t, send(0, &walletwire.Signatures{Txid: good.GetTxid(), Signatures: [][]byte{good.GetSignatures()[0], good.GetSignatures()[0]}}))
	wantMisbehaviour(t, send(0, &walletwire.Signatures{Txid: good.GetTxid(), Signatures: [][]byte{good.GetSignatures()[0][:63]}}))
	wantMisbehaviour(t, send(0, &walletwire.Signatures{Txid: good.GetTxid(), Signatures: [][]byte{make([]byte, 64)}}))
	wantMisbehaviour(t, send(1, good)) // another member's
	if err := send(0, good); err != nil {
		t.Fatal(err)
	}
	wantCode(t, send(0, good), messages.RejectItemWithoutValue, true)
	for p := messages.PeerID(1); p < needed; p++ {
		if err := send(p, sigs[p]); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, send(3, sigs[3]), messages.RejectItemWithoutValue, true)
	f.broadcast()
	f.mine(1 + delay)
	wantCode(t, send(3, sigs[3]), messages.RejectItemWithoutValue, true)
}
