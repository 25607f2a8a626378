package frames

import (
	"fmt"
	"math/bits"

	"minimint/messages"
)

// Votes are as many statements as there are Slots, which say the same about
// different proposers. They travel as one bit mask.
type Votes struct {
	Kind  VoteKind
	Round uint32 // of BVal, Aux and Conf; otherwise 0
	Bit   bool   // of Conf: the one element
	Slots Slots
}

// VoteKind says which statement Votes stand for.
type VoteKind uint8

// The kinds of statements that are one bit, and Conf: of one element, or of both.
const (
	VoteInput VoteKind = iota
	VoteTerm
	VoteBVal
	VoteAux
	VoteConf
	VoteConfBoth
)

// About returns the statement about one proposer.
func (v *Votes) About(slot messages.PeerID) Statement {
	switch v.Kind {
	case VoteInput:
		return Input{Proposer: slot, Bit: v.Bit}
	case VoteTerm:
		return Term{Proposer: slot, Bit: v.Bit}
	case VoteBVal:
		return BVal{Proposer: slot, Round: v.Round, Bit: v.Bit}
	case VoteAux:
		return Aux{Proposer: slot, Round: v.Round, Bit: v.Bit}
	case VoteConf:
		return Conf{Proposer: slot, Round: v.Round, Bits: SetOf(v.Bit)}
	case VoteConfBoth:
		return Conf{Proposer: slot, Round: v.Round, Bits: SetOf(false) | SetOf(true)}
	}
	panic(fmt.Sprintf("frames: votes of kind %d", v.Kind))
}

// Slots is a set of proposers.
type Slots [(messages.MaxPeers + 63) / 64]uint64

// Add puts a proposer into the set.
func (s *Slots) Add(slot messages.PeerID) { s[slot/64] |= 1 << (slot % 64) }

// Has reports whether a proposer is in the set.
func (s *Slots) Has(slot messages.PeerID) bool { return s[slot/64]>>(slot%64)&1 == 1 }

// All ranges over the set, ascending.
func (s *Slots) All(yield func(messages.PeerID) bool) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(messages.PeerID(64*i + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}
