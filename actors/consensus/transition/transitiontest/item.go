package transitiontest

import (
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// An Item is a consensus item with what it means: nonsense, or one of the three
// things that a wallet says.
type Item struct {
	transaction.Item
	Sight *Sighting
	Sign  *Signed
	Bury  *Buried
}

// A Sighting is what a member says about the chain: the block at Base, unless
// Base is below the first agreed height, those above it, and a fee rate.
type Sighting struct {
	Base   uint32
	Hashes []chainhash.Hash // of Base, Base+1, …; the first may be zero
	Rate   uint64
}

// Signed says that a member signs a payment, well or not.
type Signed struct {
	Payment chainhash.Hash
	Good    bool
}

// Buried says that a payment is in a block, and whether the proof shows it.
type Buried struct {
	Payment, Block chainhash.Hash
	Good           bool
}

// itemOf reads what a correct member's wallet proposes.
func itemOf(body []byte) Item {
	w := new(walletwire.Item)
	must(canonical.Unmarshal(body, w, len(body)))
	it := Item{Item: transaction.Item{Kind: wallet.Kind, Body: body}}
	switch kind := w.GetKind().(type) {
	case *walletwire.Item_Observation:
		it.Sight = sighting(kind.Observation)
	case *walletwire.Item_Signatures:
		it.Sign = &Signed{Payment: chainhash.Hash(kind.Signatures.GetTxid()), Good: true}
	case *walletwire.Item_Burial:
		header := kind.Burial.GetInclusion().GetHeader()
		it.Bury = &Buried{Payment: chainhash.Hash(kind.Burial.GetTxid()), Block: chainhash.DoubleHashH(header), Good: true}
	}
	return it
}

func sighting(o *walletwire.Observation) *Sighting {
	s := &Sighting{Base: o.GetBaseHeight(), Hashes: make([]chainhash.Hash, 1), Rate: o.GetFeeRate()}
	copy(s.Hashes[0][:], o.GetBaseHash())
	for _, h := range o.GetNextHashes() {
		s.Hashes = append(s.Hashes, chainhash.Hash(h))
	}
	return s
}

func wrapItem(w *walletwire.Item) transaction.Item {
	return transaction.Item{Kind: wallet.Kind, Body: canonical.Marshal(w)}
}

func sight(o *walletwire.Observation) Item {
	return Item{Item: wrapItem(&walletwire.Item{Kind: &walletwire.Item_Observation{Observation: o}}), Sight: sighting(o)}
}
