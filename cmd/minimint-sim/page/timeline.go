package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"minimint/sim/measure"
)

// timeline draws epochs over time: a row for each node, a bar for each epoch from
// the node's proposal to its commit, and in it the frame that came last, with a line
// from the row of the member that sent it.
func timeline(epochs []measure.Epoch) template.HTML {
	if len(epochs) == 0 {
		return ""
	}
	const row, side, wide = 34.0, 64.0, 900.0
	nodes := len(epochs[0].Nodes)
	from, to := epochs[0].Began, epochs[0].Began
	for _, e := range epochs {
		for _, part := range e.Nodes {
			to = max(to, part.Committed)
		}
	}
	at := func(t time.Duration) float64 {
		return side + (wide-side-16)*float64(max(t, from)-from)/float64(max(to-from, 1))
	}
	middle := func(node int) float64 { return 12 + row*float64(node) + row/2 }
	height := 12 + row*float64(nodes) + 42
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="epochs of each node over time">`, wide, height)
	for i := range nodes {
		fmt.Fprintf(&b, `<text class="tick" x="%g" y="%.1f" text-anchor="end">node %d</text><line class="grid" x1="%g" y1="%.1f" x2="%g" y2="%.1f"/>`,
			side-10, middle(i)+4, i, side, middle(i), wide-16, middle(i))
	}
	step := nice(float64(to-from) / float64(time.Millisecond) / 8)
	for ms := 0.0; ms <= float64(to-from)/float64(time.Millisecond); ms += step {
		x := at(from + time.Duration(ms*float64(time.Millisecond)))
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x, height-24, short(ms))
	}
	fmt.Fprintf(&b, `<text class="label" x="%g" y="%.1f" text-anchor="middle">milliseconds of virtual time</text>`, (side+wide)/2, height-6)
	for k, e := range epochs {
		for i, part := range e.Nodes {
			if part.Committed == 0 {
				continue
			}
			began := part.Proposed
			if began == 0 || began > part.Committed {
				began = e.Began
			}
			waited := "no frame came"
			if part.Last >= 0 {
				waited = fmt.Sprintf("the last frame came from node %d, at %s ms", part.Last, short(float64((part.LastAt-from).Microseconds())/1000))
			}
			fmt.Fprintf(&b, `<rect class="bar s%d" x="%.1f" y="%.1f" width="%.1f" height="14" rx="3"><title>epoch %d at node %d: %v; %s</title></rect>`,
				k%2, at(began), middle(i)-7, max(at(part.Committed)-at(began), 1), e.Number, i, (part.Committed - began).Round(100*time.Microsecond), waited)
			if i == 0 {
				fmt.Fprintf(&b, `<text class="inbar" x="%.1f" y="%.1f">epoch %d</text>`, at(began)+6, middle(0)+4, e.Number)
			}
		}
	}
	for _, e := range epochs { // above all bars
		for i, part := range e.Nodes {
			if part.Committed > 0 && part.Last >= 0 && part.Last != i {
				x := at(part.LastAt)
				fmt.Fprintf(&b, `<line class="wait" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/><circle class="last" cx="%.1f" cy="%.1f" r="3.5"/>`, x, middle(part.Last), x, middle(i), x, middle(i))
			}
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
