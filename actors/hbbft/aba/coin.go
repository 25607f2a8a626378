package aba

import (
	"errors"
	"fmt"

	"minimint/actors/hbbft/protocol"
	"minimint/crypto/tsig"
	"minimint/messages"
)

// Coin is the common coin of one proposer's agreement: round by round a bit
// that nobody knows before a correct member released its share. Its name must
// contain federation, era, epoch, proposer and round, and F+1 shares must
// suffice: members that decided release none.
type Coin interface {
	// Share returns our own share of a round, the same one every time.
	Share(round uint32) []byte
	// WellFormed is a cheap look at a peer's share: its length, no mathematics.
	WellFormed(share []byte) bool
	// Combine returns the coin of a round from at least F+1 well-formed
	// shares of distinct members in ascending order. It names the members
	// whose shares it proved invalid, whether or not the rest sufficed (ok);
	// without ok it is asked again when there are others.
	Combine(round uint32, shares []IndexedShare) (bit bool, liars []messages.PeerID, ok bool)
}

// IndexedShare is the share of the coin that one member released.
type IndexedShare struct {
	Peer  messages.PeerID
	Share []byte
}

// NewCoin returns the coin of a slot under a threshold signature key: one bit
// of the unique signature on the name of the round (Cachin, Kursawe and Shoup,
// PODC 2000). Peer p has index p+1 in the key. It panics unless the key takes
// F+1 members to sign.
func NewCoin(slot protocol.Slot, keys *tsig.PublicKeys, secret *tsig.SecretShare) Coin {
	if some := protocol.NewQuorum(keys.Size()).Some(); keys.Threshold() != some {
		panic(fmt.Sprintf("aba: coin key takes %d of %d members, want %d", keys.Threshold(), keys.Size(), some))
	}
	return &signatureCoin{slot: slot, keys: keys, secret: secret}
}

type signatureCoin struct {
	slot   protocol.Slot
	keys   *tsig.PublicKeys
	secret *tsig.SecretShare
}

// shareSize is the length of a compressed point of G1.
const shareSize = 48

func (c *signatureCoin) Share(round uint32) []byte {
	name := c.slot.CoinName(round)
	return c.secret.Sign(name[:]).Bytes()
}

func (c *signatureCoin) WellFormed(share []byte) bool { return len(share) == shareSize }

func (c *signatureCoin) Combine(round uint32, shares []IndexedShare) (bool, []messages.PeerID, bool) {
	var points []tsig.Share
	var liars []messages.PeerID
	for _, s := range shares {
		point, err := tsig.DecodeShare(uint32(s.Peer)+1, s.Share)
		if err != nil {
			liars = append(liars, s.Peer)
			continue
		}
		points = append(points, point)
	}
	name := c.slot.CoinName(round)
	signature, wrong, err := c.keys.Combine(name[:], points)
	for _, index := range wrong {
		liars = append(liars, messages.PeerID(index-1))
	}
	if err != nil {
		if !errors.Is(err, tsig.ErrTooFewShares) {
			panic(fmt.Sprintf("aba: combining the coin of round %d: %v", round, err))
		}
		return false, liars, false
	}
	return signature.Coin(), liars, true
}
