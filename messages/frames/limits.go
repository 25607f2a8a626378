package frames

import (
	"errors"
	"fmt"

	"minimint/messages"
)

// Limits of one frame on the wire. [Split] keeps to them and [Decode] refuses
// what does not, before it allocates anything that they would allow.
const (
	// MaxFrame is the longest encoded frame, in bytes.
	MaxFrame = 1 << 20
	// MaxPayload is the longest proposal, in bytes.
	MaxPayload = 256 << 10
	// MaxShare is the longest coin or decryption share, in bytes.
	MaxShare = 256
	// MaxItems bounds the statements of a frame that are not single bits.
	MaxItems = 1024
	// MaxRounds bounds the rounds of binary agreement that a frame speaks about.
	MaxRounds = 16
)

// ErrFrame says that bytes are no frame. Bytes of a peer that yield it are a
// fault of the peer and nothing else.
var ErrFrame = errors.New("no frame")

// maskSize is the length of the longest bit mask, in bytes.
const maskSize = (messages.MaxPeers + 7) / 8

// Split returns frames that together say what f says, each within the limits.
// A frame without statements is returned as it is. It panics if one statement
// alone is beyond the limits: no correct member makes such a statement.
func Split(f Frame) []Frame {
	parts := []Frame{{Era: f.Era, Epoch: f.Epoch, Next: f.Next, Again: f.Again, Said: f.Said, Calls: f.Calls}}
	var room budget
	for _, s := range f.Statements {
		if !room.take(s) {
			room = budget{}
			parts = append(parts, Frame{Era: f.Era, Epoch: f.Epoch, Next: f.Next, Said: f.Said})
			if !room.take(s) {
				panic(fmt.Sprintf("frames: %T that fits no frame", s))
			}
		}
		last := &parts[len(parts)-1]
		last.Statements = append(last.Statements, s)
	}
	parts[len(parts)-1].Heard = f.Heard // when the rest has arrived
	return parts
}

// A budget is what one frame already holds, estimated from above: single bits
// cost nothing of their own, since all masks together have a size that is
// reserved from the start.
type budget struct {
	size, items int
	rounds      []uint32
}

const (
	overhead  = 64   // of one statement: tags, lengths, proposer, root or signature's share of it
	frameSize = 1024 // of the frame itself
)

// take adds a statement and reports whether there was room.
func (r *budget) take(s Statement) bool {
	size, item := overhead, true
	switch s := s.(type) {
	case Value:
		size += len(s.Payload) + overhead
		if len(s.Payload) > MaxPayload {
			return false
		}
	case CoinShare:
		size += len(s.Share)
		if len(s.Share) > MaxShare || !r.round(s.Round) {
			return false
		}
	case DecryptionShare:
		size += len(s.Share)
		if len(s.Share) > MaxShare {
			return false
		}
	case Echo, Ready, Pull:
	case Input, Term:
		item = false
	case BVal:
		item = false
		if !r.round(s.Round) {
			return false
		}
	case Aux:
		item = false
		if !r.round(s.Round) {
			return false
		}
	case Conf:
		item = false
		if !r.round(s.Round) {
			return false
		}
	default:
		panic(fmt.Sprintf("frames: statement of unknown type %T", s))
	}
	if !item {
		size = 0
	}
	if frameSize+MaxRounds*8*(maskSize+4)+r.size+size > MaxFrame || item && r.items == MaxItems {
		return false
	}
	r.size += size
	if item {
		r.items++
	}
	return true
}

// round makes room for statements about a round.
func (r *budget) round(round uint32) bool {
	for _, known := range r.rounds {
		if known == round {
			return true
		}
	}
	if len(r.rounds) == MaxRounds {
		return false
	}
	r.rounds = append(r.rounds, round)
	return true
}
