// Package table is the command table of minimint-sim: what consensus costs, over
// sizes, loads and networks.
package table

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-sim/options"
	"minimint/sim/scenario"
)

// Command is the command table.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "table",
		Usage: "measure worlds of several sizes, loads and networks",
		Description: `For each n, batch, network and number of crashed nodes a world is warmed up and
measured. In the network unit, latency in delays is what papers call message
delays by epoch.

` + columnsHelp() + `

` + options.Help(false) + `

EXAMPLES:
   minimint-sim table
   minimint-sim table --n 4,10,25 --batch 100 --network unit --crashed 0
   minimint-sim table --network uniform:20ms-60ms --format csv > table.csv
   minimint-sim table --n 4 --crypto real --format json`,
		Flags: []cli.Flag{
			&cli.IntSliceFlag{Name: "n", Value: cli.NewIntSlice(4, 7, 10), Usage: "`NUMBERS` of nodes"},
			&cli.IntSliceFlag{Name: "batch", Value: cli.NewIntSlice(10, 100), Usage: "`NUMBERS` of transactions that are under way at any time"},
			&cli.StringSliceFlag{Name: "network", Value: cli.NewStringSlice("unit", "lan", "continent"), Usage: "`NETWORKS` by name, or distributions (see below)"},
			&cli.StringSliceFlag{Name: "crashed", Value: cli.NewStringSlice("0", "f"), Usage: "`NUMBERS` of crashed nodes; f is as many as may be"},
			&cli.IntFlag{Name: "epochs", Value: 30, Usage: "measure so many `EPOCHS`"},
			&cli.IntFlag{Name: "warm", Value: 5, Usage: "after so many `EPOCHS`"},
			options.Filler(),
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of all that is left to chance"},
			options.Crypto(),
			&cli.StringFlag{Name: "format", Value: "text", Usage: "print as `FORMAT`: text, csv or json"},
			&cli.BoolFlag{Name: "json", Usage: "the same as --format json"},
		},
		Action: command,
	}
}

func columnsHelp() string {
	var b strings.Builder
	b.WriteString("COLUMNS (name in CSV and JSON):\n")
	for _, c := range columns {
		if c.about != "" {
			fmt.Fprintf(&b, "   %-18s %s\n", c.key, c.about)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Writers by format.
var writers = map[string]func(io.Writer, []Row) error{"text": WriteText, "csv": WriteCSV, "json": WriteJSON}

func command(c *cli.Context) error {
	format := c.String("format")
	if c.Bool("json") {
		format = "json"
	}
	write, ok := writers[format]
	if !ok {
		return options.Usage("--format %q: there are text, csv and json", format)
	}
	extent := scenario.Extent{Warm: c.Int("warm"), Epochs: c.Int("epochs")}
	if extent.Warm < 0 || extent.Epochs < 1 || c.NArg() > 0 {
		return options.Usage("usage: minimint-sim table [options]; --epochs must be at least 1, --warm not negative, and there are no arguments")
	}
	all, err := worlds(c)
	if err != nil {
		return err
	}
	line := options.Progress(c)
	rows, failed := Measure(c.Context, all, extent, func(done int, s scenario.Scenario) { line.Show(done, len(all), title(s)) })
	line.Clear()
	return errors.Join(failed, write(c.App.Writer, rows))
}

// worlds lists what was asked for, smallest first within a network.
func worlds(c *cli.Context) ([]scenario.Scenario, error) {
	genuine, err := options.Real(c)
	if err != nil {
		return nil, err
	}
	var all []scenario.Scenario
	for _, network := range c.StringSlice("network") {
		for _, n := range c.IntSlice("n") {
			for _, crashed := range c.StringSlice("crashed") {
				f, err := crashes(crashed, n)
				if err != nil {
					return nil, err
				}
				if f == 0 && crashed == "f" {
					continue // the same world as without
				}
				for _, batch := range c.IntSlice("batch") {
					s := scenario.Scenario{
						Nodes: n, Faulty: scenario.Repeat(scenario.Crash, f), Network: network, Users: batch,
						Filler: c.Int("filler"), Seed: c.Uint64("seed"), Real: genuine,
					}
					if _, _, err := s.Config(); err != nil {
						return nil, options.Usage("%v", err)
					}
					if batch < 1 {
						return nil, options.Usage("--batch %d: it must be at least 1", batch)
					}
					all = append(all, s)
				}
			}
		}
	}
	return all, nil
}

func crashes(text string, n int) (int, error) {
	if text == "f" {
		return scenario.MaxFaulty(n), nil
	}
	f, err := strconv.Atoi(text)
	if err != nil || f < 0 || f > max(0, scenario.MaxFaulty(n)) {
		return 0, options.Usage("--crashed %s: with %d nodes it is 0 to %d, or f", text, n, scenario.MaxFaulty(n))
	}
	return f, nil
}

// Measure measures worlds one after the other. It returns the rows of those that
// could be measured, and why others could not.
func Measure(ctx context.Context, all []scenario.Scenario, x scenario.Extent, progress func(done int, s scenario.Scenario)) ([]Row, error) {
	rows := []Row{}
	var failed error
	for i, s := range all {
		progress(i, s)
		r, err := s.Measure(ctx, x)
		if ctx.Err() != nil {
			return rows, ctx.Err()
		}
		if err == nil {
			var row Row
			if row, err = RowOf(s, r); err == nil {
				rows = append(rows, row)
				continue
			}
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", title(s), err))
	}
	return rows, failed
}

// WriteText prints rows for people: names, units, then a line each.
func WriteText(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cell func(column) string) {
		for _, c := range columns {
			fmt.Fprintf(t, "%s\t", cell(c))
		}
		fmt.Fprintln(t)
	}
	line(func(c column) string { return c.name })
	line(func(c column) string { return c.unit })
	for _, r := range rows {
		line(func(c column) string { return c.text(r) })
	}
	return t.Flush()
}

// WriteCSV prints rows for programs, with a line of names (RFC 4180).
func WriteCSV(w io.Writer, rows []Row) error {
	out := csv.NewWriter(w)
	line := func(cell func(column) string) error {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(c)
		}
		return out.Write(cells)
	}
	if err := line(func(c column) string { return c.key }); err != nil {
		return err
	}
	for _, r := range rows {
		if err := line(func(c column) string { return c.exact(r) }); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteJSON prints rows as one array.
func WriteJSON(w io.Writer, rows []Row) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

// Cells returns the table as text: names, units, and a line for each row.
func Cells(rows []Row) (names, units []string, lines [][]string) {
	for _, c := range columns {
		names, units = append(names, c.name), append(units, c.unit)
	}
	for _, r := range rows {
		line := make([]string, len(columns))
		for i, c := range columns {
			line[i] = c.text(r)
		}
		lines = append(lines, line)
	}
	return names, units, lines
}
