// Package hunt is the command swarm of minimint-sim: worlds drawn from seeds, until
// one breaks a rule.
package hunt

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-sim/options"
	"minimint/sim/scenario"
	"minimint/sim/sched"
	"minimint/sim/swarm"
)

// Command is the command swarm.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "swarm",
		Usage: "run worlds in trouble, one for each seed, until one breaks a rule",
		Description: `A seed draws how many nodes there are, the network, the load, and what goes
wrong: crashes in the middle of writes, power failures, partitions, resets, a
bitcoin node that lies behind. Then all heals, and the federation must come to
rest with every promise kept. The first seed that breaks a rule ends the
command, with the command that runs it again and writes its trace.

EXAMPLES:
   minimint-sim swarm --seeds 1000
   minimint-sim swarm --seeds 100 --first 5000 --crypto real
   minimint-sim swarm --seeds 50 --market
   minimint-sim swarm --seeds 1 --first 42 --trace trace.txt

Exit code 1: a rule was broken.`,
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seeds", Value: 20, Usage: "run `NUMBER` of seeds"},
			&cli.Uint64Flag{Name: "first", Value: 1, Usage: "begin with `SEED`"},
			&cli.IntFlag{Name: "n", Usage: "`NUMBER` of nodes; without, the seed draws it"},
			options.Crypto(),
			&cli.BoolFlag{Name: "market", Usage: "with people, contracts and Lightning: all modules and clients that ship"},
			&cli.StringFlag{Name: "trace", Usage: "with --seeds 1: write a line for everything that happens to `FILE`"},
			options.JSON(),
		},
		Action: command,
	}
}

// Report is what came of a swarm.
type Report struct {
	Seeds    uint64  `json:"seeds"`
	First    uint64  `json:"first"`
	Epochs   uint64  `json:"epochs"`
	Messages uint64  `json:"messages"`
	Wall     float64 `json:"wall_seconds"`
	// Failed is the world that broke a rule; nil if none did.
	Failed *Failed `json:"failed"`
	// Fingerprint is that of the last world.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Failed is a world that broke a rule.
type Failed struct {
	Seed       uint64   `json:"seed"`
	Plan       string   `json:"plan"`
	Violations []string `json:"violations"`
	// Replay runs it again and writes its trace.
	Replay string `json:"replay"`
}

// ErrViolation says that a rule did not hold.
var ErrViolation = errors.New("a rule was broken")

// config is what was asked for.
type config struct {
	seeds, first uint64
	options      swarm.Options
	program      string
	// run is swarm.Run, but in tests.
	run func(uint64, swarm.Options) swarm.Result
}

func command(c *cli.Context) (err error) {
	cfg := config{seeds: c.Uint64("seeds"), first: c.Uint64("first"), program: os.Args[0], run: swarm.Run}
	cfg.options.Nodes, cfg.options.Market = c.Int("n"), c.Bool("market")
	if cfg.options.Real, err = options.Real(c); err != nil {
		return err
	}
	path := c.String("trace")
	switch {
	case cfg.seeds < 1 || c.NArg() > 0:
		return options.Usage("usage: minimint-sim swarm [options]; --seeds must be at least 1, and there are no arguments")
	case cfg.options.Nodes < 0 || cfg.options.Nodes > scenario.MaxNodes:
		return options.Usage("--n %d: there must be 1 to %d nodes", cfg.options.Nodes, scenario.MaxNodes)
	case path != "" && cfg.seeds != 1:
		return options.Usage("--trace is of one world: add --seeds 1, and --first to say which")
	case path != "":
		f, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("write the trace: %w", err)
		}
		defer func() { err = errors.Join(err, cfg.options.Trace.Err(), f.Close()) }()
		cfg.options.Trace = sched.NewTrace(f)
	}
	line := options.Progress(c)
	r, err := cfg.hunt(c, func(r Report) {
		line.Show(int(r.Seeds), int(cfg.seeds), fmt.Sprintf("%d epochs, %d messages, all rules kept", r.Epochs, r.Messages))
	})
	line.Clear()
	if err != nil && !errors.Is(err, ErrViolation) {
		return err
	}
	if c.Bool("json") {
		return errors.Join(err, options.Print(c, r))
	}
	_, failed := fmt.Fprintln(c.App.Writer, r)
	return errors.Join(err, failed)
}

// hunt runs one seed after the other.
func (cfg config) hunt(c *cli.Context, progress func(Report)) (Report, error) {
	began := time.Now()
	report := Report{First: cfg.first}
	for seed := cfg.first; seed < cfg.first+cfg.seeds; seed++ {
		if err := c.Context.Err(); err != nil {
			return report, err
		}
		r := cfg.run(seed, cfg.options)
		report.Seeds++
		report.Epochs, report.Messages = report.Epochs+r.Epochs, report.Messages+r.Messages
		report.Wall, report.Fingerprint = time.Since(began).Seconds(), r.Fingerprint
		if r.Failed() {
			report.Failed = &Failed{Seed: seed, Plan: r.Plan, Replay: cfg.replay(seed)}
			for _, v := range r.Violations {
				report.Failed.Violations = append(report.Failed.Violations, v.String())
			}
			return report, ErrViolation
		}
		progress(report)
	}
	return report, nil
}

// replay is the command that runs a seed again.
func (cfg config) replay(seed uint64) string {
	words := []string{cfg.program, "swarm", "--seeds 1", fmt.Sprintf("--first %d", seed)}
	if cfg.options.Nodes > 0 {
		words = append(words, fmt.Sprintf("--n %d", cfg.options.Nodes))
	}
	if cfg.options.Real {
		words = append(words, "--crypto real")
	}
	if cfg.options.Market {
		words = append(words, "--market")
	}
	return strings.Join(append(words, fmt.Sprintf("--trace seed-%d.txt", seed)), " ")
}

// String is the report for people.
func (r Report) String() string {
	text := fmt.Sprintf("%d seeds from %d: %d epochs, %d messages in %.1f s", r.Seeds, r.First, r.Epochs, r.Messages, r.Wall)
	if r.Fingerprint != "" && r.Seeds == 1 {
		text += "\nfingerprint " + r.Fingerprint
	}
	if r.Failed == nil {
		return text + "\nall rules kept"
	}
	text += fmt.Sprintf("\nseed %d broke a rule: %s", r.Failed.Seed, r.Failed.Plan)
	const shown = 10
	for i, v := range r.Failed.Violations {
		if i == shown {
			text += fmt.Sprintf("\n  and %d more", len(r.Failed.Violations)-i)
			break
		}
		text += "\n  " + v
	}
	return text + "\nreplay it with\n  " + r.Failed.Replay
}
