package attempt

import (
	"bytes"

	"minimint/actors/setup/agreement"
	"minimint/actors/setup/setupwire"
	"minimint/crypto/dkg"
	"minimint/messages"
)

func helloPacket(h *agreement.Hello) *setupwire.Packet {
	return &setupwire.Packet{Kind: &setupwire.Packet_Hello{Hello: h.Bytes()}}
}

func messagePacket(b []byte) *setupwire.Packet {
	return &setupwire.Packet{Kind: &setupwire.Packet_Message{Message: b}}
}

func outgoing(o dkg.Outgoing) Outgoing {
	out := Outgoing{Packet: messagePacket(o.Message.Bytes())}
	if o.To != 0 {
		to := messages.PeerID(o.To - 1)
		out.To = &to
	}
	return out
}

// Greet returns this member's hello for one member that has not got it.
func (a *Attempt) Greet(to messages.PeerID) Step {
	return Step{Send: []Outgoing{{To: &to, Packet: helloPacket(a.hellos[a.me])}}}
}

// Repeat returns everything that this member has said in the attempt: after a
// crash nobody knows what has arrived.
func (a *Attempt) Repeat() Step {
	step := Step{Send: []Outgoing{{Packet: helloPacket(a.hellos[a.me])}}}
	for _, o := range a.said {
		step.Send = append(step.Send, outgoing(o))
	}
	return step
}

// Status says what this member has, so that others can send what it lacks.
func (a *Attempt) Status() *setupwire.Status {
	s := &setupwire.Status{Attempt: a.Number(), Failed: a.failure != nil, Finished: a.confirmations != nil, Held: make([]uint32, len(a.hellos))}
	for i, h := range a.hellos {
		if h != nil {
			s.Held[i] = 1
		}
	}
	if a.run == nil {
		return s
	}
	s.Session = a.session[:]
	for i := range s.Held {
		for r := dkg.RoundCommit; r <= dkg.RoundConfirm; r++ {
			if a.run.Has(r, i+1) {
				s.Held[i] |= 1 << r
			}
		}
	}
	return s
}

// Same tells whether a status is of the same run as this attempt.
func (a *Attempt) Same(s *setupwire.Status) bool {
	return a.run != nil && bytes.Equal(s.GetSession(), a.session[:])
}

// Supply sends a member of this attempt what its status lacks: this member's own
// messages, and everybody's confirmations once all are there.
func (a *Attempt) Supply(to messages.PeerID, s *setupwire.Status) Step {
	var step Step
	send := func(p *setupwire.Packet) { step.Send = append(step.Send, Outgoing{To: &to, Packet: p}) }
	switch {
	case len(s.GetHeld()) != len(a.hellos) || s.GetAttempt() != a.Number():
		step.Ignored = "it is of another attempt or federation"
	case s.GetHeld()[a.me]&1 == 0:
		return a.Greet(to)
	case a.run == nil || len(s.GetSession()) == 0 || s.GetFinished():
	case !a.Same(s):
		// Somebody has said different things to different members. It shows when
		// they see each other's hellos.
		for _, h := range a.hellos {
			send(helloPacket(h))
		}
	default:
		for _, o := range a.said {
			lacks := s.GetHeld()[a.me]&(1<<o.Message.Round()) == 0
			if o.Message.Round() == dkg.Complaint {
				lacks = !s.GetFailed()
			}
			if lacks && (o.To == 0 || o.To == int(to)+1) {
				send(messagePacket(o.Message.Bytes()))
			}
		}
		for i, b := range a.confirmations {
			if s.GetHeld()[i]&(1<<dkg.RoundConfirm) == 0 && i != int(a.me) {
				send(messagePacket(b))
			}
		}
	}
	return step
}
