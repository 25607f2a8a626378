package messages_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"minimint/messages"
)

// Amounts agree with arithmetic on unlimited integers, or say ErrAmount (H2).
func TestAmountArithmetic(t *testing.T) {
	limit := new(big.Int).SetUint64(uint64(messages.MaxAmount))
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		x, y := new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)
		check := func(name string, got messages.Amount, err error, want *big.Int) {
			fits := want.Sign() >= 0 && want.Cmp(limit) <= 0
			switch {
			case err != nil && !errors.Is(err, messages.ErrAmount):
				t.Fatalf("%s: %v", name, err)
			case err == nil && (!fits || want.Uint64() != uint64(got)):
				t.Fatalf("%s of %d and %d: got %d, want %v or an error", name, a, b, got, want)
			case err != nil && fits && a <= uint64(messages.MaxAmount):
				t.Fatalf("%s of %d and %d: refused, want %v", name, a, b, want)
			}
		}
		got, err := messages.Amount(a).Add(messages.Amount(b))
		check("sum", got, err, new(big.Int).Add(x, y))
		got, err = messages.Amount(a).Sub(messages.Amount(b))
		check("difference", got, err, new(big.Int).Sub(x, y))
		got, err = messages.Amount(a).Mul(b)
		check("product", got, err, new(big.Int).Mul(x, y))
		got, err = messages.FromSat(a)
		check("satoshi", got, err, new(big.Int).Mul(x, big.NewInt(1000)))
	})
}

func TestAmountLimits(t *testing.T) {
	if _, err := messages.NewAmount(uint64(messages.MaxAmount)); err != nil {
		t.Error(err)
	}
	if _, err := messages.NewAmount(uint64(messages.MaxAmount) + 1); !errors.Is(err, messages.ErrAmount) {
		t.Error(err)
	}
	if _, err := messages.FromSat(math.MaxUint64); !errors.Is(err, messages.ErrAmount) {
		t.Error(err)
	}
	if sat, whole := messages.Amount(1500).WholeSat(); sat != 1 || whole {
		t.Errorf("1500 msat: %d sat, whole %t", sat, whole)
	}
}

func TestModuleKind(t *testing.T) {
	for kind, want := range map[messages.ModuleKind]bool{
		"mint": true, "a": true, "tip-jar2": true, "": false, "Mint": false, "2mint": false, "mi nt": false, "mint\x00": false,
		"abcdefghijklmnopqrstuvwxyzabcdef": true, "abcdefghijklmnopqrstuvwxyzabcdefg": false,
	} {
		if kind.Valid() != want {
			t.Errorf("%q: %t", kind, !want)
		}
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add("00")
	f.Add(messages.Digest{1, 2}.String())
	f.Fuzz(func(t *testing.T, text string) {
		d, err := messages.ParseDigest(text)
		if err != nil {
			return
		}
		if again, err := messages.ParseDigest(d.String()); err != nil || again != d {
			t.Fatalf("%q: %v, %v", text, again, err)
		}
	})
}

func TestRejectionTextIsBounded(t *testing.T) {
	r := messages.Reject(messages.RejectMalformed, "%s", make([]byte, 10*messages.MaxRejectionText))
	if len(r.Text) > messages.MaxRejectionText || !r.Final {
		t.Errorf("%d bytes, final %t", len(r.Text), r.Final)
	}
	if messages.RejectForNow(messages.RejectBusy, "later").Final {
		t.Error("for now is not final")
	}
}
