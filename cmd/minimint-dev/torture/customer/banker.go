package customer

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"minimint/messages"
)

// Bitcoin is the bitcoin node of the run, which everybody shares.
type Bitcoin interface {
	// Pay sends satoshi to an address; they are in a block soon.
	Pay(address string, sats int64) error
	// FreshAddress returns an address that nobody has used.
	FreshAddress() (string, error)
	// Received returns how often an address was paid in blocks, and how much in all.
	Received(address string) (times int, sats int64, err error)
}

// A Banker is a customer who deposits and withdraws in turn.
type Banker struct {
	*Customer
	bitcoin Bitcoin
	// withdrawn are all withdrawals, by address: how much must arrive there.
	withdrawn map[string]int64
	deposits  int
}

// NewBanker makes a banker of a customer.
func NewBanker(c *Customer, b Bitcoin) *Banker {
	return &Banker{Customer: c, bitcoin: b, withdrawn: map[string]int64{}}
}

// What is deposited, in satoshi; half of it is withdrawn. A turn costs some 21,000 in
// fees of the federation and of bitcoin, so half of the least must be more: a banker who
// runs out of money in a long run could not tell that from money that was lost.
const (
	leastSat = 50_000
	spread   = 50_000
)

// Counts of what the banker did.
type Counts struct {
	Deposits, Withdrawals int
}

// Turnover counts what came to a good end.
func (b *Banker) Turnover() Counts {
	c := Counts{Deposits: b.deposits}
	for _, sats := range b.withdrawn {
		if sats > 0 {
			c.Withdrawals++
		}
	}
	return c
}

// Work deposits and withdraws until stop is closed, and finishes what was begun; or
// returns at once when ctx ends.
func (b *Banker) Work(ctx context.Context, stop <-chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-stop:
			return
		default:
		}
		sats := int64(leastSat + b.rng.IntN(spread))
		err := b.Deposit(ctx, sats)
		if err == nil {
			err = b.withdraw(ctx, sats/2)
		}
		if err != nil && ctx.Err() == nil {
			b.violation("progress", fmt.Sprintf("%s: %v", b.Name(), err))
			return
		}
	}
}

// Deposit pays satoshi to a fresh address of the wallet and waits until they are
// notes.
func (b *Banker) Deposit(ctx context.Context, sats int64) error {
	var r *Record
	err := errNeverBegun
	for errors.Is(err, errNeverBegun) && ctx.Err() == nil {
		r, err = b.operate(ctx, "deposit", "deposit-address")
	}
	if err != nil {
		return err
	}
	if err := b.bitcoin.Pay(r.Address, sats); err != nil {
		return err
	}
	for ctx.Err() == nil {
		answer, killed, err := b.run("await-deposit", r.Address)
		if killed {
			continue
		}
		if err != nil {
			return err
		}
		var deposit struct {
			Claims []Record `json:"claims"`
		}
		if err := decode(answer.Values, &deposit); err != nil {
			return err
		}
		if len(deposit.Claims) != 1 || !deposit.Claims[0].Done() || deposit.Claims[0].Msat != uint64(sats)*uint64(messages.Sat) {
			b.violation("wallet", fmt.Sprintf("%s deposited %d sat and has the claims %+v", b.Name(), sats, deposit.Claims))
		}
		b.deposits++
		return nil
	}
	return ctx.Err()
}

// withdraw pays satoshi to a fresh address.
func (b *Banker) withdraw(ctx context.Context, sats int64) error {
	address, err := b.bitcoin.FreshAddress()
	if err != nil {
		return err
	}
	r, err := b.operate(ctx, "withdraw", "withdraw", address, strconv.FormatInt(sats, 10))
	switch {
	case errors.Is(err, errNeverBegun):
		b.withdrawn[address] = 0
		return nil
	case err != nil:
		return err
	case r.Done():
		b.withdrawn[address] = sats
		return nil
	case r.Code == uint32(messages.RejectNoFunds), r.Code == uint32(messages.RejectPegOutLimit), r.Code == uint32(messages.RejectPegOutFee):
		b.withdrawn[address] = 0 // all change is outstanding, or the fee has moved
		return nil
	default:
		b.violation("legitimate", fmt.Sprintf("%s cannot withdraw: code %d, %s", b.Name(), r.Code, r.Text))
		return nil
	}
}

// Verify looks up in the chain whether every withdrawal was paid, once, and no
// other, and returns what is not so. A withdrawal may still be on its way to a block.
func (b *Banker) Verify() ([]string, error) {
	var wrong []string
	for address, sats := range b.withdrawn {
		times, got, err := b.bitcoin.Received(address)
		if err != nil {
			return nil, err
		}
		if got != sats || int64(times) != min(sats, 1) {
			wrong = append(wrong, fmt.Sprintf("a withdrawal of %d sat to %s was paid %d times, %d sat in all", sats, address, times, got))
		}
	}
	return wrong, nil
}
