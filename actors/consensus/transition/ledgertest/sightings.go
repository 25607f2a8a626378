package ledgertest

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/consensus/transition/transitiontest"
	"minimint/messages"
	"minimint/messages/chainview"
)

// says returns the blocks that a sighting names, by height.
func says(s transitiontest.Sighting) map[uint32]chainhash.Hash {
	out := map[uint32]chainhash.Hash{}
	for i, h := range s.Hashes {
		if h != (chainhash.Hash{}) {
			out[s.Base+uint32(i)] = h
		}
	}
	return out
}

// contradicts returns the lowest agreed height at which the sighting has another
// block.
func (b *Book) contradicts(s transitiontest.Sighting) (uint32, bool) {
	said := says(s)
	for height := uint32(transitiontest.Birthday); height <= b.Height(); height++ {
		block, _ := b.BlockAt(height)
		if mine, ok := said[height]; ok && mine != block {
			return height, true
		}
	}
	return 0, false
}

// meaning is what still matters of a sighting, in words: the block that
// contradicts, or whatever it has from the agreed height on, or else its last.
func (b *Book) meaning(s transitiontest.Sighting) string {
	said := says(s)
	if height, ok := b.contradicts(s); ok {
		return fmt.Sprint("no: ", height, said[height], s.Rate)
	}
	last := s.Base + uint32(len(s.Hashes)) - 1
	text := ""
	for height := max(min(b.Height(), last), s.Base); height <= last; height++ {
		text += fmt.Sprint(height, said[height], " ")
	}
	return text + fmt.Sprint(s.Rate)
}

func (b *Book) sighted(from messages.PeerID, s transitiontest.Sighting) (effect, fault bool) {
	const below = transitiontest.Birthday - 1
	nothing := chainhash.Hash{}
	bad := s.Base < below || (s.Base == below) != (s.Hashes[0] == nothing) || len(s.Hashes) > 1+chainview.MaxBlocks ||
		slices.Contains(s.Hashes[1:], nothing) || s.Rate != 0 && (s.Rate < transitiontest.MinRate || s.Rate > transitiontest.MaxRate) || s.Base > b.Height()
	before, spoke := b.seen[from]
	switch {
	case bad || spoke && b.spoke[from] == b.epoch:
		return false, true
	case spoke && b.meaning(before) == b.meaning(s):
		return false, false
	}
	b.seen[from], b.spoke[from] = s, b.epoch
	b.agreeOnRate()
	b.agreeOnBlocks()
	b.freezeOrThaw()
	return true, false
}

func (b *Book) agreeOnRate() {
	var rates []uint64
	for _, s := range b.seen {
		if s.Rate == 0 {
			s.Rate = transitiontest.DefaultRate
		}
		rates = append(rates, s.Rate)
	}
	if len(rates) >= transitiontest.Threshold {
		slices.Sort(rates)
		b.rate = rates[len(rates)/2]
	}
}

func (b *Book) agreeOnBlocks() {
	for {
		votes := map[chainhash.Hash]int{}
		var winner *chainhash.Hash
		for _, s := range b.seen {
			if _, no := b.contradicts(s); no {
				continue
			}
			if h, ok := says(s)[b.Height()+1]; ok {
				if votes[h]++; votes[h] >= transitiontest.Threshold {
					winner = &h
				}
			}
		}
		if winner == nil {
			return
		}
		b.blocks = append(b.blocks, *winner)
	}
}

// freezeOrThaw stops deposits when f+1 members see another chain than the agreed
// one, until n−f see the agreed one.
func (b *Book) freezeOrThaw() {
	against, confirm := 0, 0
	newest, _ := b.BlockAt(b.Height())
	for _, s := range b.seen {
		if _, no := b.contradicts(s); no {
			against++
		} else if h, ok := says(s)[b.Height()]; ok && h == newest {
			confirm++
		}
	}
	switch {
	case against > transitiontest.Members-transitiontest.Threshold:
		b.frozen = true
	case confirm >= transitiontest.Threshold:
		b.frozen = false
	}
}
