package sched

import (
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// A Machine is one process of the world, from its start to its end. A process
// that starts again is another Machine with the same number.
type Machine struct {
	loop   *Loop
	number int
	label  string
	dead   bool
	// busy is until when its processor works; what is ready before that waits in
	// parked.
	busy   time.Duration
	parked []Task
	held   time.Duration // until when nothing may leave
	// longest is the most that ever waited in a mailbox, and backlog whose.
	longest int
	backlog *Turn
}

// Machine starts a process.
func (l *Loop) Machine(number int) *Machine {
	return &Machine{loop: l, number: number, label: "n" + strconv.Itoa(number)}
}

// Loop returns the loop that runs it.
func (m *Machine) Loop() *Loop { return m.loop }

// Number is what its maker called it.
func (m *Machine) Number() int { return m.number }

// String returns "n" and the number.
func (m *Machine) String() string { return m.label }

// Dead reports whether it was killed.
func (m *Machine) Dead() bool { return m.dead }

// Kill ends the process: none of its tasks and timers happens any more. If one of
// its actors is in the middle of its turn, that goes on to its end, in vain.
func (m *Machine) Kill() {
	m.dead, m.parked = true, nil
	m.loop.Trace().Line(m.loop.now, m.label, "killed", "")
}

// After implements spawn.Timer in virtual time.
func (m *Machine) After(d time.Duration, fn func()) (cancel func()) {
	return m.loop.After(d, func() {
		if !m.dead {
			fn()
		}
	})
}

// Backlog returns the most messages that ever waited for one actor, and which.
func (m *Machine) Backlog() (actor string, messages int) {
	if m.backlog == nil {
		return "", 0
	}
	return m.backlog.Actor(), m.longest
}

// Charge lets the processor work for so long: whatever else is ready on this
// machine waits, and what the present turn sends leaves later.
func (m *Machine) Charge(d time.Duration) {
	if d > 0 {
		m.busy = max(m.busy, m.loop.now) + d
	}
}

// Wait has the actor whose turn it is wait for so long, for its disk: it takes no
// message before that, and nothing leaves the machine, since it might be what the
// actor sends in this turn. The machine's other actors go on.
func (m *Machine) Wait(d time.Duration) {
	if t, ok := m.loop.run.(*Turn); ok && d > 0 {
		t.until = max(t.until, m.loop.now) + d
		m.held = max(m.held, t.until)
	}
}

// Held returns until when nothing may leave the machine.
func (m *Machine) Held() time.Duration { return m.held }

// park keeps a task until the processor is free.
func (m *Machine) park(t Task) {
	m.parked = append(m.parked, t)
	if len(m.parked) == 1 {
		m.wake()
	}
}

func (m *Machine) wake() {
	m.After(m.busy-m.loop.now, func() {
		if m.busy > m.loop.now { // it was given more to do
			m.wake()
			return
		}
		m.loop.ready = append(m.loop.ready, m.parked...)
		clear(m.parked)
		m.parked = m.parked[:0]
	})
}

// Rand returns the machine's randomness for one purpose; incarnation tells the
// processes of one number apart.
func (m *Machine) Rand(purpose string, incarnation uint64) io.Reader {
	return m.loop.stream(m.label + "/" + strconv.FormatUint(incarnation, 10) + "/" + purpose)
}

// Reader makes a source of bytes of a source of numbers.
func Reader(r *rand.Rand) io.Reader { return reader{r} }

type reader struct{ *rand.Rand }

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return len(p), nil
}
