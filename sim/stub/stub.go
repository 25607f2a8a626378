// Package stub is cheap cryptography for consensus in simulations, behind the
// interfaces of the real one: keyed hashes instead of pairings.
//
// What the protocol relies on holds as long as nobody asks for another member's
// [Member]: a signature, a coin share or a decryption share is right only if that
// member's secret made it; a coin needs f+1 right shares and is the same for all;
// a ciphertext is bound to its slot and opens with f+1 right shares to one
// plaintext. What does not hold is secrecy: a ciphertext shows what it carries to
// who looks. Sizes are those of the real ones, so that bytes can be compared.
package stub

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/actors/node"
	"minimint/crypto/tenc"
	"minimint/messages"
	"minimint/messages/statement"
)

// Dealer knows the secrets of all members. It lives outside the nodes and
// checks for them, as public keys would.
type Dealer struct {
	quorum  protocol.Quorum
	secrets [][32]byte
	group   [32]byte
}

// New deals the secrets of n members from random, which must not fail.
func New(random io.Reader, n int) *Dealer {
	d := &Dealer{quorum: protocol.NewQuorum(n), secrets: make([][32]byte, n)}
	for i := range d.secrets {
		mustRead(random, d.secrets[i][:])
	}
	mustRead(random, d.group[:])
	return d
}

func mustRead(random io.Reader, b []byte) {
	if _, err := io.ReadFull(random, b); err != nil {
		panic("stub: no randomness: " + err.Error())
	}
}

// Member is what one member works with: its own secret, and everybody's checks.
func (d *Dealer) Member(self messages.PeerID) node.Cryptography {
	m := member{d, self}
	return node.Cryptography{
		Core: honeybadger.Config{
			Signer: m, Verifier: verifier{m}, Scheme: scheme{m},
			Coin: func(s protocol.Slot) aba.Coin { return coin{m, s} },
		},
		Seal: func(_ io.Reader, slot protocol.Slot, contribution []byte) ([]byte, error) {
			return Seal(slot.Label(), contribution), nil
		},
		Certificates: notary{m},
	}
}

// keyed is a hash under a secret; what separates its uses.
func keyed(secret [32]byte, what byte, text []byte) [32]byte {
	var room [128]byte
	return sha256.Sum256(append(append(append(room[:0], secret[:]...), what), text...))
}

// What a keyed hash is for.
const (
	forSignature = iota
	forCoinShare
	forCoin
	forShare
	forOutcomeShare
	forCertificate
)

type member struct {
	*Dealer
	self messages.PeerID
}

// Sign implements rbc.Signer.
func (m member) Sign(statement messages.Digest) (signature [64]byte) {
	sum := keyed(m.secrets[m.self], forSignature, statement[:])
	copy(signature[:], sum[:])
	return signature
}

// verifier implements rbc.Verifier.
type verifier struct{ member }

// Verify implements rbc.Verifier.
func (m verifier) Verify(who messages.PeerID, statement messages.Digest, signature [64]byte) bool {
	return member{m.Dealer, who}.Sign(statement) == signature
}

// coinShareSize is that of a compressed point of G1.
const coinShareSize = 48

// coin implements aba.Coin for one slot.
type coin struct {
	member
	slot protocol.Slot
}

// Share implements aba.Coin.
func (c coin) Share(round uint32) []byte { return c.share(round, c.self) }

func (c coin) share(round uint32, who messages.PeerID) []byte {
	name := c.slot.CoinName(round)
	sum := keyed(c.secrets[who], forCoinShare, name[:])
	return append(sum[:], make([]byte, coinShareSize-len(sum))...)
}

// WellFormed implements aba.Coin.
func (c coin) WellFormed(share []byte) bool { return len(share) == coinShareSize }

// Combine implements aba.Coin.
func (c coin) Combine(round uint32, shares []aba.IndexedShare) (bit bool, liars []messages.PeerID, ok bool) {
	right := 0
	for _, s := range shares {
		if right == c.quorum.Some() {
			break
		}
		if bytes.Equal(s.Share, c.share(round, s.Peer)) {
			right++
		} else {
			liars = append(liars, s.Peer)
		}
	}
	name := c.slot.CoinName(round)
	return keyed(c.group, forCoin, name[:])[0]&1 == 1, liars, right == c.quorum.Some()
}

// notary implements statement.Signer.
type notary struct{ member }

// Sign implements statement.Signer.
func (m notary) Sign(s statement.Statement) []byte { return m.share(m.self, s) }

func (m notary) share(who messages.PeerID, s statement.Statement) []byte {
	sum := keyed(m.secrets[who], forOutcomeShare, s.Bytes())
	return append(sum[:], make([]byte, statement.SignatureSize-len(sum))...)
}

// Valid implements statement.Key.
func (m notary) Valid(c statement.Certificate) bool {
	return bytes.Equal(c.Signature, m.signature(c.Statement))
}

func (m notary) signature(s statement.Statement) []byte {
	sum := keyed(m.group, forCertificate, s.Bytes())
	return append(sum[:], make([]byte, statement.SignatureSize-len(sum))...)
}

// ValidShare implements statement.Key.
func (m notary) ValidShare(s statement.Share) bool {
	return bytes.Equal(s.Signature, m.share(s.Member, s.Statement))
}

// Combine implements statement.Key.
func (m notary) Combine(shares []statement.Share) (signature []byte, liars []messages.PeerID, ok bool) {
	right := 0
	for _, s := range shares {
		if right == m.quorum.Live() {
			break
		}
		if m.ValidShare(s) {
			right++
		} else {
			liars = append(liars, s.Member)
		}
	}
	if right < m.quorum.Live() {
		return nil, liars, false
	}
	return m.signature(shares[0].Statement), liars, true
}

// A ciphertext is the label, a flag, filler up to the real size, and the plaintext.
const header = sha256.Size + 1

// Seal returns the ciphertext of a contribution under a slot's label. Anybody can.
func Seal(label messages.Digest, contribution []byte) []byte { return seal(label, 0, contribution) }

// SealBroken returns a ciphertext that is publicly valid and opens to nothing.
func SealBroken(label messages.Digest) []byte { return seal(label, 1, nil) }

func seal(label messages.Digest, flag byte, plain []byte) []byte {
	filler := make([]byte, max(tenc.Overhead-header, 0))
	return slices.Concat(label[:], []byte{flag}, filler, plain)
}

// scheme implements tdec.Scheme.
type scheme struct{ member }

// Verify implements tdec.Scheme.
func (m scheme) Verify(label messages.Digest, ciphertext []byte) (tdec.Sealed, bool) {
	if len(ciphertext) < max(tenc.Overhead, header) || !bytes.HasPrefix(ciphertext, label[:]) || ciphertext[sha256.Size] > 1 {
		return nil, false
	}
	digest := sha256.Sum256(ciphertext)
	return sealed{member: m.member, ciphertext: ciphertext, digest: digest}, true
}

type sealed struct {
	member
	ciphertext []byte
	digest     [32]byte
}

// Share implements tdec.Sealed.
func (s sealed) Share() []byte { return s.share(s.self) }

func (s sealed) share(who messages.PeerID) []byte {
	sum := keyed(s.secrets[who], forShare, s.digest[:])
	return append(sum[:], make([]byte, tenc.ShareSize-len(sum))...)
}

// right reports whether a share is that of who.
func (s sealed) right(who messages.PeerID, share []byte) bool {
	sum := keyed(s.secrets[who], forShare, s.digest[:])
	var filler [tenc.ShareSize - len(sum)]byte
	return len(share) == tenc.ShareSize && bytes.Equal(share[:len(sum)], sum[:]) && bytes.Equal(share[len(sum):], filler[:])
}

// Open implements tdec.Sealed.
func (s sealed) Open(shares [][]byte) tdec.Opening {
	var o tdec.Opening
	right := 0
	for i, share := range shares {
		switch {
		case share == nil || right == s.quorum.Some():
		case s.right(messages.PeerID(i), share):
			right++
		default:
			o.Liars = append(o.Liars, messages.PeerID(i))
		}
	}
	switch {
	case right < s.quorum.Some():
		o.Status = tdec.Incomplete
	case s.ciphertext[sha256.Size] == 1:
		o.Status = tdec.Unopenable
	default:
		o.Status, o.Plaintext = tdec.Opened, s.ciphertext[max(tenc.Overhead, header):]
	}
	return o
}
