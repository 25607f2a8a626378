// Package fake is a bitcoin chain for tests and simulation: real blocks with
// real merkle trees, real scripts and amounts, no proof of work, no network, no
// randomness. The same calls give the same hashes.
//
// A [Chain] is the world; a [Node] is one member's bitcoin node, which follows a
// chain, perhaps late, perhaps another one, perhaps not at all:
//
//	world := fake.New(&chaincfg.SimNetParams)
//	world.Mine(10)
//	deposit := world.Pay(script, 100_000)
//	world.Mine(1)
//	node := world.Node()
//	node.SetLag(2)
//
// Both may be used from any goroutine.
package fake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// subsidy of a block in satoshi, for ever: the fake's treasury.
const subsidy = 50 * 100_000_000

// treasuryScript is spent by anybody.
var treasuryScript = []byte{txscript.OP_TRUE}

// Errors of a node.
var (
	ErrNoBlock  = errors.New("fake chain: no such block")
	ErrRefused  = errors.New("fake chain: transaction refused")
	ErrUnusable = errors.New("fake chain: node is down")
)

// A Chain is a best chain with a mempool.
type Chain struct {
	mu      sync.Mutex
	params  *chaincfg.Params
	blocks  []*wire.MsgBlock // by height, from genesis
	unspent map[wire.OutPoint]*wire.TxOut
	mempool []*wire.MsgTx
	rate    uint64
	salt    uint64          // makes the blocks of every branch different
	coins   []wire.OutPoint // of the treasury, perhaps spent

	confirmed map[chainhash.Hash]bool
}

// New returns a chain that has the genesis block of params only, and no fee
// estimate.
func New(params *chaincfg.Params) *Chain {
	return &Chain{
		params: params, blocks: []*wire.MsgBlock{params.GenesisBlock},
		unspent: map[wire.OutPoint]*wire.TxOut{}, confirmed: map[chainhash.Hash]bool{},
	}
}

// Fork returns a chain with the same past whose next blocks are different.
func (c *Chain) Fork() *Chain {
	c.mu.Lock()
	defer c.mu.Unlock()
	other := &Chain{
		params: c.params, blocks: slices.Clone(c.blocks), mempool: slices.Clone(c.mempool),
		rate: c.rate, salt: c.salt + 1, unspent: maps.Clone(c.unspent), coins: slices.Clone(c.coins),
		confirmed: maps.Clone(c.confirmed),
	}
	return other
}

// Height returns the height of the newest block.
func (c *Chain) Height() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint32(len(c.blocks) - 1)
}

// Block returns the block at a height; it panics if there is none.
func (c *Chain) Block(height uint32) *wire.MsgBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[height]
}

// snapshot returns the blocks by height; what was returned never changes.
func (c *Chain) snapshot() []*wire.MsgBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.blocks)
}

// SetFeeRate makes every node estimate so many satoshi per 1000 virtual bytes;
// 0 is "no estimate".
func (c *Chain) SetFeeRate(rate uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate = rate
}

// PayTo is Pay to an address; it panics if that is none of the chain's network.
func (c *Chain) PayTo(address string, sats int64) wire.OutPoint {
	to, err := btcutil.DecodeAddress(address, c.params)
	if err != nil || !to.IsForNet(c.params) {
		panic(fmt.Sprintf("fake: address %q: %v", address, err))
	}
	script, err := txscript.PayToAddrScript(to)
	if err != nil {
		panic(fmt.Sprintf("fake: address %q: %v", address, err))
	}
	return c.Pay(script, sats)
}

// Pay puts a payment from the treasury into the mempool and returns its output.
// It panics if the treasury cannot pay: mine first.
func (c *Chain) Pay(script []byte, sats int64) wire.OutPoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coins = slices.DeleteFunc(c.coins, func(at wire.OutPoint) bool { return c.output(at) == nil })
	for _, at := range c.coins {
		out := c.output(at)
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(wire.NewTxIn(&at, nil, nil))
		if out.Value < sats || len(c.conflicts(tx)) > 0 {
			continue
		}
		tx.AddTxOut(wire.NewTxOut(sats, script))
		if rest := out.Value - sats; rest > 0 {
			tx.AddTxOut(wire.NewTxOut(rest, treasuryScript))
			c.coins = append(c.coins, wire.OutPoint{Hash: tx.TxHash(), Index: 1})
		}
		c.mempool = append(c.mempool, tx)
		return wire.OutPoint{Hash: tx.TxHash()}
	}
	panic(fmt.Sprintf("fake chain: no treasury coin of %d sat in a block", sats))
}

// Mine adds n blocks, the first with the whole mempool, and returns their hashes.
func (c *Chain) Mine(n int) []chainhash.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mine(n, treasuryScript)
}

// MineTo is Mine with block rewards to script.
func (c *Chain) MineTo(script []byte, n int) []chainhash.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mine(n, script)
}

// MineWithout adds one block that leaves the mempool alone.
func (c *Chain) MineWithout() chainhash.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.mempool
	c.mempool = nil
	hash := c.mine(1, treasuryScript)[0]
	c.mempool = waiting
	return hash
}

// Reorg replaces the newest depth blocks by n others. Transactions of the lost
// blocks are in the first new one again, except those named in lost, which are
// gone as after a double spend.
func (c *Chain) Reorg(depth, n int, lost ...chainhash.Hash) []chainhash.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	if depth >= len(c.blocks) {
		panic(fmt.Sprintf("fake chain: reorganisation of %d blocks of %d", depth, len(c.blocks)))
	}
	kept := len(c.blocks) - depth
	var back []*wire.MsgTx
	for _, b := range c.blocks[kept:] {
		back = append(back, b.Transactions[1:]...)
	}
	waiting := append(back, c.mempool...)
	blocks := slices.Clone(c.blocks[:kept])
	c.blocks, c.mempool, c.coins = blocks[:1:1], nil, nil
	clear(c.unspent)
	clear(c.confirmed)
	for _, b := range blocks[1:] {
		c.connect(b)
	}
	for _, tx := range waiting {
		if !slices.Contains(lost, tx.TxHash()) && c.accept(tx) == nil {
			c.mempool = append(c.mempool, tx)
		}
	}
	c.salt++
	return c.mine(n, treasuryScript)
}

func (c *Chain) mine(n int, script []byte) []chainhash.Hash {
	var hashes []chainhash.Hash
	for range n {
		b := c.next(script)
		c.mempool = nil
		c.connect(b)
		hashes = append(hashes, b.BlockHash())
	}
	return hashes
}

// next builds a block on the tip.
func (c *Chain) next(script []byte) *wire.MsgBlock {
	height := len(c.blocks)
	tip := c.blocks[height-1].Header
	coinbase := wire.NewMsgTx(1)
	tag := binary.BigEndian.AppendUint64([]byte{8}, c.salt)
	heightScript, err := txscript.NewScriptBuilder().AddInt64(int64(height)).Script()
	if err != nil {
		panic(fmt.Sprintf("fake chain: height script: %v", err))
	}
	coinbase.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
		SignatureScript:  append(heightScript, tag...), Sequence: wire.MaxTxInSequenceNum,
	})
	coinbase.AddTxOut(wire.NewTxOut(subsidy, script))
	b := wire.NewMsgBlock(wire.NewBlockHeader(4, ptr(tip.BlockHash()), &chainhash.Hash{}, c.params.PowLimitBits, 0))
	b.Header.Timestamp = tip.Timestamp.Add(10 * time.Minute)
	b.Transactions = append([]*wire.MsgTx{coinbase}, c.mempool...)
	b.Header.MerkleRoot = merkleRoot(b.Transactions)
	return b
}

func ptr[T any](v T) *T { return &v }

// connect appends a block of valid transactions.
func (c *Chain) connect(b *wire.MsgBlock) {
	for _, tx := range b.Transactions {
		c.confirmed[tx.TxHash()] = true
		for _, in := range tx.TxIn { // that of a coinbase is no output's
			delete(c.unspent, in.PreviousOutPoint)
		}
		for j, out := range tx.TxOut {
			at := wire.OutPoint{Hash: tx.TxHash(), Index: uint32(j)}
			c.unspent[at] = out
			if bytes.Equal(out.PkScript, treasuryScript) && !slices.Contains(c.coins, at) {
				c.coins = append(c.coins, at)
			}
		}
	}
	c.blocks = append(c.blocks, b)
}

func merkleRoot(txs []*wire.MsgTx) chainhash.Hash {
	var level []chainhash.Hash
	for _, tx := range txs {
		level = append(level, tx.TxHash())
	}
	for len(level) > 1 {
		var up []chainhash.Hash
		for i := 0; i < len(level); i += 2 {
			right := level[min(i+1, len(level)-1)]
			up = append(up, chainhash.DoubleHashH(append(level[i][:], right[:]...)))
		}
		level = up
	}
	return level[0]
}
