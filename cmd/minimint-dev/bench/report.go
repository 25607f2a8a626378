package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// Report is all that was measured.
type Report struct {
	Machine Machine  `json:"machine"`
	Figures []Figure `json:"figures"`
}

// WriteFile writes the report as JSON.
func (r Report) WriteFile(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}

// WriteTable prints the report for people: the machine, the figures, how to repeat
// them.
func (r Report) WriteTable(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, %s, %s, load %.2f before\n", m.CPU, m.Cores, m.Go, m.Kernel, m.Load)
	if m.Busy() {
		fmt.Fprintln(w, "Something else was running: latency and throughput are worse than this machine can do.")
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tvalue\tunit\tgoal\t\twhat it is")
	var commands []string
	for _, f := range r.Figures {
		goal, verdict := "", ""
		if f.Goal != nil {
			goal, verdict = "≤ "+number(*f.Goal), "missed"
		}
		if f.AtLeast {
			goal = "≥ " + number(*f.Goal)
		}
		if f.met() {
			verdict = "met"
		}
		about := ""
		if at := order(f.Name); at >= 0 {
			about = definitions[at].about
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, number(f.Value), f.Unit, goal, verdict, about)
		if len(commands) == 0 || commands[len(commands)-1] != f.Command {
			commands = append(commands, f.Command)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nTo repeat a part:\n  %s\n", strings.Join(unique(commands), "\n  "))
	return err
}

// number shows three digits that matter, or all of a whole number.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	default:
		return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
	}
}

// unique drops repetitions and keeps the order.
func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
