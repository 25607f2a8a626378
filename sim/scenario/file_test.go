package scenario_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"minimint/sim/scenario"
)

func TestReadFile(t *testing.T) {
	f, err := scenario.ReadFile(strings.NewReader(`
name: all of it
about: every field
nodes: 7
faulty: [silent, crash]
network: world
users: 3
pause: 250ms
filler: 12
seed: 18446744073709551615
crypto: real
measure: 1m
events:
  - {at: 1s, partition: [[0, 1], [2, 3, 4]]}
  - {at: 2s, heal: true}
  - {at: 3s, kill: [0]}
  - {at: 3s, power-failure: [1, 2]}
  - {at: 4500ms, start: [0]}
`))
	want := scenario.File{Name: "all of it", About: "every field", Measured: time.Minute, Scenario: scenario.Scenario{
		Nodes: 7, Faulty: []string{"silent", "crash"}, Network: "world", Users: 3, Pause: 250 * time.Millisecond, Filler: 12, Seed: 1<<64 - 1, Real: true,
		Events: []scenario.Event{
			{At: time.Second, Partition: [][]int{{0, 1}, {2, 3, 4}}},
			{At: 2 * time.Second, Heal: true},
			{At: 3 * time.Second, Kill: []int{0}},
			{At: 3 * time.Second, PowerFailure: []int{1, 2}},
			{At: 4500 * time.Millisecond, Start: []int{0}},
		},
	}}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = scenario.ReadFile(strings.NewReader("nodes: 4"))
	want = scenario.File{Measured: 10 * time.Second, Scenario: scenario.Scenario{Nodes: 4, Users: 10, Seed: 1}}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("by default %+v, %v", f, err)
	}
}

// What cannot be is refused, and the error says what it is.
func TestReadFileRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                                          "0 nodes",
		"nodes: many":                               "[1:8]",
		"nodes: 4\nnods: 5":                         `unknown field "nods"`,
		"nodes: 4\nnodes: 5":                        "already defined",
		"nodes: 4\nevents: [{at: 1s}]":              "partition, heal, kill",
		"nodes: 4\ncrypto: none":                    "stub and real",
		"nodes: 4\nmeasure: 0s":                     "more than 0",
		"nodes: 4\nmeasure: 10":                     "[2:10]",
		"nodes: 4\nmeasure: soon":                   "soon",
		"nodes: 4\nnetwork: moon":                   "moon",
		"nodes: 4\nfaulty: [moody]":                 "moody",
		"nodes: 4\nusers: -1":                       "negative",
		"nodes: 4\nevents: [{at: -1s, heal: true}]": "before the beginning",
		"nodes: 4\nevents: [{at: 10s, heal: true}]": "only 10s are measured",
		"nodes: 4\nevents: [{at: 1s, heal: true, kill: [0]}]":       "event 1, at 1s: it must say one of",
		"nodes: 4\nevents: [{at: 1s, kill: [4]}]":                   "there is no node 4; there are 0 to 3",
		"nodes: 4\nevents: [{at: 1s, start: [-1]}]":                 "there is no node -1",
		"nodes: 4\nevents: [{at: 1s, partition: [[0]]}]":            "at least two groups",
		"nodes: 4\nevents: [{at: 1s, partition: [[0, 1], [1, 2]]}]": "node 1 is named twice",
		"nodes: 4\nevents: [{at: 1s, power-failure: [2, 2]}]":       "node 2 is named twice",
		"nodes: 4 # " + strings.Repeat("x", scenario.MaxFileBytes):  "bytes",
	} {
		if _, err := scenario.ReadFile(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.80s: error %v", text, err)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte("nodes: 4\nevents: [{at: 1s, partition: [[0, 1], [2, 3]]}]"))
	f.Add([]byte("a: &a [*a, *a]\nnodes: *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := scenario.ReadFile(strings.NewReader(string(text)))
		if err == nil && file.Check() != nil {
			t.Errorf("%+v was read", file)
		}
	})
}

// Every example keeps the rules, and ends with all nodes up.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			r, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			f, err := scenario.ReadFile(r)
			if err != nil || f.Name == "" || f.About == "" {
				t.Fatalf("%+v, %v", f, err)
			}
			w, _, err := f.Scenario.New()
			if err != nil {
				t.Fatal(err)
			}
			w.Run(scenario.Settled + f.Measured)
			scenario.Mend(w)
			if !w.Settle(3*time.Minute) || len(w.Violations()) > 0 {
				t.Errorf("violations %v", w.Violations())
			}
		})
	}
}

// Each event does what it says, when it says so.
func TestEvents(t *testing.T) {
	at := func(s int) time.Duration { return time.Duration(s) * time.Second }
	s := scenario.Scenario{Nodes: 4, Users: 8, Pause: 100 * time.Millisecond, Seed: 1, Events: []scenario.Event{
		{At: at(0), Kill: []int{3}},
		{At: at(2), Start: []int{3}},
		{At: at(4), PowerFailure: []int{0, 1}},
		{At: at(6), Start: []int{0, 1}},
		{At: at(9), Partition: [][]int{{0, 1}, {2, 3}}},
		{At: at(12), Heal: true},
	}}
	w, _, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	w.Run(scenario.Settled - time.Millisecond)
	last := w.Node(2).Next()
	for i, want := range []struct {
		up   string // which nodes are, two seconds and then some after the last look
		goes bool   // whether epochs went by since
	}{
		{"++++", true}, // before
		{"+++-", true}, {"++++", true}, {"--++", false}, {"++++", true}, {"++++", false}, {"++++", true},
	} {
		w.Run([]time.Duration{0, at(2), at(2), at(2), at(3), at(3), at(3)}[i])
		up := ""
		for n := range w.Nodes() {
			up += map[bool]string{true: "+", false: "-"}[w.Node(n).Up()]
		}
		next := w.Node(2).Next()
		if goes := next > last+2 || i == 0; up != want.up || goes != want.goes {
			t.Errorf("at %v: nodes %s, epochs %d to %d", w.Now(), up, last, next)
		}
		last = next
	}
}
