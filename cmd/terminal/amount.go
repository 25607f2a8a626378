package terminal

import (
	"fmt"
	"strconv"
	"strings"

	"minimint/messages"
)

// units in which amounts are given, with their decimals below the unit: a btc
// has 11 digits of msat.
var units = []struct {
	suffix   string
	decimals int
}{{"msat", 0}, {"sat", 3}, {"btc", 11}}

// ParseAmount reads an amount: a decimal number with a unit, or of satoshi.
func ParseAmount(text string) (messages.Amount, error) {
	body, decimals := strings.ToLower(strings.TrimSpace(text)), 3
	for _, u := range units {
		if number, ok := strings.CutSuffix(body, u.suffix); ok {
			body, decimals = strings.TrimSpace(number), u.decimals
			break
		}
	}
	whole, fraction, _ := strings.Cut(body, ".")
	if len(fraction) > decimals {
		return 0, Usage("amount %q: nothing is smaller than 1 msat", text)
	}
	digits := whole + fraction + strings.Repeat("0", decimals-len(fraction))
	msat, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || body == "" || strings.HasPrefix(digits, "+") {
		return 0, Usage("amount %q: write it as 1500, 1500sat, 250msat or 0.01btc", text)
	}
	amount, err := messages.NewAmount(msat)
	if err != nil || amount == 0 {
		return 0, Usage("amount %q: it must be more than nothing and at most 21 million bitcoin", text)
	}
	return amount, nil
}

// ParseSats reads an amount that bitcoin can pay.
func ParseSats(text string) (uint64, error) {
	amount, err := ParseAmount(text)
	if err != nil {
		return 0, err
	}
	sats, whole := amount.WholeSat()
	if !whole {
		return 0, Usage("amount %q: bitcoin pays whole satoshi only", text)
	}
	return sats, nil
}

// Show writes an amount in satoshi, with as many decimals as it needs.
func Show(a messages.Amount) string {
	sats, whole := a.WholeSat()
	if whole {
		return fmt.Sprintf("%d sat", sats)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%03d", sats, uint64(a%messages.Sat)), "0") + " sat"
}
