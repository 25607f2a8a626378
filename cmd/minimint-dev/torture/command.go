package torture

import (
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"minimint/cmd/minimint-dev/stage"
	"minimint/cmd/terminal"
)

// Command is the command torture of minimint-dev. build says what a federation in a
// directory is built of, and flags are what it reads; one is btcd.
func Command(flags []cli.Flag, build func(c *cli.Context, dir string) (stage.Config, error)) *cli.Command {
	return &cli.Command{
		Name:  "torture",
		Usage: "kill nodes and wallets at random moments under load, and check that nothing is lost",
		Description: `A federation of its own is started and kept busy by wallets and by many small
transactions. At random moments one node, two, or all are killed with -9, some
while they are still starting up, and so are commands of wallets; then they are
started again. Nothing that was acknowledged may be lost, states and outcomes of
all nodes must be equal, every wallet's books must add up, and nobody may accuse
anybody.

Examples:
   minimint-dev torture --btcd PATH                       25 points
   minimint-dev torture --btcd PATH --points 200          a longer one
   minimint-dev torture --btcd PATH --seed 7              the points that seed 7 draws
   minimint-dev torture --btcd PATH --points 5 --json     one JSON object instead of the table

The seed draws who is killed when; how far everybody is at that moment is up to
the machine. Exit codes: 0 nothing was lost, 1 something was, or a failure.`,
		Flags: append(flags,
			&cli.IntFlag{Name: "points", Value: 25, Usage: "kill at `N` moments"},
			&cli.Uint64Flag{Name: "seed", Usage: "draw from this `SEED`; without, from one of the moment"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			&cli.BoolFlag{Name: "keep", Usage: "keep the directory with all logs, also when nothing was lost"},
		),
		Action: func(c *cli.Context) error { return command(c, build) },
	}
}

func command(c *cli.Context, build func(c *cli.Context, dir string) (stage.Config, error)) error {
	if c.Int("points") < 1 {
		return terminal.Usage("--points %d: at least one", c.Int("points"))
	}
	seed := c.Uint64("seed")
	if !c.IsSet("seed") {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	report, err := Run(c.Context, Config{
		Points: c.Int("points"), Seed: seed, Keep: c.Bool("keep"), Progress: c.App.ErrWriter, Terminal: term.IsTerminal(int(os.Stderr.Fd())),
		Stage: func(dir string) (stage.Config, error) { return build(c, dir) },
	})
	if report.Points == 0 && !errors.Is(err, ErrViolation) {
		return err
	}
	if c.Bool("json") {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return errors.Join(err, e.Encode(report))
	}
	return errors.Join(err, report.WriteTable(c.App.Writer))
}
