package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"minimint/messages/wire"
)

// settle has everybody come to an end, and compares all sums.
func (r *run) settle(ctx context.Context) error {
	if err := r.pause(ctx); err != nil {
		r.violation("progress", err.Error())
		return err
	}
	infos, err := r.calm(ctx)
	if err != nil {
		return err
	}
	if err := r.read(); err != nil {
		return err
	}
	held := int64(r.teller.Worth())
	for _, c := range r.wallets {
		held += c.Audit()
	}
	for i, info := range infos {
		r.witness.Info(i, info)
		if owed := inNotes(info); owed != held {
			r.violation("sum", fmt.Sprintf("wallets and teller hold %d msat, and by the books of member %d %d msat are owed", held, i, owed))
		}
	}
	return nil
}

// calm waits until all members have committed the same epochs, and returns what
// they say then.
func (r *run) calm(ctx context.Context) ([]*wire.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		infos, err := r.infos(ctx)
		if err == nil && equal(infos) {
			return infos, nil
		}
		if ctxErr := sleep(ctx, 100*time.Millisecond); ctxErr != nil {
			if errors.Is(ctxErr, context.DeadlineExceeded) {
				r.violation("progress", fmt.Sprintf("without load the members do not come to the same epoch within %s: %v", patience, err))
			}
			return nil, ctxErr
		}
	}
}

func (r *run) infos(ctx context.Context) ([]*wire.Info, error) {
	var all []*wire.Info
	for i := range r.tails {
		info, err := r.teller.Lines().Info(ctx, i)
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

func equal(infos []*wire.Info) bool {
	for _, info := range infos[1:] {
		if info.GetNextEpoch() != infos[0].GetNextEpoch() || !bytes.Equal(info.GetStateHash(), infos[0].GetStateHash()) {
			return false
		}
	}
	return true
}

// inNotes is what the mint owes.
func inNotes(info *wire.Info) int64 {
	sum := int64(0)
	for _, l := range info.GetLines() {
		if l.GetModule() == "mint" {
			sum += l.GetLiabilitiesMsat()
		}
	}
	return sum
}

// withdrawals mines until every withdrawal is in a block, and reports what never
// comes, or comes twice.
func (r *run) withdrawals(ctx context.Context) error {
	var wrong []string
	for range 2 * time.Minute / (10 * mineEvery) {
		for range 3 {
			if err := r.bitcoin.block(); err != nil {
				return err
			}
		}
		if err := sleep(ctx, mineEvery); err != nil {
			return err
		}
		var err error
		if wrong, err = r.banker.Verify(); err != nil {
			return err
		}
		if len(wrong) == 0 {
			return nil
		}
	}
	for _, text := range wrong {
		r.violation("bitcoin", text)
	}
	return nil
}
