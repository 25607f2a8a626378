package token_test

import (
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
	"minimint/actors/client/keys"
	"minimint/actors/client/notes"
	"minimint/actors/client/token"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
)

var federation = messages.FederationID{0xfe, 0xd0}

// note makes a note whose signature is some point: a token does not verify.
func note(t testing.TB, tier uint32, seed byte) token.Note {
	t.Helper()
	secret, _ := btcec.PrivKeyFromBytes(append(make([]byte, 31), seed+1))
	signature, err := tbs.DecodeSignature(bls.HashToG1("test", []byte{seed}).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return token.Note{Tier: tier, Spend: secret, Nonce: keys.NonceOf(secret), Signature: signature}
}

func sample(t testing.TB) token.Token {
	return token.New(federation, []token.Note{note(t, 3, 1), note(t, 10, 2), note(t, 10, 3)})
}

func TestTokenComesBack(t *testing.T) {
	text := sample(t).String()
	for name, form := range map[string]string{
		"as it is": text, "with white space around": "\n " + text + "\t\n",
		"broken by a mail program": text[:40] + "\r\n" + text[40:90] + " \n" + text[90:],
	} {
		got, err := token.Parse(form)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.String() != text || got.Amount() != 8+1024+1024 || !got.Of(federation) || got.Of(messages.FederationID{1}) {
			t.Errorf("%s: %s of %d notes", name, got.Amount(), len(got.Notes))
		}
	}
}

// H78: the original panicked over a malformed text of notes. Whatever text comes
// here, there is an error that tells what to do and quotes no secret.
func TestH78ParseRefuses(t *testing.T) {
	text := sample(t).String()
	for name, bad := range map[string]string{
		"nothing": "", "something else": "lnbc1…", "an invite": "minimint1abc", "prefix alone": "minimintnotes1",
		"cut off": text[:len(text)-5], "a character changed": strings.Replace(text, text[30:31], "_", 1),
		"another alphabet": "minimintnotes1" + strings.Repeat("+/", 20), "too long": text + strings.Repeat("A", 1<<16),
	} {
		_, err := token.Parse(bad)
		if !errors.Is(err, token.ErrToken) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), text[60:80]) {
			t.Errorf("%s: the error quotes the text", name)
		}
	}
}

// One changed character is always noticed.
func TestChecksumFindsEveryChange(t *testing.T) {
	text := sample(t).String()
	rng := rand.New(rand.NewChaCha8([32]byte{1}))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for range 300 {
		at := len("minimintnotes1") + rng.IntN(len(text)-len("minimintnotes1"))
		b := []byte(text)
		for b[at] == text[at] {
			b[at] = alphabet[rng.IntN(len(alphabet))]
		}
		if _, err := token.Parse(string(b)); err == nil {
			t.Fatalf("change at %d was not noticed", at)
		}
	}
}

func TestFromWireRefuses(t *testing.T) {
	good := sample(t).Wire()
	for name, spoil := range map[string]func(*clientwire.Notes){
		"no notes":           func(w *clientwire.Notes) { w.Notes = nil },
		"short federation":   func(w *clientwire.Notes) { w.Federation = w.GetFederation()[:4] },
		"one note twice":     func(w *clientwire.Notes) { w.Notes[2] = w.GetNotes()[1] },
		"tier beyond all":    func(w *clientwire.Notes) { w.Notes[0].Tier = 42 },
		"secret of 31 bytes": func(w *clientwire.Notes) { w.Notes[0].Secret = make([]byte, 31) },
		"secret of zero":     func(w *clientwire.Notes) { w.Notes[0].Secret = make([]byte, 32) },
		"secret too high":    func(w *clientwire.Notes) { w.Notes[0].Secret = []byte(strings.Repeat("\xff", 32)) },
		"no signature":       func(w *clientwire.Notes) { w.Notes[0].Signature = nil },
		"signature no point": func(w *clientwire.Notes) { w.Notes[0].Signature = make([]byte, 48) },
		"too many notes": func(w *clientwire.Notes) {
			for len(w.GetNotes()) <= notes.MaxHandover {
				w.Notes = append(w.Notes, w.GetNotes()[0])
			}
		},
	} {
		w := proto.CloneOf(good)
		spoil(w)
		if _, err := token.FromWire(w); !errors.Is(err, token.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The largest token that is made can be read.
func TestLargestToken(t *testing.T) {
	var list []token.Note
	for i := range notes.MaxHandover {
		list = append(list, note(t, 41, byte(i)))
	}
	if _, err := token.Parse(token.New(federation, list).String()); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	text := sample(f).String()
	f.Add(text)
	f.Add("minimintnotes1")
	f.Add("minimintnotes1" + base64.RawURLEncoding.EncodeToString([]byte("\x0a\x08\xfe\xd0\x00\x00\x00\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := token.Parse(text)
		if err != nil {
			if !errors.Is(err, token.ErrToken) {
				t.Fatal(err)
			}
			return
		}
		if got.String() != strings.Join(strings.Fields(text), "") {
			t.Fatal("two texts for one token")
		}
	})
}
