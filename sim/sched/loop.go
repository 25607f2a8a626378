// Package sched runs actor systems on its caller's goroutine, in virtual time,
// in an order that one seed decides.
//
// A [Loop] is the whole: virtual time, a heap of events that are due later, and a
// list of tasks that are ready now. Everything that could happen concurrently in
// the real world is a task: one turn of an actor, one delivery at the end of a
// link. Which of the ready tasks goes next is the seed's choice, or that of a
// [Picker]. Time passes only when nothing is ready.
//
// A [Machine] is one process: it lends actors their mailboxes, timers, clock and
// randomness, and can be killed, which drops everything that it would still do.
//
//	loop := sched.New(sched.Config{Seed: 7})
//	m := loop.Machine(0)
//	system := m.System(log)
//	spawner := spawn.New(spawn.Config{Timer: m, Mailbox: m.Mailbox, Dispatcher: sched.Dispatcher(), …})
//	…
//	loop.Run(10 * time.Second)
//
// No goroutine is started, no wall clock is read, no global randomness is used:
// the same seed gives the same [Trace], line by line.
package sched

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Task is something that can happen now.
type Task interface {
	// Machine is where it happens.
	Machine() *Machine
	// Run does it. It may make other tasks ready, this one too.
	Run()
	// String says what it is, for pickers and people, in one stable line.
	String() string
}

// A Picker chooses which of the ready tasks runs next; it returns an index. It
// may look into the tasks: actor turns are [*Turn], those of other packages say
// what they are. It must be a function of what it sees.
type Picker func(ready []Task) int

// Config says how a loop chooses.
type Config struct {
	Seed uint64
	// Pick replaces the seed's uniform choice. Optional.
	Pick Picker
	// Trace gets a line for everything that happens. Optional.
	Trace *Trace
}

// stuck is how many tasks may run without time passing before the loop gives
// up: actors that send each other messages for ever would hang it otherwise.
const stuck = 50_000_000

// A Loop is a world's time. It belongs to one goroutine.
type Loop struct {
	cfg    Config
	choice *rand.Rand
	now    time.Duration
	events events
	serial uint64 // of the newest event
	ready  []Task
	run    Task // that runs now
	steps  uint64
	since  uint64 // steps when time last passed
}

// New returns a loop at time zero.
func New(cfg Config) *Loop {
	l := &Loop{cfg: cfg}
	l.choice = l.Rand("choice")
	if l.cfg.Pick == nil {
		l.cfg.Pick = func(ready []Task) int { return l.choice.IntN(len(ready)) }
	}
	return l
}

// Now returns how much virtual time has passed.
func (l *Loop) Now() time.Duration { return l.now }

// Steps returns how many tasks have run.
func (l *Loop) Steps() uint64 { return l.steps }

// Trace returns the loop's trace; on a nil Trace every method does nothing.
func (l *Loop) Trace() *Trace { return l.cfg.Trace }

// Rand returns a source of randomness that depends on the seed and the name only,
// so that who draws from one does not disturb the others.
func (l *Loop) Rand(name string) *rand.Rand { return rand.New(l.stream(name)) }

func (l *Loop) stream(name string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, l.cfg.Seed), name...)))
}

// After has fn called d from now; cancel makes it not be called if it has not
// been.
func (l *Loop) After(d time.Duration, fn func()) (cancel func()) {
	over := false
	l.Later(d, func() {
		if !over {
			fn()
		}
	})
	return func() { over = true }
}

// Later has fn called d from now, whatever happens.
func (l *Loop) Later(d time.Duration, fn func()) {
	l.serial++
	l.events.push(event{at: l.now + max(d, 0), serial: l.serial, fn: fn})
}

// Ready adds a task that can happen now. The caller makes sure that a task that
// is in the list is not added again.
func (l *Loop) Ready(t Task) { l.ready = append(l.ready, t) }

// Step lets one thing happen: a ready task, or if there is none the next event. It
// returns false if there is neither.
func (l *Loop) Step() bool {
	if len(l.ready) > 0 {
		l.runTask()
		return true
	}
	if len(l.events) == 0 {
		return false
	}
	l.nextEvent()
	return true
}

// Run steps until a moment, which is then the present.
func (l *Loop) Run(until time.Duration) {
	for len(l.ready) > 0 || len(l.events) > 0 && l.events[0].at <= until {
		l.Step()
	}
	l.now = max(l.now, until)
}

func (l *Loop) runTask() {
	i := l.cfg.Pick(l.ready)
	t := l.ready[i]
	last := len(l.ready) - 1
	l.ready[i], l.ready[last] = l.ready[last], nil
	l.ready = l.ready[:last]
	m := t.Machine()
	switch {
	case m.dead:
		return
	case m.busy > l.now:
		m.park(t)
		return
	}
	l.steps++
	if l.steps-l.since > stuck {
		panic(fmt.Sprintf("sched: %d tasks ran at %v and there is no end; the last is %v", stuck, l.now, t))
	}
	l.run = t
	t.Run()
	l.run = nil
}

func (l *Loop) nextEvent() {
	e := l.events.pop()
	if e.at > l.now {
		l.now, l.since = e.at, l.steps
	}
	e.fn()
}
