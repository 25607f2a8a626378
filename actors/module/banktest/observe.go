package banktest

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/spv"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
	"minimint/messages/outcome"
	"minimint/storage"
)

// A Node is what a member asks about the bitcoin chain; *fake.Node is one.
type Node interface {
	Tip() (uint32, error)
	BlockHash(height uint32) (chainhash.Hash, error)
	Block(hash chainhash.Hash) (*wire.MsgBlock, error)
	FeeRate() (uint64, error)
}

// An Edit changes the wallet's items that a member proposes.
type Edit func(items [][]byte) [][]byte

// Silent is the edit of a member that proposes nothing.
func Silent([][]byte) [][]byte { return nil }

// Propose is what a member's wallet wants in the next epoch, given its node.
func (b *Bank) Propose(p messages.PeerID) (items [][]byte) {
	b.Helper()
	m := b.Members[p]
	b.View(p, wallet.Kind, func(r storage.Reader) { items = m.Wallet.Propose(r, m.see(r)) })
	return items
}

// Settle lets the members agree until nobody proposes anything, and returns the
// faults that were found.
func (b *Bank) Settle(edits map[messages.PeerID]Edit) []transition.Fault {
	b.Helper()
	var faults []transition.Fault
	for range 100 {
		parts := make([]outcome.Contribution, len(b.Members))
		busy := false
		for i := range b.Members {
			items := b.Propose(messages.PeerID(i))
			if edit := edits[messages.PeerID(i)]; edit != nil {
				items = edit(items)
			}
			busy = busy || len(items) > 0
			parts[i] = Items(wallet.Kind, items...)
		}
		if !busy {
			return faults
		}
		faults = append(faults, b.Run(parts...).Faults...)
	}
	b.Fatal("still busy after 100 epochs")
	return nil
}

// Mine adds blocks and lets the members agree on them; none may be at fault.
func (b *Bank) Mine(n int) {
	b.Helper()
	b.Chain.Mine(n)
	if faults := b.Settle(nil); faults != nil {
		b.Fatalf("correct members are at fault: %v", faults)
	}
}

// see is what a member's node shows, as the chain actor would report it; nil if
// it has no node, or one that does not answer.
func (m *Member) see(r storage.Reader) []byte {
	if m.Node == nil {
		return nil
	}
	tip, err := m.Node.Tip()
	if err != nil {
		return nil
	}
	base, agreed := m.Wallet.AgreedTip(r)
	o := chainview.Observation{Tip: tip, BaseHeight: base}
	if agreed != (chainhash.Hash{}) {
		if o.BaseHash, err = m.Node.BlockHash(base); err != nil {
			return o.Encode()
		}
	}
	for h := base + 1; h+FinalityDelay <= tip && len(o.Blocks) < chainview.MaxBlocks && o.BaseHash == agreed; h++ {
		hash, err := m.Node.BlockHash(h)
		if err != nil {
			break
		}
		o.Blocks = append(o.Blocks, hash)
	}
	o.FeeRate, _ = m.Node.FeeRate()
	for _, want := range wallet.WantedBurials(r) {
		if burial, ok := m.burial(r, want, base); ok {
			o.Burials = append(o.Burials, burial)
		}
	}
	return o.Encode()
}

// burial looks for a payment in the agreed blocks that the node has.
func (m *Member) burial(r storage.Reader, want wallet.Wanted, base uint32) (chainview.Burial, bool) {
	for h := want.Since + 1; h <= base; h++ {
		hash, ok := wallet.BlockAt(r, h)
		if !ok {
			continue
		}
		block, err := m.Node.Block(hash)
		if err != nil {
			continue
		}
		for i, tx := range block.Transactions {
			for _, id := range want.TxIDs {
				if tx.TxHash() != id {
					continue
				}
				if inclusion, err := spv.Prove(block, i); err == nil {
					return chainview.Burial{TxID: id, Inclusion: canonical.Marshal(inclusion)}, true
				}
			}
		}
	}
	return chainview.Burial{}, false
}
