// Command minimint-sim runs federations that exist in this program alone: the
// shipped nodes in virtual time, with a network, disks and users that a seed
// decides about.
//
//	minimint-sim run --n 7 --f 2 --network world
//	minimint-sim swarm --seeds 1000
//	minimint-sim table
//	minimint-sim report --out report.html
package main

import (
	"os"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-sim/hunt"
	"minimint/cmd/minimint-sim/page"
	"minimint/cmd/minimint-sim/single"
	"minimint/cmd/minimint-sim/table"
	"minimint/cmd/terminal"
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(garbage)
		debug.SetMemoryLimit(memory)
	}
	os.Exit(terminal.Run(app(), terminal.Explain))
}

// garbage is how much of it may gather, in percent of what is alive, and memory
// how many bytes both may take before it is looked for more often: worlds are small
// and make much, and a fifth of the time would go into looking for it.
const (
	garbage = 800
	memory  = 2 << 30
)

func app() *cli.App {
	a := &cli.App{
		Name:  "minimint-sim",
		Usage: "simulate Minimint federations: find bugs by seed, and measure",
		Description: `Every world is a federation of nodes as they ship, in virtual time. The same
command gives the same world, message by message, on every machine.

Cryptography is keyed hashes unless --crypto real; what the real one would cost
is charged to virtual time either way, in networks whose machines are not
perfect.

EXAMPLES:
   minimint-sim run --n 7 --f 2 --network world --load 100
   minimint-sim run --seed 42 --trace trace.txt
   minimint-sim swarm --seeds 1000
   minimint-sim table --n 4,10 --batch 100 --network unit,continent --format csv
   minimint-sim report --out report.html

EXIT CODES:
   0  done, and no rule was broken
   1  a rule was broken, or something failed
   2  the command was not understood`,
		Commands: []*cli.Command{single.Command(), hunt.Command(), table.Command(), page.Command()},
	}
	terminal.Prepare(a)
	return a
}
