package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"minimint/sim/measure"
)

// wellFormed parses markup to its end.
func wellFormed(t *testing.T, name, markup string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(markup))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, markup)
		}
	}
}

// The page is whole: nothing is loaded from elsewhere, every plot is there, and the
// same is measured again in the same way.
func TestPage(t *testing.T) {
	cfg := Config{Network: "local", Nodes: []int{4, 5}, Batches: []int{2, 20}, Epochs: 3, Seed: 1, Command: "minimint-sim report <&>"}
	var b bytes.Buffer
	steps := 0
	if err := Write(t.Context(), &b, cfg, func(done, all int) {
		if steps++; done != steps || all != 6 {
			t.Errorf("step %d: %d of %d", steps, done, all)
		}
	}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if steps != 6 || strings.Count(text, "<svg") != 6 || strings.Count(text, "<tr>") != 2+6 {
		t.Errorf("%d steps, %d plots, %d lines", steps, strings.Count(text, "<svg"), strings.Count(text, "<tr>"))
	}
	for _, bad := range []string{"http", "<script", "src=", "NaN", "Inf", "<&>", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "<svg")
		if !ok {
			break
		}
		svg, after, _ := strings.Cut(after, "</svg>")
		wellFormed(t, "plot", "<svg"+svg+"</svg>")
		rest = after
	}
}

func TestLaw(t *testing.T) {
	var points []point
	for _, n := range []float64{4, 7, 10, 13} {
		points = append(points, point{x: n, y: 3 * n * n})
	}
	l := fitLaw(points)
	if l == nil || math.Abs(l.exponent-2) > 1e-9 || math.Abs(l.at(5)-75) > 1e-6 {
		t.Errorf("%+v", l)
	}
	for name, points := range map[string][]point{"none": nil, "one": {{x: 4, y: 1}}, "one n": {{x: 4, y: 1}, {x: 4, y: 2}}, "zero": {{x: 4, y: 0}, {x: 7, y: 1}}} {
		if l := fitLaw(points); l != nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// Ticks surround all values, and are few.
func TestAxis(t *testing.T) {
	for _, logarithmic := range []bool{false, true} {
		for _, values := range [][]float64{{4, 16}, {1}, {0.013, 0.2}, {100, 100}, {3, 45_000}, {2, 5}} {
			a := axis{log: logarithmic}
			a.fit(values)
			for _, v := range values {
				if s := a.share(v); s < 0 || s > 1.0001 || math.IsNaN(s) {
					t.Errorf("log %v, %v: %v is at %v", logarithmic, values, v, s)
				}
			}
			if len(a.ticks) < 2 || len(a.ticks) > 16 || a.ticks[0] != a.low || math.Abs(a.ticks[len(a.ticks)-1]-a.high) > 1e-9*a.high {
				t.Errorf("log %v, %v: %v from %v to %v", logarithmic, values, a.ticks, a.low, a.high)
			}
		}
	}
}

func TestChart(t *testing.T) {
	c := chart{x: axis{label: "x <&>", log: true}, y: axis{label: "y"}, series: []series{{name: "<b>", points: []point{{1, 2, "<i>"}, {3, 4, ""}}}, {name: "empty"}}}
	svg := string(c.svg(`a "title"`))
	wellFormed(t, "chart", svg)
	if strings.Contains(svg, "<b>") || !strings.Contains(svg, "&lt;i&gt;") {
		t.Error(svg)
	}
	for name, c := range map[string]chart{"nothing": {}, "zero on a logarithmic axis": {x: axis{log: true}, series: []series{{points: []point{{0, 1, ""}}}}}} {
		if svg := c.svg(""); svg != "" {
			t.Errorf("%s: %s", name, svg)
		}
	}
}

func TestApart(t *testing.T) {
	got := apart([]float64{100, 10, 105, 12}, 15)
	for i, want := range []float64{100, 10, 115, 25} {
		if got[i] != want {
			t.Errorf("%v", got)
		}
	}
}

// A node that took part shows its bar and whom it waited for, one that did not
// shows neither.
func TestTimeline(t *testing.T) {
	if timeline(nil) != template.HTML("") {
		t.Error("something of nothing")
	}
	ms := time.Millisecond
	svg := string(timeline([]measure.Epoch{{Number: 7, Began: 10 * ms, Nodes: []measure.Part{
		{Proposed: 10 * ms, Committed: 50 * ms, Last: 1, LastAt: 48 * ms},
		{Committed: 55 * ms, Last: -1},
		{Last: -1},
	}}}))
	wellFormed(t, "timeline", svg)
	if strings.Count(svg, "<rect") != 2 || strings.Count(svg, `class="wait"`) != 1 || !strings.Contains(svg, "the last frame came from node 1, at 38 ms") || !strings.Contains(svg, "epoch 7 at node 0: 40ms") {
		t.Error(svg)
	}
}
