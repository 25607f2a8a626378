package hbbfttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
)

type (
	// Signer makes toy signatures of one member. Anybody could forge them;
	// tests do not.
	Signer struct{ Member messages.PeerID }
	// Verifier checks them.
	Verifier struct{}
)

// Sign returns a hash of member and statement.
func (s Signer) Sign(statement messages.Digest) [64]byte {
	var out [64]byte
	sum := sha256.Sum256(binary.BigEndian.AppendUint16(statement[:], uint16(s.Member)))
	copy(out[:], sum[:])
	return out
}

// Verify reports whether Sign of that member made the signature.
func (Verifier) Verify(member messages.PeerID, statement messages.Digest, signature [64]byte) bool {
	return signature == Signer{member}.Sign(statement)
}

// Cipher is toy threshold encryption of one member: nothing is hidden, but a
// ciphertext is bound to its label, a share to its member and ciphertext, and
// an opening needs Threshold right shares.
type Cipher struct {
	Member    messages.PeerID
	Threshold int
}

var toyMagic = []byte("toy:")

// Seal returns the ciphertext of plain under label.
func Seal(label messages.Digest, plain []byte) []byte {
	return slices.Concat(toyMagic, label[:], []byte{0}, plain)
}

// SealBroken returns a ciphertext that is publicly valid and opens to nothing.
func SealBroken(label messages.Digest) []byte {
	return slices.Concat(toyMagic, label[:], []byte{1})
}

// Verify reports whether the ciphertext is well formed and bound to label.
func (c Cipher) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	head := slices.Concat(toyMagic, label[:])
	return toySealed{c, ciphertext}, len(ciphertext) > len(head) && bytes.HasPrefix(ciphertext, head)
}

type toySealed struct {
	Cipher
	ciphertext []byte
}

// Share returns this member's share.
func (s toySealed) Share() []byte { return ToyShare(s.Member, s.ciphertext) }

// Open opens with Threshold right shares.
func (s toySealed) Open(shares [][]byte) tdec.Opening {
	var o tdec.Opening
	right := 0
	for member, share := range shares {
		switch {
		case share == nil:
		case bytes.Equal(share, ToyShare(messages.PeerID(member), s.ciphertext)):
			right++
		default:
			o.Liars = append(o.Liars, messages.PeerID(member))
		}
	}
	if right < s.Threshold {
		return o
	}
	o.Status = tdec.Unopenable
	if head := len(toyMagic) + sha256.Size; s.ciphertext[head] == 0 {
		o.Status, o.Plaintext = tdec.Opened, s.ciphertext[head+1:]
	}
	return o
}

// ToyShare is the right share of a member.
func ToyShare(member messages.PeerID, ciphertext []byte) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint16(append([]byte("share"), ciphertext...), uint16(member)))
	return sum[:8]
}

// Coin is the toy common coin of one slot for one member: a hash that anybody
// could compute, and Threshold right shares that are needed to use it.
type Coin struct {
	Member    messages.PeerID
	Threshold int
	Slot      protocol.Slot
}

// Share returns this member's share.
func (c Coin) Share(round uint32) []byte { return c.share(round, c.Member) }

func (c Coin) share(round uint32, member messages.PeerID) []byte {
	name := c.Slot.CoinName(round)
	sum := sha256.Sum256(binary.BigEndian.AppendUint16(name[:], uint16(member)))
	return sum[:8]
}

// WellFormed reports whether the share has the right length.
func (c Coin) WellFormed(share []byte) bool { return len(share) == 8 }

// Combine returns the coin if there are Threshold right shares.
func (c Coin) Combine(round uint32, shares []aba.IndexedShare) (bit bool, liars []messages.PeerID, ok bool) {
	right := 0
	for _, s := range shares {
		if bytes.Equal(s.Share, c.share(round, s.Peer)) {
			right++
		} else {
			liars = append(liars, s.Peer)
		}
	}
	name := c.Slot.CoinName(round)
	return name[0]&1 == 1, liars, right >= c.Threshold
}
