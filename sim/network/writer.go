package network

import (
	"fmt"

	"minimint/messages/link"
	"minimint/messages/wire"
	"minimint/sim/sched"
)

// A writer is the writing half of all links of a host, as one task: what an actor
// tells a hundred others is a hundred messages, and would be as many tasks.
type writer struct {
	host  *Host
	sides []*side // that have something to send, in the order in which they had it
	spare []*side
	ready bool
}

func (w *writer) add(s *side) {
	w.sides = append(w.sides, s)
	if !w.ready {
		w.ready = true
		w.host.net.loop.Ready(w)
	}
}

// Machine implements sched.Task.
func (w *writer) Machine() *sched.Machine { return w.host.cfg.Machine }

// String implements sched.Task.
func (w *writer) String() string {
	return fmt.Sprintf("%s sends on %d links", w.Machine(), len(w.sides))
}

// Run implements sched.Task.
func (w *writer) Run() {
	w.ready = false
	sides := w.sides
	w.sides = w.spare[:0] // to which may be added meanwhile
	for _, s := range sides {
		s.write()
	}
	clear(sides)
	w.spare = sides
}

// sealed is the frame of HBBFT that a host sent last, and its envelope. Nobody
// changes a message that was sent.
type sealed struct {
	message  any
	envelope *link.Envelope
}

// seal makes the envelope of a message. What a host says to one after another is often
// the same message, and is marshalled once.
func (s *side) seal(route string, m any) (*link.Envelope, error) {
	last := &s.host.sealed
	if m == last.message && len(last.envelope.GetPayload()) <= s.out.MaxMessage() {
		return &link.Envelope{Target: route, Type: last.envelope.GetType(), Payload: last.envelope.GetPayload()}, nil
	}
	e, err := s.gate.Seal(route, m, s.out.MaxMessage())
	if _, ok := m.(*wire.PeerFrame); ok && err == nil {
		last.message, last.envelope = m, e
		s.host.told.add(e.GetPayload())
	}
	return e, err
}

// owe plans acknowledgements, of all sides that will owe one by then.
func (h *Host) owe(s *side) {
	h.owing = append(h.owing, s)
	if len(h.owing) > 1 {
		return
	}
	h.cfg.Machine.After(acknowledge, func() {
		for _, s := range h.owing {
			s.owing = false
			s.wake()
		}
		clear(h.owing)
		h.owing = h.owing[:0]
	})
}
