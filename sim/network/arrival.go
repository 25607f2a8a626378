package network

import (
	"fmt"

	"minimint/sim/sched"
)

// Arrival is a packet at the end of its way, as a task.
type Arrival side

// Machine implements sched.Task.
func (a *Arrival) Machine() *sched.Machine { return a.host.cfg.Machine }

// String implements sched.Task.
func (a *Arrival) String() string {
	return fmt.Sprintf("%s receives from %s", a.Machine(), a.gate.Address())
}

// Packet returns what arrives.
func (a *Arrival) Packet() Packet {
	p := Packet{To: a.host.number(), Now: a.host.net.loop.Now()}
	if a.other != nil && len(a.queue) > 0 {
		p.From, p.Envelopes, p.Bytes = a.other.host.number(), a.queue[0].envelopes, a.queue[0].bytes
	}
	return p
}

// Run implements sched.Task.
func (a *Arrival) Run() {
	s := (*side)(a)
	s.coming = false
	if s.over || len(s.queue) == 0 {
		return
	}
	p := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.expect()
	if refusal := s.accept(p); refusal != nil {
		s.host.net.stats.Refusals++
		s.fail(refusal)
	}
}
