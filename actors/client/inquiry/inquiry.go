// Package inquiry puts questions to all members of a federation and decides what the
// answer is: what f+1 of them say alike, see package quorum.
//
// There are two ways to ask. A [Set] holds the readings of one operation, each asked
// once: who differs from the others is asked a second time, and named if he differs
// again. A [Watch] follows a state that changes: each member is asked for what is new
// to it, and the watch tells the next certified answer that its owner does not know.
//
// Both are plain values. Whoever owns one hands it what members reply, and sends what
// it says is to be sent. States move on while members answer, so equal answers need
// not come at once; and a refusal that only says that a member is busy, or out of
// time, is no answer.
package inquiry

import (
	"fmt"
	"slices"

	"minimint/actors/client/quorum"
	"minimint/messages"
	"minimint/messages/wire"
)

// A Question is what one module is asked.
type Question struct {
	Module messages.ModuleKind
	Method string
	Body   []byte
}

func (q Question) query() *wire.Query {
	return &wire.Query{Module: string(q.Module), Method: q.Method, Body: q.Body}
}

func request(q *wire.Query) *wire.ClientRequest {
	return &wire.ClientRequest{Request: &wire.ClientRequest_Query{Query: q}}
}

// A Kind says what a member's reply to a query is.
type Kind int

// The kinds.
const (
	Answered Kind = iota
	// Busy members have no answer now.
	Busy
	// Nonsense is no reply to a query.
	Nonsense
)

// Read reads the reply to a query.
func Read(m *wire.ClientReply) (quorum.Answer, Kind) {
	switch r := m.GetReply().(type) {
	case *wire.ClientReply_Answer:
		return quorum.Answer{Body: string(r.Answer.GetBody())}, Answered
	case *wire.ClientReply_Refusal:
		code := messages.RejectionCode(r.Refusal.GetCode())
		if !r.Refusal.GetFinal() && (code == messages.RejectBusy || code == messages.RejectDeadline) {
			return quorum.Answer{}, Busy
		}
		return quorum.Answer{Code: code, Final: r.Refusal.GetFinal(), Text: messages.Legible(r.Refusal.GetText())}, Answered
	default:
		return quorum.Answer{}, Nonsense
	}
}

// patience is how many ticks an unsettled reading waits until it is asked anew.
const patience = 4

// reading is one question of a Set.
type reading struct {
	name   string // for reports
	asked  Question
	poll   *quorum.Poll
	answer *quorum.Answer
	ticks  int // since it was asked
	busy   []bool
	// suspects differed in the first round; second says that they were asked again.
	suspects []messages.PeerID
	second   bool
}

// A Set holds readings, numbered from 0.
type Set struct {
	group    quorum.Group
	readings []*reading
}

// NewSet returns a set without readings.
func NewSet(g quorum.Group) *Set { return &Set{group: g} }

// Want returns the certified answer to reading i. If that was never asked for, put
// says that the question is to be put to all members, see Request; readings are asked
// for in the order of their numbers.
func (s *Set) Want(i int, name string, q Question) (answer quorum.Answer, ok, put bool) {
	if i == len(s.readings) {
		s.readings = append(s.readings, &reading{name: name, asked: q})
		s.begin(i)
		put = true
	}
	if a := s.readings[i].answer; a != nil {
		return *a, true, put
	}
	return quorum.Answer{}, false, put
}

// Again forgets the answer of reading i, which is asked anew after a while.
func (s *Set) Again(i int) { s.readings[i].answer = nil }

// Request is what members are asked for reading i.
func (s *Set) Request(i int) *wire.ClientRequest { return request(s.readings[i].asked.query()) }

func (s *Set) begin(i int) {
	r := s.readings[i]
	r.poll, r.ticks, r.busy = quorum.NewPoll(s.group), 0, make([]bool, s.group.N)
}

// Tick returns the readings that are to be put to all members again: those without a
// certified answer in time, since the members' states may have differed, and those
// that some members answered otherwise.
func (s *Set) Tick() (put []int) {
	for i, r := range s.readings {
		r.ticks++
		heard := r.poll.Answered()
		for _, busy := range r.busy {
			if busy {
				heard++
			}
		}
		switch {
		case r.answer == nil && r.ticks >= patience && heard >= s.group.N-s.group.F:
		case r.answer != nil && r.suspects != nil && !r.second:
			r.second = true
		default:
			continue
		}
		s.begin(i)
		put = append(put, i)
	}
	return put
}

// Liars are members with what they did wrong.
type Liars []struct {
	Peer messages.PeerID
	What string
}

func (l *Liars) add(peer messages.PeerID, what string) {
	*l = append(*l, struct {
		Peer messages.PeerID
		What string
	}{peer, what})
}

// Heard takes a member's reply to reading i. fresh says that there is an answer now
// that was not there before.
func (s *Set) Heard(i int, from messages.PeerID, reply *wire.ClientReply) (fresh bool, liars Liars) {
	if i >= len(s.readings) {
		return false, nil
	}
	r := s.readings[i]
	answer, kind := Read(reply)
	switch kind {
	case Busy:
		r.busy[from] = true
		return false, nil
	case Nonsense:
		liars.add(from, "reply of the wrong kind")
		return false, liars
	case Answered:
	}
	r.busy[from] = false
	r.poll.Answer(from, answer)
	result, ok := r.poll.Result()
	if !ok {
		return false, nil
	}
	for _, p := range r.poll.Dissenters() {
		switch {
		case !r.second && !slices.Contains(r.suspects, p):
			r.suspects = append(r.suspects, p)
		case r.second && slices.Contains(r.suspects, p):
			liars.add(p, fmt.Sprintf("another answer to %q than others give (it lags or lies)", r.name))
		}
	}
	if fresh = r.answer == nil; fresh {
		r.answer = &result
	}
	return fresh, liars
}

// Open reports whether members that are not down have not answered a reading, or its
// suspects not a second time.
func (s *Set) Open(down []bool) bool {
	return slices.ContainsFunc(s.readings, func(r *reading) bool {
		if r.suspects != nil && !r.second {
			return true
		}
		for peer, isDown := range down {
			if !isDown && !r.poll.Has(messages.PeerID(peer)) {
				return true
			}
		}
		return false
	})
}
