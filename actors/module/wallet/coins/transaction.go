package coins

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/messages"
)

// ChangeOutput is the position of the change in a transaction that has some.
const ChangeOutput = 1

// sequence lets the transaction be replaced (BIP 125) and disables lock times.
const sequence = 0xfffffffd

// Transaction returns the unsigned transaction of a plan for pay.
func (p *Plan) Transaction(pay Payment) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for _, c := range p.Coins {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: c.At, Sequence: sequence})
	}
	tx.AddTxOut(wire.NewTxOut(int64(pay.Sats), pay.Script))
	if p.Change > 0 {
		tx.AddTxOut(wire.NewTxOut(int64(p.Change), pay.Change))
	}
	return tx
}

// Parse reads an unsigned transaction that the state holds; it panics if that is
// broken. Transactions of others are read by package spv.
func Parse(stored []byte) *wire.MsgTx {
	tx := new(wire.MsgTx)
	if err := tx.DeserializeNoWitness(bytes.NewReader(stored)); err != nil {
		panic(fmt.Sprintf("coins: stored transaction: %v", err))
	}
	return tx
}

// Serialize returns tx in bitcoin's encoding, with its witness for broadcasting,
// without it for the state.
func Serialize(tx *wire.MsgTx, withWitness bool) []byte {
	var out bytes.Buffer
	write := tx.SerializeNoWitness
	if withWitness {
		write = tx.Serialize
	}
	if err := write(&out); err != nil {
		panic(fmt.Sprintf("coins: serialize: %v", err)) // a buffer takes everything
	}
	return out.Bytes()
}

// RecipientScript returns the script of an address of the network, in the one
// usual spelling. Bare public keys, which btcd takes for addresses too, are none.
func RecipientScript(network *chaincfg.Params, text string) ([]byte, *messages.Rejection) {
	refuse := func(why string) *messages.Rejection {
		return messages.Reject(messages.RejectAddress, "address %.100q %s", text, why)
	}
	address, err := btcutil.DecodeAddress(text, network)
	if err != nil {
		return nil, refuse("is not one of " + network.Name + ", or of no kind known here")
	}
	switch address.(type) {
	case *btcutil.AddressPubKeyHash, *btcutil.AddressScriptHash,
		*btcutil.AddressWitnessPubKeyHash, *btcutil.AddressWitnessScriptHash, *btcutil.AddressTaproot:
	default:
		return nil, refuse("is of no kind known here")
	}
	if !address.IsForNet(network) {
		return nil, refuse("is not one of " + network.Name)
	}
	if address.EncodeAddress() != text {
		return nil, refuse("is not spelled as usual: write " + address.EncodeAddress())
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		return nil, refuse("has no script")
	}
	return script, nil
}
