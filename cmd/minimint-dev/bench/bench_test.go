package bench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-dev/stage"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		output string
		want   map[string]float64
		fails  bool
	}{
		"nothing": {"PASS\n", map[string]float64{}, false},
		"figures of a package": {`goos: linux
cpu: AMD EPYC
BenchmarkFigures-2   	      11	         0.1020 note_batch1000_ratio	         2.827 note_cpu_ms_original
PASS
ok  	minimint/crypto/tbs	12.806s
`, map[string]float64{"note_batch1000_ratio": 0.102, "note_cpu_ms_original": 2.827}, false},
		"one figure to a line, beside the library's": {`BenchmarkFigures/n=4-2 	5	 3234 ns/op	 3.234 epoch_cpu_ms_n4
BenchmarkFigures/n=7-2 	5	 7e3 ns/op	 7.309e+00 epoch_cpu_ms_n7
`, map[string]float64{"epoch_cpu_ms_n4": 3.234, "epoch_cpu_ms_n7": 7.309}, false},
		"no benchmark":      {"BenchmarkFigures was 3 of_them\nfoo 1 2 x\nBenchmark\n", map[string]float64{}, false},
		"a figure twice":    {"BenchmarkA 1 2 x\nBenchmarkA 1 3 x\n", nil, true},
		"a value like NaNN": {"BenchmarkA 1 NaNN x\n", nil, true},
	} {
		got, err := parse([]byte(c.output))
		if (err != nil) != c.fails || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("BenchmarkFigures-2 11 0.1 a 2 b\n"))
	f.Add([]byte("BenchmarkFigures-2 11 0.1 ns/op\nPASS"))
	f.Fuzz(func(t *testing.T, out []byte) {
		values, err := parse(out)
		if err != nil && values != nil {
			t.Error("an error with values")
		}
		for name := range values {
			if name == "" || strings.Contains(name, "/") {
				t.Errorf("figure %q", name)
			}
		}
	})
}

// Each Go benchmark has figures to report, each figure one place where it is
// measured, and no name is given twice.
func TestDefinitions(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range definitions {
		if seen[d.name] || d.name == "" || d.unit == "" || d.about == "" {
			t.Errorf("%+v: twice or incomplete", d)
		}
		seen[d.name] = true
		measured := slices.ContainsFunc(goBenchmarks, func(g goBenchmark) bool { return g.dir == d.dir && g.part == d.part })
		if measured == (d.part == federation || d.part == lightningPart) {
			t.Errorf("%s: nobody measures it", d.name)
		}
	}
	for _, g := range goBenchmarks {
		if !slices.ContainsFunc(definitions, func(d definition) bool { return d.dir == g.dir }) {
			t.Errorf("%s measures nothing", g.dir)
		}
		if g.quick < 1 || g.quick > g.rounds {
			t.Errorf("%s: %d of %d rounds", g.dir, g.quick, g.rounds)
		}
	}
}

func sample() Report {
	r := Report{Machine: Machine{CPU: "Some CPU", Cores: 2, Go: "go1.26.8", Kernel: "Linux 6", Load: 0.25}}
	for _, c := range []struct {
		dir    string
		values map[string]float64
	}{
		{"crypto/tsig", map[string]float64{"combine_ratio_3of4": 0.0131}},
		{"crypto/tenc", map[string]float64{"epoch_open_cpu_ms_n10": 20.04}},
	} {
		g := goBenchmarks[slices.IndexFunc(goBenchmarks, func(g goBenchmark) bool { return g.dir == c.dir })]
		if err := r.add(g.part, g.dir, c.values, g.command(false).String()); err != nil {
			panic(err)
		}
	}
	return r
}

func TestAddRefuses(t *testing.T) {
	for name, values := range map[string]map[string]float64{
		"nothing":            {},
		"another name":       {"combine_ratio": 1},
		"one that is no one": {"combine_ratio_3of4": 1, "combine_ratio": 1},
	} {
		r := Report{}
		if err := r.add(crypto, "crypto/tsig", values, "command"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTable(t *testing.T) {
	const want = `Some CPU, 2 cores, go1.26.8, Linux 6, load 0.25 before

figure                 value  unit   goal           what it is
combine_ratio_3of4     0.013  ratio  ≤ 0.1  met     combining shares of 3 of 4 by small integers ÷ plain Lagrange interpolation
epoch_open_cpu_ms_n10  20     ms     ≤ 20   missed  an epoch's contributions at one of 10 nodes: verify all, own shares, open all

To repeat a part:
  go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 25x ./crypto/tsig
  go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 15x ./crypto/tenc
`
	var b strings.Builder
	if err := sample().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	busy := sample()
	busy.Machine.Load = 7
	b.Reset()
	if err := busy.WriteTable(&b); err != nil || !strings.Contains(b.String(), "Something else was running") {
		t.Errorf("%v, got\n%s", err, b.String())
	}
}

// The file has the shape that others read: figures with these five fields, null
// where there is no goal.
func TestJSON(t *testing.T) {
	r := sample()
	r.Figures = append(r.Figures, Figure{Name: "tx_per_second_n4", Value: 80.5, Unit: "tx/s", Command: "make it so"})
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := r.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Machine map[string]any
		Figures []map[string]any `json:"figures"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"name": "combine_ratio_3of4", "value": 0.0131, "unit": "ratio", "goal": 0.1, "command": "go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 25x ./crypto/tsig"},
		{"name": "epoch_open_cpu_ms_n10", "value": 20.04, "unit": "ms", "goal": 20.0, "command": "go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 15x ./crypto/tenc"},
		{"name": "tx_per_second_n4", "value": 80.5, "unit": "tx/s", "goal": nil, "command": "make it so"},
	}
	if !reflect.DeepEqual(got.Figures, want) {
		t.Errorf("got %v", got.Figures)
	}
	if got.Machine["cpu"] != "Some CPU" || got.Machine["cores"] != 2.0 {
		t.Errorf("machine %v", got.Machine)
	}
	if err := r.WriteFile(filepath.Join(path, "below a file")); err == nil {
		t.Error("no error for a path that cannot be written")
	}
}

// A goal is the most that a value should be, or the least.
func TestGoals(t *testing.T) {
	for _, c := range []struct {
		dir, name string
		value     float64
		met       bool
	}{
		{"crypto/tsig", "combine_ratio_3of4", 0.09, true},
		{"crypto/tsig", "combine_ratio_3of4", 0.1, true},
		{"crypto/tsig", "combine_ratio_3of4", 0.11, false},
		{"sim/measure", "sim_messages_per_cpu_second", 60_000, true},
		{"sim/measure", "sim_messages_per_cpu_second", 50_000, true},
		{"sim/measure", "sim_messages_per_cpu_second", 49_000, false},
		{"sim/measure", "wire_bytes_in_per_epoch_n10", 1, false},
	} {
		values := map[string]float64{}
		part := ""
		for _, d := range definitions {
			if d.dir == c.dir {
				values[d.name], part = 0, d.part
			}
		}
		values[c.name] = c.value
		var r Report
		if err := r.add(part, c.dir, values, "command"); err != nil {
			t.Fatal(err)
		}
		f := r.Figures[slices.IndexFunc(r.Figures, func(f Figure) bool { return f.Name == c.name })]
		if f.met() != c.met {
			t.Errorf("%s of %v: met is %v", c.name, c.value, f.met())
		}
		var b strings.Builder
		if err := r.WriteTable(&b); err != nil {
			t.Fatal(err)
		}
		if want := "≥ 50000"; strings.Contains(b.String(), want) != (c.dir == "sim/measure") {
			t.Errorf("%q in\n%s", want, b.String())
		}
	}
}

func TestSort(t *testing.T) {
	r := sample()
	slices.Reverse(r.Figures)
	r.sort()
	if !reflect.DeepEqual(r, sample()) {
		t.Errorf("got %v", r.Figures)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0131: "0.013", 0.1: "0.1", 0.125: "0.125", 3.2: "3.2", 10: "10", 12.34: "12.3", 150: "150", 1234.5: "1234"} {
		if got := number(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestMachine(t *testing.T) {
	const info = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9\nmodel name\t: second\n"
	if got := cpuModel(info); got != "AMD EPYC 9" {
		t.Errorf("model %q", got)
	}
	if got := cpuModel("Features : fp asimd\n"); got != "" {
		t.Errorf("model %q of a file without", got)
	}
	for text, want := range map[string]float64{"7.35 9.19 8.75 3/200 99\n": 7.35, "": 0, "much": 0} {
		if got := loadAverage(text); got != want {
			t.Errorf("load of %q is %v", text, got)
		}
	}
	if m := Describe(t.Context()); m.Cores < 1 || m.CPU == "" || !strings.HasPrefix(m.Go, "go") || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}

// What is printed for a shell means the same to it.
func TestCommandsSurviveTheShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []argv{goBenchmarks[0].command(false), {"echo", "", "it's", "a b", "$HOME", "a/b.c", "--x=1"}} {
		out, err := exec.Command(shell, "-c", `printf '%s\n' `+a.String()).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, a) {
			t.Errorf("%s gives %q", a, got)
		}
	}
}

func TestCheckout(t *testing.T) {
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goBenchmarks {
		files, err := filepath.Glob(filepath.Join(root, g.dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(files, func(file string) bool {
			b, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(b), "func BenchmarkFigures(b *testing.B)")
		})
		if !found {
			t.Errorf("%s has no BenchmarkFigures", g.dir)
		}
	}
	t.Chdir(t.TempDir())
	if _, err := checkout(); err == nil {
		t.Error("found a checkout where there is none")
	}
}

func TestUnknownPart(t *testing.T) {
	err := Run(context.Background(), Config{Only: []string{"crypto", "weather"}, Table: io.Discard, Progress: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "weather") {
		t.Errorf("error %v", err)
	}
}

// The command passes its flags on, and says how to repeat itself.
func TestCommand(t *testing.T) {
	for part, want := range map[string]string{
		"federation": "bench --only federation --btcd '/a path/btcd' --quick",
		"lightning":  "bench --only lightning --btcd '/a path/btcd' --lnd /lnd --quick",
	} {
		refused := errors.New("no stage today")
		var asked string
		app := &cli.App{Name: "minimint-dev", Writer: io.Discard, ErrWriter: io.Discard, Commands: []*cli.Command{
			Command([]cli.Flag{&cli.StringFlag{Name: "btcd"}, &cli.StringFlag{Name: "lnd"}}, func(c *cli.Context, _ string) (stage.Config, error) {
				asked = repeat(c, part).String()
				return stage.Config{}, refused
			}),
		}}
		out := filepath.Join(t.TempDir(), "bench.json")
		err := app.Run([]string{"minimint-dev", "bench", "--btcd", "/a path/btcd", "--lnd", "/lnd", "--quick", "--only", part, "--json", out})
		if !errors.Is(err, refused) {
			t.Errorf("error %v", err)
		}
		if !strings.HasSuffix(asked, want) {
			t.Errorf("repeated by %s", asked)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("a file without figures was written")
		}
	}
}

// Without an lnd the part that needs one is left out, unless it was asked for.
func TestWithoutLnd(t *testing.T) {
	cfg := Config{Only: []string{lightningPart}, Progress: io.Discard}
	if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "--lnd") {
		t.Errorf("error %v", err)
	}
	if cfg.Only = nil; cfg.check() != nil {
		t.Error("everything else cannot be measured either")
	}
}

// What lnd needs alone is taken off.
func TestLightningValues(t *testing.T) {
	l := &lightningTrial{took: map[string][]float64{
		send: {300, 310, 320}, lndSend: {50, 60, 70}, receive: {400, 410, 900}, lndReceive: {40, 50, 60}, internal: {200}, arrived: {390},
	}}
	report := &Report{}
	values := l.values()
	if values["ln_send_over_lnd_ms_p50"] != 250 || values["ln_receive_over_lnd_ms_p50"] != 360 {
		t.Errorf("%v", values)
	}
	if err := report.add(lightningPart, "", values, "command"); err != nil {
		t.Error(err)
	}
}
