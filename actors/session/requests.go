package session

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/messages/wire"
)

// request is what a client asked and was not answered yet.
type request struct {
	id      uint64
	submits messages.WitnessID // of a submission
	decides *await             // of an await, until the transaction is decided
	gathers *assembly          // of an await, from then on
	watches *watch             // of a query that waits for another answer
	// wait is how long the request may take; deadline is zero until the first
	// tick after its beginning, since nothing else tells the time.
	wait     time.Duration
	deadline time.Time
	asked    []uint64 // questions without an answer
}

// question is what a session asked another actor on behalf of a request.
type question struct {
	request *request
	module  messages.ModuleKind // of a question about outputs
}

// begin keeps a request until its end.
func (s *Session) begin(r *request) *request {
	s.open = append(s.open, r)
	return r
}

// ask numbers a question to another actor.
func (s *Session) ask(r *request, module messages.ModuleKind) uint64 {
	s.next++
	s.asked[s.next] = question{request: r, module: module}
	r.asked = append(r.asked, s.next)
	return s.next
}

// take ends a question; false if it was never asked or has ended.
func (s *Session) take(number uint64) (question, bool) {
	q, ok := s.asked[number]
	if ok {
		delete(s.asked, number)
		q.request.asked = slices.DeleteFunc(q.request.asked, func(n uint64) bool { return n == number })
	}
	return q, ok
}

// end forgets a request and the questions that it left open. The caller replies.
func (s *Session) end(r *request) {
	for _, number := range r.asked {
		delete(s.asked, number)
	}
	s.open = slices.DeleteFunc(s.open, func(x *request) bool { return x == r })
}

// tick ends requests whose time is over, and makes sure that the processor
// knows this session also after a restart.
func (s *Session) tick(ctx actor.Context, now time.Time) {
	waiting := false
	for _, r := range slices.Clone(s.open) {
		if r.deadline.IsZero() {
			r.deadline = now.Add(r.wait)
		}
		switch {
		case now.Before(r.deadline):
			waiting = waiting || r.decides != nil || r.watches != nil
		case r.decides != nil:
			s.end(r)
			s.reply(ctx, statusReply(r.id, &wire.Status{}))
		case r.watches != nil && r.watches.last != nil:
			s.end(r)
			s.reply(ctx, r.watches.last)
		default:
			s.end(r)
			s.refuse(ctx, r.id, messages.RejectForNow(messages.RejectDeadline, "this node did not find an answer in time; ask again, or ask another"))
		}
	}
	if waiting {
		ctx.Request(s.cfg.Consensus, toconsensus.Subscribe{})
	}
}

// recent remembers since when the newest transactions of a session can be
// decided.
type recent struct {
	since map[messages.WitnessID]messages.Epoch
	order []messages.WitnessID
}

func (r *recent) add(id messages.WitnessID, since messages.Epoch) {
	if r.since == nil {
		r.since = map[messages.WitnessID]messages.Epoch{}
	}
	if _, known := r.since[id]; !known {
		if len(r.order) == MaxOpen {
			delete(r.since, r.order[0])
			r.order = r.order[1:]
		}
		r.order = append(r.order, id)
	}
	r.since[id] = since
}

func statusReply(id uint64, st *wire.Status) *wire.ClientReply {
	return &wire.ClientReply{Id: id, Reply: &wire.ClientReply_Status{Status: st}}
}

// refusal is an error as a client sees it. A text may quote what a client sent,
// and must be one that the transport can carry.
func refusal(err error) *wire.Refusal {
	var r *messages.Rejection
	if !errors.As(err, &r) {
		r = messages.Reject(messages.RejectMalformed, "%v", err)
	}
	return &wire.Refusal{Code: uint32(r.Code), Final: r.Final, Text: strings.ToValidUTF8(r.Text, "\uFFFD")}
}
