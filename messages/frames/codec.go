package frames

import (
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/frames/framespb"
)

// Encode returns the bytes of a frame that is within the limits, see [Split].
// Beyond them, and on proposers that no federation has, it panics.
func Encode(f Frame) []byte {
	p := &framespb.Frame{Era: uint32(f.Era), Epoch: uint64(f.Epoch), Again: f.Again, Next: uint64(f.Next), Said: f.Said, Heard: f.Heard}
	e := encoder{frame: p}
	for _, s := range f.Statements {
		if s.Slot() >= messages.MaxPeers {
			panic(fmt.Sprintf("frames: statement about proposer %d", s.Slot()))
		}
		e.add(s)
	}
	slices.SortFunc(p.GetRounds(), func(a, b *framespb.Round) int { return int(int64(a.GetRound()) - int64(b.GetRound())) })
	b := canonical.Marshal(p)
	if err := precheck(b); err != nil {
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

// Decode reads a frame. It accepts exactly what [Encode] makes and returns an
// error that wraps ErrFrame for everything else. The frame's statements come in
// one fixed order, and its payloads and shares are slices of their own, so b
// may be used again. Proposers are below messages.MaxPeers, not below the size
// of any federation.
func Decode(b []byte) (Frame, error) {
	if err := precheck(b); err != nil {
		return Frame{}, err
	}
	p := new(framespb.Frame)
	if err := canonical.Unmarshal(b, p, MaxFrame); err != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	d := decoder{frame: Frame{
		Era: messages.Era(p.GetEra()), Epoch: messages.Epoch(p.GetEpoch()), Next: messages.Epoch(p.GetNext()), Again: p.GetAgain(),
		Said: p.GetSaid(), Heard: p.GetHeard(),
	}}
	for _, v := range p.GetValues() {
		d.value(v)
	}
	d.roots(p.GetEchoes(), func(slot messages.PeerID, root messages.Digest) Statement { return Echo{slot, root} })
	d.roots(p.GetReadys(), func(slot messages.PeerID, root messages.Digest) Statement { return Ready{slot, root} })
	d.roots(p.GetPulls(), func(slot messages.PeerID, root messages.Digest) Statement { return Pull{slot, root} })
	d.bits(p.GetInputs(), func(slot messages.PeerID, bit bool) Statement { return Input{slot, bit} })
	d.bits(p.GetTerms(), func(slot messages.PeerID, bit bool) Statement { return Term{slot, bit} })
	last := int64(-1)
	for _, r := range p.GetRounds() {
		d.round(r, last)
		last = int64(r.GetRound())
	}
	d.shares(p.GetDecryptionShares(), func(slot messages.PeerID, share []byte) Statement { return DecryptionShare{slot, share} })
	if d.err != nil {
		return Frame{}, d.err
	}
	return d.frame, nil
}

// A decoder collects statements until something is wrong.
type decoder struct {
	frame Frame
	err   error
}

func (d *decoder) add(s Statement) { d.frame.Statements = append(d.frame.Statements, s) }

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrFrame}, args...)...)
	}
}

// slot reads a proposer. That it is one of the federation is for the core to
// see, which blames the sender otherwise.
func (d *decoder) slot(slot uint32) messages.PeerID {
	if slot >= messages.MaxPeers {
		d.fail("proposer %d", slot)
		return 0
	}
	return messages.PeerID(slot)
}

func (d *decoder) value(v *framespb.Value) {
	if len(v.GetPayload()) > MaxPayload || len(v.GetSignature()) != 64 {
		d.fail("value of %d bytes with a signature of %d", len(v.GetPayload()), len(v.GetSignature()))
		return
	}
	d.add(Value{Proposer: d.slot(v.GetProposer()), Payload: v.GetPayload(), Signature: [64]byte(v.GetSignature())})
}

func (d *decoder) roots(list []*framespb.Root, build func(messages.PeerID, messages.Digest) Statement) {
	for _, r := range list {
		root, ok := messages.DigestFrom(r.GetRoot())
		if !ok {
			d.fail("root of %d bytes", len(r.GetRoot()))
			return
		}
		d.add(build(d.slot(r.GetProposer()), root))
	}
}

func (d *decoder) shares(list []*framespb.Share, build func(messages.PeerID, []byte) Statement) {
	for _, s := range list {
		if len(s.GetShare()) > MaxShare {
			d.fail("share of %d bytes", len(s.GetShare()))
			return
		}
		d.add(build(d.slot(s.GetProposer()), s.GetShare()))
	}
}

// bits reads a pair of masks, which says something at least.
func (d *decoder) bits(b *framespb.Bits, build func(messages.PeerID, bool) Statement) {
	if b == nil {
		return
	}
	if len(b.GetZero())+len(b.GetOne()) == 0 {
		d.fail("mask that says nothing")
	}
	d.mask(b.GetZero(), func(slot messages.PeerID) Statement { return build(slot, false) })
	d.mask(b.GetOne(), func(slot messages.PeerID) Statement { return build(slot, true) })
}

func (d *decoder) mask(mask []byte, build func(messages.PeerID) Statement) {
	if len(mask) > maskSize || len(mask) > 0 && mask[len(mask)-1] == 0 {
		d.fail("mask of %d bytes, or with zeros at its end", len(mask))
		return
	}
	for i, eight := range mask {
		for bit := range 8 {
			if eight&(1<<bit) != 0 {
				d.add(build(d.slot(uint32(8*i + bit))))
			}
		}
	}
}

// round reads one round; rounds ascend and say something, so that what they say
// has one form.
func (d *decoder) round(r *framespb.Round, last int64) {
	round := r.GetRound()
	if int64(round) <= last {
		d.fail("round %d after round %d", round, last)
	}
	before := len(d.frame.Statements)
	d.bits(r.GetBvals(), func(slot messages.PeerID, bit bool) Statement { return BVal{slot, round, bit} })
	d.bits(r.GetAuxes(), func(slot messages.PeerID, bit bool) Statement { return Aux{slot, round, bit} })
	d.bits(r.GetConfs(), func(slot messages.PeerID, bit bool) Statement { return Conf{slot, round, SetOf(bit)} })
	d.mask(r.GetConfBoth(), func(slot messages.PeerID) Statement { return Conf{slot, round, SetOf(false) | SetOf(true)} })
	d.shares(r.GetCoinShares(), func(slot messages.PeerID, share []byte) Statement { return CoinShare{slot, round, share} })
	if len(d.frame.Statements) == before {
		d.fail("round %d that says nothing", round)
	}
}
