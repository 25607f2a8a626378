// Package bench measures how fast Minimint is, and prints a table and writes JSON
// of it.
//
//	minimint-dev bench --btcd PATH            everything, a few minutes
//	minimint-dev bench --btcd PATH --quick    fewer rounds, below a minute
//	minimint-dev bench --only crypto,hbbft    parts
//	minimint-dev bench --only lightning --btcd PATH --lnd PATH
//
// # Parts
//
//	crypto       what a note costs a member, and shares, and an epoch's contributions
//	hbbft        HoneyBadgerBFT alone, among 4, 7 and 10 members
//	recovery     how a member comes back that was away, or has lost its data
//	simulation   message delays, frames and bytes of an epoch, and how fast they are simulated
//	federation   four nodes in processes of their own and a bitcoin node: how long a
//	             reissue takes, what an idle node needs, how much they all carry
//
//	lightning    the same with two lnd and a gateway: how long users need to pay and to
//	             be paid over Lightning, and lnd alone for the same payments
//
// All but the last two are Go benchmarks named BenchmarkFigures beside the code that they
// measure; they stand in test files, since only there the curve library and others
// to compare with may be imported. This package runs them with the go command and
// reads what they report: a metric whose unit is the name of a figure. So every
// figure comes with the command that repeats it alone.
//
// # What figures mean
//
// Ratios compare two ways to do a thing by the CPU time of one process in which
// both take turns (package rounds); they are the same on a busy machine, and nearly
// the same on another. Milliseconds of CPU depend on the machine and hardly on what
// else it does. Latency and throughput depend on both: the machine's load stands in
// the head of the table. Nothing here fails because something is slow; a goal that
// is missed is said in the table and in the JSON, and the exit code is 0.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"minimint/cmd/minimint-dev/stage"
)

// The parts.
const (
	crypto        = "crypto"
	hbbft         = "hbbft"
	recovery      = "recovery"
	simulation    = "simulation"
	federation    = "federation"
	lightningPart = "lightning"
)

var parts = []string{crypto, hbbft, recovery, simulation, federation, lightningPart}

// Config says what to measure and where the results go.
type Config struct {
	// Only lists the parts to measure; all if empty.
	Only []string
	// Quick takes fewer rounds: the figures are rougher.
	Quick bool
	// Stage returns what a federation in a directory is built of. It is asked only
	// if the part federation or lightning is measured.
	Stage func(dir string) (stage.Config, error)
	// Lnd says that there is an lnd; without one the part lightning is left out.
	Lnd bool
	// Command repeats the part federation or lightning with the same settings.
	Command func(part string) string
	// Table takes the table, Progress what is being done, JSON the path of the file
	// that is written.
	Table, Progress io.Writer
	JSON            string
}

func (c Config) wants(part string) bool { return len(c.Only) == 0 || slices.Contains(c.Only, part) }

func (c Config) check() error {
	for _, part := range c.Only {
		if !slices.Contains(parts, part) {
			return fmt.Errorf("no part is called %q; there are %s", part, strings.Join(parts, ", "))
		}
		if part == lightningPart && !c.Lnd {
			return errors.New("the part lightning needs lnd: name the program with --lnd; make lightning builds it")
		}
	}
	return nil
}

func (c Config) progress(format string, args ...any) {
	fmt.Fprintf(c.Progress, format+"\n", args...)
}

// Run measures and writes the results. Parts that were measured are written also if
// a later one fails.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.check(); err != nil {
		return err
	}
	root, err := checkout()
	if err != nil {
		return err
	}
	r := Report{Machine: Describe(ctx)}
	failed := r.measure(ctx, cfg, root)
	if len(r.Figures) == 0 {
		return failed
	}
	r.sort()
	if err := r.WriteFile(cfg.JSON); err != nil {
		return err
	}
	if err := r.WriteTable(cfg.Table); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	cfg.progress("written to %s", cfg.JSON)
	return failed
}

func (r *Report) measure(ctx context.Context, cfg Config, root string) error {
	for _, g := range goBenchmarks {
		if !cfg.wants(g.part) {
			continue
		}
		command := g.command(cfg.Quick)
		cfg.progress("%s", command)
		values, err := g.run(ctx, root, cfg.Quick)
		if err != nil {
			return err
		}
		if err := r.add(g.part, g.dir, values, command.String()); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		name    string
		measure func(context.Context, Config) (map[string]float64, error)
	}{{federation, measureFederation}, {lightningPart, measureLightning}} {
		switch {
		case !cfg.wants(p.name):
			continue
		case p.name == lightningPart && !cfg.Lnd:
			cfg.progress("lightning: left out, since no lnd was named (make lightning builds it)")
			continue
		}
		values, err := p.measure(ctx, cfg)
		if err != nil {
			return err
		}
		if err := r.add(p.name, "", values, cfg.Command(p.name)); err != nil {
			return err
		}
	}
	return nil
}
