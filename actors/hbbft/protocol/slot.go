package protocol

import (
	"encoding/binary"

	"minimint/crypto/domain"
	"minimint/messages"
)

// A Slot names one proposer's place in one epoch. Everything that a member
// hashes, signs or encrypts for the place starts with it, so that nothing of one
// slot means anything in another.
type Slot struct {
	Federation messages.FederationID
	Era        messages.Era
	Epoch      messages.Epoch
	Proposer   messages.PeerID
}

// Root commits to a proposal of this slot.
func (s Slot) Root(payload []byte) messages.Digest { return s.hash(domain.RBCRoot, payload) }

// Signed is what the proposer signs to make root its proposal.
func (s Slot) Signed(root messages.Digest) messages.Digest {
	return s.hash(domain.ProposerSignature, root[:])
}

// Label is what the ciphertext of this slot is bound to.
func (s Slot) Label() messages.Digest { return s.hash(domain.Label) }

// CoinName names the common coin of one round of agreement about this slot.
func (s Slot) CoinName(round uint32) messages.Digest {
	return s.hash(domain.CoinName, binary.BigEndian.AppendUint32(nil, round))
}

func (s Slot) hash(tag domain.Tag, more ...[]byte) messages.Digest {
	fields := [][]byte{
		s.Federation[:],
		binary.BigEndian.AppendUint32(nil, uint32(s.Era)),
		binary.BigEndian.AppendUint64(nil, uint64(s.Epoch)),
		binary.BigEndian.AppendUint16(nil, uint16(s.Proposer)),
	}
	return domain.Hash(tag, append(fields, more...)...)
}
