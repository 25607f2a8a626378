// Package torture kills the nodes of a running federation, and the wallets that use
// it, at random moments, and checks that nothing is lost.
//
// A federation of four shipped nodes, each a process of its own, works under the
// load of wallets (package customer: runs of minimint-cli) and of a teller (package
// teller) that keeps account of acknowledgements. Package plan draws who is killed
// when; all are kill -9. Meanwhile and in between:
//
//	acknowledged  what a member has acknowledged becomes final, also if nobody else
//	              was told; after a kill it stands in the member's files
//	legitimate    nothing good is rejected; what is rejected spends nothing
//	double spend  of two that exclude each other exactly one gets the money
//	commits       equal epochs have equal states; nobody commits twice, skips, or
//	              forgets; see package witness, also for outcomes, money,
//	              accusations and log
//	wallet        every wallet's books add up, right after a kill too
//	sum           what wallets and teller hold is what the members owe in notes
//	bitcoin       every withdrawal is paid once
//	progress      the federation resumes, operations come to an end
//
// What no kill of a process can show is a missing sync: the kernel keeps what was
// written. The crash tests on a simulated disk are there for that (storage/wal,
// storage/bolt, actors/consensus).
package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"minimint/cmd/minimint-dev/stage"
	"minimint/cmd/minimint-dev/torture/customer"
	"minimint/cmd/minimint-dev/torture/plan"
	"minimint/cmd/minimint-dev/torture/teller"
	"minimint/cmd/minimint-dev/torture/witness"
)

// Config says what to do.
type Config struct {
	Points int
	Seed   uint64
	// Keep keeps the directory also if nothing was lost.
	Keep bool
	// Stage returns what a federation in a directory is built of.
	Stage func(dir string) (stage.Config, error)
	// Progress takes what is being done; if it is a terminal, on one line.
	Progress io.Writer
	Terminal bool
}

// ErrViolation says that something was not as it must be. The report says what.
var ErrViolation = errors.New("the federation did not keep its promises")

const (
	// settleEvery is after how many points everybody stops and all sums are
	// compared.
	settleEvery = 20
	// patience is how long an operation may take while members come and go, and
	// how long the federation may take to resume.
	patience = 100 * time.Second
	// workers and notes of the teller.
	workers, notes = 8, 96
	// depositSat is what each wallet starts with.
	depositSat = 400_000
)

// run is a run of torture.
type run struct {
	cfg     Config
	stage   *stage.Stage
	plan    *plan.Plan
	witness *witness.Witness
	teller  *teller.Teller
	market  *customer.Market
	banker  *customer.Banker
	wallets []*customer.Customer // the banker is the last
	bitcoin *bitcoin
	tails   []*tail
	meter   meter
	load    *load // nil while nothing runs

	mu     sync.Mutex
	report Report
}

// Run tortures a federation of its own, which is gone afterwards unless something
// was wrong. The report is complete also with ErrViolation, and says what was done
// so far with any other error.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	dir, err := os.MkdirTemp("", "minimint-torture-")
	if err != nil {
		return Report{}, fmt.Errorf("make directory: %w", err)
	}
	built, err := cfg.Stage(dir)
	if err != nil {
		return Report{}, errors.Join(err, os.RemoveAll(dir))
	}
	s, err := stage.New(built)
	if err != nil {
		return Report{}, errors.Join(err, os.RemoveAll(dir))
	}
	r := &run{cfg: cfg, stage: s, bitcoin: &bitcoin{stage: s}, meter: newMeter(cfg)}
	r.report.begin(cfg)
	defer func() {
		err = errors.Join(err, s.Stop())
		if err != nil && ctx.Err() == nil || cfg.Keep {
			report.Kept = dir
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	err = r.all(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.end()
	if len(r.report.Violations) > 0 {
		err = errors.Join(ErrViolation, err)
	}
	return r.report, err
}

// violation notes what must not be.
func (r *run) violation(check, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.violation(check, text)
	r.meter.print("VIOLATION at point %d: %s: %s", r.report.Points, check, text)
}

// all is the whole run.
func (r *run) all(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	defer r.teller.Close()
	*r.meter.began = time.Now()
	r.begin(ctx)
	defer r.halt()
	settled := 0
	for r.points() < r.cfg.Points {
		if err := r.group(ctx, r.plan.Group(r.cfg.Points-r.points())); err != nil {
			return err
		}
		r.progress()
		if r.points()-settled >= settleEvery && r.points() < r.cfg.Points {
			settled = r.points()
			if err := r.settle(ctx); err != nil {
				return err
			}
			r.begin(ctx)
		}
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.withdrawals(ctx); err != nil {
		return err
	}
	if err := r.finish(); err != nil {
		return err
	}
	r.progress()
	turnover := r.banker.Turnover()
	r.report.Deposits, r.report.Withdrawals = turnover.Deposits, turnover.Withdrawals
	return nil
}

func (r *run) points() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report.Points
}

// finish kills everybody for the last time and looks at all that they leave behind.
func (r *run) finish() error {
	everybody := r.everybody()
	r.stage.KillNodes(everybody...)
	if err := r.read(); err != nil {
		return err
	}
	r.examine(everybody, true)
	return nil
}

func (r *run) everybody() []int {
	all := make([]int, len(r.stage.Federation.Members))
	for i := range all {
		all[i] = i
	}
	return all
}
