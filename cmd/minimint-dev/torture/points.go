package torture

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"minimint/cmd/minimint-dev/torture/autopsy"
	"minimint/cmd/minimint-dev/torture/plan"
	"minimint/messages"
)

// group carries out a group of points and waits until the federation has resumed.
func (r *run) group(ctx context.Context, group []plan.Point) error {
	if err := r.read(); err != nil {
		return err
	}
	begin := time.Now()
	var started []int
	for _, e := range plan.Timeline(group) {
		if err := sleep(ctx, time.Until(begin.Add(e.At))); err != nil {
			return err
		}
		if e.Promise {
			select {
			case <-r.teller.Promise(e.Kill[0]):
			case <-time.After(longestWait): // it may be away
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r.stage.KillNodes(e.Kill...)
		for _, w := range e.Wallets {
			r.wallets[w].Kill()
		}
		if e.Examine {
			if err := r.read(); err != nil {
				return err
			}
			r.examine(e.Start, false)
		}
		for _, i := range e.Start {
			if err := r.stage.LaunchNode(i, "minimintd", "run"); err != nil {
				return err
			}
			started = append(started, i)
		}
	}
	r.mu.Lock()
	r.report.group(group, len(started))
	r.mu.Unlock()
	if err := r.resume(ctx, started); err != nil {
		return err
	}
	return r.ask(ctx)
}

// resume waits until every member has committed an epoch that nobody had when the
// last one was started. The load goes on, so there is one.
func (r *run) resume(ctx context.Context, started []int) error {
	begin := time.Now()
	for _, i := range started {
		if err := r.stage.Listening(ctx, i); err != nil {
			r.violation("progress", err.Error())
			return err
		}
	}
	if err := r.read(); err != nil {
		return err
	}
	base := r.witness.Newest()
	if len(started) == 0 {
		base-- // only wallets were killed
	}
	for {
		behind := slices.DeleteFunc(r.everybody(), func(i int) bool { return r.witness.Next(i) > base })
		if len(behind) == 0 {
			break
		}
		for _, i := range behind {
			if !r.stage.Node(i).Running() {
				r.violation("process", fmt.Sprintf("member %d has ended by itself", i))
				return fmt.Errorf("torture: member %d has ended by itself; see %s", i, r.stage.Node(i).LogFile())
			}
		}
		if time.Since(begin) > patience {
			r.violation("progress", fmt.Sprintf("members %v have not committed epoch %d, %s after the last start", behind, base, patience))
			return fmt.Errorf("torture: the federation does not resume")
		}
		if err := sleep(ctx, 15*time.Millisecond); err != nil {
			return err
		}
		if err := r.read(); err != nil {
			return err
		}
	}
	if len(started) > 0 {
		r.mu.Lock()
		r.report.resumed(time.Since(begin))
		r.mu.Unlock()
	}
	return nil
}

// read has the witness read what members wrote to their logs.
func (r *run) read() error {
	for i, t := range r.tails {
		lines, err := t.lines()
		if err != nil {
			return err
		}
		for _, line := range lines {
			r.witness.Line(i, line)
		}
	}
	return nil
}

// examine looks at what members left behind that were killed and whose logs were
// read.
func (r *run) examine(members []int, whole bool) {
	from := r.witness.Unexamined()
	if whole {
		from = 0
	}
	remains := make([]autopsy.Remains, len(members))
	errs := make([]error, len(members))
	var all sync.WaitGroup
	for i, m := range members {
		cfg := autopsy.Config{
			DataDir: r.stage.DataDir(m), Federation: r.stage.Federation.ID(), Members: len(r.tails),
			From: from, Acknowledged: r.teller.Acknowledged(m), Whole: whole,
		}
		if !whole { // some that others hold too, to be compared
			cfg.From -= min(cfg.From, overlap)
		}
		from := cfg.From
		all.Go(func() {
			if remains[i], errs[i] = autopsy.Examine(cfg); errs[i] == nil {
				r.witness.Remains(m, from, remains[i])
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			r.violation("outcomes", fmt.Sprintf("the files of member %d cannot be read: %v", members[i], err))
		}
	}
	r.mu.Lock()
	r.report.Autopsies += len(members)
	r.mu.Unlock()
}

// longestWait is how long a point waits for somebody's acknowledgement.
const longestWait = time.Second

// overlap is how many epochs are compared that are known already.
const overlap = messages.Epoch(200)

// ask has the witness hear what members say of themselves.
func (r *run) ask(ctx context.Context) error {
	for i := range r.tails {
		info, err := r.teller.Lines().Info(ctx, i)
		if err != nil {
			continue // it was there a moment ago; whether it comes back is seen by the next point
		}
		r.witness.Info(i, info)
	}
	return ctx.Err()
}

// sleep waits, not at all if d is not positive.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
