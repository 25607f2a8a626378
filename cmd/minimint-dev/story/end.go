package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"minimint/cmd/minimint-dev/stage"
	"minimint/messages/wire"
)

func (t *Story) withdraw(ctx context.Context) ([]string, error) {
	address, script, err := t.stage.FreshAddress()
	if err != nil {
		return nil, err
	}
	before, err := t.bob.Balance()
	if err != nil {
		return nil, err
	}
	a, err := t.bob.Run("withdraw", address, strconv.Itoa(withdrawSat))
	if err != nil {
		return nil, err
	}
	txid := a.Text("bitcoin_txid")
	after, err := t.bob.Balance()
	if err != nil {
		return nil, err
	}
	fee := before - after - withdrawSat*1000
	if fee <= 0 || fee > 100_000_000 {
		return nil, fmt.Errorf("bob had %s and has %s: a fee of %s", sat(before), sat(after), sat(fee))
	}
	lines := []string{fmt.Sprintf("bob withdraws %d sat for a fee of %s, after %s: transaction %s", withdrawSat, sat(fee), round(a.Took), txid)}
	paid := int64(0)
	if err := t.until(ctx, func() (bool, error) {
		if err := t.stage.Bitcoin().Mine(1); err != nil {
			return false, err
		}
		paid, err = t.stage.Confirmed(txid, script)
		return paid > 0, err
	}); err != nil {
		return lines, fmt.Errorf("btcd does not confirm %s: %w", txid, err)
	}
	if paid != withdrawSat {
		return lines, fmt.Errorf("the address got %d sat", paid)
	}
	return append(lines, fmt.Sprintf("btcd has it in a block: %s got %d sat", clip(address, 30), paid)), t.buried(ctx)
}

// buried mines until the members have seen the withdrawal buried: then no change
// is outstanding.
func (t *Story) buried(ctx context.Context) error {
	if err := t.stage.Bitcoin().Mine(1 + t.stage.FinalityDelay()); err != nil {
		return err
	}
	return t.until(ctx, func() (bool, error) {
		info, err := t.ask(ctx, 0)
		if err != nil {
			return false, err
		}
		for _, l := range info.GetLines() {
			if l.GetModule() == "wallet" && l.GetLine() == "change" && l.GetAssetsMsat() != 0 {
				return false, nil
			}
		}
		return true, nil
	})
}

// balanced has the members' own audits, which must say that assets equal liabilities,
// and what they owe in notes.
func (t *Story) balanced(ctx context.Context) (lines []string, notes int64, err error) {
	if err := t.same(ctx); err != nil {
		return nil, 0, err
	}
	for i := range t.stage.Federation.Members {
		info, err := t.ask(ctx, i)
		if err != nil {
			return lines, 0, err
		}
		lines = append(lines, fmt.Sprintf("member %d: epoch %d, state %x…, assets %s, liabilities %s",
			i, info.GetNextEpoch(), info.GetStateHash()[:6], sat(info.GetAssetsMsat()), sat(info.GetLiabilitiesMsat())))
		if info.GetAssetsMsat() != info.GetLiabilitiesMsat() || info.GetAssetsMsat() <= 0 {
			return lines, 0, fmt.Errorf("member %d: assets are not equal to liabilities", i)
		}
		for _, l := range info.GetLines() {
			if l.GetModule() == "lightning" && l.GetLiabilitiesMsat() != 0 {
				return lines, 0, fmt.Errorf("member %d still holds %d msat in %s", i, l.GetLiabilitiesMsat(), l.GetLine())
			}
		}
		notes = tiers(info)
	}
	return lines, notes, nil
}

func (t *Story) audit(ctx context.Context) ([]string, error) {
	lines, owed, err := t.balanced(ctx)
	if err != nil {
		return lines, err
	}
	held := int64(0)
	for _, u := range []*stage.User{t.alice, t.bob} {
		b, err := u.Balance()
		if err != nil {
			return lines, err
		}
		held += b
	}
	if held != owed {
		return lines, fmt.Errorf("the users hold %s, the members owe %s in notes", sat(held), sat(owed))
	}
	return append(lines, fmt.Sprintf("alice and bob together hold %s: exactly the notes that the members owe", sat(held))), nil
}

// tiers sums what the mint owes.
func tiers(info *wire.Info) int64 {
	sum := int64(0)
	for _, l := range info.GetLines() {
		if l.GetModule() == "mint" {
			sum += l.GetLiabilitiesMsat()
		}
	}
	return sum
}

// same waits until all members that run have committed the same epoch, and
// compares their states.
func (t *Story) same(ctx context.Context) error {
	return t.until(ctx, func() (bool, error) {
		var first *wire.Info
		for i := range t.stage.Federation.Members {
			if t.stage.Node(i) == nil {
				continue
			}
			info, err := t.ask(ctx, i)
			if err != nil {
				return false, err
			}
			if first == nil {
				first = info
			}
			if info.GetNextEpoch() != first.GetNextEpoch() {
				return false, nil
			}
			if !bytes.Equal(info.GetStateHash(), first.GetStateHash()) {
				return false, fmt.Errorf("at epoch %d member %d has state %x and another %x", info.GetNextEpoch(), i, info.GetStateHash(), first.GetStateHash())
			}
		}
		return true, nil
	})
}

func (t *Story) ask(ctx context.Context, i int) (*wire.Info, error) {
	return stage.Ask(ctx, t.stage.Federation, i)
}

// until asks again and again; the processes tell nobody when they are ready.
func (t *Story) until(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("waited in vain")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
