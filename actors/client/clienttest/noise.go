package clienttest

import (
	"fmt"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/module/mint"
	"minimint/actors/module/mint/mintwire"
	"minimint/crypto/tbs"
	"minimint/messages/canonical"
	"minimint/storage"
)

// Noise adds so many spent notes of others to the mint's recovery log. They were never
// issued, and the audit knows nothing of them.
func (f *Federation) Noise(entries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([][]byte, entries)
	for i := range list {
		var nonce tbs.Nonce
		_, _ = f.rng.Read(nonce[:])                                                                // it never fails
		list[i] = canonical.Marshal(&mintwire.Input{Nonce: nonce[:], Signature: make([]byte, 48)}) // Check is not asked
	}
	for _, m := range f.Members {
		module := m.transition.Module(mint.Kind)
		err := m.store.Update(func(tx storage.Tx) error {
			scoped := storage.Scoped(tx, transition.ModuleScope(mint.Kind))
			for _, body := range list {
				if _, err := module.ApplyInput(scoped, nowhere{}, body); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			panic(fmt.Sprintf("clienttest: noise: %v", err))
		}
	}
}

// nowhere is an epoch whose books nobody keeps.
type nowhere struct{ contract.Env }

func (nowhere) Ledger() contract.Ledger { return nowhere{} }
func (nowhere) Asset(string, int64)     {}
func (nowhere) Liability(string, int64) {}
