package contribution

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/federation"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
)

// maxItem is more than an observation can take.
const maxItem = 1 << 16

// Stuffing contributes as many observations of the bitcoin chain as there are
// members, all of them with a block that is not bitcoin's right above the newest
// that is agreed on (H22). It is a Liar.
func Stuffing(f *federation.Config) Lie {
	newest := &walletwire.Observation{}
	return func(own outcome.Contribution) outcome.Contribution {
		var items []transaction.Item
		for _, it := range own.Items {
			w := new(walletwire.Item)
			if it.Kind == wallet.Kind && canonical.Unmarshal(it.Body, w, maxItem) == nil && w.GetObservation() != nil {
				newest = w.GetObservation()
				continue
			}
			items = append(items, it)
		}
		block := chainhash.Hash{1}
		for range f.Size() {
			items = append(items, transaction.Item{Kind: wallet.Kind, Body: canonical.Marshal(&walletwire.Item{Kind: &walletwire.Item_Observation{
				Observation: &walletwire.Observation{
					BaseHeight: newest.GetBaseHeight(), BaseHash: newest.GetBaseHash(), NextHashes: [][]byte{block[:]},
					FeeRate: newest.GetFeeRate(),
				},
			}})})
		}
		own.Items = items
		return own
	}
}
