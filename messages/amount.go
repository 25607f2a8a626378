package messages

import (
	"errors"
	"fmt"
	"strconv"
)

// Amount counts millisatoshi. Arithmetic is checked: no sum, difference or
// product leaves 0 … MaxAmount, so nothing wraps (H2).
type Amount uint64

// Sat is one satoshi, and MaxAmount is 21 million bitcoin.
const (
	Sat       Amount = 1000
	MaxAmount Amount = 21_000_000 * 100_000_000 * Sat
)

// ErrAmount says that a result or a decoded amount is not within 0 … MaxAmount.
var ErrAmount = errors.New("amount out of range")

// NewAmount returns msat as an Amount, or ErrAmount if it is above MaxAmount.
func NewAmount(msat uint64) (Amount, error) {
	if Amount(msat) > MaxAmount {
		return 0, fmt.Errorf("%d msat: %w", msat, ErrAmount)
	}
	return Amount(msat), nil
}

// FromSat returns sat satoshi as an Amount, or ErrAmount if that is too much.
func FromSat(sat uint64) (Amount, error) {
	if sat > uint64(MaxAmount/Sat) {
		return 0, fmt.Errorf("%d sat: %w", sat, ErrAmount)
	}
	return Amount(sat) * Sat, nil
}

// Add returns a + b, or ErrAmount.
func (a Amount) Add(b Amount) (Amount, error) {
	if a > MaxAmount || b > MaxAmount-a {
		return 0, ErrAmount
	}
	return a + b, nil
}

// Sub returns a - b, or ErrAmount if b is larger.
func (a Amount) Sub(b Amount) (Amount, error) {
	if b > a || a > MaxAmount {
		return 0, ErrAmount
	}
	return a - b, nil
}

// Mul returns a × k, or ErrAmount.
func (a Amount) Mul(k uint64) (Amount, error) {
	if k != 0 && a > MaxAmount/Amount(k) {
		return 0, ErrAmount
	}
	return a * Amount(k), nil
}

// WholeSat returns the amount in satoshi, and false if it is not a whole number
// of them.
func (a Amount) WholeSat() (uint64, bool) { return uint64(a / Sat), a%Sat == 0 }

// String returns the amount with its unit, such as "1500 msat".
func (a Amount) String() string { return strconv.FormatUint(uint64(a), 10) + " msat" }
