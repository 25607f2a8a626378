// Package page is the command report of minimint-sim: one page of HTML with plots,
// which needs nothing but itself.
package page

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-sim/options"
	"minimint/cmd/minimint-sim/table"
	"minimint/sim/measure"
	"minimint/sim/scenario"
)

//go:embed page.html
var layout string

// Command is the command report.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "measure, and write a page with plots",
		Description: `The page shows latency over load, cost over the number of nodes with the
exponent that fits, and for a few epochs which node waited for whom. It is one
file of HTML without scripts.

` + options.Help(false) + `

EXAMPLES:
   minimint-sim report
   minimint-sim report --out world.html --network world --n 4,10,22 --batch 1,10,100,1000`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Value: "report.html", Usage: "write `FILE`"},
			options.Network("continent"),
			&cli.IntSliceFlag{Name: "n", Value: cli.NewIntSlice(4, 7, 10, 13, 16), Usage: "cost is measured with these `NUMBERS` of nodes, latency with the first of them"},
			&cli.IntSliceFlag{Name: "batch", Value: cli.NewIntSlice(1, 3, 10, 30, 100, 300), Usage: "latency is measured with these `NUMBERS` of transactions under way at any time"},
			&cli.IntFlag{Name: "epochs", Value: 20, Usage: "measure so many `EPOCHS` of each world"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of all that is left to chance"},
			options.Crypto(),
		},
		Action: command,
	}
}

func command(c *cli.Context) error {
	genuine, err := options.Real(c)
	if err != nil {
		return err
	}
	cfg := Config{
		Network: c.String("network"), Nodes: c.IntSlice("n"), Batches: c.IntSlice("batch"), Epochs: c.Int("epochs"),
		Seed: c.Uint64("seed"), Real: genuine, Command: "minimint-sim " + strings.Join(os.Args[1:], " "),
	}
	if c.NArg() > 0 || len(cfg.Nodes) == 0 || len(cfg.Batches) == 0 || cfg.Epochs < 1 {
		return options.Usage("usage: minimint-sim report [options]; --n and --batch list at least one number, --epochs is at least 1, and there are no arguments")
	}
	load, cost := cfg.worlds()
	for _, s := range append(load, cost...) {
		if _, _, err := s.Config(); err != nil || s.Users < 1 {
			return options.Usage("%s: %v", "a world cannot be", errors.Join(err, batch(s)))
		}
	}
	f, err := os.Create(c.String("out"))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	line := options.Progress(c)
	err = Write(c.Context, f, cfg, func(done, all int) { line.Show(done, all, "worlds") })
	line.Clear()
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	_, err = fmt.Fprintln(c.App.Writer, "written to", c.String("out"))
	return err
}

func batch(s scenario.Scenario) error {
	if s.Users < 1 {
		return fmt.Errorf("--batch %d is less than 1", s.Users)
	}
	return nil
}

// Config says what the page is about.
type Config struct {
	Network        string
	Nodes, Batches []int
	Epochs         int
	Seed           uint64
	Real           bool
	Command        string // that made it
}

// perNode is how many transactions are under way by node where cost is measured:
// every node has work.
const perNode = 10

// worlds lists what is measured: for latency, all live and then with f crashed, and
// for cost.
func (c Config) worlds() (load, cost []scenario.Scenario) {
	s := scenario.Scenario{Seed: c.Seed, Real: c.Real}
	for _, f := range []int{0, scenario.MaxFaulty(c.Nodes[0])} {
		for _, b := range c.Batches {
			s.Nodes, s.Network, s.Users, s.Faulty = c.Nodes[0], c.Network, b, scenario.Repeat(scenario.Crash, f)
			load = append(load, s)
		}
	}
	for _, n := range c.Nodes {
		s.Nodes, s.Network, s.Users, s.Faulty = n, "unit", perNode*n, nil
		cost = append(cost, s)
	}
	return load, cost
}

// A plot is a chart with its title.
type plot struct {
	Title string
	SVG   template.HTML
}

// Write measures all worlds and writes the page.
func Write(ctx context.Context, w io.Writer, c Config, progress func(done, all int)) error {
	load, cost := c.worlds()
	done := 0
	extent := scenario.Extent{Warm: 4, Epochs: c.Epochs}
	rows := func(list []scenario.Scenario) ([]table.Row, error) {
		return table.Measure(ctx, list, extent, func(int, scenario.Scenario) {
			done++
			progress(done, len(load)+len(cost))
		})
	}
	loadRows, err := rows(load)
	if err != nil {
		return err
	}
	costRows, err := rows(cost)
	if err != nil {
		return err
	}
	epochs, err := c.watch()
	if err != nil {
		return err
	}
	names, units, cells := table.Cells(append(loadRows, costRows...))
	return template.Must(template.New("page").Parse(layout)).Execute(w, map[string]any{
		"Title": "Consensus in simulation", "Crypto": options.Kind(c.Real), "Command": c.Command,
		"LoadText": fmt.Sprintf("%d nodes, network %s, %d to %d transactions under way at any time. Medians in virtual time.",
			c.Nodes[0], c.Network, c.Batches[0], c.Batches[len(c.Batches)-1]),
		"Load": loadPlots(loadRows),
		"CostText": fmt.Sprintf("By live node and epoch, all live, %d transactions under way by node, where every message takes one unit. The dashed line is the power of n that fits best.",
			perNode),
		"Cost": costPlots(costRows),
		"TimelineText": fmt.Sprintf("Three epochs of %d nodes in the network %s. A bar is an epoch at a node, from its proposal to its commit; a dot the last frame that the node received before it was done, with a line from the row of its sender.",
			c.Nodes[0], c.Network),
		"Timeline": timeline(epochs),
		"Names":    names, "Units": units, "Rows": cells,
	})
}

func loadPlots(rows []table.Row) []plot {
	lines := func(value func(table.Row) float64) []series {
		out := []series{{name: "all live"}, {name: "f crashed"}}
		for _, r := range rows {
			i := min(r.Crashed, 1)
			out[i].points = append(out[i].points, point{r.PerSecond, value(r), fmt.Sprintf("%d under way, %.4g tx/s: %.4g ms", r.Batch, r.PerSecond, value(r))})
		}
		if len(out[1].points) == 0 {
			return out[:1]
		}
		return out
	}
	draw := func(title string, value func(table.Row) float64) plot {
		c := chart{x: axis{label: "transactions per second", log: true}, y: axis{label: "ms"}, series: lines(value)}
		return plot{title, c.svg(title)}
	}
	return []plot{
		draw("Transaction: from request to answer", func(r table.Row) float64 { return r.TxP50 }),
		draw("Epoch: from the first proposal to the commit", func(r table.Row) float64 { return r.EpochP50 }),
	}
}

func costPlots(rows []table.Row) []plot {
	draw := func(title, unit string, value func(table.Row) float64) plot {
		s := series{}
		for _, r := range rows {
			s.points = append(s.points, point{float64(r.Nodes), value(r), fmt.Sprintf("n = %d: %.4g %s", r.Nodes, value(r), unit)})
		}
		s.law = fitLaw(s.points)
		c := chart{x: axis{label: "nodes", log: true}, y: axis{label: unit, log: true}, series: []series{s}}
		return plot{title, c.svg(title)}
	}
	return []plot{
		draw("Bytes of messages into a node", "kB", func(r table.Row) float64 { return r.BytesIn / 1000 }),
		draw("Frames into a node", "frames", func(r table.Row) float64 { return r.FramesIn }),
		draw("CPU of the simulating machine", "ms", func(r table.Row) float64 { return r.CPU }),
	}
}

// watch returns three epochs in a row that all nodes have committed.
func (c Config) watch() ([]measure.Epoch, error) {
	const shown, skipped = 3, 2
	w, m, err := scenario.Scenario{Nodes: c.Nodes[0], Network: c.Network, Users: perNode * c.Nodes[0], Seed: c.Seed, Real: c.Real}.New()
	if err != nil {
		return nil, err
	}
	w.Run(scenario.Settled)
	first := int(w.Node(0).Next()) + skipped
	w.RunUntil(time.Minute, func() bool {
		for i := range w.Nodes() {
			if int(w.Node(i).Next()) < first+shown {
				return false
			}
		}
		return true
	})
	if all := m.Epochs(); len(all) >= first+shown {
		return all[first : first+shown], nil
	}
	return nil, nil
}
