package fake

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

var anyone = []byte{txscript.OP_1, txscript.OP_NOP}

func spend(from wire.OutPoint, sats int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: from, Sequence: 0xfffffffd})
	tx.AddTxOut(wire.NewTxOut(sats, anyone))
	return tx
}

func TestSameCallsGiveSameBlocks(t *testing.T) {
	run := func() chainhash.Hash {
		c := New(&chaincfg.SimNetParams)
		c.Mine(3)
		c.Pay(anyone, 1000)
		c.Reorg(1, 2)
		return c.Block(c.Height()).BlockHash()
	}
	if a, b := run(), run(); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestBlocksLinkAndCommitToTheirTransactions(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.Mine(2)
	for range 6 {
		c.Pay(anyone, 1000)
	}
	c.Mine(1)
	b := c.Block(3)
	if b.Header.PrevBlock != c.Block(2).BlockHash() {
		t.Error("block does not link to the one below")
	}
	if len(b.Transactions) != 7 || len(c.Mempool()) != 0 {
		t.Errorf("%d transactions in the block, %d left", len(b.Transactions), len(c.Mempool()))
	}
	if b.Header.MerkleRoot != merkleRoot(b.Transactions) {
		t.Error("merkle root of other transactions")
	}
}

func TestReorgReturnsTransactionsUnlessLost(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.Mine(2)
	kept, lost := c.Pay(anyone, 1000), c.Pay(anyone, 2000)
	before := c.Mine(1)[0]
	after := c.Reorg(1, 2, lost.Hash)
	if c.Height() != 4 || after[0] == before {
		t.Fatalf("height %d, block %s after %s", c.Height(), after[0], before)
	}
	if c.unspent[kept] == nil {
		t.Error("a transaction of the lost block vanished")
	}
	if c.unspent[lost] != nil {
		t.Error("a double-spent transaction came back")
	}
}

func TestForkSharesThePastOnly(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.Mine(3)
	other := c.Fork()
	a, b := c.Mine(1)[0], other.Mine(1)[0]
	if a == b || other.Block(3).BlockHash() != c.Block(3).BlockHash() {
		t.Errorf("blocks %s and %s", a, b)
	}
}

func TestBroadcastChecksWhatItTakes(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.Mine(1)
	at := c.Pay(anyone, 10_000)
	first := spend(at, 9000)
	if err := c.Broadcast(first); err != nil {
		t.Fatal(err)
	}
	if err := c.Broadcast(first); err != nil {
		t.Errorf("a known transaction: %v", err)
	}
	bad := spend(at, 1)
	bad.TxIn[0].SignatureScript = []byte{txscript.OP_RETURN}
	for name, tx := range map[string]*wire.MsgTx{
		"nothing to spend": spend(wire.OutPoint{Index: 7}, 1),
		"out of nothing":   spend(at, 20_000),
		"no higher fee":    spend(at, 9500),
		"script fails":     bad,
	} {
		if err := c.Broadcast(tx); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	replacement := spend(at, 8000)
	if err := c.Broadcast(replacement); err != nil {
		t.Errorf("replacement: %v", err)
	}
	c.Mine(1)
	if got := c.Block(2).Transactions; len(got) != 3 || got[2].TxHash() != replacement.TxHash() {
		t.Errorf("block with %d transactions", len(got))
	}
	if err := c.Broadcast(replacement); err != nil {
		t.Errorf("a transaction in a block: %v", err)
	}
	if err := c.Broadcast(first); !errors.Is(err, ErrRefused) {
		t.Errorf("a conflict with the chain: error %v", err)
	}
}

func TestNodeShowsWhatItWasToldTo(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.Mine(5)
	n := c.Node()
	n.SetLag(2)
	if tip, err := n.Tip(); tip != 3 || err != nil {
		t.Errorf("tip %d, %v", tip, err)
	}
	if _, err := n.BlockHash(4); !errors.Is(err, ErrNoBlock) {
		t.Errorf("hidden block: error %v", err)
	}
	hash, err := n.BlockHash(3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.Block(hash)
	if err != nil || b.BlockHash() != hash {
		t.Errorf("block %v, %v", b, err)
	}
	if rate, err := n.FeeRate(); rate != 0 || err != nil {
		t.Errorf("rate %d, %v", rate, err)
	}
	c.SetFeeRate(3000)
	if rate, err := n.FeeRate(); rate != 3000 || err != nil {
		t.Errorf("rate %d, %v", rate, err)
	}
	n.FailAfter(1)
	if _, err := n.Tip(); err != nil {
		t.Error(err)
	}
	if _, err := n.Tip(); !errors.Is(err, ErrUnusable) {
		t.Errorf("after its last call: error %v", err)
	}
	n.SetDown(false)
	other := c.Fork()
	other.Mine(4)
	n.Follow(other)
	n.SetLag(0)
	if tip, _ := n.Tip(); tip != 9 {
		t.Errorf("tip %d of the other chain", tip)
	}
	at := other.Pay(anyone, 5000)
	if err := n.Broadcast(spend(at, 4000)); err != nil || n.Sent() != 1 {
		t.Errorf("broadcast %v, %d sent", err, n.Sent())
	}
}

func TestRewardsGoWhereTold(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.MineTo(anyone, 1)
	if out := c.Block(1).Transactions[0].TxOut[0]; !bytes.Equal(out.PkScript, anyone) {
		t.Errorf("reward to %x", out.PkScript)
	}
	c.Mine(1)
	c.Pay(anyone, 1)
	c.MineWithout()
	if len(c.Mempool()) != 1 || len(c.Block(3).Transactions) != 1 {
		t.Error("MineWithout took the mempool")
	}
	c.Forget()
	if len(c.Mempool()) != 0 {
		t.Error("Forget left transactions")
	}
}

// Somebody who pays to another network's address has mixed something up.
func TestPayToTheWrongNetwork(t *testing.T) {
	c := New(&chaincfg.SimNetParams)
	c.Mine(2)
	defer func() {
		if recover() == nil {
			t.Error("paid")
		}
	}()
	c.PayTo("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", 1000)
}
