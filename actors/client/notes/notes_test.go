package notes

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/transaction"
)

// terms draws denominations with fees: all tiers from 0, or with holes.
func terms(t *rapid.T) Terms {
	all := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 30), 1, 31, rapid.ID[uint32]).Draw(t, "tiers")
	slices.Sort(all)
	return Terms{
		Tiers: all,
		Spend: messages.Amount(rapid.Uint64Range(0, 50).Draw(t, "spend fee")),
		Issue: messages.Amount(rapid.Uint64Range(0, 50).Draw(t, "issue fee")),
	}
}

func held(t *rapid.T, tm Terms) []uint32 {
	return rapid.SliceOfN(rapid.SampledFrom(tm.Tiers), 0, 40).Draw(t, "held")
}

func sum(tiers []uint32) messages.Amount {
	total := messages.Amount(0)
	for _, e := range tiers {
		total += Worth(e)
	}
	return total
}

func pick(list []uint32, at []int) []uint32 {
	var out []uint32
	for _, i := range at {
		out = append(out, list[i])
	}
	return out
}

// Exact: the notes are worth the amount, or there is none that could be.
func TestExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm := terms(t)
		amount := messages.Amount(rapid.Uint64Range(0, 1<<32).Draw(t, "amount"))
		got, err := tm.Exact(amount)
		smallest := Worth(tm.Tiers[0])
		switch {
		case err == nil && (sum(got) != amount || !slices.IsSorted(got)):
			t.Fatalf("%v for %s", got, amount)
		case errors.Is(err, ErrAmount) && amount%smallest == 0:
			t.Fatalf("%s is a multiple of %s", amount, smallest)
		}
	})
}

// SelectExact finds a selection whenever there is one, compared with trying
// every subset.
func TestSelectExactIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := rapid.SliceOfN(rapid.Uint32Range(0, 6), 0, 10).Draw(t, "held")
		amount := messages.Amount(rapid.Uint64Range(0, 300).Draw(t, "amount"))
		possible := false
		for set := range 1 << len(have) {
			total := messages.Amount(0)
			for i, e := range have {
				if set>>i&1 == 1 {
					total += Worth(e)
				}
			}
			possible = possible || total == amount
		}
		got, ok := SelectExact(have, amount)
		if ok != possible || ok && sum(pick(have, got)) != amount {
			t.Fatalf("%v of %v for %s, possible %v", got, have, amount, possible)
		}
	})
}

// SelectCovering covers what it is asked for, with no note too many, or says how
// much there is.
func TestSelectCovering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm := terms(t)
		have := held(t, tm)
		need := messages.Amount(rapid.Uint64Range(1, 1<<32).Draw(t, "need"))
		worth := func(list []uint32) messages.Amount {
			total := messages.Amount(0)
			for _, e := range list {
				if v, ok := tm.value(e); ok {
					total += v
				}
			}
			return total
		}
		got, err := tm.SelectCovering(have, need)
		if err != nil {
			var short *ShortError
			if !errors.As(err, &short) || short.Have != worth(have) || worth(have) >= need {
				t.Fatalf("%v, but there is %s", err, worth(have))
			}
			return
		}
		notes := pick(have, got)
		if worth(notes) < need {
			t.Fatalf("%v brings %s, want %s", notes, worth(notes), need)
		}
		for i, e := range notes {
			if v, _ := tm.value(e); worth(notes)-v >= need {
				t.Fatalf("note %d of %v is superfluous for %s", i, notes, need)
			}
		}
	})
}

// H76: the original subtracted what was to be paid from what there was, unchecked,
// and wanted 2^64 millisatoshi of change when there was less.
func TestH76ChangeNeverWraps(t *testing.T) {
	tm := Terms{Tiers: []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Spend: 3, Issue: 2}
	for _, have := range [][]uint32{nil, {0}, {1, 1, 1}, {5}, {3, 7, 9}, {10, 10, 10, 2}} {
		value := messages.Amount(0) // after fees
		for _, e := range have {
			v, _ := tm.value(e)
			value += v
		}
		for _, outlay := range []messages.Amount{1, max(value, 2) - 1, max(value, 1), value + 1, value + 1000, messages.MaxAmount - 1, messages.MaxAmount} {
			for _, fee := range []messages.Amount{0, 1, 500, messages.MaxAmount} {
				p, err := tm.Plan(Bill{Outlay: outlay, OutlayFee: fee, Buys: true}, have)
				need, overflow := outlay.Add(fee)
				var short *ShortError
				switch {
				case overflow != nil:
					if !errors.Is(err, messages.ErrAmount) {
						t.Errorf("%s and %s: error %v", outlay, fee, err)
					}
				case need > value:
					if !errors.As(err, &short) || *short != (ShortError{Have: value, Need: need}) {
						t.Errorf("%s and %s out of %v: error %v", outlay, fee, have, err)
					}
				case err != nil || sum(pick(have, p.Inputs)) != outlay+sum(p.Outputs)+p.Fee || sum(p.Outputs) > sum(have):
					t.Errorf("%s and %s out of %v: %+v, error %v", outlay, fee, have, p, err)
				}
			}
		}
	}
}

// A plan balances to the millisatoshi, its fee covers every item, and it stays
// within a transaction (H15, H63, H76).
func TestPlanBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm := terms(t)
		have := held(t, tm)
		amount := rapid.Map(rapid.Uint64Range(0, 1<<28), func(v uint64) messages.Amount { return messages.Amount(v) })
		b := Bill{
			Given:  rapid.SliceOfN(rapid.SampledFrom(tm.Tiers), 0, 20).Draw(t, "given"),
			Income: amount.Draw(t, "income"), IncomeFee: amount.Draw(t, "income fee") / 8,
			Outlay: amount.Draw(t, "outlay"), Buys: rapid.Bool().Draw(t, "buys"), OutlayFee: amount.Draw(t, "outlay fee") / 8, Others: 2,
			Exact: rapid.SliceOfN(rapid.SampledFrom(tm.Tiers), 0, 5).Draw(t, "exact"),
		}
		p, err := tm.Plan(b, have)
		if err != nil {
			return // what the errors mean is tested beside
		}
		in := sum(b.Given) + sum(pick(have, p.Inputs)) + b.Income
		if in != b.Outlay+sum(p.Outputs)+p.Fee {
			t.Fatalf("%v does not balance", p)
		}
		inputs, outputs := len(b.Given)+len(p.Inputs), len(p.Outputs)
		least := tm.Spend*messages.Amount(inputs) + tm.Issue*messages.Amount(outputs) + b.IncomeFee + b.OutlayFee
		if p.Fee < least || inputs+outputs+b.Others > transaction.MaxItems {
			t.Fatalf("fee %s, want %s; %d items", p.Fee, least, inputs+outputs+b.Others)
		}
		for _, e := range b.Exact { // multiset inclusion
			if count(p.Outputs, e) < count(b.Exact, e) {
				t.Fatalf("%v lacks some of %v", p.Outputs, b.Exact)
			}
		}
	})
}

// What takes a fee alone can be bought with notes of exactly that, and what takes
// nothing still spends one: a transaction without inputs is nobody's.
func TestPlanBuysWhatCostsOnlyAFee(t *testing.T) {
	tm := Terms{Tiers: []uint32{0, 4, 8}}
	for fee, want := range map[messages.Amount]int{256 + 16: 2, 256: 1, 0: 1} {
		p, err := tm.Plan(Bill{OutlayFee: fee, Buys: true, Others: 1}, []uint32{4, 8})
		if err != nil || len(p.Inputs) != want {
			t.Errorf("fee %s: %v, %v", fee, p, err)
		}
	}
}

func count(list []uint32, e uint32) int {
	n := 0
	for _, o := range list {
		if o == e {
			n++
		}
	}
	return n
}

func TestPlanRefusals(t *testing.T) {
	tm := Terms{Tiers: []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Spend: 3, Issue: 2}
	many := make([]uint32, 600)
	for i := range many {
		many[i] = 4
	}
	for _, c := range []struct {
		name string
		bill Bill
		held []uint32
		want error
	}{
		{"nothing", Bill{}, nil, ErrWorthless},
		{"income below its fee", Bill{Income: 5, IncomeFee: 9}, nil, ErrWorthless},
		{"given notes below their fees", Bill{Given: []uint32{0, 1}}, nil, ErrWorthless},
		{"income that buys no note", Bill{Income: 9, IncomeFee: 3}, nil, ErrWorthless},
		{"too poor", Bill{Outlay: 100, Buys: true}, []uint32{3, 4}, &ShortError{Have: 18, Need: 100}},
		{"notes that cost more than they bring", Bill{Outlay: 1, Buys: true}, []uint32{0, 1}, &ShortError{Have: 0, Need: 1}},
		{"too many inputs", Bill{Outlay: 13 * 300, Buys: true}, many, ErrTooMany},
		{"too many outputs", Bill{Income: 1 << 20}, nil, ErrTooMany},
		{"beyond all money", Bill{Income: messages.MaxAmount, Given: []uint32{3}}, nil, messages.ErrAmount},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tm.Plan(c.bill, c.held)
			var short, want *ShortError
			if errors.As(c.want, &want) {
				if !errors.As(err, &short) || *short != *want {
					t.Errorf("error %v, want %v", err, want)
				}
			} else if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// Change is worth having: no note is issued that its own fees eat up.
func TestChangeIsWorthItsFees(t *testing.T) {
	tm := Terms{Tiers: []uint32{0, 1, 2, 3, 4}, Spend: 3, Issue: 2}
	tiers, left, err := tm.Change(16+2+8+2+5, 10)
	if err != nil || !slices.Equal(tiers, []uint32{3, 4}) || left != 5 {
		t.Errorf("%v, %s left, %v", tiers, left, err)
	}
}
