package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"minimint/actors/client"
	"minimint/actors/client/token"
	"minimint/actors/client/user"
	"minimint/cmd/minimint-dev/bench/load"
	"minimint/cmd/minimint-dev/bench/rounds"
	"minimint/cmd/minimint-dev/process"
	"minimint/cmd/minimint-dev/stage"
	"minimint/messages"
	"minimint/messages/transaction"
)

// effort is how much of everything is measured.
type effort struct {
	idle     time.Duration // of watching nodes that have nothing to do
	reissues int           // one after another
	clients  int           // that submit at once
	splits   int           // of notes into notesPerSplit, each of which is a payment
}

// thorough and quick efforts.
var (
	thorough = effort{idle: 20 * time.Second, reissues: 50, clients: 64, splits: 8}
	quick    = effort{idle: 5 * time.Second, reissues: 10, clients: 64, splits: 2}
)

// What payments under load are made of: notes of 2^payTier msat, each exchanged
// for four. A split makes notesPerSplit of them, a power of two, out of one.
const (
	notesPerSplit = 256
	payTier       = 10
	pieces        = 4
)

const (
	deposit  = 1_000_000              // satoshi, for the whole part
	amount   = 1023 * messages.Sat    // of one reissue
	settling = 2 * time.Second        // until a federation is idle
	sampling = 200 * time.Millisecond // of memory under load
)

// onStage does something on a stage of its own, which is gone afterwards. If something
// went wrong, and nobody interrupted it, directory and logs are kept. Only the part
// lightning wants Lightning nodes on it.
func onStage(ctx context.Context, cfg Config, part string, do func(*stage.Stage) error) (err error) {
	dir, err := os.MkdirTemp("", "minimint-bench-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	built, err := cfg.Stage(dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if part != lightningPart {
		built.Lnd = ""
	}
	s, err := stage.New(built)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		err = errors.Join(err, s.Stop())
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w\nlogs and data are kept in %s", err, dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	return do(s)
}

// measureFederation measures on a federation of its own.
func measureFederation(ctx context.Context, cfg Config) (map[string]float64, error) {
	t := &trial{cfg: cfg, effort: thorough, values: map[string]float64{}}
	if cfg.Quick {
		t.effort = quick
	}
	err := onStage(ctx, cfg, federation, func(s *stage.Stage) error {
		t.Stage = s
		return t.measure(ctx)
	})
	return t.values, err
}

// trial is a federation with one rich user on it.
type trial struct {
	*stage.Stage
	effort

	cfg    Config
	user   *user.User
	values map[string]float64
}

func (t *trial) measure(ctx context.Context) error {
	t.cfg.progress("federation: starting btcd and the nodes")
	if err := t.Raise(ctx); err != nil {
		return err
	}
	t.cfg.progress("federation: a deposit")
	if err := t.enrich(ctx); err != nil {
		return err
	}
	defer func() { _ = t.user.Close() }()
	t.cfg.progress("federation: idle for %s", t.idle)
	if err := t.watchIdle(ctx); err != nil {
		return err
	}
	t.cfg.progress("federation: %d reissues, one after another", t.reissues)
	if err := t.reissue(ctx); err != nil {
		return err
	}
	return t.crowd(ctx)
}

// enrich joins somebody and gives them a deposit.
func (t *trial) enrich(ctx context.Context) error {
	var err error
	if t.user, err = join(ctx, t.Stage, "rich"); err != nil {
		return err
	}
	return endow(ctx, t.Stage, t.user)
}

// watchIdle watches the nodes while nothing happens.
func (t *trial) watchIdle(ctx context.Context) error {
	if err := pause(ctx, settling); err != nil {
		return err
	}
	before, begin, err := t.usage()
	if err != nil {
		return err
	}
	if err := pause(ctx, t.idle); err != nil {
		return err
	}
	after, end, err := t.usage()
	if err != nil {
		return err
	}
	for i := range after {
		cpu := 100 * (after[i].CPU - before[i].CPU).Seconds() / end.Sub(begin).Seconds()
		t.values["idle_cpu_percent"] = max(t.values["idle_cpu_percent"], cpu)
		t.values["idle_rss_mib"] = max(t.values["idle_rss_mib"], after[i].MiB())
	}
	return nil
}

// usage is what each node has used so far, and when that was.
func (t *trial) usage() ([]process.Usage, time.Time, error) {
	var all []process.Usage
	for i := range t.Federation.Members {
		u, err := t.Node(i).Usage()
		if err != nil {
			return nil, time.Time{}, err
		}
		all = append(all, u)
	}
	return all, time.Now(), nil
}

// reissue has the user take in exact notes of their own, again and again. What is
// measured is the time from there to fresh notes: a new session with every member,
// the epoch, the shares, and the check of the notes.
func (t *trial) reissue(ctx context.Context) error {
	var took []float64
	for range t.reissues {
		text, err := t.handOut(ctx, amount)
		if err != nil {
			return err
		}
		begin := time.Now()
		id, err := t.user.Receive(ctx, text)
		if err != nil {
			return err
		}
		if _, err := t.user.Await(ctx, id, nil); err != nil {
			return err
		}
		took = append(took, float64(time.Since(begin))/float64(time.Millisecond))
	}
	t.values["reissue_ms_p50"], t.values["reissue_ms_p95"] = rounds.Quantile(took, 0.5), rounds.Quantile(took, 0.95)
	return nil
}

// handOut takes notes of exactly so much out of the wallet.
func (t *trial) handOut(ctx context.Context, sum messages.Amount) (string, error) {
	id, err := t.user.Spend(ctx, sum)
	if err != nil {
		return "", err
	}
	op, err := t.user.Await(ctx, id, nil)
	return client.Token(op), err
}

// crowd measures what the federation carries when many clients submit at once, and
// where the time goes.
func (t *trial) crowd(ctx context.Context) error {
	t.cfg.progress("federation: %d payments are made ready", t.splits*notesPerSplit)
	g, err := load.New(ctx, load.Config{Federation: t.Federation, Clients: t.clients})
	if err != nil {
		return err
	}
	defer g.Close()
	payments, err := t.payments(ctx, g)
	if err != nil {
		return err
	}
	if err := pause(ctx, settling); err != nil {
		return err
	}
	t.cfg.progress("federation: %d clients submit them", t.clients)
	before, _, err := t.usage()
	if err != nil {
		return err
	}
	ownUser, ownSystem := rounds.CPU()
	result, err := t.sample(func() (load.Result, error) { return g.Run(ctx, payments) })
	if err != nil {
		return err
	}
	u, s := rounds.CPU()
	own := u + s - ownUser - ownSystem
	after, _, err := t.usage()
	if err != nil {
		return err
	}
	nodes := time.Duration(0)
	for i := range after {
		nodes += after[i].CPU - before[i].CPU
	}
	machine := result.Took.Seconds() * float64(runtime.NumCPU())
	t.values["tx_per_second_n4"] = result.Rate()
	t.values["tx_node_cpu_ms"] = nodes.Seconds() * 1000 / float64(len(after)) / float64(len(payments))
	t.values["load_cpu_nodes_percent"] = 100 * nodes.Seconds() / machine
	t.values["load_cpu_generator_percent"] = 100 * own.Seconds() / machine
	return nil
}

// payments makes transactions of one note into four, out of the user's money.
func (t *trial) payments(ctx context.Context, g *load.Generator) ([]*transaction.Transaction, error) {
	var all []*transaction.Transaction
	for range t.splits {
		text, err := t.handOut(ctx, messages.Amount(notesPerSplit)<<payTier)
		if err != nil {
			return nil, err
		}
		money, err := token.Parse(text)
		if err != nil {
			return nil, err
		}
		small, err := g.Split(ctx, money.Notes, payTier, notesPerSplit)
		if err != nil {
			return nil, err
		}
		list, err := g.Payments(small, pieces)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// sample watches the nodes' memory while something runs.
func (t *trial) sample(run func() (load.Result, error)) (load.Result, error) {
	var result load.Result
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = run()
	}()
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	for {
		all, _, usageErr := t.usage()
		for _, u := range all {
			t.values["load_rss_mib"] = max(t.values["load_rss_mib"], u.MiB())
		}
		select {
		case <-done:
			return result, errors.Join(err, usageErr)
		case <-ticker.C:
		}
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
