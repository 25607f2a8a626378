package tdec

import (
	"fmt"
	"io"

	"minimint/actors/hbbft/protocol"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/frames"
)

// MaxContribution is the longest contribution that fits a proposal, in bytes.
const MaxContribution = frames.MaxPayload - tenc.Overhead

// Seal encrypts a contribution to the federation for one slot. It reads its
// randomness from random, whose errors are the only ones. A contribution of
// more than MaxContribution bytes panics.
func Seal(random io.Reader, keys *tenc.PublicKeys, slot protocol.Slot, contribution []byte) ([]byte, error) {
	if len(contribution) > MaxContribution {
		panic(fmt.Sprintf("tdec: contribution of %d bytes, at most %d allowed", len(contribution), MaxContribution))
	}
	label := slot.Label()
	c, err := tenc.Encrypt(random, keys, label[:], contribution)
	if err != nil {
		return nil, fmt.Errorf("seal contribution to epoch %d: %w", slot.Epoch, err)
	}
	return c.Encode(), nil
}

// NewScheme returns the scheme of package tenc: TDH2 on ristretto255, where
// peer p has index p+1. It panics unless the keys take f+1 members to open.
// Verify and Open use the public keys alone: whoever only checks what others did
// passes the zero secret, and must not ask for a Share.
func NewScheme(keys *tenc.PublicKeys, secret tenc.SecretShare) Scheme {
	if some := protocol.NewQuorum(keys.Members()).Some(); keys.Threshold() != some {
		panic(fmt.Sprintf("tdec: key takes %d of %d members, want %d", keys.Threshold(), keys.Members(), some))
	}
	return scheme{keys, secret}
}

type scheme struct {
	keys   *tenc.PublicKeys
	secret tenc.SecretShare
}

func (s scheme) Verify(label messages.Digest, ciphertext []byte) (Sealed, bool) {
	c, err := tenc.DecodeCiphertext(ciphertext, MaxContribution)
	if err != nil {
		return nil, false
	}
	v, err := c.Verify(s.keys, label[:])
	if err != nil {
		return nil, false
	}
	return &sealed{verified: v, secret: s.secret, proven: make([]*tenc.Share, s.keys.Members())}, true
}

type sealed struct {
	verified tenc.Verified
	secret   tenc.SecretShare
	proven   []*tenc.Share // by member: shares that were checked already
}

// zeros is all the randomness that a share's proof gets, so that a share is the
// same after a restart: tenc derives the proof's exponent from the secret and
// the ciphertext as well, so it serves one statement only.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (s *sealed) Share() []byte {
	share, err := tenc.DecryptShare(zeros{}, s.secret, s.verified)
	if err != nil {
		panic(fmt.Sprintf("tdec: own share: %v", err))
	}
	s.proven[share.Index()-1] = &share
	return share.Encode()
}

func (s *sealed) Open(shares [][]byte) Opening {
	var o Opening
	usable := make([]tenc.Share, 0, len(shares))
	for member, b := range shares {
		switch {
		case b == nil:
		case s.proven[member] != nil:
			usable = append(usable, *s.proven[member])
		default:
			share, err := tenc.DecodeShare(member+1, b)
			if err != nil {
				o.Liars = append(o.Liars, messages.PeerID(member))
				continue
			}
			usable = append(usable, share)
		}
	}
	opening := s.verified.Open(usable)
	for _, index := range opening.Liars {
		o.Liars = append(o.Liars, messages.PeerID(index-1))
	}
	for _, share := range opening.Proven {
		s.proven[share.Index()-1] = &share
	}
	o.Plaintext = opening.Plaintext
	switch opening.Status {
	case tenc.Opened:
		o.Status = Opened
	case tenc.Unopenable:
		o.Status = Unopenable
	case tenc.Incomplete:
		o.Status = Incomplete
	}
	return o
}
