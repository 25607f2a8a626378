package simnet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// coin is an output of the miner that can be spent.
type coin struct {
	at   wire.OutPoint
	sats int64
}

// fundFee is what a payment of the miner costs in satoshi: about 200 vbytes,
// comfortably above the relay minimum.
const fundFee = 5000

// Pay sends sats from the miner to an address and returns the output. It is in
// the mempool then; Mine puts it into a block.
func (n *Node) Pay(address string, sats int64) (wire.OutPoint, error) {
	to, err := btcutil.DecodeAddress(address, Params)
	if err != nil || !to.IsForNet(Params) {
		return wire.OutPoint{}, fmt.Errorf("simnet: %q is no address of simnet", address)
	}
	script, err := txscript.PayToAddrScript(to)
	if err != nil {
		return wire.OutPoint{}, fmt.Errorf("simnet: script of %s: %w", address, err)
	}
	from, err := n.coin(sats + fundFee)
	if err != nil {
		return wire.OutPoint{}, err
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: from.at, Sequence: 0xfffffffd})
	tx.AddTxOut(wire.NewTxOut(sats, script))
	tx.AddTxOut(wire.NewTxOut(from.sats-sats-fundFee, n.script))
	hashes := txscript.NewTxSigHashes(tx, txscript.NewCannedPrevOutputFetcher(n.script, from.sats))
	tx.TxIn[0].Witness, err = txscript.WitnessSignature(tx, hashes, 0, from.sats, n.script, txscript.SigHashAll, n.key, true)
	if err != nil {
		return wire.OutPoint{}, fmt.Errorf("simnet: sign payment: %w", err)
	}
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return wire.OutPoint{}, fmt.Errorf("simnet: serialize payment: %w", err)
	}
	if err := n.client.Call(nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes())); err != nil {
		return wire.OutPoint{}, fmt.Errorf("simnet: pay %s: %w", address, err)
	}
	id := tx.TxHash()
	n.coins = append(n.coins, coin{at: wire.OutPoint{Hash: id, Index: 1}, sats: from.sats - sats - fundFee})
	return wire.OutPoint{Hash: id}, nil
}

// dust keeps change above what nodes relay.
const dust = 1000

// coin takes a coin of at least sats: a mature block reward, or change once no
// reward is left, so that chains of unconfirmed payments stay short.
func (n *Node) coin(sats int64) (coin, error) {
	height, err := n.Height()
	if err != nil {
		return coin{}, err
	}
	for n.rewarded+uint32(Params.CoinbaseMaturity) <= height {
		n.rewarded++
		c, err := n.reward(n.rewarded)
		if err != nil {
			return coin{}, err
		}
		if c.sats >= sats+dust {
			return c, nil
		}
	}
	for i, c := range n.coins {
		if c.sats >= sats+dust {
			n.coins = append(n.coins[:i], n.coins[i+1:]...)
			return c, nil
		}
	}
	return coin{}, errors.New("simnet: the miner has no such amount: mine more blocks")
}

// reward returns the reward of a block; its value is 0 if it is spent.
func (n *Node) reward(height uint32) (coin, error) {
	var text string
	if err := n.client.Call(&text, "getblockhash", height); err != nil {
		return coin{}, err
	}
	var block struct {
		Tx []string `json:"tx"`
	}
	if err := n.client.Call(&block, "getblock", text, 1); err != nil {
		return coin{}, err
	}
	id, err := chainhash.NewHashFromStr(block.Tx[0])
	if err != nil {
		return coin{}, fmt.Errorf("simnet: coinbase of block %d: %w", height, err)
	}
	var out *struct {
		Value float64 `json:"value"`
	}
	if err := n.client.Call(&out, "gettxout", id.String(), 0, true); err != nil {
		return coin{}, err
	}
	if out == nil {
		return coin{}, nil
	}
	value, err := btcutil.NewAmount(out.Value)
	if err != nil {
		return coin{}, fmt.Errorf("simnet: reward of block %d: %w", height, err)
	}
	return coin{at: wire.OutPoint{Hash: *id}, sats: int64(value)}, nil
}
