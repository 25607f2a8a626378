package coins

import (
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"minimint/messages"
)

func available(sats ...uint64) []Coin {
	slices.SortFunc(sats, func(a, b uint64) int { return int(b) - int(a) })
	out := make([]Coin, len(sats))
	for i, s := range sats {
		out[i] = Coin{At: wire.OutPoint{Index: uint32(i)}, Sats: s}
	}
	return out
}

// p2wpkh and p2wsh scripts, as far as their size matters.
var (
	p2wpkh = append([]byte{0, 20}, make([]byte, 20)...)
	p2wsh  = append([]byte{0, 32}, make([]byte, 32)...)
)

func payment(sats, maxFee uint64, rate FeeRate) Payment {
	return Payment{Script: p2wpkh, Sats: sats, MaxFee: maxFee, Rate: rate, Change: p2wsh, InputWeight: 526}
}

func code(t *testing.T, err error) messages.RejectionCode {
	t.Helper()
	var r *messages.Rejection
	if err != nil && !errors.As(err, &r) {
		t.Fatal(err)
	}
	if r == nil {
		return 0
	}
	return r.Code
}

func TestSelect(t *testing.T) {
	const rate = 1000
	for _, c := range []struct {
		name        string
		coins       []uint64
		sats, max   uint64
		used        int
		fee, change uint64
		code        messages.RejectionCode
	}{
		{"nothing there", nil, 1000, 5000, 0, 0, 0, messages.RejectNoFunds},
		{"largest is enough", []uint64{5000, 90_000, 7000}, 50_000, 5000, 1, 216, 39_784, 0},
		{"two are needed", []uint64{30_000, 30_000, 7000}, 50_000, 5000, 2, 348, 9652, 0},
		{"exactly without change", []uint64{50_174}, 50_000, 5000, 1, 174, 0, 0},
		{"dust to the miners", []uint64{50_400}, 50_000, 400, 1, 400, 0, 0},
		{"dust beyond the maximum, no more coins", []uint64{50_400}, 50_000, 399, 0, 0, 0, messages.RejectPegOutFee},
		{"dust beyond the maximum, next coin helps", []uint64{50_400, 10_000}, 50_000, 399, 2, 348, 10_052, 0},
		{"no room for the fee", []uint64{50_000}, 50_000, 5000, 0, 0, 0, messages.RejectNoFunds},
		{"declared too little", []uint64{90_000}, 50_000, 215, 0, 0, 0, messages.RejectPegOutFee},
		{"declared enough", []uint64{90_000}, 50_000, 216, 1, 216, 39_784, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Select(slices.Values(available(c.coins...)), payment(c.sats, c.max, rate))
			if got := code(t, err); got != c.code {
				t.Fatalf("%v, want rejection %d", err, c.code)
			}
			if err == nil && (len(p.Coins) != c.used || p.Fee != c.fee || p.Change != c.change) {
				t.Errorf("%d coins, fee %d, change %d; want %d, %d, %d", len(p.Coins), p.Fee, p.Change, c.used, c.fee, c.change)
			}
		})
	}
}

// Balance and Cover: what is selected pays recipient, miners and change exactly,
// the miners get at least the rate and at most what was declared, and change
// is above dust.
func TestSelectProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		all := available(rapid.SliceOfN(rapid.Uint64Range(1, 50_000), 0, 40).Draw(r, "coins")...)
		pay := payment(rapid.Uint64Range(294, 200_000).Draw(r, "sats"), rapid.Uint64Range(0, 20_000).Draw(r, "max"),
			FeeRate(rapid.Uint64Range(1, 50_000).Draw(r, "rate")))
		p, err := Select(slices.Values(all), pay)
		if err != nil {
			var rejection *messages.Rejection
			if !errors.As(err, &rejection) || rejection.Final {
				r.Fatal(err)
			}
			return
		}
		if p.Total() != pay.Sats+p.Fee+p.Change {
			r.Fatalf("%d in, %d + %d + %d out", p.Total(), pay.Sats, p.Fee, p.Change)
		}
		tx := p.Transaction(pay)
		if want := VBytes(4*tx.SerializeSizeStripped() + 2 + len(tx.TxIn)*(pay.InputWeight-4*41)); p.VBytes != want {
			r.Fatalf("%d vbytes, the transaction has %d", p.VBytes, want)
		}
		if p.Fee < pay.Rate.Fee(p.VBytes) || p.Fee > pay.MaxFee {
			r.Fatalf("fee %d for %d vbytes at %d, at most %d", p.Fee, p.VBytes, pay.Rate, pay.MaxFee)
		}
		if p.Change != 0 && p.Change < DustLimit(pay.Change) {
			r.Fatalf("change %d", p.Change)
		}
	})
}

func TestInputsAreBounded(t *testing.T) {
	many := available(slices.Repeat([]uint64{1000}, 500)...)
	p, err := Select(slices.Values(many), payment(100_000, 1<<40, 1))
	if err != nil || len(p.Coins) > MaxInputs {
		t.Errorf("%v", err)
	}
	if _, err := Select(slices.Values(many), payment(200_000, 1<<40, 1)); code(t, err) != messages.RejectNoFunds {
		t.Errorf("%v", err)
	}
}

func TestFeeRoundsUp(t *testing.T) {
	for _, c := range []struct {
		rate   FeeRate
		vbytes int
		want   uint64
	}{{1000, 141, 141}, {1001, 1, 2}, {1, 1, 1}, {0, 10, 0}, {2500, 3, 8}} {
		if got := c.rate.Fee(c.vbytes); got != c.want {
			t.Errorf("%d vbytes at %d: %d sat, want %d", c.vbytes, c.rate, got, c.want)
		}
	}
}
