package session

import (
	"bytes"
	"crypto/sha256"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/wire"
)

// watch is a query that waits for another answer than the client has. It is put
// to the module again after every epoch, one at a time: a module that is slow is
// asked less often, whatever clients want.
type watch struct {
	host   *actor.PID
	query  *wire.Query
	asking bool
	// stale says that an epoch was committed since the module was asked; seen is the
	// one after the newest.
	stale bool
	seen  messages.Epoch
	// last is the reply that the client knows already.
	last *wire.ClientReply
}

// query asks a module, at once and, if the client knows that answer already, after
// every epoch until there is another one.
func (s *Session) query(ctx actor.Context, id uint64, m *wire.Query) {
	host := s.cfg.Modules[messages.ModuleKind(m.GetModule())]
	switch n := len(m.GetBody()) + len(m.GetMethod()); {
	case host == nil:
		s.refuse(ctx, id, messages.Reject(messages.RejectUnknownModule, "this federation runs no module %.40q", m.GetModule()))
		return
	case n > MaxQuery:
		s.refuse(ctx, id, messages.Reject(messages.RejectTooLarge, "query of %d bytes; at most %d are allowed", n, MaxQuery))
		return
	case len(m.GetKnown()) != 0 && len(m.GetKnown()) != sha256.Size:
		s.refuse(ctx, id, messages.Reject(messages.RejectMalformed, "what the asker knows is a hash of %d bytes", sha256.Size))
		return
	}
	r := &request{id: id, wait: patience}
	if len(m.GetKnown()) != 0 && m.GetWaitMs() > 0 {
		if s.watches() >= MaxWatches {
			s.refuse(ctx, id, messages.RejectForNow(messages.RejectBusy, "this session has %d queries waiting for news; wait for an answer first", MaxWatches))
			return
		}
		r.watches = &watch{host: host, query: m}
		r.wait = min(time.Duration(m.GetWaitMs())*time.Millisecond, MaxWait)
		ctx.Request(s.cfg.Consensus, toconsensus.Subscribe{})
	}
	s.begin(r)
	s.put(ctx, r, host, m)
}

func (s *Session) put(ctx actor.Context, r *request, host *actor.PID, m *wire.Query) {
	if r.watches != nil {
		r.watches.asking, r.watches.stale = true, false
	}
	ctx.Request(host, tomodule.Query{Request: s.ask(r, ""), Method: m.GetMethod(), Body: m.GetBody()})
}

// watches counts the queries that wait for news.
func (s *Session) watches() int {
	n := 0
	for _, r := range s.open {
		if r.watches != nil {
			n++
		}
	}
	return n
}

func (s *Session) answerQuery(ctx actor.Context, m tomodule.Answered) {
	q, ok := s.take(m.Request)
	if !ok {
		return
	}
	r := q.request
	reply := &wire.ClientReply{Id: r.id, Reply: &wire.ClientReply_Answer{Answer: &wire.Answer{Body: m.Body}}}
	if m.Rejection != nil {
		reply.Reply = &wire.ClientReply_Refusal{Refusal: refusal(m.Rejection)}
	}
	if w := r.watches; w != nil && bytes.Equal(wire.Known(reply), w.query.GetKnown()) {
		w.asking, w.last = false, reply
		if w.stale {
			s.put(ctx, r, w.host, w.query)
		}
		return
	}
	s.end(r)
	s.reply(ctx, reply)
}

// lookAtWatches puts queries again after an epoch; next is the one after it.
func (s *Session) lookAtWatches(ctx actor.Context, next messages.Epoch) {
	for _, r := range s.open {
		w := r.watches
		if w == nil || w.seen >= next {
			continue
		}
		w.seen = next
		if w.stale = w.asking; !w.asking {
			s.put(ctx, r, w.host, w.query)
		}
	}
}
