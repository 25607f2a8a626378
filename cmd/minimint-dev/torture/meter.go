package torture

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// meter tells how far a run is: on one line of a terminal, or else now and then on
// a line of its own.
type meter struct {
	*sync.Mutex
	out      io.Writer
	terminal bool
	began    *time.Time // of the first point
	last     *time.Time // line
}

// tellEvery is the time between two lines if they are not on a terminal.
const tellEvery = 10 * time.Second

func newMeter(cfg Config) meter {
	return meter{Mutex: new(sync.Mutex), out: cfg.Progress, terminal: cfg.Terminal, began: new(time.Time), last: new(time.Time)}
}

// print writes a line that stays.
func (m meter) print(format string, args ...any) {
	m.Lock()
	defer m.Unlock()
	m.clear()
	fmt.Fprintf(m.out, format+"\n", args...)
}

func (m meter) clear() {
	if m.terminal {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// progress brings the figures up to date and tells them.
func (r *run) progress() {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.report
	p.Epochs, p.Transactions, p.Payments = uint64(r.witness.Newest()), r.teller.Totals(), r.market.Payments()
	p.Commands, p.CommandsKilled = 0, 0
	for _, c := range r.wallets {
		commands, kills := c.Counts()
		p.Commands, p.CommandsKilled = p.Commands+commands, p.CommandsKilled+kills
	}
	left := time.Duration(0)
	if !r.meter.began.IsZero() && p.Points > 0 {
		left = time.Duration(float64(time.Since(*r.meter.began)) / float64(p.Points) * float64(r.cfg.Points-p.Points))
	}
	m := r.meter
	m.Lock()
	defer m.Unlock()
	if !m.terminal && time.Since(*m.last) < tellEvery && p.Points < r.cfg.Points {
		return
	}
	*m.last = time.Now()
	m.clear()
	fmt.Fprintf(m.out, "point %d of %d  epoch %d  transactions %d of %d  payments %d  restarts %d  resumed within %s  violations %d  ETA %s",
		p.Points, r.cfg.Points, p.Epochs, p.Transactions.Accepted+p.Transactions.Rejected, p.Transactions.Submitted,
		p.Payments, p.Restarts, p.ResumeLongest.Round(10*time.Millisecond), len(p.Violations), left.Round(time.Second))
	if !m.terminal {
		fmt.Fprintln(m.out)
	}
}
