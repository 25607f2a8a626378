package check

import (
	"encoding/binary"
	"fmt"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/pegin"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/sim/world"
	"minimint/storage"
)

type backing struct {
	world.Ignore
	w      *world.World
	lock   *descriptor.Descriptor
	next   messages.Epoch
	height uint32 // agreed and looked at
}

// Backing checks that what the federation agrees on about bitcoin is so, and that
// deposits were paid: the audit of the nodes counts what they believe.
func Backing(w *world.World) world.Observer {
	cfg, err := wallet.FromFederation(w.Federation())
	if err != nil {
		return world.Ignore{} // it has no bitcoin
	}
	m, err := wallet.New(cfg)
	if err != nil {
		panic(fmt.Sprintf("check: %v", err))
	}
	return &backing{w: w, lock: m.Descriptor()}
}

// Committed implements world.Observer.
func (b *backing) Committed(c world.Commit) {
	if !c.Honest || c.Epoch < b.next {
		return
	}
	b.next = c.Epoch + 1
	snap, err := c.Store.View()
	if err != nil {
		panic(fmt.Sprintf("check: state of node %d: %v", c.Node, err))
	}
	defer snap.Release()
	b.blocks(snap)
	for _, tx := range acceptedIn(snap, c.Epoch, b.w.Nodes()) {
		b.deposits(tx)
	}
}

// blocks compares newly agreed blocks with those of the chain.
func (b *backing) blocks(state storage.Reader) {
	raw := transition.Fact(state, contract.FactHeight)
	if raw == nil {
		return
	}
	for agreed := binary.BigEndian.Uint32(raw); b.height < agreed; b.height++ {
		hash, ok := wallet.BlockAt(storage.ScopedReader(state, transition.ModuleScope(wallet.Kind)), b.height+1)
		if ok && (b.height+1 > b.w.Chain().Height() || b.w.Chain().Block(b.height+1).BlockHash() != hash) {
			b.w.Violate("backing", "members agree on %s at height %d, where bitcoin has another block", hash, b.height+1)
		}
	}
}

// deposits looks for what a transaction claims in the chain.
func (b *backing) deposits(tx *transaction.Transaction) {
	inputs, _ := tx.Items(wallet.Kind)
	for _, body := range inputs {
		proof, rejection := pegin.Check(b.lock, body)
		if rejection != nil {
			b.w.Violate("backing", "%s was accepted with a proof that is none: %v", tx.ID(), rejection)
		} else if !b.paid(proof) {
			b.w.Violate("backing", "%s was accepted for %s, which nobody paid", tx.ID(), proof.OutPoint())
		}
	}
}

// paid reports whether bitcoin has the deposit, perhaps in another block after a
// reorganisation.
func (b *backing) paid(proof *pegin.Proof) bool {
	at := proof.OutPoint()
	for height := range b.w.Chain().Height() + 1 {
		for _, tx := range b.w.Chain().Block(height).Transactions {
			if tx.TxHash() == at.Hash {
				sats, _ := proof.Amount().WholeSat()
				return tx.TxOut[at.Index].Value == int64(sats)
			}
		}
	}
	return false
}

// acceptedIn are the transactions that an epoch accepted.
func acceptedIn(state storage.Reader, e messages.Epoch, n int) []*transaction.Transaction {
	o, _ := history.FindOutcome(state, e, n)
	var list []*transaction.Transaction
	for _, m := range o.Contributions {
		part, err := outcome.DecodeContribution(m.Contribution)
		if err != nil {
			continue // counts as empty
		}
		for _, tx := range part.Transactions {
			if a, ok := transition.FindAccepted(state, tx.ID()); ok && a.Epoch == e {
				list = append(list, tx)
			}
		}
	}
	return list
}
