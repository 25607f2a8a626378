package torture

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"

	"minimint/actors/chain/btcd"
	"minimint/actors/chain/btcd/simnet"
	"minimint/cmd/minimint-dev/stage"
)

// bitcoin is the bitcoin node of a run, as customers and the miner share it.
type bitcoin struct {
	stage *stage.Stage

	mu      sync.Mutex
	blocks  *btcd.Node
	looked  uint32 // height up to which receipts are known
	receipt map[string][]int64
}

// mineEvery is the time between two blocks.
const mineEvery = 700 * time.Millisecond

// mine makes blocks until stop is closed or ctx ends.
func (b *bitcoin) mine(ctx context.Context, stop <-chan struct{}) error {
	ticker := time.NewTicker(mineEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := b.block(); err != nil {
				return err
			}
		}
	}
}

func (b *bitcoin) block() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stage.Bitcoin().Mine(1)
}

// Pay implements customer.Bitcoin.
func (b *bitcoin) Pay(address string, sats int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.stage.Bitcoin().Pay(address, sats)
	return err
}

// FreshAddress implements customer.Bitcoin.
func (b *bitcoin) FreshAddress() (string, error) {
	address, _, err := b.stage.FreshAddress()
	return address, err
}

// Received implements customer.Bitcoin. It reads every block once.
func (b *bitcoin) Received(address string) (times int, sats int64, err error) {
	decoded, err := btcutil.DecodeAddress(address, simnet.Params)
	if err != nil {
		return 0, 0, fmt.Errorf("address %s: %w", address, err)
	}
	script, err := txscript.PayToAddrScript(decoded)
	if err != nil {
		return 0, 0, fmt.Errorf("address %s: %w", address, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.look(); err != nil {
		return 0, 0, fmt.Errorf("look for payments: %w", err)
	}
	for _, v := range b.receipt[hex.EncodeToString(script)] {
		times, sats = times+1, sats+v
	}
	return times, sats, nil
}

func (b *bitcoin) look() error {
	if b.blocks == nil {
		var err error
		if b.blocks, err = b.stage.Bitcoin().Backend(); err != nil {
			return err
		}
		b.looked, b.receipt = simnet.MatureBlocks, map[string][]int64{}
	}
	tip, err := b.blocks.Tip()
	if err != nil {
		return err
	}
	for ; b.looked < tip; b.looked++ {
		hash, err := b.blocks.BlockHash(b.looked + 1)
		if err != nil {
			return err
		}
		block, err := b.blocks.Block(hash)
		if err != nil {
			return err
		}
		for _, tx := range block.Transactions {
			for _, out := range tx.TxOut {
				script := hex.EncodeToString(out.PkScript)
				b.receipt[script] = append(b.receipt[script], out.Value)
			}
		}
	}
	return nil
}
