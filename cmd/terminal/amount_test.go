package terminal

import (
	"testing"

	"minimint/messages"
)

func TestAmounts(t *testing.T) {
	for text, want := range map[string]messages.Amount{
		"1": 1000, "1500": 1_500_000, "1500sat": 1_500_000, "1500 sat": 1_500_000, "250msat": 250, "0.25sat": 250, "0.25": 250,
		"0.01btc": 1_000_000_000, "21000000btc": messages.MaxAmount, "1BTC": 100_000_000_000, ".5": 500, "2.": 2000,
	} {
		if got, err := ParseAmount(text); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "0", "sat", "-1", "+1", "1e3", "0.0001", "0.5msat", "21000001btc", "1,5", "0x10", "1_000", "99999999999999999999", "1 2", "1.2.3", "btc1",
	} {
		if got, err := ParseAmount(bad); err == nil {
			t.Errorf("%q is %s", bad, got)
		}
	}
	if _, err := ParseSats("1500msat"); err == nil {
		t.Error("bitcoin pays half a satoshi")
	}
	for amount, want := range map[messages.Amount]string{1000: "1 sat", 1500: "1.5 sat", 1: "0.001 sat", 0: "0 sat", 1_000_010: "1000.01 sat"} {
		if got := Show(amount); got != want {
			t.Errorf("%d msat shows as %q, want %q", uint64(amount), got, want)
		}
	}
}
