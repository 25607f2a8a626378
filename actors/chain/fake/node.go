package fake

import (
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// A Node is one member's view of a chain. It satisfies the chain actor's
// Backend.
type Node struct {
	mu    sync.Mutex
	chain *Chain
	lag   uint32
	down  bool
	rate  *uint64
	calls int // that succeed before the node is down
	sent  int
}

// Node returns a node that follows c without delay.
func (c *Chain) Node() *Node { return &Node{chain: c, calls: -1} }

// Follow makes the node switch to another chain.
func (n *Node) Follow(c *Chain) { n.set(func() { n.chain = c }) }

// SetLag hides the newest blocks, so that the height may shrink.
func (n *Node) SetLag(blocks uint32) { n.set(func() { n.lag = blocks }) }

// SetDown makes every call fail, or ends that.
func (n *Node) SetDown(down bool) { n.set(func() { n.down, n.calls = down, -1 }) }

// FailAfter makes the node go down after so many calls.
func (n *Node) FailAfter(calls int) { n.set(func() { n.calls = calls }) }

// SetFeeRate overrides the chain's estimate at this node.
func (n *Node) SetFeeRate(rate uint64) { n.set(func() { n.rate = &rate }) }

// Sent counts the broadcasts that reached the node.
func (n *Node) Sent() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent
}

func (n *Node) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// call counts a call and fails if the node is down.
func (n *Node) call() error {
	if n.calls == 0 {
		n.down = true
	}
	if n.down {
		return ErrUnusable
	}
	if n.calls > 0 {
		n.calls--
	}
	return nil
}

// Tip implements chain.Backend.
func (n *Node) Tip() (uint32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.call(); err != nil {
		return 0, err
	}
	return uint32(len(n.visible()) - 1), nil
}

// visible returns the blocks that the node has, by height, at least genesis.
func (n *Node) visible() []*wire.MsgBlock {
	blocks := n.chain.snapshot()
	return blocks[:max(len(blocks)-int(n.lag), 1)]
}

// BlockHash implements chain.Backend.
func (n *Node) BlockHash(height uint32) (chainhash.Hash, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.call(); err != nil {
		return chainhash.Hash{}, err
	}
	blocks := n.visible()
	if int64(height) >= int64(len(blocks)) {
		return chainhash.Hash{}, ErrNoBlock
	}
	return blocks[height].BlockHash(), nil
}

// Block implements chain.Backend.
func (n *Node) Block(hash chainhash.Hash) (*wire.MsgBlock, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.call(); err != nil {
		return nil, err
	}
	blocks := n.visible()
	for _, b := range slices.Backward(blocks) {
		if b.BlockHash() == hash {
			return b, nil
		}
	}
	return nil, ErrNoBlock
}

// FeeRate implements chain.Backend.
func (n *Node) FeeRate() (uint64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.call(); err != nil {
		return 0, err
	}
	if n.rate != nil {
		return *n.rate, nil
	}
	n.chain.mu.Lock()
	defer n.chain.mu.Unlock()
	return n.chain.rate, nil
}

// Broadcast implements chain.Backend.
func (n *Node) Broadcast(tx *wire.MsgTx) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.call(); err != nil {
		return err
	}
	n.sent++
	return n.chain.Broadcast(tx)
}
