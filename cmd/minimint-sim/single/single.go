// Package single is the command run of minimint-sim: one world, and what came of
// it.
package single

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-sim/options"
	"minimint/sim/measure"
	"minimint/sim/scenario"
	"minimint/sim/sched"
)

// Command is the command run.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run one world and report",
		Description: `Links come up for 2.5 seconds of virtual time, then --seconds are measured. Then
users stop, what is down starts again unless it crashed for good, and
everything that was promised must come true.

A world can be written down: see the files in sim/scenario/examples, and
go doc minimint/sim/scenario.File.

` + options.Help(true) + `

EXAMPLES:
   minimint-sim run
   minimint-sim run --n 10 --f 3 --network continent --load 100
   minimint-sim run --n 7 --faulty silent,crash-and-restart --network exponential:5ms+50ms
   minimint-sim run --crypto real --seconds 5 --json
   minimint-sim run --seed 42 --trace trace.txt
   minimint-sim run --scenario sim/scenario/examples/partition.yaml`,
		Flags: append(options.World(),
			options.ScenarioFile(),
			&cli.Float64Flag{Name: "seconds", Value: 10, Usage: "measure so many `SECONDS` of virtual time"},
			&cli.StringFlag{Name: "trace", Usage: "write a line for everything that happens to `FILE`"},
			options.JSON(),
		),
		Action: command,
	}
}

// Report is what came of a run.
type Report struct {
	Name        string         `json:"name,omitempty"`
	Scenario    string         `json:"scenario"`
	Seconds     float64        `json:"virtual_seconds"`
	Wall        float64        `json:"wall_seconds"`
	CPU         float64        `json:"cpu_seconds"`
	Epochs      int            `json:"epochs"`
	Epoch       options.Spread `json:"epoch_latency"`
	Delays      float64        `json:"epoch_delays"`
	Transaction options.Spread `json:"transaction_latency"`
	Accepted    int            `json:"accepted"`
	Throughput  float64        `json:"transactions_per_second"`
	Network     Network        `json:"network"`
	Rounds      float64        `json:"agreement_rounds"`
	Blames      map[string]int `json:"blames"`
	Violations  []string       `json:"violations"`
	Fingerprint string         `json:"fingerprint"`
}

// Network is what members told each other.
type Network struct {
	Frames    float64 `json:"frames_per_peer_and_epoch"`
	Bytes     float64 `json:"bytes_in_per_node_and_epoch"`
	Wire      float64 `json:"wire_bytes_in_per_node_and_epoch"`
	Delivered uint64  `json:"messages_delivered"`
}

// ErrViolation says that a rule did not hold.
var ErrViolation = errors.New("a rule was broken")

func command(c *cli.Context) (err error) {
	f, err := asked(c)
	if err != nil {
		return err
	}
	s := &f.Scenario
	s.Trace = sched.NewTrace(nil)
	if path := c.String("trace"); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("write the trace: %w", err)
		}
		defer func() { err = errors.Join(err, s.Trace.Err(), file.Close()) }()
		s.Trace = sched.NewTrace(file)
	}
	line := options.Progress(c)
	r, err := Run(c.Context, f, func(done, all time.Duration) {
		line.Show(int(done/time.Millisecond), int(all/time.Millisecond), "milliseconds of virtual time")
	})
	line.Clear()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = options.Print(c, r)
	} else {
		err = r.Write(c.App.Writer)
	}
	if len(r.Violations) > 0 {
		err = errors.Join(err, ErrViolation)
	}
	return err
}

// asked is what the command line asks for.
func asked(c *cli.Context) (scenario.File, error) {
	if c.Float64("seconds") <= 0 || c.NArg() > 0 {
		return scenario.File{}, options.Usage("usage: minimint-sim run [options]; --seconds must be more than 0, and there are no arguments")
	}
	if c.IsSet("scenario") {
		return options.File(c)
	}
	s, err := options.Scenario(c)
	return scenario.File{Scenario: s, Measured: options.Seconds(c)}, err
}

// recovery is how long it may take until all promises are kept.
const recovery = 3 * time.Minute

// Run runs a world, measures it for a time, and lets it come to rest.
func Run(ctx context.Context, f scenario.File, progress func(done, all time.Duration)) (Report, error) {
	w, m, err := f.Scenario.New()
	if err != nil {
		return Report{}, err
	}
	pass := func(d time.Duration) error {
		for end := w.Now() + d; w.Now() < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.Run(min(10*time.Millisecond, end-w.Now()))
			progress(w.Now(), scenario.Settled+f.Measured)
		}
		return nil
	}
	if err := pass(scenario.Settled); err != nil {
		return Report{}, err
	}
	m.Begin()
	if err := pass(f.Measured); err != nil {
		return Report{}, err
	}
	result := m.End()
	scenario.Mend(w)
	w.Settle(recovery)
	r := reportOf(f.Scenario, result)
	r.Name = f.Name
	for _, v := range w.Violations() {
		r.Violations = append(r.Violations, v.String())
	}
	r.Fingerprint = w.Loop().Trace().Hash()
	return r, nil
}

func reportOf(s scenario.Scenario, r measure.Result) Report {
	out := Report{
		Scenario: options.Line(s), Seconds: r.Time.Seconds(), Wall: r.Wall.Seconds(), CPU: r.CPU.Seconds(), Epochs: r.Epochs,
		Epoch: options.SpreadOf(r.Epoch), Transaction: options.SpreadOf(r.Transaction), Accepted: r.Accepted, Throughput: r.Throughput(),
		Network: Network{Frames: r.FramesPerPeer(), Bytes: r.BytesIn(), Wire: r.WireIn(), Delivered: r.Traffic.Delivered},
		Rounds:  r.Rounds.Mean, Blames: r.Blames, Violations: []string{},
	}
	if n, err := scenario.FindNetwork(s.Network); err == nil && n.Mean > 0 {
		out.Delays = float64(r.Epoch.Median) / float64(n.Mean)
	}
	return out
}

// Write prints the report for people.
func (r Report) Write(w io.Writer) error {
	spread := func(name string, s options.Spread) string {
		return fmt.Sprintf("%-13s p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, longest %.1f ms", name, s.P50, s.P95, s.P99, s.Most)
	}
	lines := []string{
		title(r),
		fmt.Sprintf("%-13s %.3g s of virtual time in %.2f s, %.2f s of CPU", "time", r.Seconds, r.Wall, r.CPU),
		fmt.Sprintf("%-13s %d, %.2f of the network's mean delays each (median)", "epochs", r.Epochs, r.Delays),
		spread("  latency", r.Epoch),
		fmt.Sprintf("%-13s %d decided, %d accepted, %.1f by second", "transactions", r.Transaction.Count, r.Accepted, r.Throughput),
		spread("  latency", r.Transaction),
		fmt.Sprintf("%-13s %.1f frames by peer, %.1f kB into each node (%.1f kB on the wire), for an epoch; %d messages delivered", "network", r.Network.Frames, r.Network.Bytes/1000, r.Network.Wire/1000, r.Network.Delivered),
		fmt.Sprintf("%-13s %.2f on average", "rounds", r.Rounds),
		fmt.Sprintf("%-13s %s", "blame", blames(r.Blames)),
		fmt.Sprintf("%-13s %s", "fingerprint", r.Fingerprint),
	}
	if len(r.Violations) == 0 {
		lines = append(lines, fmt.Sprintf("%-13s none", "violations"))
	}
	for _, v := range r.Violations {
		lines = append(lines, fmt.Sprintf("%-13s %s", "VIOLATION", v))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func title(r Report) string {
	if r.Name == "" {
		return r.Scenario
	}
	return r.Name + "\n" + r.Scenario
}

func blames(all map[string]int) string {
	if len(all) == 0 {
		return "nobody"
	}
	text := ""
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s (%d times)", kind, all[kind])
	}
	return text
}
