package pegin

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/proto"

	"minimint/actors/chain/fake"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages"
	"minimint/messages/canonical"
)

func secret(seed byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{seed}, 32))
	return k
}

var user = [32]byte(schnorr.SerializePubKey(secret(50).PubKey()))

func lock(t testing.TB) *descriptor.Descriptor {
	cfg := descriptor.Config{Federation: messages.FederationID{1}, Network: &chaincfg.SimNetParams, Threshold: 3}
	for i := range 4 {
		cfg.Keys = append(cfg.Keys, secret(byte(1+i)).PubKey())
	}
	d, err := descriptor.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// deposits returns a block with payments of these values to the user's address.
func deposits(t testing.TB, d *descriptor.Descriptor, sats ...int64) (*wire.MsgBlock, []wire.OutPoint) {
	address, err := Address(d, user)
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		t.Fatal(err)
	}
	world := fake.New(&chaincfg.SimNetParams)
	world.Mine(2)
	var at []wire.OutPoint
	for _, s := range sats {
		at = append(at, world.Pay(script, s))
	}
	world.Mine(1)
	return world.Block(3), at
}

func TestBuildFindDecode(t *testing.T) {
	d := lock(t)
	block, at := deposits(t, d, 1000, 2000, 3000)
	found, err := Find(d, block, user)
	if err != nil || len(found) != 3 {
		t.Fatalf("found %v, %v", found, err)
	}
	for i, o := range at {
		p, err := Build(d, block, o, user)
		if err != nil {
			t.Fatal(err)
		}
		if p.OutPoint() != o || p.Amount() != messages.Amount(1000*(i+1))*messages.Sat || p.Key() != user ||
			p.Block() != block.BlockHash() || p.Coinbase() || p.Contract() != d.Deposit(user) {
			t.Errorf("%+v", p)
		}
		again, err := Decode(d, p.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), p.Bytes()) {
			t.Errorf("%v", err)
		}
	}
	if _, err := Build(d, block, wire.OutPoint{Index: 1}, user); err == nil {
		t.Error("a proof of a transaction that is not there")
	}
	if _, err := Build(d, block, wire.OutPoint{Hash: at[0].Hash, Index: 1}, user); err == nil {
		t.Error("a proof of the treasury's change")
	}
}

// In the original no decoder called the check of a proof: here bytes become one only through all of it.
func TestH6EveryPartIsChecked(t *testing.T) {
	d := lock(t)
	block, at := deposits(t, d, 1000, 2000, 3000)
	p, err := Build(d, block, at[1], user)
	if err != nil {
		t.Fatal(err)
	}
	sound := new(walletwire.PegInProof)
	if err := canonical.Unmarshal(p.Bytes(), sound, MaxSize); err != nil {
		t.Fatal(err)
	}
	foreign := wire.NewMsgTx(2)
	foreign.AddTxIn(&wire.TxIn{})
	foreign.AddTxOut(block.Transactions[2].TxOut[0])
	var foreignRaw bytes.Buffer
	if err := foreign.SerializeNoWitness(&foreignRaw); err != nil {
		t.Fatal(err)
	}
	stranger := schnorr.SerializePubKey(secret(51).PubKey())
	for name, change := range map[string]func(*walletwire.PegInProof){
		"version":             func(w *walletwire.PegInProof) { w.LockVersion = 2 },
		"no version":          func(w *walletwire.PegInProof) { w.LockVersion = 0 },
		"no inclusion":        func(w *walletwire.PegInProof) { w.Inclusion = nil },
		"another transaction": func(w *walletwire.PegInProof) { w.Transaction = foreignRaw.Bytes() },
		"no transaction":      func(w *walletwire.PegInProof) { w.Transaction = nil },
		"value":               func(w *walletwire.PegInProof) { w.Transaction[47] ^= 1 },
		"another index":       func(w *walletwire.PegInProof) { w.Inclusion.Index ^= 1 },
		"output out of range": func(w *walletwire.PegInProof) { w.Output = 7 },
		"output of others":    func(w *walletwire.PegInProof) { w.Output = 1 },
		"key of others":       func(w *walletwire.PegInProof) { w.TweakKey = stranger },
		"no key":              func(w *walletwire.PegInProof) { w.TweakKey = nil },
		"no point":            func(w *walletwire.PegInProof) { w.TweakKey = bytes.Repeat([]byte{0xff}, 32) },
		"header":              func(w *walletwire.PegInProof) { w.Inclusion.Header[37] ^= 1 },
	} {
		w := proto.CloneOf(sound)
		change(w)
		_, err := Decode(d, canonical.Marshal(w))
		var r *messages.Rejection
		if !errors.As(err, &r) || r.Code != messages.RejectPegInProof || !r.Final {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"noise": []byte("noise"), "trailing": append(bytes.Clone(p.Bytes()), 0)} {
		var r *messages.Rejection
		if _, err := Decode(d, b); !errors.As(err, &r) || r.Code != messages.RejectMalformed {
			t.Errorf("%s: error %v", name, err)
		}
	}
	var r *messages.Rejection
	if _, err := Decode(d, make([]byte, MaxSize+1)); !errors.As(err, &r) || r.Code != messages.RejectTooLarge {
		t.Errorf("too large: error %v", err)
	}
}

// The range of values, with blocks that no bitcoin node would take.
func TestValueRange(t *testing.T) {
	d := lock(t)
	for _, c := range []struct {
		sats int64
		ok   bool
	}{{-1, false}, {0, false}, {1, true}, {21_000_000 * 100_000_000, true}, {21_000_000*100_000_000 + 1, false}, {1 << 62, false}} {
		address, _ := Address(d, user)
		script, _ := txscript.PayToAddrScript(address)
		world := fake.New(&chaincfg.SimNetParams)
		world.MineTo(script, 1)
		block := world.Block(1)
		block.Transactions[0].TxOut[0].Value = c.sats
		block.Header.MerkleRoot = block.Transactions[0].TxHash()
		_, err := Build(d, block, wire.OutPoint{Hash: block.Transactions[0].TxHash()}, user)
		if (err == nil) != c.ok {
			t.Errorf("%d sat: %v", c.sats, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	d := lock(f)
	block, at := deposits(f, d, 1000, 2000)
	p, err := Build(d, block, at[0], user)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(d, b)
		if err != nil {
			var r *messages.Rejection
			if !errors.As(err, &r) || p != nil {
				t.Errorf("%v", err)
			}
			return
		}
		if !bytes.Equal(p.Bytes(), b) || p.Amount() == 0 || p.Amount() > messages.MaxAmount {
			t.Errorf("%+v", p)
		}
	})
}
