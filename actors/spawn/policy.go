package spawn

import (
	"encoding/binary"
	"io"
	"time"
)

// last is what follows when the restarts are used up.
type last uint8

const (
	stop last = iota + 1
	exit
)

// unlimited restarts never use up.
const unlimited = -1

// Policy says what happens when an actor fails, that is, panics. Make one with
// Restart, StopOnly, RestartThenStop or ExitAfter.
//
// A failed actor loses the message that made it fail and nothing else of its
// queue; it begins anew with Started in a fresh value from its producer. While
// it waits for that its mailbox is suspended. Failures are forgotten when an
// actor has run for twice its longest back-off without another.
type Policy struct {
	restarts int
	then     last
	backoff  Backoff
}

// Restart starts the actor again, for ever, with growing delays.
func Restart(b Backoff) Policy { return Policy{restarts: unlimited, then: stop, backoff: b} }

// StopOnly stops the actor at its first failure; its parent and its watchers
// see Terminated.
func StopOnly() Policy { return Policy{then: stop} }

// RestartThenStop starts the actor again n times and stops it at the next
// failure.
func RestartThenStop(n int, b Backoff) Policy {
	return Policy{restarts: n, then: stop, backoff: b}
}

// ExitAfter ends the process at the n-th failure, n ≥ 1, and starts the actor
// again before that. It is for actors that hold consensus state: a node that
// cannot trust its own memory must halt, not guess.
func ExitAfter(n int, b Backoff) Policy {
	if n < 1 {
		panic("spawn: ExitAfter counts failures from 1")
	}
	return Policy{restarts: n - 1, then: exit, backoff: b}
}

// Backoff is a delay that doubles from Min to Max.
type Backoff struct{ Min, Max time.Duration }

// Delay returns how long to wait after the n-th failure in a row, n ≥ 1: half of
// min(Max, Min·2ⁿ⁻¹), and up to as much again drawn from random, so that those
// who failed together do not come back together. A random source that fails
// costs only the spreading.
func (b Backoff) Delay(n int, random io.Reader) time.Duration {
	d := max(b.Min, 1)
	for i := 1; i < n && d < b.Max; i++ {
		d *= 2
	}
	d = min(d, max(b.Max, b.Min, 1))
	var word [8]byte
	if _, err := io.ReadFull(random, word[:]); err != nil {
		return d
	}
	half := d / 2
	return d - time.Duration(binary.LittleEndian.Uint64(word[:])%uint64(half+1))
}
