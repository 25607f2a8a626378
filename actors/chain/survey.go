package chain

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/spv"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
)

// A Backend is the port to one bitcoin node. Its methods are called from one
// goroutine and may block, but not for ever: each has a deadline of its own.
// Heights may shrink between calls, whatever was said before.
type Backend interface {
	// Tip returns the height of the best chain.
	Tip() (uint32, error)
	// BlockHash returns the block of the best chain at a height.
	BlockHash(height uint32) (chainhash.Hash, error)
	// Block returns a block of any chain that the node knows.
	Block(hash chainhash.Hash) (*wire.MsgBlock, error)
	// FeeRate returns an estimate in satoshi per 1000 virtual bytes, 0 if the
	// node has none.
	FeeRate() (uint64, error)
	// Broadcast offers a transaction with its witness. That the node or the
	// chain has it already is no error.
	Broadcast(tx *wire.MsgTx) error
}

// A survey is what to find out from the node at one go.
type survey struct {
	// base is the agreed height and agreed its block, zero before the first.
	base   uint32
	agreed chainhash.Hash
	delay  uint32 // blocks that must lie above one that is voted for
	fee    bool   // ask for an estimate
	// scan lists agreed blocks, ascending, in which to look for wanted.
	scan   []chainhash.Hash
	wanted []wallet.Wanted
	send   []*wire.MsgTx
}

// A finding answers a survey. What could not be found out is missing, and
// problem says why.
type finding struct {
	seen    bool // the node answered at all
	view    chainview.Observation
	fee     bool // view has an estimate, or the node has none
	scanned int  // blocks of the survey's scan that were searched
	found   []chainview.Burial
	offered []chainhash.Hash // to the node, whatever it said
	problem error
}

// run asks the node. It is what the worker does, and knows no actor.
func (s survey) run(b Backend) finding {
	var out finding
	tip, err := b.Tip()
	if err != nil {
		out.problem = fmt.Errorf("ask bitcoin node for its tip: %w", err)
		return out
	}
	out.seen = true
	out.view = chainview.Observation{Tip: tip, BaseHeight: s.base}
	for _, step := range []func(Backend, *finding) error{s.look, s.estimate, s.search, s.broadcast} {
		if err := step(b, &out); err != nil && out.problem == nil {
			out.problem = err
		}
	}
	return out
}

// look finds the block at the agreed height and, if it is the agreed one, those
// above it that are old enough. A node that lags behind has nothing to say.
func (s survey) look(b Backend, out *finding) error {
	if s.agreed != (chainhash.Hash{}) {
		if out.view.Tip < s.base {
			return nil
		}
		hash, err := blockHash(b, s.base)
		if err != nil {
			return err
		}
		if out.view.BaseHash = hash; hash != s.agreed {
			return nil
		}
	}
	for i := uint32(1); i <= chainview.MaxBlocks && uint64(s.base)+uint64(i)+uint64(s.delay) <= uint64(out.view.Tip); i++ {
		hash, err := blockHash(b, s.base+i)
		if err != nil {
			return err
		}
		out.view.Blocks = append(out.view.Blocks, hash)
	}
	return nil
}

// errNoHash says that the node answered with the hash of no block. Members would
// be blamed for a vote for it.
var errNoHash = errors.New("it is zero")

func blockHash(b Backend, height uint32) (chainhash.Hash, error) {
	hash, err := b.BlockHash(height)
	if err == nil && hash == (chainhash.Hash{}) {
		err = errNoHash
	}
	if err != nil {
		return chainhash.Hash{}, fmt.Errorf("ask bitcoin node for block %d: %w", height, err)
	}
	return hash, nil
}

func (s survey) estimate(b Backend, out *finding) error {
	if !s.fee {
		return nil
	}
	rate, err := b.FeeRate()
	if err != nil {
		return fmt.Errorf("ask bitcoin node for a fee rate: %w", err)
	}
	out.view.FeeRate, out.fee = rate, true
	return nil
}

// search looks for the federation's transactions in agreed blocks and proves
// what it finds. A block that the node does not show as it is has to be searched
// again; what cannot be proved is left out, or nothing after it would be found.
func (s survey) search(b Backend, out *finding) error {
	var unproved error
	for _, hash := range s.scan {
		block, err := b.Block(hash)
		if err != nil {
			return fmt.Errorf("ask bitcoin node for agreed block %s: %w", hash, err)
		}
		if block.BlockHash() != hash || !spv.Consistent(block) {
			return fmt.Errorf("bitcoin node gave another block for %s", hash)
		}
		for i, tx := range block.Transactions {
			id := tx.TxHash()
			if !isWanted(s.wanted, id) {
				continue
			}
			raw, err := prove(block, i)
			if err != nil {
				unproved = fmt.Errorf("prove that %s is in block %s: %w", id, hash, err)
				continue
			}
			out.found = append(out.found, chainview.Burial{TxID: id, Inclusion: raw})
		}
		out.scanned++
	}
	return unproved
}

// errTooLarge says that no item can hold a proof.
var errTooLarge = errors.New("the proof is too large")

// prove returns a proof that every member accepts.
func prove(block *wire.MsgBlock, index int) ([]byte, error) {
	inclusion, err := spv.Prove(block, index)
	if err != nil {
		return nil, err
	}
	if _, err := spv.Verify(inclusion, block.Transactions[index]); err != nil {
		return nil, err
	}
	raw := canonical.Marshal(inclusion)
	if len(raw) > chainview.MaxInclusion {
		return nil, errTooLarge
	}
	return raw, nil
}

func isWanted(wanted []wallet.Wanted, id chainhash.Hash) bool {
	for _, w := range wanted {
		for _, v := range w.TxIDs {
			if v == id {
				return true
			}
		}
	}
	return false
}

// broadcast offers everything, whatever becomes of one: versions of a payment
// exclude each other. What is refused is offered again no sooner than the rest.
func (s survey) broadcast(b Backend, out *finding) error {
	var first error
	for _, tx := range s.send {
		out.offered = append(out.offered, tx.TxHash())
		if err := b.Broadcast(tx); err != nil && first == nil {
			first = fmt.Errorf("broadcast %s: %w", tx.TxHash(), err)
		}
	}
	return first
}
