package clienttest

import (
	"fmt"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
)

// This file has what a federation sees and says of its bitcoin chain.

// Observe lets every member look at its bitcoin node and agrees on what they see,
// until they have nothing more to say. It returns the agreed height.
func (f *Federation) Observe() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		contributions := make([]outcome.Contribution, len(f.Members))
		items := 0
		for i, m := range f.Members {
			for _, body := range m.propose() {
				contributions[i].Items = append(contributions[i].Items, transaction.Item{Kind: wallet.Kind, Body: body})
				items++
			}
		}
		if items == 0 {
			return f.Members[0].agreed()
		}
		f.applyAll(contributions)
	}
}

// Pending returns the bitcoin txids of withdrawals that are not buried.
func (f *Federation) Pending() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.Members[0]
	list := new(walletwire.PegOuts)
	m.view(func(r storage.Reader) {
		raw, err := m.wallet.Query(storage.ScopedReader(r, transition.ModuleScope(wallet.Kind)), "pegouts", nil)
		if err == nil {
			err = canonical.Unmarshal(raw, list, transaction.MaxSize)
		}
		if err != nil {
			panic(fmt.Sprintf("clienttest: %v", err))
		}
	})
	var out [][]byte
	for _, p := range list.GetPending() {
		out = append(out, p.GetTxid())
	}
	return out
}

func (m *Member) agreed() uint32 {
	height := uint32(0)
	m.view(func(r storage.Reader) {
		height, _ = m.wallet.AgreedTip(storage.ScopedReader(r, transition.ModuleScope(wallet.Kind)))
	})
	return height
}

// propose is what the member's wallet wants agreed, given its bitcoin node.
func (m *Member) propose() [][]byte {
	var items [][]byte
	m.view(func(r storage.Reader) {
		scoped := storage.ScopedReader(r, transition.ModuleScope(wallet.Kind))
		items = m.wallet.Propose(scoped, m.look(scoped).Encode())
	})
	return items
}

func (m *Member) look(r storage.Reader) chainview.Observation {
	tip, err := m.node.Tip()
	if err != nil {
		return chainview.Observation{}
	}
	base, _ := m.wallet.AgreedTip(r)
	seen := chainview.Observation{Tip: tip, BaseHeight: base}
	if hash, err := m.node.BlockHash(base); err == nil && base > 0 {
		seen.BaseHash = hash
	}
	for h := base + 1; h+m.wallet.FinalityDelay() <= tip && len(seen.Blocks) < chainview.MaxBlocks; h++ {
		hash, err := m.node.BlockHash(h)
		if err != nil {
			break
		}
		seen.Blocks = append(seen.Blocks, hash)
	}
	return seen
}
