package frames

import (
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/frames/framespb"
)

// Encode returns the bytes of a frame that is within the limits, see [Split].
// Beyond them, and on proposers that no federation has, it panics. Only Statements
// are encoded: nobody sends on what it has unpacked.
func Encode(f Frame) []byte {
	p := &framespb.Frame{Era: uint32(f.Era), Epoch: uint64(f.Epoch), Again: f.Again, Next: uint64(f.Next), Said: f.Said, Heard: f.Heard, Calls: f.Calls}
	e := encoder{frame: p}
	for _, s := range f.Statements {
		if s.Slot() >= messages.MaxPeers {
			panic(fmt.Sprintf("frames: statement about proposer %d", s.Slot()))
		}
		e.add(s)
	}
	slices.SortFunc(p.GetRounds(), func(a, b *framespb.Round) int { return int(int64(a.GetRound()) - int64(b.GetRound())) })
	b := canonical.Marshal(p)
	if _, err := Unpack(b); err != nil {
		panic(fmt.Sprintf("frames: encoding: %v", err))
	}
	return b
}

// An encoder fills a frame. Lists keep the order in which statements come, and
// what they repeat; masks merge it.
type encoder struct{ frame *framespb.Frame }

func (e encoder) add(s Statement) {
	f, slot := e.frame, uint32(s.Slot())
	switch s := s.(type) {
	case Value:
		f.Values = append(f.Values, &framespb.Value{Proposer: slot, Payload: s.Payload, Signature: s.Signature[:]})
	case Echo:
		f.Echoes = append(f.Echoes, &framespb.Root{Proposer: slot, Root: s.Root[:]})
	case Ready:
		f.Readys = append(f.Readys, &framespb.Root{Proposer: slot, Root: s.Root[:]})
	case Pull:
		f.Pulls = append(f.Pulls, &framespb.Root{Proposer: slot, Root: s.Root[:]})
	case Input:
		setBit(&f.Inputs, slot, s.Bit)
	case Term:
		setBit(&f.Terms, slot, s.Bit)
	case BVal:
		setBit(&e.round(s.Round).Bvals, slot, s.Bit)
	case Aux:
		setBit(&e.round(s.Round).Auxes, slot, s.Bit)
	case Conf:
		e.conf(s)
	case CoinShare:
		r := e.round(s.Round)
		r.CoinShares = append(r.CoinShares, &framespb.Share{Proposer: slot, Share: s.Share})
	case DecryptionShare:
		f.DecryptionShares = append(f.DecryptionShares, &framespb.Share{Proposer: slot, Share: s.Share})
	default:
		panic(fmt.Sprintf("frames: statement of unknown type %T", s))
	}
}

// conf writes one of the three sets; an empty one is never said.
func (e encoder) conf(s Conf) {
	r, slot := e.round(s.Round), uint32(s.Proposer)
	switch s.Bits {
	case SetOf(false):
		setBit(&r.Confs, slot, false)
	case SetOf(true):
		setBit(&r.Confs, slot, true)
	case SetOf(false) | SetOf(true):
		r.ConfBoth = mark(r.GetConfBoth(), slot)
	default:
		panic(fmt.Sprintf("frames: conf of set %d", s.Bits))
	}
}

// round returns the part of the frame about a round, new if it is the first of
// it. Frames speak about few rounds, so looking through them is cheapest.
func (e encoder) round(round uint32) *framespb.Round {
	for _, r := range e.frame.GetRounds() {
		if r.GetRound() == round {
			return r
		}
	}
	r := &framespb.Round{Round: round}
	e.frame.Rounds = append(e.frame.Rounds, r)
	return r
}

// setBit says one bit about one proposer.
func setBit(b **framespb.Bits, slot uint32, bit bool) {
	if *b == nil {
		*b = &framespb.Bits{}
	}
	if bit {
		(*b).One = mark((*b).GetOne(), slot)
	} else {
		(*b).Zero = mark((*b).GetZero(), slot)
	}
}

// mark sets one bit of a mask, which grows to hold it and no further.
func mark(mask []byte, slot uint32) []byte {
	for uint32(len(mask)) <= slot/8 {
		mask = append(mask, 0)
	}
	mask[slot/8] |= 1 << (slot % 8)
	return mask
}
