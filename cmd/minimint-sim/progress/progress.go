// Package progress tells people how far a long command is: on a terminal in one
// line that is written over, elsewhere in a line every few seconds.
package progress

import (
	"fmt"
	"io"
	"time"
)

// How often something is written.
const (
	onTerminal = 200 * time.Millisecond
	elsewhere  = 10 * time.Second
)

// A Line is what is written. Nil writes nothing.
type Line struct {
	out      io.Writer
	terminal bool
	began    time.Time
	last     time.Time
	shown    bool
}

// New returns a line that is empty.
func New(out io.Writer, terminal bool) *Line {
	now := time.Now()
	return &Line{out: out, terminal: terminal, began: now, last: now}
}

// Show says how many of all steps are done, and what is going on, unless it said
// so a moment ago.
func (l *Line) Show(done, all int, what string) {
	if l == nil {
		return
	}
	now := time.Now()
	every := elsewhere
	if l.terminal {
		every = onTerminal
	}
	if now.Sub(l.last) < every {
		return
	}
	l.last, l.shown = now, true
	passed := now.Sub(l.began)
	text := fmt.Sprintf("%d of %d, %v: %s", done, all, passed.Round(time.Second), what)
	if done > 0 && done < all {
		left := passed * time.Duration(all-done) / time.Duration(done)
		text = fmt.Sprintf("%d of %d, %v, about %v left: %s", done, all, passed.Round(time.Second), left.Round(time.Second), what)
	}
	if l.terminal {
		fmt.Fprintf(l.out, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(l.out, text)
	}
}

// Clear takes the line away.
func (l *Line) Clear() {
	if l != nil && l.terminal && l.shown {
		fmt.Fprint(l.out, "\r\x1b[K")
		l.shown = false
	}
}
