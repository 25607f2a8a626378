// Package spv proves that a transaction is in a bitcoin block without the rest
// of the block.
//
// The proof is what Bitcoin section 8 describes, the merkle branch of the
// transaction, plus the coinbase with its own branch. A bare branch does not
// tell how deep it starts: since leaves and inner nodes are hashed alike, an
// inner node can pass for a transaction of 64 bytes and the other way round
// (H103). A coinbase can hardly be forged into an inner node, all leaves of a
// block are equally deep, so a coinbase branch of the same length fixes the
// depth; transactions of 64 bytes are refused as well. A right child equal to
// its left sibling is the duplicate of CVE-2012-2459 and refused.
//
// A proof shows nothing but inclusion below a header: whether that header is
// part of the chain is for the caller to know.
package spv

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/module/wallet/walletwire"
)

// maxDepth bounds a branch: a block of four million weight units holds fewer
// than 2^15 transactions.
const maxDepth = 16

// ambiguousSize is the size at which a serialized transaction looks like an
// inner node of the tree.
const ambiguousSize = 2 * chainhash.HashSize

// ErrProof says that a proof does not show inclusion.
var ErrProof = errors.New("proof does not show the transaction in the block")

// A Place is where a transaction was shown to be.
type Place struct {
	Block chainhash.Hash
	// Coinbase reports whether it is the block's first transaction, whose
	// outputs are spendable only after a maturity.
	Coinbase bool
}

// Verify checks that p shows tx and returns where. Its error wraps ErrProof.
func Verify(p *walletwire.Inclusion, tx *wire.MsgTx) (Place, error) {
	var header wire.BlockHeader
	raw := bytes.NewReader(p.GetHeader())
	if err := header.Deserialize(raw); err != nil || raw.Len() != 0 {
		return Place{}, fmt.Errorf("header of %d bytes: %w", len(p.GetHeader()), ErrProof)
	}
	coinbase, err := ParseTx(p.GetCoinbase())
	if err != nil {
		return Place{}, fmt.Errorf("coinbase: %w", err)
	}
	if !isCoinbase(coinbase) {
		return Place{}, fmt.Errorf("first transaction is no coinbase: %w", ErrProof)
	}
	if tx.SerializeSizeStripped() == ambiguousSize {
		return Place{}, fmt.Errorf("transaction of %d bytes: %w", ambiguousSize, ErrProof)
	}
	if len(p.GetBranch()) != len(p.GetCoinbaseBranch()) {
		return Place{}, fmt.Errorf("branches of %d and %d hashes: %w", len(p.GetBranch()), len(p.GetCoinbaseBranch()), ErrProof)
	}
	for _, side := range []struct {
		tx     *wire.MsgTx
		index  uint32
		branch [][]byte
	}{{tx, p.GetIndex(), p.GetBranch()}, {coinbase, 0, p.GetCoinbaseBranch()}} {
		root, err := fold(side.tx.TxHash(), side.index, side.branch)
		if err != nil {
			return Place{}, err
		}
		if root != header.MerkleRoot {
			return Place{}, fmt.Errorf("branch ends in another root: %w", ErrProof)
		}
	}
	return Place{Block: header.BlockHash(), Coinbase: p.GetIndex() == 0}, nil
}

// Prove returns the proof for the transaction at index of a whole block. It
// fails if there is none.
func Prove(block *wire.MsgBlock, index int) (*walletwire.Inclusion, error) {
	if index < 0 || index >= len(block.Transactions) {
		return nil, fmt.Errorf("block %s has %d transactions, none at %d", block.BlockHash(), len(block.Transactions), index)
	}
	leaves := leavesOf(block)
	own, _ := branch(leaves, index)
	first, _ := branch(leaves, 0)
	var header, coinbase bytes.Buffer
	if err := block.Header.Serialize(&header); err != nil {
		return nil, fmt.Errorf("serialize header: %w", err)
	}
	if err := block.Transactions[0].SerializeNoWitness(&coinbase); err != nil {
		return nil, fmt.Errorf("serialize coinbase: %w", err)
	}
	return &walletwire.Inclusion{
		Header: header.Bytes(), Index: uint32(index), Branch: own,
		Coinbase: coinbase.Bytes(), CoinbaseBranch: first,
	}, nil
}

// ParseTx reads a transaction that is serialized without witness, and nothing
// but it. Its cost is linear in len(b), whatever counts b claims. It refuses
// transactions without input or output and those of 64 bytes. Its error wraps
// ErrProof.
func ParseTx(b []byte) (*wire.MsgTx, error) {
	if len(b) == ambiguousSize {
		return nil, fmt.Errorf("transaction of %d bytes: %w", ambiguousSize, ErrProof)
	}
	if !plausible(b) {
		return nil, fmt.Errorf("no transaction: %w", ErrProof)
	}
	tx := new(wire.MsgTx)
	raw := bytes.NewReader(b)
	if err := tx.DeserializeNoWitness(raw); err != nil || raw.Len() != 0 {
		return nil, fmt.Errorf("no transaction: %w", ErrProof)
	}
	return tx, nil
}

// plausible walks the layout of a transaction, because btcd allocates for the
// counts that it reads before it finds that the bytes end.
func plausible(b []byte) bool {
	const version, lockTime = 4, 4
	const inputHead, inputTail, outputHead = 36, 4, 8
	ok := skip(&b, version)
	for _, part := range []struct{ head, tail uint64 }{{inputHead, inputTail}, {outputHead, 0}} {
		count, read := compactSize(&b)
		ok = ok && read && count > 0
		for ; ok && count > 0; count-- {
			ok = skip(&b, part.head)
			script, read := compactSize(&b)
			ok = ok && read && skip(&b, script) && skip(&b, part.tail)
		}
	}
	return ok && len(b) == lockTime
}

func skip(b *[]byte, n uint64) bool {
	if n > uint64(len(*b)) {
		return false
	}
	*b = (*b)[n:]
	return true
}

// compactSize reads bitcoin's variable length integer in its shortest form.
func compactSize(b *[]byte) (uint64, bool) {
	raw := bytes.NewReader(*b)
	v, err := wire.ReadVarInt(raw, 0)
	if err != nil {
		return 0, false
	}
	*b = (*b)[len(*b)-raw.Len():]
	return v, true
}

func isCoinbase(tx *wire.MsgTx) bool {
	prev := tx.TxIn[0].PreviousOutPoint
	return len(tx.TxIn) == 1 && prev.Index == math.MaxUint32 && prev.Hash == chainhash.Hash{}
}

// fold hashes a leaf up its branch.
func fold(node chainhash.Hash, index uint32, branch [][]byte) (chainhash.Hash, error) {
	if len(branch) > maxDepth {
		return node, fmt.Errorf("branch of %d hashes: %w", len(branch), ErrProof)
	}
	for _, b := range branch {
		if len(b) != chainhash.HashSize {
			return node, fmt.Errorf("branch with a hash of %d bytes: %w", len(b), ErrProof)
		}
		sibling := chainhash.Hash(b)
		if index&1 == 0 {
			node = parent(node, sibling)
		} else if node == sibling {
			return node, fmt.Errorf("duplicated leaf: %w", ErrProof)
		} else {
			node = parent(sibling, node)
		}
		index >>= 1
	}
	if index != 0 {
		return node, fmt.Errorf("index beyond the tree: %w", ErrProof)
	}
	return node, nil
}

// Consistent reports whether the header of a whole block commits to the
// transactions that come with it: a bitcoin node may show others.
func Consistent(block *wire.MsgBlock) bool {
	if len(block.Transactions) == 0 {
		return false
	}
	_, root := branch(leavesOf(block), 0)
	return root == block.Header.MerkleRoot
}

func leavesOf(block *wire.MsgBlock) []chainhash.Hash {
	leaves := make([]chainhash.Hash, len(block.Transactions))
	for i, tx := range block.Transactions {
		leaves[i] = tx.TxHash()
	}
	return leaves
}

// branch returns the siblings on the way from a leaf to the root, and the root.
func branch(leaves []chainhash.Hash, index int) (siblings [][]byte, root chainhash.Hash) {
	level := leaves
	for ; len(level) > 1; index /= 2 {
		if len(level)%2 == 1 {
			level = append(level[:len(level):len(level)], level[len(level)-1])
		}
		siblings = append(siblings, level[index^1][:])
		next := make([]chainhash.Hash, len(level)/2)
		for i := range next {
			next[i] = parent(level[2*i], level[2*i+1])
		}
		level = next
	}
	return siblings, level[0]
}

func parent(left, right chainhash.Hash) chainhash.Hash {
	return chainhash.DoubleHashH(append(append(make([]byte, 0, 2*chainhash.HashSize), left[:]...), right[:]...))
}
