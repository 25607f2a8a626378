package sched

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"
	"time"
)

// A Trace is the fingerprint of a run: a hash over one line for each thing that
// happened. It can write the lines too.
type Trace struct {
	sum   hash.Hash
	out   io.Writer
	line  []byte
	lines uint64
	err   error
}

// NewTrace returns an empty trace. out gets the lines unless it is nil.
func NewTrace(out io.Writer) *Trace { return &Trace{sum: sha256.New(), out: out} }

// Line adds a line: when, which machine, who, and what happened.
func (t *Trace) Line(now time.Duration, machine, who string, what ...string) {
	if t == nil {
		return
	}
	b := appendSeconds(t.line[:0], now)
	b = append(append(b, ' '), machine...)
	b = append(append(b, ' '), who...)
	for _, w := range what {
		b = append(append(b, ' '), w...)
	}
	b = append(b, '\n')
	t.line = b
	t.lines++
	t.sum.Write(b)
	if t.out != nil && t.err == nil {
		_, t.err = t.out.Write(b)
	}
}

// Hash returns the fingerprint of all lines so far, in hex.
func (t *Trace) Hash() string {
	if t == nil {
		return ""
	}
	return hex.EncodeToString(t.sum.Sum(nil)[:16])
}

// Lines returns how many lines there are so far.
func (t *Trace) Lines() uint64 {
	if t == nil {
		return 0
	}
	return t.lines
}

// Err returns why lines could not be written any more.
func (t *Trace) Err() error { return t.err }

// appendSeconds writes a time in seconds, to the nanosecond.
func appendSeconds(b []byte, d time.Duration) []byte {
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	b = append(b, '.')
	rest := int64(d % time.Second)
	for unit := int64(time.Second / 10); unit > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit%10))
	}
	return b
}
