package transaction

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// Nobody can find keys whose aggregate is the point at infinity, so the guard is
// shown with what stands for infinity in btcec: coordinates of zero.
func TestKeysThatCancel(t *testing.T) {
	infinity := btcec.NewPublicKey(new(btcec.FieldVal), new(btcec.FieldVal))
	if _, err := aggregateKeys([]*btcec.PublicKey{infinity, infinity}); !errors.Is(err, errCancel) {
		t.Errorf("got %v", err)
	}
}

// The first vectors of BIP 327's key aggregation, with keys of even y alone, as
// inputs name them.
func TestKeyAggVectors(t *testing.T) {
	x := []string{
		"F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9", "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
	}
	var keys []*btcec.PublicKey
	for _, s := range x {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		p, err := schnorr.ParsePubKey(b)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, p)
	}
	// Vector "0, 0, 0": the same key three times.
	agg, err := aggregateKeys([]*btcec.PublicKey{keys[0], keys[0], keys[0]})
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(schnorr.SerializePubKey(agg)); got != "b436e3bad62b8cd409969a224731c193d051162d8c5ae8b109306127da3aa935" {
		t.Errorf("aggregate %s", got)
	}
	one, err := aggregateKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	other, err := aggregateKeys([]*btcec.PublicKey{keys[1], keys[0]})
	if err != nil || one.IsEqual(other) {
		t.Errorf("the order of keys does not matter: %v", err)
	}
}

// BIP 340 refuses s at or above the order of the group; btcec alone reduces it.
func TestScalarIsCanonical(t *testing.T) {
	order, err := hex.DecodeString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141")
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.Repeat([]byte{1}, 32)
	if _, err := parseSignature(append(r, order...)); err == nil {
		t.Error("s of the order of the group was taken for zero")
	}
	order[31]--
	if _, err := parseSignature(append(r, order...)); err != nil {
		t.Error(err)
	}
}
