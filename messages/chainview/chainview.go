// Package chainview is what a node's chain actor tells its wallet module about
// the bitcoin chain. It stays within the node: members agree only on what their
// wallet modules make of it. Hashes are in bitcoin's internal byte order.
package chainview

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/messages/canonical"
	"minimint/messages/chainview/chainviewwire"
)

// Limits of one observation.
const (
	MaxBlocks  = 8
	MaxBurials = 64
	// MaxInclusion bounds the proof of a burial in bytes; larger ones fit no item
	// of the wallet module. With it the largest observation is below maxSize, so
	// that nothing in a block can make all of an observation unreadable.
	MaxInclusion = 60 << 10
	maxSize      = 8 << 20
)

// ErrObservation says that bytes are no observation.
var ErrObservation = errors.New("no observation of the chain")

// An Observation is what one bitcoin node shows, as seen from the height that
// the federation has agreed on.
type Observation struct {
	// Tip is the height of the node's best chain. It may shrink.
	Tip uint32
	// BaseHeight is the agreed height that the observer knew of, BaseHash the
	// block there on the node's chain; zero if the node has no such block, or
	// nothing is agreed yet.
	BaseHeight uint32
	BaseHash   chainhash.Hash
	// Blocks lists the blocks right above BaseHeight that lie below the
	// finality delay, at most MaxBlocks; empty unless BaseHash is the agreed block.
	Blocks []chainhash.Hash
	// FeeRate is the node's estimate in satoshi per 1000 virtual bytes, 0 if it
	// has none.
	FeeRate uint64
	// Burials are transactions of the federation that were found in agreed blocks.
	Burials []Burial
}

// A Burial shows one transaction in an agreed block.
type Burial struct {
	TxID chainhash.Hash
	// Inclusion is a proof in the wallet module's encoding.
	Inclusion []byte
}

// Encode returns the canonical bytes.
func (o Observation) Encode() []byte {
	w := &chainviewwire.Observation{Tip: o.Tip, BaseHeight: o.BaseHeight, FeeRate: o.FeeRate}
	if o.BaseHash != (chainhash.Hash{}) {
		w.BaseHash = o.BaseHash[:]
	}
	for _, h := range o.Blocks {
		w.Blocks = append(w.Blocks, h[:])
	}
	for _, b := range o.Burials {
		w.Burials = append(w.Burials, &chainviewwire.Burial{Txid: b.TxID[:], Inclusion: b.Inclusion})
	}
	return canonical.Marshal(w)
}

// Decode reads an observation. Its error wraps ErrObservation.
func Decode(b []byte) (Observation, error) {
	w := new(chainviewwire.Observation)
	if err := canonical.Unmarshal(b, w, maxSize); err != nil {
		return Observation{}, fmt.Errorf("%w: %w", ErrObservation, err)
	}
	if len(w.GetBlocks()) > MaxBlocks || len(w.GetBurials()) > MaxBurials {
		return Observation{}, fmt.Errorf("%w: %d blocks and %d burials", ErrObservation, len(w.GetBlocks()), len(w.GetBurials()))
	}
	o := Observation{Tip: w.GetTip(), BaseHeight: w.GetBaseHeight(), FeeRate: w.GetFeeRate()}
	ok := len(w.GetBaseHash()) == 0 || hash(&o.BaseHash, w.GetBaseHash()) && o.BaseHash != chainhash.Hash{}
	for _, raw := range w.GetBlocks() {
		var h chainhash.Hash
		ok = ok && hash(&h, raw) && h != chainhash.Hash{}
		o.Blocks = append(o.Blocks, h)
	}
	for _, raw := range w.GetBurials() {
		burial := Burial{Inclusion: raw.GetInclusion()}
		ok = ok && hash(&burial.TxID, raw.GetTxid()) && len(burial.Inclusion) <= MaxInclusion
		o.Burials = append(o.Burials, burial)
	}
	if !ok {
		return Observation{}, fmt.Errorf("%w: hash of another length than %d or of zeros, or proof of more than %d bytes", ErrObservation, chainhash.HashSize, MaxInclusion)
	}
	return o, nil
}

func hash(to *chainhash.Hash, from []byte) bool {
	return to.SetBytes(from) == nil
}
