// Package view is what one member says about the bitcoin chain, and how what all
// members say is counted. It is pure and knows no state: whoever asks tells it
// which blocks are agreed on.
//
// A [View] begins with the block at its base, a height that was agreed on, and
// goes on with the blocks right above, without a gap. If it has an agreed block
// at every agreed height, the rest are votes; if it has another one, it is in
// conflict, and whatever it has above that means nothing.
package view

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/wallet/coins"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/chainview"
)

// Agreed returns the block that was agreed on at a height, false if there is none.
type Agreed func(height uint32) (chainhash.Hash, bool)

// A View is what one member last said: the block at Base, those right above it,
// and a fee rate.
type View struct {
	Base uint32
	// Hashes are the blocks at Base, Base+1, …, at least one; the first is zero
	// if Base lies below the first height that is agreed on.
	Hashes []chainhash.Hash
	Rate   coins.FeeRate // 0: no estimate
}

// Decode reads a view and checks what needs no state; below is the height below
// the first that is agreed on. Its error is the text of a fault.
func Decode(w *walletwire.Observation, below uint32) (View, error) {
	v := View{Base: w.GetBaseHeight(), Rate: coins.FeeRate(w.GetFeeRate()), Hashes: make([]chainhash.Hash, 1, 1+chainview.MaxBlocks)}
	switch {
	case v.Base < below || v.Base == below && len(w.GetBaseHash()) != 0:
		return View{}, fmt.Errorf("observation builds on height %d; agreement starts at %d", v.Base, below+1)
	case len(w.GetNextHashes()) > chainview.MaxBlocks:
		return View{}, fmt.Errorf("observation with %d blocks", len(w.GetNextHashes()))
	}
	if v.Base > below && !setHash(&v.Hashes[0], w.GetBaseHash()) {
		return View{}, fmt.Errorf("observation with a block hash of %d bytes", len(w.GetBaseHash()))
	}
	for _, raw := range w.GetNextHashes() {
		var h chainhash.Hash
		if !setHash(&h, raw) {
			return View{}, fmt.Errorf("observation with a block hash of %d bytes", len(raw))
		}
		v.Hashes = append(v.Hashes, h)
	}
	return v, nil
}

// setHash refuses the zero hash: no block has it, and here it means "none".
func setHash(h *chainhash.Hash, raw []byte) bool {
	return h.SetBytes(raw) == nil && *h != chainhash.Hash{}
}

// Wire is the inverse of Decode.
func (v View) Wire() *walletwire.Observation {
	w := &walletwire.Observation{BaseHeight: v.Base, FeeRate: uint64(v.Rate)}
	if v.Hashes[0] != (chainhash.Hash{}) {
		w.BaseHash = v.Hashes[0][:]
	}
	for _, h := range v.Hashes[1:] {
		w.NextHashes = append(w.NextHashes, h[:])
	}
	return w
}

// At returns the block that the view has at a height, false if it says nothing.
func (v View) At(height uint32) (chainhash.Hash, bool) {
	if height < v.Base || height-v.Base >= uint32(len(v.Hashes)) {
		return chainhash.Hash{}, false
	}
	h := v.Hashes[height-v.Base]
	return h, h != chainhash.Hash{}
}

// Conflict returns the first agreed height at which the view has another block.
func (v View) Conflict(agreed Agreed) (uint32, bool) {
	for height := v.Base; height-v.Base < uint32(len(v.Hashes)); height++ {
		mine, said := v.At(height)
		if block, ok := agreed(height); said && ok && block != mine {
			return height, true
		}
	}
	return 0, false
}

// Trim drops what no longer matters: blocks below tip, the newest agreed height,
// and whatever lies above a conflict. Two views that mean the same now are then
// equal.
func (v View) Trim(agreed Agreed, tip uint32) View {
	if height, ok := v.Conflict(agreed); ok {
		block, _ := v.At(height)
		return View{Base: height, Hashes: []chainhash.Hash{block}, Rate: v.Rate}
	}
	last := v.Base + uint32(len(v.Hashes)) - 1
	if low := min(tip, last); low > v.Base {
		return View{Base: low, Hashes: v.Hashes[low-v.Base:], Rate: v.Rate}
	}
	return v
}

// Equal reports whether both say the same.
func (v View) Equal(o View) bool { return v.Rate == o.Rate && v.SameBlocks(o) }

// SameBlocks reports whether both have the same blocks.
func (v View) SameBlocks(o View) bool { return v.Base == o.Base && slices.Equal(v.Hashes, o.Hashes) }

// News reports whether v votes for a block above tip that old does not.
func (v View) News(old View, tip uint32) bool {
	for height := tip + 1; ; height++ {
		mine, ok := v.At(height)
		if !ok {
			return false
		}
		if before, said := old.At(height); !said || before != mine {
			return true
		}
	}
}

// Moved reports whether a fee rate changed by more than a quarter.
func Moved(from, to coins.FeeRate) bool {
	return 4*max(from, to)-4*min(from, to) > from
}

// Median returns the middle one of at least one rate, the upper of two. Of 2f+1
// to 3f+1 rates it lies between two honest ones.
func Median(rates []coins.FeeRate) coins.FeeRate {
	sorted := slices.Sorted(slices.Values(rates))
	return sorted[len(sorted)/2]
}

// Majority returns the hash with at least threshold votes. Two cannot have n−f
// votes each.
func Majority(votes []chainhash.Hash, threshold int) (chainhash.Hash, bool) {
	for _, h := range votes {
		count := 0
		for _, other := range votes {
			if other == h {
				count++
			}
		}
		if count >= threshold {
			return h, true
		}
	}
	return chainhash.Hash{}, false
}
