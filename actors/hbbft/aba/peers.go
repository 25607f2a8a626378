package aba

import (
	"math/bits"

	"minimint/messages"
	"minimint/messages/frames"
)

// peers is a set of members, of fixed size whatever they do.
type peers [(messages.MaxPeers + 63) / 64]uint64

func (s *peers) add(p messages.PeerID) { s[p/64] |= 1 << (p % 64) }

func (s *peers) has(p messages.PeerID) bool { return s[p/64]>>(p%64)&1 == 1 }

func (s peers) count() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// with returns s and one member more.
func (s peers) with(p messages.PeerID) peers {
	s.add(p)
	return s
}

// or returns the members that are in s or in t.
func (s peers) or(t peers) peers {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

// and returns the members that are in s and in t.
func (s peers) and(t peers) peers {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

// minus returns the members of s that are not in t.
func (s peers) minus(t peers) peers {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

// A ballot holds for each bit (at its index) the members that voted for it.
type ballot [2]peers

// of returns the bits that a member voted for.
func (v *ballot) of(p messages.PeerID) frames.BitSet {
	var voted frames.BitSet
	for b, bit := range bothBits {
		if v[b].has(p) {
			voted |= frames.SetOf(bit)
		}
	}
	return voted
}

// cast reports whether a member has voted.
func (v *ballot) cast(p messages.PeerID) bool { return (v[0][p/64]|v[1][p/64])>>(p%64)&1 == 1 }

// add adds the bits to what a member voted for.
func (v *ballot) add(p messages.PeerID, voted frames.BitSet) {
	for b, bit := range bothBits {
		if voted.Has(bit) {
			v[b].add(p)
		}
	}
}

// bothBits holds each bit at its index.
var bothBits = [2]bool{false, true}

// hasBoth is the set {0,1}.
const hasBoth frames.BitSet = 3

// index returns the place of bit in a ballot.
func index(bit bool) int {
	if bit {
		return 1
	}
	return 0
}
