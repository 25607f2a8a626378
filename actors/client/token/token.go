// Package token is the text form of notes that people hand to each other.
//
//	minimintnotes1 ‖ base64url( canonical notes ‖ checksum of 4 bytes )
//
// Whoever has the text has the money: it holds the secret keys. It names its
// federation by the first 8 bytes of the id, and nothing of who made it. [Parse]
// checks form and lengths of everything (H78); whether the notes are signed is for
// the caller, who knows the federation's keys, and whether they are spent only
// the federation knows.
package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/module/mint"
	"minimint/crypto/domain"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/canonical"
)

// prefix starts every token; the digit is the version of the format.
const prefix = "minimintnotes1"

// checksum is the role of the hash that finds typing errors.
const checksum = domain.Token

const (
	checksumSize   = 4
	federationSize = 8
	secretSize     = 32
	// maxSize bounds the content: a note takes at most 90 bytes.
	maxSize = notes.MaxHandover*90 + 64
	maxText = len(prefix) + (maxSize+checksumSize)*4/3 + 4
)

// ErrToken says that a text is no token.
var ErrToken = errors.New("no valid notes")

// A Note is one note with its secret.
type Note struct {
	Tier      uint32
	Spend     *btcec.PrivateKey
	Nonce     tbs.Nonce
	Signature tbs.Signature
}

// A Token is 1 to notes.MaxHandover notes of one federation.
type Token struct {
	federation []byte
	Notes      []Note
}

// New puts notes together. It panics if there are none or too many.
func New(federation messages.FederationID, list []Note) Token {
	if len(list) == 0 || len(list) > notes.MaxHandover {
		panic(fmt.Sprintf("token: %d notes", len(list)))
	}
	return Token{federation: federation[:federationSize], Notes: list}
}

// Of reports whether the notes are of that federation.
func (t Token) Of(federation messages.FederationID) bool {
	return bytes.Equal(t.federation, federation[:federationSize])
}

// Amount is what the notes are worth together.
func (t Token) Amount() messages.Amount {
	sum := messages.Amount(0)
	for _, n := range t.Notes {
		sum += notes.Worth(n.Tier) // Parse has checked the sum
	}
	return sum
}

// Wire returns the content.
func (t Token) Wire() *clientwire.Notes {
	w := &clientwire.Notes{Federation: t.federation}
	for _, n := range t.Notes {
		w.Notes = append(w.Notes, &clientwire.OpenNote{Tier: n.Tier, Secret: n.Spend.Serialize(), Signature: n.Signature.Bytes()})
	}
	return w
}

// String returns the text form. It is a secret.
func (t Token) String() string {
	b := canonical.Marshal(t.Wire())
	sum := domain.Hash(checksum, b)
	return prefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:checksumSize]...))
}

// Parse reads the text form, with white space anywhere in it, as mail programs
// leave it. Its error wraps ErrToken and quotes nothing of the secrets.
func Parse(text string) (Token, error) {
	text = strings.Join(strings.Fields(text), "")
	body, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Token{}, fmt.Errorf("%w: the text must start with %q", ErrToken, prefix)
	}
	if len(text) > maxText {
		return Token{}, fmt.Errorf("%w: %d characters, at most %d", ErrToken, len(text), maxText)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(b) < checksumSize {
		return Token{}, fmt.Errorf("%w: it has characters that do not belong, or is cut off", ErrToken)
	}
	b, sum := b[:len(b)-checksumSize], b[len(b)-checksumSize:]
	if want := domain.Hash(checksum, b); !bytes.Equal(want[:checksumSize], sum) {
		return Token{}, fmt.Errorf("%w: a character is wrong or missing; copy it again", ErrToken)
	}
	w := new(clientwire.Notes)
	if err := canonical.Unmarshal(b, w, maxSize); err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return FromWire(w)
}

// FromWire reads the content. Its error wraps ErrToken.
func FromWire(w *clientwire.Notes) (Token, error) {
	if len(w.GetFederation()) != federationSize || len(w.GetNotes()) == 0 || len(w.GetNotes()) > notes.MaxHandover {
		return Token{}, fmt.Errorf("%w: %d notes, federation of %d bytes", ErrToken, len(w.GetNotes()), len(w.GetFederation()))
	}
	t := Token{federation: w.GetFederation()}
	sum := messages.Amount(0)
	seen := map[tbs.Nonce]bool{}
	for i, o := range w.GetNotes() {
		n, err := open(o)
		if err != nil {
			return Token{}, fmt.Errorf("%w: note %d: %w", ErrToken, i, err)
		}
		if seen[n.Nonce] {
			return Token{}, fmt.Errorf("%w: note %d is there twice", ErrToken, i)
		}
		seen[n.Nonce] = true
		if sum, err = sum.Add(notes.Worth(n.Tier)); err != nil {
			return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
		}
		t.Notes = append(t.Notes, n)
	}
	return t, nil
}

func open(o *clientwire.OpenNote) (Note, error) {
	if o.GetTier() > mint.MaxTier || len(o.GetSecret()) != secretSize {
		return Note{}, fmt.Errorf("tier 2^%d, secret of %d bytes", o.GetTier(), len(o.GetSecret()))
	}
	var scalar btcec.ModNScalar
	if overflow := scalar.SetByteSlice(o.GetSecret()); overflow || scalar.IsZero() {
		return Note{}, errors.New("secret is no key")
	}
	n := Note{Tier: o.GetTier(), Spend: btcec.PrivKeyFromScalar(&scalar)}
	n.Nonce = keys.NonceOf(n.Spend)
	var err error
	if n.Signature, err = tbs.DecodeSignature(o.GetSignature()); err != nil {
		return Note{}, errors.New("signature is no point of the right group")
	}
	return n, nil
}
