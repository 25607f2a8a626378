package wallet_test

// Attacks that were tried and held.

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/fake"
	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// Two outputs of one transaction to one address are two deposits, each once.
func TestTwoOutputsOfOneTransaction(t *testing.T) {
	f := funded(t)
	address, err := pegin.Address(f.observer().Descriptor(), tweakKey(1))
	if err != nil {
		t.Fatal(err)
	}
	script, _ := txscript.PayToAddrScript(address)
	from := f.world.Pay([]byte{txscript.OP_TRUE, txscript.OP_NOP}, 100_000)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: from})
	tx.AddTxOut(wire.NewTxOut(40_000, script))
	tx.AddTxOut(wire.NewTxOut(40_000, script))
	tx.AddTxOut(wire.NewTxOut(10_000, append(bytes.Clone(script), txscript.OP_NOP))) // script with more in it
	if err := f.world.Broadcast(tx); err != nil {
		t.Fatal(err)
	}
	f.mine(1 + delay)
	for i := range uint32(2) {
		body := f.proof(1, wire.OutPoint{Hash: tx.TxHash(), Index: i}).Bytes()
		if _, err := f.claim(body); err != nil {
			t.Error(err)
		}
		_, err := f.claim(body)
		wantCode(t, err, messages.RejectPegInClaimed, true)
	}
	_, err = pegin.Build(f.observer().Descriptor(), f.world.Block(f.height()), wire.OutPoint{Hash: tx.TxHash(), Index: 2}, tweakKey(1))
	wantCode(t, err, messages.RejectPegInProof, true)
}

// A deposit whose block was orphaned before it was agreed counts where it was
// mined again, once, and a proof in the lost block never.
func TestDepositOfAnOrphanedBlock(t *testing.T) {
	f := funded(t)
	at := f.pay(1, 50_000)
	f.world.Mine(1)
	lost := f.proof(1, at).Bytes()
	f.world.Reorg(1, 2)
	again := f.proof(1, at).Bytes()
	if bytes.Equal(lost, again) {
		t.Fatal("no reorganisation")
	}
	f.mine(delay)
	_, err := f.claim(lost)
	wantCode(t, err, messages.RejectBlockUnknown, false)
	if _, err := f.claim(again); err != nil {
		t.Fatal(err)
	}
	_, err = f.claim(lost)
	wantCode(t, err, messages.RejectBlockUnknown, false)
}

// H22, H26: votes for heights that nobody has are faults, also around the ends of
// the numbers.
func TestAbsurdHeights(t *testing.T) {
	f := funded(t)
	base, _ := f.observer().AgreedTip(f.state())
	hash := bytes.Repeat([]byte{5}, 32)
	for _, height := range []uint32{base + 1, base + 8, 1 << 31, 1<<32 - 9, 1<<32 - 1, 0, 1} {
		for _, blocks := range []int{0, 1, 8} {
			o := &walletwire.Observation{BaseHeight: height, BaseHash: hash}
			for range blocks {
				o.NextHashes = append(o.NextHashes, hash)
			}
			wantMisbehaviour(t, f.item(3, observation(o)))
		}
	}
	if f.height() != base {
		t.Errorf("height %d", f.height())
	}
}

// With all members at different heights, the agreed one is that which n−f have.
func TestMembersAtDifferentHeights(t *testing.T) {
	f := newFederation(t)
	f.world.Mine(12)
	for i, n := range f.nodes {
		n.SetLag(uint32(3 * i))
	}
	f.run(nil)
	if want := f.world.Height() - delay - 3*(needed-1); f.height() != want {
		t.Errorf("height %d, want %d", f.height(), want)
	}
}

// f members that vote for another branch decide nothing, whatever they repeat.
func TestLiarVotesForAFork(t *testing.T) {
	f := funded(t)
	for n := range 4 {
		f.world.Mine(1)
		o := f.next(1)
		o.NextHashes[0] = bytes.Repeat([]byte{byte(9 + n)}, 32)
		if err := f.item(3, observation(o)); err != nil {
			t.Fatal(err)
		}
		f.run(map[messages.PeerID]edit{3: silent})
		if want := f.world.Height() - delay; f.height() != want || f.summary().GetDepositsFrozen() {
			t.Fatalf("height %d, want %d", f.height(), want)
		}
	}
}

// Signatures in their second form (high s), of other inputs, and of other
// members are refused; the witness is the same bytes at all members.
func TestMalleatedSignatures(t *testing.T) {
	f := funded(t, 40_000, 40_000)
	if _, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 60_000, MaxFeeSats: 5000}); err != nil {
		t.Fatal(err)
	}
	item := new(walletwire.Item)
	if err := canonical.Unmarshal(f.modules[3].Propose(f.state(), nil)[0], item, 1<<20); err != nil {
		t.Fatal(err)
	}
	good := item.GetSignatures()
	id, a, b := good.GetTxid(), good.GetSignatures()[0], good.GetSignatures()[1]
	var s btcec.ModNScalar
	s.SetByteSlice(a[32:])
	s.Negate()
	high := s.Bytes()
	for name, sigs := range map[string][][]byte{
		"high s": {append(bytes.Clone(a[:32]), high[:]...), b}, "swapped": {b, a}, "one for both": {a, a}, "three": {a, b, b},
		"r of zeros": {append(make([]byte, 32), a[32:]...), b}, "r beyond the order": {append(bytes.Repeat([]byte{255}, 32), a[32:]...), b},
	} {
		t.Log(name)
		wantMisbehaviour(t, f.item(3, signatures(id, sigs...)))
	}
	wantMisbehaviour(t, f.item(2, signatures(id, a, b)))
	if err := f.item(3, signatures(id, a, b)); err != nil {
		t.Error(err)
	}
}

// Addresses that bitcoin may one day give a meaning, and none that it has.
func TestAddressesOfUnknownKinds(t *testing.T) {
	f := newFederation(t)
	encode := func(version byte, program []byte, how func(string, []byte) (string, error)) string {
		data, err := bech32.ConvertBits(program, 8, 5, true)
		if err != nil {
			t.Fatal(err)
		}
		text, err := how("sb", append([]byte{version}, data...))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, address := range map[string]string{
		"version 2":                  encode(2, make([]byte, 32), bech32.EncodeM),
		"version 16":                 encode(16, make([]byte, 40), bech32.EncodeM),
		"version 1 of 2 bytes":       encode(1, []byte{0x4e, 0x73}, bech32.EncodeM),
		"version 1 with old check":   encode(1, make([]byte, 32), bech32.Encode),
		"version 0 with new check":   encode(0, make([]byte, 20), bech32.EncodeM),
		"version 0 of 31 bytes":      encode(0, make([]byte, 31), bech32.Encode),
		"version 17":                 encode(17, make([]byte, 32), bech32.EncodeM),
		"no text":                    "\x00",
		"ninety characters":          home + home,
		"spaces":                     " " + home,
		"hexadecimal null data":      "6a",
		"uncompressed public key":    "04" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
		"testnet with the same form": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
	} {
		v := f.check(contract.Items{Outputs: [][]byte{wallet.PegOut{Address: address, Sats: 10_000, MaxFeeSats: 1000}.Bytes()}})
		if v.Rejection == nil || v.Rejection.Code != messages.RejectAddress {
			t.Errorf("%s: %v", name, v.Rejection)
		}
	}
}

// A huge declared fee is paid by the user, and comes to the federation: the real
// fee does not follow it.
func TestHugeDeclaredFee(t *testing.T) {
	f := funded(t, 4_000_000_000)
	need := f.quote(wallet.PegOut{Address: home, Sats: 1000}).GetFeeSats()
	if _, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 1000, MaxFeeSats: 3_000_000_000}); err != nil {
		t.Fatal(err)
	}
	f.run(nil)
	tx := f.broadcast()[0]
	if paid := 4_000_000_000 - uint64(tx.TxOut[0].Value+tx.TxOut[1].Value); paid != need {
		t.Errorf("fee %d, want %d", paid, need)
	}
	f.mine(1 + delay)
	if got := f.env.owed["surplus"]; got != int64(3_000_000_000-need)*1000 {
		t.Errorf("surplus %d", got)
	}
}

// Fees that rise after the quote make a refusal for now, never a loss; and what
// is accepted pays the rate of that moment.
func TestFeeSpikeBetweenQuoteAndAcceptance(t *testing.T) {
	f := funded(t, 1_000_000)
	out := wallet.PegOut{Address: home, Sats: 100_000}
	out.MaxFeeSats = f.quote(out).GetMaxFeeSats()
	f.world.SetFeeRate(90_000)
	f.run(nil)
	_, _, err := f.withdraw(out)
	wantCode(t, err, messages.RejectPegOutFee, false)
	f.world.SetFeeRate(2000)
	f.run(nil)
	if _, _, err := f.withdraw(out); err != nil {
		t.Error(err)
	}
}

// More coins than one transaction may spend: what 128 do not cover is refused.
func TestCoinsAreExhausted(t *testing.T) {
	f := funded(t)
	f.many(130, 1000)
	_, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 95_000, MaxFeeSats: 35_000})
	wantCode(t, err, messages.RejectNoFunds, false)
	if _, _, err := f.withdraw(wallet.PegOut{Address: home, Sats: 94_000, MaxFeeSats: 35_000}); err != nil {
		t.Error(err)
	}
	f.run(nil)
	if tx := f.broadcast()[0]; len(tx.TxIn) > 128 || len(tx.TxIn) < 127 {
		t.Errorf("%d inputs", len(tx.TxIn))
	}
}

// Whatever the node said last is proposed without blame, also if the federation
// has gone on since, and comes to rest.
func TestStaleReportsAreHarmless(t *testing.T) {
	f := funded(t)
	var reports [][]byte
	other := (*fake.Chain)(nil)
	for n := range 6 {
		reports = append(reports, f.see(f.nodes[0]))
		f.world.Mine(2)
		reports = append(reports, f.see(f.nodes[0]))
		if n == 2 {
			other = f.world.Fork()
			other.Reorg(4, 6)
			f.nodes[0].Follow(other)
			reports = append(reports, f.see(f.nodes[0]))
			f.nodes[0].Follow(f.world)
		}
		f.run(map[messages.PeerID]edit{0: silent})
		for _, report := range reports {
			for again := 0; ; again++ {
				items := f.modules[0].Propose(f.state(), report)
				if len(items) == 0 {
					break
				}
				f.epoch++
				if again == 3 {
					t.Fatal("an old report is proposed for ever")
				}
				for _, body := range items {
					if err := f.item(0, body); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}
