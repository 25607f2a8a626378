// Package btcd lets the chain actor use a btcd node. It is an adapter: its calls
// wait for the network, each for one timeout at most.
package btcd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/btcd/rpc"
)

// A Node is one btcd node. It implements the chain actor's Backend.
type Node struct {
	client *rpc.Client
	params *chaincfg.Params
	// verified is set when the node was seen to be of the right network.
	verified bool
}

// New returns the node at cfg, which must be of the network params. It does
// not connect.
func New(cfg rpc.Config, params *chaincfg.Params) (*Node, error) {
	client, err := rpc.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Node{client: client, params: params}, nil
}

// Close ends idle connections.
func (n *Node) Close() { n.client.Close() }

// Tip returns the height of the best chain. It fails if the node is of another
// network: its blocks would be voted for otherwise.
func (n *Node) Tip() (uint32, error) {
	if !n.verified {
		var magic uint32
		if err := n.client.Call(&magic, "getcurrentnet"); err != nil {
			return 0, err
		}
		if wire.BitcoinNet(magic) != n.params.Net {
			return 0, fmt.Errorf("btcd: node is of network %s, want %s", wire.BitcoinNet(magic), n.params.Name)
		}
		n.verified = true
	}
	var height uint32
	err := n.client.Call(&height, "getblockcount")
	return height, err
}

var errHash = errors.New("too short")

// BlockHash returns the block of the best chain at a height.
func (n *Node) BlockHash(height uint32) (chainhash.Hash, error) {
	var text string
	if err := n.client.Call(&text, "getblockhash", height); err != nil {
		return chainhash.Hash{}, err
	}
	hash, err := chainhash.NewHashFromStr(text)
	if err == nil && len(text) != chainhash.MaxHashStringSize {
		err = errHash // chainhash reads an empty one as zero
	}
	if err != nil {
		return chainhash.Hash{}, fmt.Errorf("btcd: block hash %.80q: %w", text, err)
	}
	return *hash, nil
}

// Block returns a whole block.
func (n *Node) Block(hash chainhash.Hash) (*wire.MsgBlock, error) {
	var text string
	if err := n.client.Call(&text, "getblock", hash.String(), 0); err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("btcd: block %s: %w", hash, err)
	}
	block := new(wire.MsgBlock)
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("btcd: block %s: %w", hash, err)
	}
	return block, nil
}

// target is in how many blocks a transaction of the federation should confirm.
const target = 6

// FeeRate returns btcd's estimate in satoshi per 1000 virtual bytes. btcd knows
// none after a restart, which it says by an error, and none among empty blocks,
// which it says by 0 without an error: both give 0.
func (n *Node) FeeRate() (uint64, error) {
	var perKilobyte float64 // bitcoin
	err := n.client.Call(&perKilobyte, "estimatefee", target)
	var refused *rpc.Error
	if errors.As(err, &refused) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	const satPerBitcoin = 1e8
	if rate := math.Round(perKilobyte * satPerBitcoin); rate > 0 && rate < math.MaxUint32 {
		return uint64(rate), nil
	}
	return 0, nil
}

// Codes of btcd's refusals of a transaction.
const (
	codeRejected = -26 // by the mempool's rules, "already have transaction" among them
	codeInChain  = -27
)

// Broadcast offers a transaction. That the node or the chain has it is fine.
func (n *Node) Broadcast(tx *wire.MsgTx) error {
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return fmt.Errorf("btcd: serialize transaction: %w", err)
	}
	err := n.client.Call(nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes()))
	var refused *rpc.Error
	if errors.As(err, &refused) && (refused.Code == codeInChain ||
		refused.Code == codeRejected && strings.Contains(refused.Message, "already have transaction")) {
		return nil
	}
	return err
}
