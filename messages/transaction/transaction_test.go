package transaction_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
	"minimint/messages/wire"
)

var federation = messages.FederationID{1}

func secrets(seeds ...byte) (out []*btcec.PrivateKey, keys [][32]byte) {
	for _, s := range seeds {
		secret, public := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{s}, 32))
		out = append(out, secret)
		keys = append(keys, [32]byte(schnorr.SerializePubKey(public)))
	}
	return out, keys
}

func draft(inputs int) transaction.Draft {
	d := transaction.Draft{Fee: 7, Outputs: []transaction.Item{{Kind: "mint", Body: []byte("out")}}}
	for i := range inputs {
		d.Inputs = append(d.Inputs, transaction.Item{Kind: "mint", Body: []byte{byte(i)}})
	}
	return d
}

func build(t interface{ Fatal(...any) }, d transaction.Draft, owners []*btcec.PrivateKey) *transaction.Transaction {
	sig, err := transaction.Sign(d, federation, owners)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := transaction.Build(d, sig)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// SignVerify: whatever keys sign, also the same key twice or of odd y, the one
// signature verifies, and only with these keys in this order.
func TestSignVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seeds := rapid.SliceOfN(rapid.ByteRange(1, 20), 1, 6).Draw(t, "seeds")
		owners, keys := secrets(seeds...)
		tx := build(t, draft(len(owners)), owners)
		if err := transaction.VerifySignature(tx, federation, keys); err != nil {
			t.Fatal(err)
		}
		_, foreign := secrets(21)
		if err := transaction.VerifySignature(tx, federation, append(foreign, keys[1:]...)); err == nil {
			t.Fatal("verifies with another key")
		}
		if err := transaction.VerifySignature(tx, messages.FederationID{2}, keys); err == nil {
			t.Fatal("verifies in another federation")
		}
	})
}

// Plain summing of keys would let the owner of one key choose it as his key
// minus the victim's, and sign for both.
func TestRogueKey(t *testing.T) {
	owners, keys := secrets(3, 4)
	victim, err := schnorr.ParsePubKey(keys[0][:])
	if err != nil {
		t.Fatal(err)
	}
	var v, mine, sum btcec.JacobianPoint
	victim.AsJacobian(&v)
	v.Y.Negate(1).Normalize()
	owners[1].PubKey().AsJacobian(&mine)
	btcec.AddNonConst(&v, &mine, &sum)
	sum.ToAffine()
	rogue := btcec.NewPublicKey(&sum.X, &sum.Y)
	tx := build(t, draft(2), owners[1:])
	list := [][32]byte{keys[0], [32]byte(schnorr.SerializePubKey(rogue))}
	if err := transaction.VerifySignature(tx, federation, list); err == nil {
		t.Fatal("the rogue key signed for the victim")
	}
}

func TestSignatureRules(t *testing.T) {
	owners, keys := secrets(3)
	signed, unsigned := build(t, draft(1), owners), build(t, draft(1), nil)
	for _, c := range []struct {
		name string
		tx   *transaction.Transaction
		keys [][32]byte
		ok   bool
	}{
		{"signed", signed, keys, true},
		{"unsigned", unsigned, keys, false},
		{"no keys, no signature", unsigned, nil, true},
		{"no keys, but a signature", signed, nil, false},
		{"a key that is no point", signed, [][32]byte{{31: 0xff, 0: 0xff}}, false},
	} {
		err := transaction.VerifySignature(c.tx, federation, c.keys)
		var r *messages.Rejection
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &r) || r.Code != messages.RejectSignature) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Frozen: ids are part of agreed state.
func TestFrozenIDs(t *testing.T) {
	owners, _ := secrets(3)
	tx := build(t, draft(1), owners)
	if got := tx.ID().String(); got != frozenID {
		t.Errorf("id %s, want %s", got, frozenID)
	}
	digest := transaction.SigningDigest(federation, tx.ID())
	if got := hex.EncodeToString(digest[:]); got != frozenDigest {
		t.Errorf("signing digest %s, want %s", got, frozenDigest)
	}
	twin, err := transaction.Build(draft(1), make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	if twin.ID() != tx.ID() || twin.WitnessID() == tx.WitnessID() {
		t.Error("the id must leave the signature out, the witness id must have it")
	}
}

func TestDecodeRefuses(t *testing.T) {
	many, far := &wire.Transaction{}, &wire.Transaction{}
	for range transaction.MaxItems + 1 {
		many.Inputs = append(many.Inputs, &wire.ModuleItem{Kind: "m"})
	}
	for range 1 << 15 {
		far.Outputs = append(far.Outputs, &wire.ModuleItem{})
	}
	input := []*wire.ModuleItem{{Kind: "m"}}
	for _, c := range []struct {
		name string
		w    *wire.Transaction
		want messages.RejectionCode
	}{
		{"nothing", &wire.Transaction{}, messages.RejectMalformed},
		{"only outputs", &wire.Transaction{Outputs: input}, messages.RejectMalformed},
		{"too many items", many, messages.RejectTooLarge},
		{"far too many items", far, messages.RejectTooLarge},
		{"signature of 63 bytes", &wire.Transaction{Inputs: input, Signature: make([]byte, 63)}, messages.RejectMalformed},
		{"fee beyond all money", &wire.Transaction{Inputs: input, FeeMsat: uint64(messages.MaxAmount) + 1}, messages.RejectAmountOverflow},
		{"bad kind", &wire.Transaction{Inputs: []*wire.ModuleItem{{Kind: "M"}}}, messages.RejectMalformed},
		{"no kind", &wire.Transaction{Inputs: input, Outputs: []*wire.ModuleItem{{Body: []byte{1}}}}, messages.RejectMalformed},
		{"long item", &wire.Transaction{Inputs: []*wire.ModuleItem{{Kind: "m", Body: make([]byte, transaction.MaxItemSize+1)}}}, messages.RejectTooLarge},
	} {
		_, err := transaction.Decode(canonical.Marshal(c.w))
		var r *messages.Rejection
		if !errors.As(err, &r) || r.Code != c.want {
			t.Errorf("%s: %v, want code %d", c.name, err, c.want)
		}
	}
	var r *messages.Rejection
	if _, err := transaction.Decode(make([]byte, transaction.MaxSize+1)); !errors.As(err, &r) || r.Code != messages.RejectTooLarge {
		t.Errorf("too long: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	owners, _ := secrets(3)
	f.Add(build(f, draft(1), owners).Bytes())
	f.Add([]byte{0x12, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := transaction.Decode(b)
		if err != nil {
			var r *messages.Rejection
			if !errors.As(err, &r) {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		again, err := transaction.Build(transaction.Draft{Inputs: tx.Inputs(), Outputs: tx.Outputs(), Fee: tx.Fee()}, tx.Signature())
		if err != nil || !bytes.Equal(again.Bytes(), b) || again.WitnessID() != tx.WitnessID() {
			t.Fatalf("another form of the same transaction: %v", err)
		}
	})
}
