// Package keystore keeps a member's secrets: in memory as values that do not
// print, on disk as one file that is encrypted under a passphrase.
//
//	secrets, err := keystore.New(rand.Reader)                   // before the key ceremony
//	err = keystore.Save(path, passphrase, secrets, keystore.Standard)
//	…                                                           // the ceremony completes them
//	err = keystore.Save(path, passphrase, complete, keystore.Standard)
//	secrets, err = keystore.Open(path, passphrase)              // at every start
//
// # The file
//
//	minimint-secrets 1 sha256:<64 hexadecimal digits>\n
//	age-encryption.org/v1 …
//
// The first line is the hash of the rest, so that damage is told from a wrong
// passphrase. The rest is an age file (age-encryption.org/v1) with one scrypt
// recipient, which anybody who has the passphrase can open without this
// program: tail -n +2 secrets.age | age -d. Inside is the canonical encoding of
// keystorewire.Secrets.
//
// A file is replaced whole or not at all, whenever the power fails, and only its
// owner may read it. Where the passphrase comes from is not this package's
// business; it must never come from the command line.
package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"minimint/actors/setup/keystore/keystorewire"
	"minimint/messages"
	"minimint/messages/canonical"
)

// size is the length of every secret.
const size = 32

// maxPlain bounds the encoding of secrets: 64 tiers need 3 kB.
const maxPlain = 64 << 10

// A Secret is 32 bytes that do not show themselves to printers, loggers and
// encoders; Bytes is the one way out. The zero Secret is none. Copies share one
// cell of memory.
type Secret struct{ cell *[size]byte }

// NewSecret copies 32 bytes.
func NewSecret(b []byte) (Secret, error) {
	if len(b) != size {
		return Secret{}, fmt.Errorf("keystore: a secret of %d bytes, want %d", len(b), size)
	}
	cell := [size]byte(b)
	return Secret{&cell}, nil
}

// IsZero tells whether there is no secret.
func (s Secret) IsZero() bool { return s.cell == nil }

// Bytes returns the secret, as a slice of the caller's own to wipe; nil if there
// is none.
func (s Secret) Bytes() []byte {
	if s.cell == nil {
		return nil
	}
	return bytes.Clone(s.cell[:])
}

// Wipe overwrites the secret and all copies, best effort.
func (s Secret) Wipe() {
	if s.cell != nil {
		clear(s.cell[:])
	}
}

const redacted = "[redacted secret]"

// Format prints a placeholder for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns a placeholder.
func (Secret) String() string { return redacted }

// MarshalText yields a placeholder to every encoder that asks for text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue yields a placeholder to log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Secrets are what one member holds alone.
type Secrets struct {
	Identity Secret // ed25519 seed (RFC 8032)
	Wallet   Secret // secp256k1 key, big-endian
	// Ceremony is there until the key ceremony is over: what its randomness is
	// derived from.
	Ceremony Secret

	// Federation is the federation that the shares below belong to; zero until
	// the ceremony is over.
	Federation messages.FederationID
	// Shares of keys in BLS12-381 (big-endian) …
	Coin, Certificate Secret
	// … and in ristretto255 (little-endian).
	Contributions, Preimages Secret
	// Tiers are shares of the mint's keys (BLS12-381), in the order of the tiers.
	Tiers []Secret

	// Insecure says that the file was encrypted with a reduced work factor. Open
	// sets it.
	Insecure bool
}

// New draws what a member has before the key ceremony. The only error is that
// of rand.
func New(rand io.Reader) (*Secrets, error) {
	s := new(Secrets)
	for _, to := range []*Secret{&s.Identity, &s.Wallet, &s.Ceremony} {
		to.cell = new([size]byte)
		if _, err := io.ReadFull(rand, to.cell[:]); err != nil {
			return nil, fmt.Errorf("keystore: read randomness: %w", err)
		}
	}
	return s, nil
}

// Complete tells whether the key ceremony is over.
func (s *Secrets) Complete() bool { return s.Ceremony.IsZero() }

// Wipe overwrites all secrets, best effort.
func (s *Secrets) Wipe() {
	for _, secret := range slices.Concat(s.own(), s.shares(), s.Tiers) {
		secret.Wipe()
	}
}

func (s *Secrets) own() []Secret { return []Secret{s.Identity, s.Wallet} }
func (s *Secrets) shares() []Secret {
	return []Secret{s.Coin, s.Certificate, s.Contributions, s.Preimages}
}

// Format prints no secret, for every verb and flag.
func (s *Secrets) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "secrets of a member of federation %s", s.Federation)
}

// check says what is wrong with secrets: either the seed of a ceremony or what
// a ceremony makes.
func (s *Secrets) check() error {
	done := s.Complete()
	if done != (len(s.Tiers) > 0) || done != (s.Federation != messages.FederationID{}) {
		return errors.New("federation and shares of the mint's keys belong to a finished ceremony, and only to one")
	}
	for _, share := range s.shares() {
		if share.IsZero() == done {
			return errors.New("shares belong to a finished ceremony, and only to one")
		}
	}
	if slices.ContainsFunc(slices.Concat(s.own(), s.Tiers), Secret.IsZero) {
		return errors.New("a secret is missing")
	}
	return nil
}

const version = 1

func (s *Secrets) encode(insecure bool) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	w := &keystorewire.Secrets{
		Version: version, Insecure: insecure, Identity: s.Identity.Bytes(), Wallet: s.Wallet.Bytes(), Ceremony: s.Ceremony.Bytes(),
		Coin: s.Coin.Bytes(), Certificate: s.Certificate.Bytes(), Contributions: s.Contributions.Bytes(), Preimages: s.Preimages.Bytes(),
	}
	if s.Complete() {
		w.Federation = s.Federation[:]
	}
	for _, t := range s.Tiers {
		w.Tiers = append(w.Tiers, t.Bytes())
	}
	defer wipe(w)
	return canonical.Marshal(w), nil
}

// wipe overwrites what stands between memory and file.
func wipe(w *keystorewire.Secrets) {
	secrets := [][]byte{w.GetIdentity(), w.GetWallet(), w.GetCeremony(), w.GetCoin(), w.GetCertificate(), w.GetContributions(), w.GetPreimages()}
	for _, b := range append(secrets, w.GetTiers()...) {
		clear(b)
	}
}

func decode(b []byte) (*Secrets, error) {
	w := new(keystorewire.Secrets)
	defer wipe(w)
	if err := canonical.Unmarshal(b, w, maxPlain); err != nil {
		return nil, err
	}
	if w.GetVersion() != version {
		return nil, fmt.Errorf("version %d, this program reads %d", w.GetVersion(), version)
	}
	s := &Secrets{Insecure: w.GetInsecure(), Tiers: make([]Secret, len(w.GetTiers()))}
	read := func(to *Secret, b []byte) error {
		var err error
		if len(b) > 0 {
			*to, err = NewSecret(b)
		}
		return err
	}
	err := errors.Join(read(&s.Identity, w.GetIdentity()), read(&s.Wallet, w.GetWallet()), read(&s.Ceremony, w.GetCeremony()),
		read(&s.Coin, w.GetCoin()), read(&s.Certificate, w.GetCertificate()), read(&s.Contributions, w.GetContributions()),
		read(&s.Preimages, w.GetPreimages()))
	for i, t := range w.GetTiers() {
		err = errors.Join(err, read(&s.Tiers[i], t))
	}
	if err != nil {
		return nil, err
	}
	if f := w.GetFederation(); len(f) != 0 {
		var ok bool
		if s.Federation, ok = messages.DigestFrom(f); !ok {
			return nil, fmt.Errorf("a federation id of %d bytes", len(f))
		}
	}
	return s, s.check()
}
