package transitiontest

import (
	"bytes"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/module/mint"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/walletwire"
	"minimint/messages/canonical"
	"minimint/messages/transaction"
)

// Lie returns an item of a faulty member. own is what it would say if it were
// correct, pool what all members would say.
func (s *Scribe) Lie(own, pool []Item) Item {
	c := s.Choices
	switch c.Choose("lie", 10) {
	case 0, 1: // what somebody else signed or saw
		if len(pool) > 0 {
			it := pool[c.Choose("whose", len(pool))]
			if it.Sign != nil && !contains(own, it) {
				it.Sign = &Signed{Payment: it.Sign.Payment}
			}
			return it
		}
	case 2:
		if len(pool) > 0 {
			return s.damage(pool[c.Choose("damaged", len(pool))])
		}
	case 3:
		return Item{Item: transaction.Item{Kind: mint.Kind, Body: []byte{1}}}
	case 4:
		return Item{Item: transaction.Item{Kind: "nowhere"}}
	case 5:
		return Item{Item: wrapItem(&walletwire.Item{})}
	case 6:
		return Item{Item: transaction.Item{Kind: wallet.Kind, Body: []byte{0xff, byte(c.Choose("noise", 256))}}}
	case 7:
		return unknown(c)
	}
	return s.invent()
}

func contains(list []Item, it Item) bool {
	for _, o := range list {
		if bytes.Equal(o.Body, it.Body) {
			return true
		}
	}
	return false
}

// unknown is about a payment that never was.
func unknown(c Choices) Item {
	id := chainhash.Hash{1: byte(c.Choose("payment", 256))}
	if one(c, "burial", 2) {
		w := &walletwire.Burial{Txid: id[:], Inclusion: &walletwire.Inclusion{Header: make([]byte, 80)}}
		return Item{Item: wrapItem(&walletwire.Item{Kind: &walletwire.Item_Burial{Burial: w}}), Bury: &Buried{Payment: id}}
	}
	w := &walletwire.Signatures{Txid: id[:], Signatures: [][]byte{make([]byte, 64)}}
	return Item{Item: wrapItem(&walletwire.Item{Kind: &walletwire.Item_Signatures{Signatures: w}}), Sign: &Signed{Payment: id}}
}

// damage makes signatures, proofs and observations of correct members wrong.
func (s *Scribe) damage(it Item) Item {
	w := new(walletwire.Item)
	must(canonical.Unmarshal(it.Body, w, len(it.Body)))
	switch kind := w.GetKind().(type) {
	case *walletwire.Item_Signatures:
		list := kind.Signatures.GetSignatures()
		switch s.Choices.Choose("damage", 3) {
		case 0:
			list[len(list)-1][40] ^= 1
		case 1:
			kind.Signatures.Signatures = list[1:]
		case 2:
			list[0] = list[0][1:]
		}
		return Item{Item: wrapItem(w), Sign: &Signed{Payment: it.Sign.Payment}}
	case *walletwire.Item_Burial:
		proof := kind.Burial.GetInclusion()
		if len(proof.GetBranch()) > 0 && one(s.Choices, "branch", 2) {
			proof.Branch[0][3] ^= 1
		} else {
			proof.Header = proof.GetHeader()[1:]
		}
		return Item{Item: wrapItem(w), Bury: &Buried{Payment: it.Bury.Payment}}
	case *walletwire.Item_Observation:
		o := kind.Observation
		switch s.Choices.Choose("damage", 4) {
		case 0:
			o.BaseHeight++
		case 1:
			o.FeeRate = []uint64{1, MaxRate, MaxRate + 1, 1 << 63}[s.Choices.Choose("rate", 4)]
		case 2:
			o.NextHashes = append(o.NextHashes, bytes.Repeat([]byte{8}, 32))
		case 3:
			o.NextHashes = append(o.NextHashes, bytes.Repeat([]byte{8}, 31))
			return Item{Item: wrapItem(w)}
		}
		return sight(o)
	}
	panic("transitiontest: item of no kind")
}

// invent is an observation of a chain that nobody has.
func (s *Scribe) invent() Item {
	tip := s.Book.Height()
	o := &walletwire.Observation{BaseHeight: tip - min(tip, uint32(s.Choices.Choose("below", 4)))}
	if hash, ok := s.Book.BlockAt(o.GetBaseHeight()); ok {
		o.BaseHash = hash[:]
		if one(s.Choices, "other", 2) {
			o.BaseHash = bytes.Repeat([]byte{7}, 32)
		}
	}
	o.FeeRate = []uint64{0, MinRate, 30_000, MaxRate}[s.Choices.Choose("rate", 4)]
	for range s.Choices.Choose("blocks", 10) {
		o.NextHashes = append(o.NextHashes, bytes.Repeat([]byte{8}, 32))
	}
	return sight(o)
}
