// Package options is what the commands of minimint-sim have in common: the flags
// that describe a world, and how results are printed.
package options

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"minimint/cmd/minimint-sim/progress"
	"minimint/cmd/terminal"
	"minimint/sim/measure"
	"minimint/sim/scenario"
)

// Usage says that a command was not understood: exit code 2.
func Usage(format string, args ...any) error { return terminal.Usage(format, args...) }

// JSON is the flag --json.
func JSON() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }

// Crypto is the flag --crypto.
func Crypto() cli.Flag {
	return &cli.StringFlag{Name: "crypto", Value: "stub", Usage: "`KIND` of cryptography: stub is keyed hashes, real is what ships"}
}

// Real reads Crypto.
func Real(c *cli.Context) (bool, error) {
	switch kind := c.String("crypto"); kind {
	case "stub":
		return false, nil
	case "real":
		return true, nil
	default:
		return false, Usage("--crypto %q: there are stub and real", kind)
	}
}

// Network is the flag --network.
func Network(value string) cli.Flag {
	return &cli.StringFlag{Name: "network", Value: value, Usage: "`NETWORK` by name, or a distribution of delays (see below)"}
}

// Filler is the flag --filler.
func Filler() cli.Flag {
	return &cli.IntFlag{Name: "filler", Usage: "make transactions `BYTES` longer than they must be"}
}

// Help lists networks and faults for the description of a command.
func Help(faults bool) string {
	var b strings.Builder
	b.WriteString("NETWORKS:\n")
	line := func(name, about string) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("   %-10s %s", name, about), " ") + "\n")
	}
	for _, n := range scenario.Networks() {
		line(n.Name, n.About)
	}
	b.WriteString("   Or a distribution of delays: constant:100ms, uniform:20ms-60ms, exponential:20ms+80ms.\n")
	if faults {
		b.WriteString("\nFAULTS:\n")
		for _, f := range scenario.Faults() {
			line(f.Name, f.About)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// World are the flags that describe one world.
func World() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "n", Value: 4, Usage: "`NUMBER` of nodes"},
		&cli.IntFlag{Name: "f", Usage: "the last `NUMBER` of them crash"},
		&cli.StringSliceFlag{Name: "faulty", Usage: "the last nodes have these `FAULTS`, separated by commas (see below)"},
		Network("lan"),
		&cli.IntFlag{Name: "load", Value: 10, Usage: "`USERS`, each with one transaction under way at all times"},
		&cli.DurationFlag{Name: "pause", Usage: "let each user make a transaction every `TIME` on average instead"},
		Filler(),
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of all that is left to chance"},
		Crypto(),
	}
}

// Scenario reads World. Wrong values are usage errors.
func Scenario(c *cli.Context) (scenario.Scenario, error) {
	s := scenario.Scenario{
		Nodes: c.Int("n"), Faulty: c.StringSlice("faulty"), Network: c.String("network"), Users: c.Int("load"),
		Pause: c.Duration("pause"), Filler: c.Int("filler"), Seed: c.Uint64("seed"),
	}
	f := c.Int("f")
	if f < 0 || f > 0 && len(s.Faulty) > 0 {
		return s, Usage("--f is how many nodes crash, --faulty lists other faults by name; use one of them")
	}
	if f > 0 {
		s.Faulty = scenario.Repeat(scenario.Crash, f)
	}
	var err error
	if s.Real, err = Real(c); err != nil {
		return s, err
	}
	if _, _, err := s.Config(); err != nil {
		return s, Usage("%v", err)
	}
	return s, nil
}

// ScenarioFile is the flag --scenario.
func ScenarioFile() cli.Flag {
	return &cli.StringFlag{Name: "scenario", TakesFile: true, Usage: "the world that `FILE` describes, instead of options; only --seed, --crypto and --seconds change it"}
}

// File reads the file of ScenarioFile, and what options change.
func File(c *cli.Context) (scenario.File, error) {
	for _, name := range []string{"n", "f", "faulty", "network", "load", "pause", "filler"} {
		if c.IsSet(name) {
			return scenario.File{}, Usage("--%s: the file of --scenario says that; use one of them", name)
		}
	}
	r, err := os.Open(c.String("scenario"))
	if err != nil {
		return scenario.File{}, Usage("%v", err)
	}
	f, err := scenario.ReadFile(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return f, Usage("%s: %v", c.String("scenario"), err)
	}
	if c.IsSet("seed") {
		f.Scenario.Seed = c.Uint64("seed")
	}
	if c.IsSet("seconds") {
		f.Measured = Seconds(c)
	}
	if err := f.Check(); err != nil {
		return f, Usage("%v", err)
	}
	if c.IsSet("crypto") {
		f.Scenario.Real, err = Real(c)
	}
	return f, err
}

// Seconds reads the flag --seconds.
func Seconds(c *cli.Context) time.Duration {
	return time.Duration(c.Float64("seconds") * float64(time.Second))
}

// Line describes a scenario for people.
func Line(s scenario.Scenario) string {
	parts := []string{fmt.Sprintf("%d nodes", s.Nodes)}
	if len(s.Faulty) > 0 {
		parts[0] += fmt.Sprintf(", %d of them faulty (%s)", len(s.Faulty), strings.Join(slices.Compact(slices.Sorted(slices.Values(s.Faulty))), ", "))
	}
	if n, err := scenario.FindNetwork(s.Network); err == nil {
		parts = append(parts, "network "+n.Name)
	}
	load := fmt.Sprintf("%d users, one transaction each", s.Users)
	if s.Pause > 0 {
		load = fmt.Sprintf("%d users, a transaction each %v", s.Users, s.Pause)
	}
	if len(s.Events) > 0 {
		load += fmt.Sprintf("; %d events", len(s.Events))
	}
	return strings.Join(append(parts, load, Kind(s.Real)+" cryptography", fmt.Sprintf("seed %d", s.Seed)), "; ")
}

// Kind names a kind of cryptography as --crypto does.
func Kind(genuine bool) string {
	if genuine {
		return "real"
	}
	return "stub"
}

// Spread is a measure.Spread in JSON.
type Spread struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Most  float64 `json:"max_ms"`
}

// SpreadOf converts.
func SpreadOf(s measure.Spread) Spread {
	return Spread{Count: s.Count, Mean: Milliseconds(s.Mean), P50: Milliseconds(s.Median), P95: Milliseconds(s.P95), P99: Milliseconds(s.P99), Most: Milliseconds(s.Longest)}
}

// Milliseconds converts.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Print writes a value as JSON.
func Print(c *cli.Context, value any) error {
	e := json.NewEncoder(c.App.Writer)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// Progress tells on standard error how far a command is.
func Progress(c *cli.Context) *progress.Line {
	return progress.New(c.App.ErrWriter, term.IsTerminal(int(os.Stderr.Fd())))
}
