// Package notes is arithmetic with denominations: which notes make an amount,
// which notes to spend, and what comes back as change.
//
// A tier e is worth 2^e millisatoshi, so each denomination divides all larger
// ones. That makes the greedy choices here exact: an amount can be paid with
// certain notes if and only if taking the largest that fits, again and again,
// ends at zero.
//
// The federation asks a fee for each note that is spent and for each that is
// issued. [Terms.Plan] pays for them out of the notes themselves, in checked
// arithmetic (H76). What no note is worth its fees for goes into the fee, so that
// no deposit is ever stuck for its last millisatoshi (H15).
package notes

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"minimint/messages"
	"minimint/messages/transaction"
)

// MaxHandover is how many notes are handed over at once, so that whoever gets
// them can cash them in one transaction.
const MaxHandover = 128

// MaxInputs is how many own notes one transaction spends.
const MaxInputs = 256

// Terms are what a federation offers.
type Terms struct {
	// Tiers are the exponents of its denominations, ascending.
	Tiers []uint32
	// Spend and Issue are the least fees for one note in and one note out.
	Spend, Issue messages.Amount
}

// Worth is the value of a note of a tier.
func Worth(tier uint32) messages.Amount { return messages.Amount(1) << tier }

// A ShortError says that there is not enough money.
type ShortError struct {
	// Have is what could be paid with, less the fees for spending it; Need is
	// what was to be paid, with its fees.
	Have, Need messages.Amount
}

// Error implements error.
func (e *ShortError) Error() string {
	return fmt.Sprintf("not enough notes: %s are needed, fees included, and %s can be spent", e.Need, e.Have)
}

var (
	// ErrWorthless says that fees would eat up everything.
	ErrWorthless = errors.New("the fees are higher than the amount")
	// ErrTooMany says that the notes do not fit into one transaction.
	ErrTooMany = errors.New("too many notes for one transaction; use a smaller amount")
	// ErrAmount says that the denominations cannot make an amount.
	ErrAmount = errors.New("the federation's denominations cannot make this amount exactly")
)

// Exact returns the fewest tiers, ascending, whose notes are worth exactly
// amount. It fails with ErrAmount or ErrTooMany.
func (t Terms) Exact(amount messages.Amount) ([]uint32, error) {
	var out []uint32
	for _, tier := range slices.Backward(t.Tiers) {
		for ; Worth(tier) <= amount; amount -= Worth(tier) {
			if len(out) == MaxHandover {
				return nil, ErrTooMany
			}
			out = append(out, tier)
		}
	}
	if amount != 0 {
		return nil, ErrAmount
	}
	slices.Reverse(out)
	return out, nil
}

// SelectExact picks notes of held, given by their tiers, that are worth exactly
// amount: the fewest possible, as ascending indices. It reports false if there
// are none or more than MaxHandover would be needed.
func SelectExact(held []uint32, amount messages.Amount) ([]int, bool) {
	var picked []int
	for _, i := range descending(held) {
		if w := Worth(held[i]); w <= amount {
			amount -= w
			picked = append(picked, i)
		}
	}
	slices.Sort(picked)
	return picked, amount == 0 && len(picked) <= MaxHandover
}

// descending returns the indices of held, the largest notes first.
func descending(held []uint32) []int {
	order := make([]int, len(held))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(held[b], held[a]) })
	return order
}

// SelectCovering picks notes of held that are worth at least need after the fee
// for spending each; no picked note is superfluous. Indices ascend. It fails with
// a *ShortError or ErrTooMany.
func (t Terms) SelectCovering(held []uint32, need messages.Amount) ([]int, error) {
	var picked, left []int
	rest, have := need, messages.Amount(0)
	for _, i := range descending(held) {
		value, ok := t.value(held[i])
		if !ok {
			continue // costs more than it brings
		}
		have += value // the notes of one client are far below the cap
		if value <= rest {
			rest -= value
			picked = append(picked, i)
		} else {
			left = append(left, i)
		}
	}
	if rest > 0 {
		if len(left) == 0 {
			return nil, &ShortError{Have: have, Need: need}
		}
		last := left[len(left)-1] // the smallest; it is worth more than rest
		value, _ := t.value(held[last])
		picked = t.withoutSurplus(held, picked, value-rest)
		picked = append(picked, last)
	}
	if len(picked) > MaxInputs {
		return nil, ErrTooMany
	}
	slices.Sort(picked)
	return picked, nil
}

// withoutSurplus drops picked notes, the largest first, as far as surplus goes.
func (t Terms) withoutSurplus(held []uint32, picked []int, surplus messages.Amount) []int {
	return slices.DeleteFunc(picked, func(i int) bool {
		value, _ := t.value(held[i])
		if value > surplus {
			return false
		}
		surplus -= value
		return true
	})
}

// value is what a note brings after the fee for spending it, and false if that
// is nothing.
func (t Terms) value(tier uint32) (messages.Amount, bool) {
	v, err := Worth(tier).Sub(t.Spend)
	return v, err == nil && v > 0
}

// Change returns the tiers, ascending, of the notes that budget buys, fees for
// issuing them included, and what is left over. Notes that would not bring back
// their fees are not bought. room bounds their number; it fails with ErrTooMany.
func (t Terms) Change(budget messages.Amount, room int) (tiers []uint32, left messages.Amount, err error) {
	for _, tier := range slices.Backward(t.Tiers) {
		cost, err := Worth(tier).Add(t.Issue)
		if err != nil {
			return nil, 0, err
		}
		if value, ok := t.value(tier); !ok || value <= t.Issue {
			continue
		}
		for ; cost <= budget; budget -= cost {
			if len(tiers) == room {
				return nil, 0, ErrTooMany
			}
			tiers = append(tiers, tier)
		}
	}
	slices.Reverse(tiers)
	return tiers, budget, nil
}

// A Bill is what a transaction moves beside notes that are picked for it.
type Bill struct {
	// Given are the tiers of notes that are spent in any case.
	Given []uint32
	// Income comes from inputs that are no notes, and costs IncomeFee.
	Income, IncomeFee messages.Amount
	// Outlay goes to outputs that are no notes, and costs OutlayFee. Buys says that there
	// are such outputs: they can be worth having though they take nothing but a fee.
	Outlay, OutlayFee messages.Amount
	Buys              bool
	// Others is how many such inputs and outputs there are.
	Others int
	// Exact are the tiers of notes that must be issued.
	Exact []uint32
}

// A Plan is a transaction that balances.
type Plan struct {
	Inputs  []int    // indices of the held notes to spend, ascending
	Outputs []uint32 // tiers to issue, ascending, so that their order tells nothing
	Fee     messages.Amount
}

// Plan picks notes of held, given by their tiers, and change, so that
//
//	given + income + inputs = outlay + outputs + fee
//
// and fee covers what every item asks for. It fails with a *ShortError,
// ErrWorthless, ErrTooMany, or an error of checked arithmetic.
func (t Terms) Plan(b Bill, held []uint32) (Plan, error) {
	in, out, err := t.totals(b)
	if err != nil {
		return Plan{}, err
	}
	var p Plan
	need := max(out, in) - in
	if b.Buys && in == 0 {
		need = max(need, 1) // what is free is for those who have money
	}
	if need > 0 {
		if p.Inputs, err = t.SelectCovering(held, need); err != nil {
			var short *ShortError
			if errors.As(err, &short) && len(held) == 0 && len(b.Exact) == 0 && !b.Buys {
				return Plan{}, ErrWorthless
			}
			return Plan{}, err
		}
		for _, i := range p.Inputs {
			value, _ := t.value(held[i])
			if in, err = in.Add(value); err != nil {
				return Plan{}, err
			}
		}
	}
	used := len(b.Given) + len(p.Inputs) + len(b.Exact) + b.Others
	change, left, err := t.Change(in-out, transaction.MaxItems-used)
	if err != nil {
		return Plan{}, err
	}
	if len(change)+len(b.Exact) == 0 && !b.Buys {
		return Plan{}, ErrWorthless
	}
	p.Outputs = append(slices.Clone(b.Exact), change...)
	slices.Sort(p.Outputs)
	p.Fee, err = t.fee(b, p, left)
	return p, err
}

// totals sums both sides of a bill. Fees of what brings money stand on the other
// side, since they may be higher than what it brings.
func (t Terms) totals(b Bill) (in, out messages.Amount, err error) {
	in, out = b.Income, b.Outlay
	add := func(to *messages.Amount, what messages.Amount) {
		sum, e := to.Add(what)
		*to, err = sum, cmp.Or(err, e)
	}
	add(&in, 0)
	add(&out, b.IncomeFee)
	add(&out, b.OutlayFee)
	for _, tier := range b.Given {
		add(&in, Worth(tier))
		add(&out, t.Spend)
	}
	for _, tier := range b.Exact {
		add(&out, Worth(tier))
		add(&out, t.Issue)
	}
	return in, out, err
}

// fee sums what the items ask for and what is left over.
func (t Terms) fee(b Bill, p Plan, left messages.Amount) (messages.Amount, error) {
	spend, err1 := t.Spend.Mul(uint64(len(b.Given) + len(p.Inputs)))
	issue, err2 := t.Issue.Mul(uint64(len(p.Outputs)))
	if err := cmp.Or(err1, err2); err != nil {
		return 0, err
	}
	fee := left
	for _, part := range []messages.Amount{spend, issue, b.IncomeFee, b.OutlayFee} {
		sum, err := fee.Add(part)
		if err != nil {
			return 0, err
		}
		fee = sum
	}
	return fee, nil
}
