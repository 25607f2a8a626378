// Package keys derives everything secret that a client has from twelve words.
//
// The words are BIP-39 and make a seed. With a federation's id it becomes three
// branches: secrets of notes, the filter of tweaks, and keys of deposits.
//
// # Notes
//
// All outputs of one transaction carry one random [Tweak] of 16 bytes. Spend key
// and blinding factor of an output follow from branch, tweak, tier and position,
// so there are no counters that two devices with the same words could use
// twice, and nothing but the words is needed to find the notes again: a tweak
// passes a filter keyed by the seed, which one foreign tweak in 65,536 passes by
// chance, so whoever has the words sees at a glance which outputs may be his own
// and nobody else sees anything. A tweak that passes is found by trying, see
// [Ring.Grind].
//
// # Deposits
//
// Deposit keys are numbered. Two devices with the same words may hand out the
// same address; both can claim what is paid to it, and only one will.
package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	bip39 "github.com/cosmos/go-bip39"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tbs"
	"minimint/messages"
)

// depositKey, contractKey and gatewayKey are the roles of further keys in key
// derivation.
const (
	depositKey  = domain.DepositKey
	contractKey = domain.ContractKey
	gatewayKey  = domain.GatewayKey
)

// entropySize makes twelve words.
const entropySize = 16

// filterBits is how many bits of the filter must be zero.
const filterBits = 16

// ErrWords says that a text is no list of seed words.
var ErrWords = errors.New("no valid seed words")

// NewWords makes twelve words from 16 bytes of random.
func NewWords(random io.Reader) (string, error) {
	entropy := make([]byte, entropySize)
	if _, err := io.ReadFull(random, entropy); err != nil {
		return "", fmt.Errorf("random seed words: %w", err)
	}
	words, err := bip39.NewMnemonic(entropy)
	if err != nil {
		return "", fmt.Errorf("seed words: %w", err)
	}
	return words, nil
}

// CleanWords returns the usual spelling of seed words that a person typed: 12,
// 15, 18, 21 or 24 words of the English list with their checksum. Its error
// wraps ErrWords and says what to look at.
func CleanWords(text string) (string, error) {
	words := strings.Fields(strings.ToLower(text))
	if n := len(words); n < 12 || n > 24 || n%3 != 0 {
		return "", fmt.Errorf("%w: %d words, want 12", ErrWords, n)
	}
	for _, w := range words {
		if _, ok := bip39.ReverseWordMap[w]; !ok {
			return "", fmt.Errorf("%w: %.20q is not in the list of words", ErrWords, w)
		}
	}
	clean := strings.Join(words, " ")
	if _, err := bip39.MnemonicToByteArray(clean); err != nil {
		return "", fmt.Errorf("%w: a word is wrong or at the wrong place", ErrWords)
	}
	return clean, nil
}

// A Tweak ties the outputs of one transaction to a seed.
type Tweak [16]byte

// A Ring derives the keys for one federation. It is immutable.
type Ring struct {
	notes, filter, deposits, contracts, gateway []byte
}

// NewRing derives the branches. words must come from [NewWords] or [CleanWords];
// it panics on anything else.
func NewRing(words string, federation messages.FederationID) *Ring {
	seed, err := bip39.NewSeedWithErrorChecking(words, "")
	if err != nil {
		panic("keys: seed words that were never checked")
	}
	branch := func(role domain.Tag) []byte { return derive(seed, federation[:], string(role)) }
	return &Ring{
		notes: branch(domain.NoteNonce), filter: branch(domain.NoteTweak), deposits: branch(depositKey),
		contracts: branch(contractKey), gateway: branch(gatewayKey),
	}
}

// derive is HKDF-SHA-256 (RFC 5869) for 32 bytes.
func derive(secret, salt []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, info, sha256.Size)
	if err != nil {
		panic("keys: HKDF refused 32 bytes: " + err.Error())
	}
	return key
}

// Secrets are what makes and spends one note.
type Secrets struct {
	Spend    *btcec.PrivateKey
	Nonce    tbs.Nonce // x-only public key of Spend
	Blinding bls.Scalar
}

// Note derives the secrets of the output at position in a transaction.
func (r *Ring) Note(t Tweak, tier, position uint32) Secrets {
	place := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(t[:len(t):len(t)], tier), position)
	spend, _ := btcec.PrivKeyFromBytes(derive(r.notes, place, string(domain.NoteNonce)))
	return Secrets{
		Spend: spend, Nonce: NonceOf(spend),
		Blinding: bls.HashToScalar(string(domain.NoteBlinding), domain.Frame(r.notes, place)),
	}
}

// NonceOf returns the nonce of the note that a secret key spends.
func NonceOf(spend *btcec.PrivateKey) tbs.Nonce {
	return tbs.Nonce(schnorr.SerializePubKey(spend.PubKey()))
}

// Owns reports whether a tweak passes the filter: always for an own tweak, and
// for one in 65,536 of the others.
func (r *Ring) Owns(t Tweak) bool { return newSieve(r.filter).passes(t) }

// sieve is the filter with its state.
type sieve struct {
	mac interface {
		io.Writer
		Sum([]byte) []byte
		Reset()
	}
	sum [sha256.Size]byte
}

func newSieve(key []byte) *sieve { return &sieve{mac: hmac.New(sha256.New, key)} }

func (s *sieve) passes(t Tweak) bool {
	s.mac.Reset()
	_, _ = s.mac.Write(t[:]) // a hash takes everything
	return binary.BigEndian.Uint16(s.mac.Sum(s.sum[:0]))>>(16-filterBits) == 0
}

// Grind looks for a tweak that passes, beginning at a random place and trying so
// many in a row; false means that there was none and another call may find one.
// It takes 65,536 tries on average. Nothing of what was tried and failed shows.
func (r *Ring) Grind(random io.Reader, tries int) (Tweak, bool, error) {
	var t Tweak
	if _, err := io.ReadFull(random, t[:]); err != nil {
		return Tweak{}, false, fmt.Errorf("random tweak: %w", err)
	}
	s := newSieve(r.filter)
	for range tries {
		if s.passes(t) {
			return t, true, nil
		}
		binary.BigEndian.PutUint64(t[8:], binary.BigEndian.Uint64(t[8:])+1)
	}
	return Tweak{}, false, nil
}

// Deposit derives the key number index that deposits are claimed with.
func (r *Ring) Deposit(index uint32) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(derive(r.deposits, binary.BigEndian.AppendUint32(nil, index), string(depositKey)))
	return key
}

// Contract derives the key number index that takes money out of a Lightning contract.
// Numbers are not used twice: the key tells otherwise equal contracts apart.
func (r *Ring) Contract(index uint32) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(derive(r.contracts, binary.BigEndian.AppendUint32(nil, index), string(contractKey)))
	return key
}

// XOnly returns the x-only public key of a secret one (BIP 340), by which contracts
// name it.
func XOnly(secret *btcec.PrivateKey) [32]byte {
	return [32]byte(schnorr.SerializePubKey(secret.PubKey()))
}

// Gateway derives the one key that names a Lightning gateway in this federation.
func (r *Ring) Gateway() *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(derive(r.gateway, nil, string(gatewayKey)))
	return key
}

// Format keeps a Ring out of logs, for every verb.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keys.Ring") }
