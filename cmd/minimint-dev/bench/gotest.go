package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// goBenchmark is a package with a BenchmarkFigures, whose iterations are rounds.
type goBenchmark struct {
	part          string
	dir           string // from the root of the checkout
	rounds, quick int
}

var goBenchmarks = []goBenchmark{
	{crypto, "crypto/tbs", 11, 3},
	{crypto, "crypto/tsig", 25, 5},
	{crypto, "crypto/tenc", 15, 3},
	{hbbft, "actors/hbbft", 9, 1},
	{recovery, "actors/consensus", 3, 1},
	{simulation, "sim/measure", 1, 1},
}

// argv is a command. Its text can be pasted into a shell.
type argv []string

// String quotes what a shell would not leave alone.
func (a argv) String() string {
	words := make([]string, len(a))
	for i, w := range a {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n'\"\\$^*?[](){}<>|&;~#`!") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

func (g goBenchmark) command(quick bool) argv {
	n := g.rounds
	if quick {
		n = g.quick
	}
	return argv{"go", "test", "-run", "^$", "-bench", "^BenchmarkFigures$", "-benchtime", fmt.Sprintf("%dx", n), "./" + g.dir}
}

// run runs the benchmark in the checkout at root and returns its figures.
func (g goBenchmark) run(ctx context.Context, root string, quick bool) (map[string]float64, error) {
	c := g.command(quick)
	cmd := exec.CommandContext(ctx, c[0], c[1:]...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	values, err := parse(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return values, nil
}

// parse reads the output of go test -bench: of each line of a benchmark its name,
// the number of iterations, and then pairs of a value and its unit. It returns the
// values whose unit is a name of ours; those of the testing package contain a slash.
// A name that occurs twice is an error.
func parse(out []byte) (map[string]float64, error) {
	values := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		for i := 2; i < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("line %q: %w", lines.Text(), err)
			}
			name := fields[i+1]
			if strings.Contains(name, "/") {
				continue
			}
			if _, twice := values[name]; twice {
				return nil, fmt.Errorf("figure %s is there twice", name)
			}
			values[name] = value
		}
	}
	return values, lines.Err()
}

// checkout returns the root of the checkout that we are in: the Go benchmarks are
// not in the program.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(b, []byte("module minimint\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("benchmarks run in a checkout of Minimint only")
		}
		dir = parent
	}
}
