package terminal

import (
	"strings"
	"testing"
)

// FuzzAmount: what is typed as an amount is one, and is shown so that it reads back
// the same, or is an error.
func FuzzAmount(f *testing.F) {
	for _, text := range []string{"", "1500", "1500sat", "250msat", "0.01btc", "1.5 sat", "21000000btc", "0", "1e3", ".", "-1", "+1", "1_000", "１"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := ParseAmount(text)
		if err != nil {
			return
		}
		if amount == 0 || strings.ContainsAny(text, "-+_") {
			t.Fatalf("%q is %s", text, amount)
		}
		if again, err := ParseAmount(Show(amount)); err != nil || again != amount {
			t.Fatalf("%q is %s, shown as %q, which is %s: %v", text, amount, Show(amount), again, err)
		}
	})
}
