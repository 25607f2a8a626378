package fake

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// Broadcast offers a transaction to the chain's mempool. It is refused, with an
// error that wraps ErrRefused, unless its scripts verify and it spends what
// exists; one that conflicts with the mempool must signal replacement (BIP 125)
// in what it replaces and pay more. One that is known already is fine.
func (c *Chain) Broadcast(tx *wire.MsgTx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known(tx) {
		return nil
	}
	if err := c.accept(tx); err != nil {
		return err
	}
	c.mempool = append(c.mempool, tx.Copy())
	return nil
}

// Mempool returns what waits for a block, in order of arrival.
func (c *Chain) Mempool() []*wire.MsgTx {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.mempool)
}

// Forget empties the mempool, as a restart of btcd does.
func (c *Chain) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mempool = nil
}

// known tells whether tx waits, or is in a block.
func (c *Chain) known(tx *wire.MsgTx) bool {
	id := tx.TxHash()
	return c.confirmed[id] || slices.ContainsFunc(c.mempool, func(m *wire.MsgTx) bool { return m.TxHash() == id })
}

// accept checks tx against chain and mempool, and drops what it replaces.
func (c *Chain) accept(tx *wire.MsgTx) error {
	id := tx.TxHash()
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s: %s", ErrRefused, id, fmt.Sprintf(format, args...))
	}
	if len(tx.TxIn) == 0 || len(tx.TxOut) == 0 {
		return refuse("has no input or no output")
	}
	prev := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range tx.TxIn {
		out := c.output(in.PreviousOutPoint)
		if out == nil {
			return refuse("input %d spends %s, which is spent or does not exist", i, in.PreviousOutPoint)
		}
		prev.AddPrevOut(in.PreviousOutPoint, out)
	}
	fee := c.fee(tx)
	if fee < 0 {
		return refuse("outputs exceed inputs by %d sat", -fee)
	}
	replaced := c.conflicts(tx)
	for _, other := range replaced {
		if c.fee(other) >= fee || !slices.ContainsFunc(other.TxIn, func(in *wire.TxIn) bool { return in.Sequence <= 0xfffffffd }) {
			return refuse("conflicts with %s", other.TxHash())
		}
	}
	hashes := txscript.NewTxSigHashes(tx, prev)
	for i, in := range tx.TxIn {
		out := prev.FetchPrevOutput(in.PreviousOutPoint)
		engine, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, prev)
		if err == nil {
			err = engine.Execute()
		}
		if err != nil {
			return refuse("input %d: %v", i, err)
		}
	}
	c.mempool = slices.DeleteFunc(c.mempool, func(m *wire.MsgTx) bool { return slices.Contains(replaced, m) })
	return nil
}

// output finds what an outpoint refers to, in the chain or the mempool.
func (c *Chain) output(at wire.OutPoint) *wire.TxOut {
	for _, m := range c.mempool {
		if m.TxHash() == at.Hash && at.Index < uint32(len(m.TxOut)) {
			return m.TxOut[at.Index]
		}
	}
	return c.unspent[at]
}

func (c *Chain) fee(tx *wire.MsgTx) int64 {
	fee := int64(0)
	for _, in := range tx.TxIn {
		if out := c.output(in.PreviousOutPoint); out != nil {
			fee += out.Value
		}
	}
	for _, out := range tx.TxOut {
		fee -= out.Value
	}
	return fee
}

// conflicts returns the waiting transactions that spend what tx spends.
func (c *Chain) conflicts(tx *wire.MsgTx) []*wire.MsgTx {
	var out []*wire.MsgTx
	for _, m := range c.mempool {
		if slices.ContainsFunc(m.TxIn, func(a *wire.TxIn) bool {
			return slices.ContainsFunc(tx.TxIn, func(b *wire.TxIn) bool { return a.PreviousOutPoint == b.PreviousOutPoint })
		}) {
			out = append(out, m)
		}
	}
	return out
}
