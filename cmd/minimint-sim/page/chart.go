package page

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A chart is lines over one pair of axes.
type chart struct {
	x, y   axis
	series []series
}

// An axis says what is on it. It begins at zero unless it is logarithmic.
type axis struct {
	label string
	log   bool

	low, high float64 // set by fit
	ticks     []float64
}

// A series is one line with points, and perhaps the power law that was fitted to
// it, which is then the line.
type series struct {
	name   string
	points []point
	law    *law
}

type point struct {
	x, y float64
	text string // shown when pointed at
}

// The size of a chart and its margins, in units of SVG.
const (
	width, height            = 600.0, 340.0
	left, right, top, bottom = 64.0, 110.0, 14.0, 46.0
	inner, tall              = width - left - right, height - top - bottom
)

// svg draws the chart. It is empty if there is nothing to show.
func (c chart) svg(title string) template.HTML {
	var xs, ys []float64
	for _, s := range c.series {
		for _, p := range s.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	if len(xs) == 0 || c.x.log && slices.Min(xs) <= 0 || c.y.log && slices.Min(ys) <= 0 {
		return ""
	}
	c.x.fit(xs)
	c.y.fit(ys)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, html.EscapeString(title))
	c.frame(&b)
	ends := make([]float64, len(c.series))
	for i, s := range c.series {
		ends[i] = c.draw(&b, i, s)
	}
	for i, at := range apart(ends, 15) {
		s := c.series[i]
		name := s.name
		if s.law != nil {
			name = fmt.Sprintf("~ n^%.2f", s.law.exponent)
		}
		fmt.Fprintf(&b, `<text class="name s%d" x="%.1f" y="%.1f">%s</text>`, i, left+inner+10, at+4, html.EscapeString(name))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// frame draws grid, ticks and labels.
func (c chart) frame(b *strings.Builder) {
	for _, t := range c.y.ticks {
		y := c.py(t)
		fmt.Fprintf(b, `<line class="grid" x1="%g" y1="%.1f" x2="%g" y2="%.1f"/><text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`,
			left, y, left+inner, y, left-8, y+4, short(t))
	}
	for _, t := range c.x.ticks {
		x := c.px(t)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/><text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`,
			x, top, x, top+tall, x, top+tall+18, short(t))
	}
	fmt.Fprintf(b, `<text class="label" x="%g" y="%g" text-anchor="middle">%s</text>`, left+inner/2, height-6, html.EscapeString(c.x.label))
	fmt.Fprintf(b, `<text class="label" x="14" y="%g" text-anchor="middle" transform="rotate(-90 14 %g)">%s</text>`, top+tall/2, top+tall/2, html.EscapeString(c.y.label))
}

// draw draws a line with its points, and returns the height at which it ends.
func (c chart) draw(b *strings.Builder, number int, s series) float64 {
	if len(s.points) == 0 {
		return top
	}
	last := s.points[len(s.points)-1]
	if s.law == nil {
		line := make([]string, len(s.points))
		for i, p := range s.points {
			line[i] = fmt.Sprintf("%.1f,%.1f", c.px(p.x), c.py(p.y))
		}
		fmt.Fprintf(b, `<polyline class="line s%d" points="%s"/>`, number, strings.Join(line, " "))
	} else {
		a, z := s.points[0].x, last.x
		fmt.Fprintf(b, `<line class="line dashed s%d" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, number, c.px(a), c.py(s.law.at(a)), c.px(z), c.py(s.law.at(z)))
	}
	for _, p := range s.points {
		fmt.Fprintf(b, `<circle class="dot s%d" cx="%.1f" cy="%.1f" r="5"><title>%s</title></circle>`, number, c.px(p.x), c.py(p.y), html.EscapeString(p.text))
	}
	return c.py(last.y)
}

func (c chart) px(v float64) float64 { return left + inner*c.x.share(v) }
func (c chart) py(v float64) float64 { return top + tall*(1-c.y.share(v)) }

// share is how far along the axis a value is, 0 … 1.
func (a axis) share(v float64) float64 {
	if a.log {
		return math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}

// fit chooses bounds and ticks for values. Those on a logarithmic axis are
// positive.
func (a *axis) fit(values []float64) {
	least, most := slices.Min(values), slices.Max(values)
	if !a.log {
		step := nice(max(most, 1e-9) / 4)
		a.low, a.high = 0, math.Ceil(max(most, 1e-9)/step)*step
		for i := 0.0; i*step <= a.high+step/2; i++ {
			a.ticks = append(a.ticks, i*step)
		}
		return
	}
	// From the last of 1, 2, 5, 10, … that is below all values to the first above.
	for decade := math.Floor(math.Log10(least)); len(a.ticks) < 2 || a.high < most; decade++ {
		for _, digit := range []float64{1, 2, 5} {
			t := digit * math.Pow(10, decade)
			switch {
			case t <= least:
				a.ticks, a.low, a.high = []float64{t}, t, t
			case a.high < most || len(a.ticks) < 2:
				a.ticks, a.high = append(a.ticks, t), t
			}
		}
	}
}

// nice is the next larger of 1, 2 and 5 times a power of ten.
func nice(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 5} {
		if v <= digit*power*1.0001 {
			return digit * power
		}
	}
	return 10 * power
}

// short writes a number for a tick.
func short(v float64) string {
	switch {
	case v >= 1_000_000:
		return strconv.FormatFloat(v/1_000_000, 'g', 4, 64) + " M"
	case v >= 10_000:
		return strconv.FormatFloat(v/1000, 'g', 4, 64) + " k"
	default:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
}

// apart moves heights of labels down so that they do not cover each other.
func apart(heights []float64, least float64) []float64 {
	order := make([]int, len(heights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(heights[a], heights[b]) })
	out := slices.Clone(heights)
	for i := 1; i < len(order); i++ {
		out[order[i]] = max(out[order[i]], out[order[i-1]]+least)
	}
	return out
}

// A law is y = factor · x^exponent.
type law struct{ factor, exponent float64 }

func (l law) at(x float64) float64 { return l.factor * math.Pow(x, l.exponent) }

// fitLaw is the power law through points, by least squares of logarithms; nil
// for fewer than two different x, or values that have none.
func fitLaw(points []point) *law {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		if p.x <= 0 || p.y <= 0 {
			return nil
		}
		x, y := math.Log(p.x), math.Log(p.y)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if n < 2 || d < 1e-9 {
		return nil
	}
	exponent := (n*sxy - sx*sy) / d
	return &law{factor: math.Exp((sy - exponent*sx) / n), exponent: exponent}
}
