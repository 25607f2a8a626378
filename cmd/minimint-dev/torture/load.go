package torture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"minimint/actors/client/token"
	"minimint/cmd/minimint-dev/torture/customer"
	"minimint/cmd/minimint-dev/torture/plan"
	"minimint/cmd/minimint-dev/torture/teller"
	"minimint/cmd/minimint-dev/torture/witness"
)

// names of the wallets; the last is the banker's.
var names = []string{"ann", "ben", "cleo", "dan"}

// prepare starts a federation, and gives everybody money.
func (r *run) prepare(ctx context.Context) error {
	r.meter.print("seed %d: starting btcd and the nodes", r.cfg.Seed)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.stage.Raise(ctx); err != nil {
		return err
	}
	members := len(r.stage.Federation.Members)
	r.witness = witness.New(members, r.violation)
	for i := range members {
		r.tails = append(r.tails, &tail{path: r.stage.Node(i).LogFile()})
	}
	r.plan = plan.New(plan.Config{Seed: r.cfg.Seed, Members: members, Wallets: len(names)})
	r.meter.print("deposits")
	var err error
	r.teller, err = teller.New(teller.Config{
		Federation: r.stage.Federation, Workers: workers, Seed: r.cfg.Seed, Patience: patience, Violation: r.violation,
	})
	if err != nil {
		return err
	}
	if err = r.endow(ctx); err != nil {
		r.teller.Close()
	}
	return err
}

// endow opens the wallets and fills them and the teller.
func (r *run) endow(ctx context.Context) error {
	stop := make(chan struct{})
	var miner, wallets sync.WaitGroup
	var mining error
	miner.Go(func() { mining = r.bitcoin.mine(ctx, stop) })
	errs := make([]error, len(names))
	for i, name := range names {
		u := r.stage.User(name)
		c := customer.New(u, r.cfg.Seed+uint64(i), r.violation)
		r.wallets = append(r.wallets, c)
		wallets.Go(func() {
			if _, errs[i] = u.Join(r.stage.Federation.Invite().String()); errs[i] == nil {
				errs[i] = customer.NewBanker(c, r.bitcoin).Deposit(ctx, depositSat)
			}
		})
	}
	wallets.Wait()
	close(stop)
	miner.Wait()
	if err := errors.Join(append(errs, mining)...); err != nil {
		return err
	}
	last := len(names) - 1
	r.market, r.banker = customer.NewMarket(r.wallets[:last], r.violation), customer.NewBanker(r.wallets[last], r.bitcoin)
	text, err := r.wallets[0].HandOut(ctx, notes<<teller.Tier)
	if err != nil {
		return err
	}
	money, err := token.Parse(text)
	if err != nil {
		return err
	}
	return r.teller.Fund(ctx, money.Notes, notes)
}

// load is what keeps the federation busy.
type load struct {
	cancel  context.CancelFunc
	stop    chan struct{} // tells workers to finish
	idle    chan struct{} // closed when they have; the miner goes on until then
	workers sync.WaitGroup
	miner   sync.WaitGroup
}

// begin starts the load.
func (r *run) begin(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel, stop: make(chan struct{}), idle: make(chan struct{})}
	r.load = l
	round := uint64(r.points())
	l.workers.Go(func() { r.market.Work(ctx, l.stop) })
	l.workers.Go(func() { r.banker.Work(ctx, l.stop) })
	l.workers.Go(func() { r.teller.Work(ctx, l.stop, round) })
	l.miner.Go(func() {
		if err := r.bitcoin.mine(ctx, l.idle); err != nil && ctx.Err() == nil {
			r.violation("bitcoin", err.Error())
		}
	})
	go func() {
		l.workers.Wait()
		close(l.idle)
	}()
}

// pause has the load finish what it does.
func (r *run) pause(ctx context.Context) error {
	l := r.load
	close(l.stop)
	select {
	case <-l.idle:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(3 * patience): // every operation has its own
		return fmt.Errorf("torture: wallets and teller do not come to an end within %s", 3*patience)
	}
	l.miner.Wait()
	l.cancel()
	r.load = nil
	return nil
}

// halt ends the load at once, if there is one.
func (r *run) halt() {
	if l := r.load; l != nil {
		l.cancel()
		<-l.idle
		l.miner.Wait()
		r.load = nil
	}
}
