package keys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	bip39 "github.com/cosmos/go-bip39"

	"minimint/crypto/tbs"
	"minimint/messages"
)

const words = "legal winner thank year wave sausage worth useful legal winner thank yellow"

var federation = messages.FederationID{1, 2, 3}

// The first vectors of BIP-39's reference list, with the passphrase that the list
// uses.
func TestWordsAreBIP39(t *testing.T) {
	for entropy, want := range map[string]struct{ words, seed string }{
		"00000000000000000000000000000000": {
			"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
			"c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
		},
		"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f": {
			words,
			"2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607",
		},
	} {
		raw, err := hex.DecodeString(entropy)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewWords(bytes.NewReader(raw))
		if err != nil || got != want.words {
			t.Errorf("words %q, %v", got, err)
		}
		if seed := hex.EncodeToString(bip39.NewSeed(got, "TREZOR")); seed != want.seed {
			t.Errorf("seed %s", seed)
		}
	}
	if _, err := NewWords(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("words without randomness: %v", err)
	}
}

func TestCleanWords(t *testing.T) {
	got, err := CleanWords("  LEGAL winner\nthank year wave sausage worth useful legal winner thank\tYellow ")
	if err != nil || got != words {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{
		"", "legal", strings.Repeat("legal ", 12), strings.Replace(words, "thank", "thunk", 1), words + " legal", strings.Repeat("abandon ", 27),
	} {
		if _, err := CleanWords(bad); !errors.Is(err, ErrWords) {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
}

// Frozen: these keys are money; a change of derivation would lose it.
func TestDerivationIsFrozen(t *testing.T) {
	r := NewRing(words, federation)
	s := r.Note(Tweak{9}, 10, 2)
	got := fmt.Sprintf("%x %x %x %x %x", s.Spend.Serialize(), s.Blinding.Bytes(), r.Deposit(3).Serialize(), r.Contract(3).Serialize(), r.Gateway().Serialize())
	if got != frozen {
		t.Errorf("derived %s", got)
	}
}

const frozen = "13ef26442f1651a989820ddfa3f8271f85e6999dbba6d374c84a197e55dca32d " +
	"3d19f983d5af3842def05c7adcfb1a6fe41d319f9781e891045cd0693df0af68 " +
	"634725dac3b45a50ca0a70152b16f8c459b956520d4340f0053158f8f041b47d " +
	"ea7f83d8bee4250ef39285a196444e3f6e444521e9f5f39c2f3b7cd21b4ff081 " +
	"18d8b927ec8e5a2ea77677fb7fdd6fe50d97c673d766305d52326e51eec98dbb"

// Secrets differ as soon as anything differs: words, federation, tweak, tier or
// position.
func TestNothingIsDerivedTwice(t *testing.T) {
	seen := map[tbs.Nonce]string{}
	blindings := map[string]string{}
	for _, w := range []string{words, "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"} {
		for _, f := range []messages.FederationID{federation, {4}} {
			r := NewRing(w, f)
			for _, tweak := range []Tweak{{1}, {2}, {15: 1}} {
				for tier := range uint32(3) {
					for position := range uint32(3) {
						name := fmt.Sprintf("%.5s %x %x %d %d", w, f[:1], tweak, tier, position)
						s := r.Note(tweak, tier, position)
						if other, ok := seen[s.Nonce]; ok {
							t.Errorf("%s and %s have one nonce", other, name)
						}
						if other, ok := blindings[string(s.Blinding.Bytes())]; ok {
							t.Errorf("%s and %s have one blinding factor", other, name)
						}
						seen[s.Nonce], blindings[string(s.Blinding.Bytes())] = name, name
					}
				}
			}
			for i := range uint32(3) {
				n := NonceOf(r.Deposit(i))
				if other, ok := seen[n]; ok {
					t.Errorf("deposit key %d is that of %s", i, other)
				}
				seen[n] = fmt.Sprintf("deposit %.5s %x %d", w, f[:1], i)
			}
		}
	}
}

// A ground tweak passes the filter of its own seed and, as a rule, of no other.
func TestGrind(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{7})
	mine := NewRing(words, federation)
	other := NewRing(words, messages.FederationID{9})
	seen := map[Tweak]bool{}
	for range 3 {
		tweak, ok, err := mine.Grind(rng, 1<<22)
		if err != nil || !ok {
			t.Fatal(err, ok)
		}
		if !mine.Owns(tweak) || other.Owns(tweak) || seen[tweak] {
			t.Errorf("tweak %x", tweak)
		}
		seen[tweak] = true
	}
	if _, ok, err := mine.Grind(rng, 1); ok || err != nil {
		t.Errorf("one try in 65,536 succeeded: %v, %v", ok, err)
	}
	if _, _, err := mine.Grind(bytes.NewReader(nil), 1); err == nil {
		t.Error("ground without randomness")
	}
}

// About one foreign tweak in 65,536 passes: none of these few hundred does.
func TestFilterIsSelective(t *testing.T) {
	r := NewRing(words, federation)
	rng := rand.NewChaCha8([32]byte{8})
	for range 500 {
		var tweak Tweak
		_, _ = rng.Read(tweak[:])
		if r.Owns(tweak) {
			t.Errorf("tweak %x passes", tweak)
		}
	}
}

func TestRingDoesNotPrint(t *testing.T) {
	r := NewRing(words, federation)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(format, r); got != "keys.Ring" {
			t.Errorf("%s prints %q", format, got)
		}
	}
}

func TestRingOfUncheckedWordsPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewRing("one two", federation)
}
