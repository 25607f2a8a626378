package bench

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-dev/stage"
)

// Command is the command bench of minimint-dev. build says what a federation in a
// directory is built of, and flags are what it reads; two are btcd and lnd.
func Command(flags []cli.Flag, build func(c *cli.Context, dir string) (stage.Config, error)) *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure cryptography, consensus and a running federation; print a table and write bench.json",
		Description: `Run it in a checkout: it uses the go command. The parts are crypto, hbbft,
recovery, simulation, federation and lightning; the last is left out if no lnd is
named (make lightning builds it). A goal that is missed is no failure.`,
		Flags: append(flags,
			&cli.BoolFlag{Name: "quick", Usage: "take fewer rounds: below a minute, and rougher"},
			&cli.StringSliceFlag{Name: "only", Usage: "measure these `PARTS` alone, separated by commas"},
			&cli.StringFlag{Name: "json", Value: "bench.json", Usage: "write the figures to `FILE`"},
		),
		Action: func(c *cli.Context) error {
			return Run(c.Context, Config{
				Only: c.StringSlice("only"), Quick: c.Bool("quick"), JSON: c.String("json"),
				Table: c.App.Writer, Progress: c.App.ErrWriter, Lnd: c.String("lnd") != "",
				Command: func(part string) string { return repeat(c, part).String() },
				Stage:   func(dir string) (stage.Config, error) { return build(c, dir) },
			})
		},
	}
}

// repeat is the command that measures the part federation or lightning again.
func repeat(c *cli.Context, part string) argv {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	if wd, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(wd, program); err == nil && filepath.IsLocal(short) {
			program = short
		}
	}
	a := argv{program, "bench", "--only", part, "--btcd", c.String("btcd")}
	if part == lightningPart {
		a = append(a, "--lnd", c.String("lnd"))
	}
	if c.Bool("quick") {
		a = append(a, "--quick")
	}
	return a
}
