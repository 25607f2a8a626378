package transaction_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

func key(t *testing.T, hexadecimal string) (out [32]byte) {
	t.Helper()
	b, err := hex.DecodeString(hexadecimal)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q: %v", hexadecimal, err)
	}
	return [32]byte(b)
}

func codeOf(t *testing.T, err error) messages.RejectionCode {
	t.Helper()
	if err == nil {
		return 0
	}
	var r *messages.Rejection
	if !errors.As(err, &r) {
		t.Fatalf("untyped: %v", err)
	}
	return r.Code
}

// In the original transactions without inputs were accepted, stored and kept, and nobody paid for them.
func TestH11NothingIsFree(t *testing.T) {
	for _, d := range []transaction.Draft{
		{},
		{Fee: 1},
		{Outputs: []transaction.Item{{Kind: "offers", Body: []byte("free state")}}},
	} {
		if _, err := transaction.Build(d, nil); codeOf(t, err) != messages.RejectMalformed {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// The original's decoders allocated for any count that the bytes named: here a message costs no more than its size.
func TestH29EmptyItemsCostNoMemory(t *testing.T) {
	bomb := bytes.Repeat([]byte{0x0a, 0x00}, transaction.MaxSize/2)
	if n := testing.AllocsPerRun(3, func() { _, _ = transaction.Decode(bomb) }); n > 100 {
		t.Errorf("refusing %d bytes takes %v allocations", len(bomb), n)
	}
}

// A key must be the x coordinate of a point, below the field's prime; two forms
// of one key would be two nonces of one note.
func TestBadKeys(t *testing.T) {
	owners, keys := secrets(3, 4)
	tx := build(t, draft(2), owners)
	for name, bad := range map[string][32]byte{
		"zero":             {},
		"no point":         key(t, "EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34"), // of the vectors of BIP 340
		"the prime":        key(t, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F"),
		"beyond the prime": key(t, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC30"),
		"all ones":         key(t, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
	} {
		for i := range keys {
			list := append([][32]byte(nil), keys...)
			list[i] = bad
			if err := transaction.VerifySignature(tx, federation, list); codeOf(t, err) != messages.RejectSignature {
				t.Errorf("%s as key %d: %v", name, i, err)
			}
		}
	}
}

// The signature has one form, and signs exactly these keys in this order, this
// transaction and this federation.
func TestSignatureIsNotMalleable(t *testing.T) {
	owners, keys := secrets(3, 4, 3)
	d := draft(3)
	tx := build(t, d, owners)
	with := func(sig []byte) error {
		other, err := transaction.Build(d, sig)
		if err != nil {
			return err
		}
		if other.WitnessID() == tx.WitnessID() {
			t.Errorf("signature %x has the same witness id", sig)
		}
		return transaction.VerifySignature(other, federation, keys)
	}
	order, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)
	negated := append([]byte(nil), tx.Signature()...)
	new(big.Int).Sub(order, new(big.Int).SetBytes(negated[32:])).FillBytes(negated[32:])
	prime := append(bytes.Repeat([]byte{0xff}, 32), tx.Signature()[32:]...)
	for name, sig := range map[string][]byte{"s negated": negated, "r beyond the prime": prime, "zero": make([]byte, 64)} {
		if err := with(sig); codeOf(t, err) != messages.RejectSignature {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 512 {
		sig := append([]byte(nil), tx.Signature()...)
		sig[i/8] ^= 1 << (i % 8)
		if i%37 == 0 && codeOf(t, with(sig)) != messages.RejectSignature {
			t.Errorf("bit %d changed: accepted", i)
		}
	}
	for name, list := range map[string][][32]byte{
		"another order": {keys[1], keys[0], keys[2]}, "one key less": keys[:2], "one key more": {keys[0], keys[1], keys[2], keys[0]}, "first only": keys[:1],
	} {
		if err := transaction.VerifySignature(tx, federation, list); codeOf(t, err) != messages.RejectSignature {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A signature under one federation is nothing in another, also if it signed the
// bare id.
func TestNoReplayInAnotherFederation(t *testing.T) {
	owners, keys := secrets(3)
	d := draft(1)
	tx := build(t, d, owners)
	if err := transaction.VerifySignature(tx, messages.FederationID{2}, keys); codeOf(t, err) != messages.RejectSignature {
		t.Errorf("replayed: %v", err)
	}
	id := d.ID()
	sig, err := schnorr.Sign(owners[0], id[:])
	if err != nil {
		t.Fatal(err)
	}
	bare, err := transaction.Build(d, sig.Serialize())
	if err != nil {
		t.Fatal(err)
	}
	if err := transaction.VerifySignature(bare, federation, keys); codeOf(t, err) != messages.RejectSignature {
		t.Errorf("bare id: %v", err)
	}
}

// Whoever owns all keys but one signs nothing, whatever he makes of his own:
// secrets that are negated, doubled, or all the same.
func TestNoKeyCanBeLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owners, keys := secrets(rapid.SliceOfNDistinct(rapid.ByteRange(1, 30), 2, 5, rapid.ID[byte]).Draw(t, "seeds")...)
		without := rapid.IntRange(0, len(owners)-1).Draw(t, "victim")
		mine := append([]*btcec.PrivateKey(nil), owners...)
		mine[without] = owners[(without+1)%len(owners)] // signs twice instead
		tx := build(t, draft(len(owners)), mine)
		if err := transaction.VerifySignature(tx, federation, keys); err == nil {
			t.Fatal("signed without a key")
		}
	})
}

// Every change of what a transaction does changes its id: nobody re-routes money
// under a signature that he saw.
func TestIDCoversEverything(t *testing.T) {
	d := draft(2)
	d.Outputs = append(d.Outputs, transaction.Item{Kind: "wallet", Body: []byte("a")})
	seen := map[messages.TxID]string{d.ID(): "itself"}
	for name, change := range map[string]func(*transaction.Draft){
		"fee":          func(d *transaction.Draft) { d.Fee++ },
		"input body":   func(d *transaction.Draft) { d.Inputs[0].Body = []byte{9} },
		"input kind":   func(d *transaction.Draft) { d.Inputs[0].Kind = "mint2" },
		"output body":  func(d *transaction.Draft) { d.Outputs[0].Body = []byte{9} },
		"output order": func(d *transaction.Draft) { d.Outputs[0], d.Outputs[1] = d.Outputs[1], d.Outputs[0] },
		"input order":  func(d *transaction.Draft) { d.Inputs[0], d.Inputs[1] = d.Inputs[1], d.Inputs[0] },
		"input to output": func(d *transaction.Draft) {
			d.Outputs = append([]transaction.Item{d.Inputs[1]}, d.Outputs...)
			d.Inputs = d.Inputs[:1]
		},
		"one output less":   func(d *transaction.Draft) { d.Outputs = d.Outputs[:1] },
		"kind into body":    func(d *transaction.Draft) { d.Outputs[1] = transaction.Item{Kind: "wallet-a"} },
		"an empty output":   func(d *transaction.Draft) { d.Outputs = append(d.Outputs, transaction.Item{Kind: "m"}) },
		"the same and more": func(d *transaction.Draft) { d.Inputs = append(d.Inputs, d.Inputs[0]) },
	} {
		other := transaction.Draft{Fee: d.Fee, Inputs: append([]transaction.Item(nil), d.Inputs...), Outputs: append([]transaction.Item(nil), d.Outputs...)}
		change(&other)
		if before, ok := seen[other.ID()]; ok {
			t.Errorf("%s has the id of %s", name, before)
		}
		seen[other.ID()] = name
	}
}

// What a transaction hands out does not alias what it was decoded from.
func TestDecodeCopies(t *testing.T) {
	owners, _ := secrets(3)
	b := append([]byte(nil), build(t, draft(1), owners).Bytes()...)
	tx, err := transaction.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	id := tx.ID()
	for i := range b {
		b[i] = 0xff
	}
	again, err := transaction.Decode(tx.Bytes())
	if err != nil || again.ID() != id || !bytes.Equal(again.Signature(), tx.Signature()) || !bytes.Equal(tx.Inputs()[0].Body, []byte{0}) {
		t.Errorf("changed with its source: %v", err)
	}
}

// Every refusal of noise is typed and fits the wire.
func TestRefusalsFitTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &wire.Transaction{
			Inputs:    []*wire.ModuleItem{{Kind: rapid.StringN(0, 60, 200).Draw(t, "kind"), Body: []byte{1}}},
			FeeMsat:   rapid.Uint64().Draw(t, "fee"),
			Signature: rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "signature"),
		}
		b := canonical.Marshal(w)
		if rapid.Bool().Draw(t, "damage") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 + rapid.ByteMax(254).Draw(t, "xor")
		}
		_, err := transaction.Decode(b)
		if err == nil {
			return
		}
		var r *messages.Rejection
		if !errors.As(err, &r) || !r.Final || r.Code == 0 {
			t.Fatalf("untyped: %v", err)
		}
		canonical.Marshal(&wire.Rejected{Code: uint32(r.Code), Text: r.Text})
	})
}
