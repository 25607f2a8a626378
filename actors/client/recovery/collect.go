package recovery

import (
	"errors"
	"fmt"

	"minimint/actors/module/mint"
	"minimint/crypto/tbs"
	"minimint/messages"
)

// A Note is an own note with its verified signature.
type Note struct {
	Found
	Signature tbs.Signature
}

// block is a whole run of entries, a slice or the tail, with the notes in it that are
// wanted. Shares are asked for from its first entry to its last, whatever is wanted.
type block struct {
	first, end uint64
	notes      []Found
}

// Collect begins to collect the shares for notes of [Search.Found], those that the store
// does not have, in their order. It is called once, when the log was read, and reports
// whether there is anything to collect.
func (s *Search) Collect(wanted []Found) bool {
	if s.all == nil || s.stage != nil {
		panic("recovery: shares are collected before the log is read, or twice")
	}
	var blocks []block
	for _, f := range wanted { // in the order of the log
		first := f.GetEntry() - f.GetEntry()%mint.SliceSize
		if n := len(blocks); n == 0 || blocks[n-1].first != first {
			blocks = append(blocks, block{first: first, end: min(first+mint.SliceSize, s.entries)})
		}
		last := &blocks[len(blocks)-1]
		last.notes = append(last.notes, f)
	}
	if len(blocks) == 0 {
		return false
	}
	s.stage = newCollection(s, blocks)
	return true
}

// collection goes through the blocks.
type collection struct {
	s         *Search
	blocks    []block
	issuances []*tbs.Issuance // of the first block
	walks     []walk          // by member
	answers   []tbs.Answer
}

// walk is how far a member has given its shares of the first block, and those that are
// wanted.
type walk struct {
	at     uint64
	shares [][]byte
}

func newCollection(s *Search, blocks []block) *collection {
	c := &collection{s: s, blocks: blocks, walks: make([]walk, s.cfg.Group.N)}
	b := blocks[0]
	for i := range c.walks {
		c.walks[i] = walk{at: b.first, shares: make([][]byte, len(b.notes))}
	}
	for _, f := range b.notes {
		issuance, _, ok := s.cfg.Owner.issuance(f.Recovered)
		if !ok {
			panic(fmt.Sprintf("recovery: the note of entry %d cannot be derived any more", f.GetEntry()))
		}
		c.issuances = append(c.issuances, issuance)
	}
	return c
}

// ask sends each member through the block at its own pace.
func (c *collection) ask(p messages.PeerID) (Question, bool) {
	return Question{"shares", c.walks[p].at}, !c.s.peers[p].wrong && c.walks[p].at < c.blocks[0].end
}

// hear keeps what is wanted of a member's shares. They count once it has been through
// the whole block.
func (c *collection) hear(p messages.PeerID, q Question, body []byte) (Step, error) {
	w, b := &c.walks[p], c.blocks[0]
	if q != (Question{"shares", w.at}) || w.at >= b.end {
		return Step{}, nil
	}
	shares, err := readShares(body)
	if err != nil {
		return c.s.condemn(p, "blind shares that cannot be read: %s", clip(err)), nil
	}
	size := min(mint.SharesSize, b.end-w.at)
	if uint64(len(shares)) < size { // it lags
		c.s.peers[p].pause = pauseTicks
		return Step{}, nil
	}
	for i, f := range b.notes {
		if f.GetEntry() >= w.at && f.GetEntry() < w.at+size {
			w.shares[i] = shares[f.GetEntry()-w.at]
		}
	}
	if w.at += size; w.at < b.end {
		return Step{}, nil
	}
	answer := tbs.Answer{Index: uint32(p) + 1}
	for _, bytes := range w.shares {
		share, err := tbs.DecodeBlindShare(bytes)
		if err != nil {
			return c.s.condemn(p, "bad blind share"), nil
		}
		answer.Shares = append(answer.Shares, share)
	}
	c.answers = append(c.answers, answer)
	return c.finalize()
}

// finalize makes the notes of the first block as soon as n−f members have given right
// shares.
func (c *collection) finalize() (Step, error) {
	step := Step{}
	signatures, wrong, err := tbs.Finalize(c.issuances, c.answers, c.s.cfg.Random)
	for _, index := range wrong {
		step.Faults = append(step.Faults, c.s.condemn(messages.PeerID(index-1), "bad blind share").Faults...)
	}
	if errors.Is(err, tbs.ErrTooFewShares) {
		c.answers = without(c.answers, wrong)
		return step, nil
	}
	if err != nil {
		return step, fmt.Errorf("notes of the recovery log: %w", err)
	}
	for i, f := range c.blocks[0].notes {
		step.Notes = append(step.Notes, Note{f, signatures[i]})
	}
	c.blocks = c.blocks[1:]
	if len(c.blocks) > 0 {
		*c = *newCollection(c.s, c.blocks)
	}
	return step, nil
}

// without drops the answers of members that are known to lie.
func without(answers []tbs.Answer, wrong []uint32) (kept []tbs.Answer) {
	for _, a := range answers {
		lied := false
		for _, index := range wrong {
			lied = lied || a.Index == index
		}
		if !lied {
			kept = append(kept, a)
		}
	}
	return kept
}

func (c *collection) tick() {}

func (c *collection) next() stage {
	if len(c.blocks) > 0 {
		return c
	}
	return nil
}
