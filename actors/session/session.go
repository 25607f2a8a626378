// Package session is the actor of one client connection.
//
//	accepts  *wire.ClientRequest from its client, link events, answers of the
//	         processor and of modules, toconsensus.EpochCommitted, timing.Tick
//	sends    *wire.ClientReply to its client, toconsensus.Submit and Subscribe,
//	         tomodule.Query and Describe
//
// A session holds nothing that must survive: a client that loses it opens
// another and asks again, and so the session ends with its link. Requests are
// bounded in number; each gets exactly one reply unless the session ends first,
// also if whoever was to answer has restarted and forgotten it: then the reply
// says that the time is over. Whatever a client sends, the worst that follows is
// a refusal.
package session

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/link"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/transaction"
	"minimint/messages/wire"
	"minimint/storage"
)

// Limits of one session.
const (
	// MaxOpen is how many requests may wait for an answer at once.
	MaxOpen = 64
	// MaxWait is the longest that an Await waits for a decision, or a query for
	// another answer.
	MaxWait = 60 * time.Second
	// MaxWatches is how many of them may be queries that wait for news.
	MaxWatches = 8
	// MaxQuery is the longest body of a query, in bytes.
	MaxQuery = 64 << 10
)

// every is how often requests are looked at for their deadline.
const every = 250 * time.Millisecond

// patience is how long the processor or a module may take to answer. The first
// of them that is slower than that is in trouble, and another node may not be.
const patience = 20 * time.Second

// Config is what a session needs; all fields but Report and Twist are required.
type Config struct {
	Federation *federation.Config
	Transition *transition.Transition
	Store      storage.Store
	Consensus  *actor.PID
	Modules    map[messages.ModuleKind]*actor.PID
	Clock      *actor.PID
	// Client is where replies go.
	Client *actor.PID
	// Report fills what only the node knows of itself into an Info.
	Report func(*wire.Info)
	// Twist is applied to every reply before it is sent; nil in every node that
	// is not made to lie on purpose.
	Twist func(*wire.ClientReply)
}

// Session is the actor.
type Session struct {
	cfg  Config
	open []*request // oldest first
	// asked are the questions to other actors that have no answer yet, by the
	// number that the answer repeats; next is that of the next one.
	asked map[uint64]question
	next  uint64
	// submitted says since when the transactions that this session submitted
	// can be decided.
	submitted recent
}

// New returns the producer of a session.
func New(cfg Config) actor.Producer {
	return func() actor.Actor { return &Session{cfg: cfg, asked: map[uint64]question{}} }
}

// Receive implements actor.Actor.
func (s *Session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(s.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: every})
	case *actor.Stopping:
		ctx.Request(s.cfg.Consensus, toconsensus.Unsubscribe{})
	case *link.Down:
		ctx.Stop(ctx.Self())
	case *timing.Tick:
		s.tick(ctx, m.Now)
	case toconsensus.EpochCommitted:
		s.lookAtAwaits(ctx)
		s.lookAtWatches(ctx, m.Epoch+1)
	case toconsensus.Submitted:
		s.answerSubmit(ctx, m)
	case tomodule.Answered:
		s.answerQuery(ctx, m)
	case tomodule.Described:
		s.answerDescribe(ctx, m)
	case *wire.ClientRequest:
		s.request(ctx, m)
	}
}

// request takes what the client asks.
func (s *Session) request(ctx actor.Context, m *wire.ClientRequest) {
	if len(s.open) >= MaxOpen {
		s.refuse(ctx, m.GetId(), messages.RejectForNow(messages.RejectBusy, "this session has %d requests open; wait for an answer first", MaxOpen))
		return
	}
	switch r := m.GetRequest().(type) {
	case *wire.ClientRequest_Submit:
		s.submit(ctx, m.GetId(), r.Submit.GetTransaction())
	case *wire.ClientRequest_Await:
		s.await(ctx, m.GetId(), r.Await)
	case *wire.ClientRequest_Query:
		s.query(ctx, m.GetId(), r.Query)
	case *wire.ClientRequest_Config:
		s.reply(ctx, &wire.ClientReply{Id: m.GetId(), Reply: &wire.ClientReply_Config{Config: &wire.Config{Body: s.cfg.Federation.Bytes()}}})
	case *wire.ClientRequest_Info:
		s.info(ctx, m.GetId())
	case *wire.ClientRequest_Proof:
		s.proof(ctx, m.GetId(), r.Proof)
	default:
		s.refuse(ctx, m.GetId(), messages.Reject(messages.RejectMalformed, "request of a kind that this node does not know"))
	}
}

// submit runs the stateless checks here, in the client's own actor, so that
// clients wait for each other only at the processor.
func (s *Session) submit(ctx actor.Context, id uint64, raw []byte) {
	tx, err := transaction.Decode(raw)
	if err != nil {
		s.refuse(ctx, id, err)
		return
	}
	if rejection := s.cfg.Transition.Check([]*transaction.Transaction{tx})[0]; rejection != nil {
		s.refuse(ctx, id, rejection)
		return
	}
	r := s.begin(&request{id: id, submits: tx.WitnessID(), wait: patience})
	ctx.Request(s.cfg.Consensus, toconsensus.Submit{Request: s.ask(r, ""), Transaction: tx})
}

func (s *Session) answerSubmit(ctx actor.Context, m toconsensus.Submitted) {
	q, ok := s.take(m.Request)
	if !ok {
		return
	}
	s.end(q.request)
	if m.Rejection != nil {
		s.refuse(ctx, q.request.id, m.Rejection)
		s.lookAtAwaits(ctx)
		return
	}
	s.submitted.add(q.request.submits, m.From)
	s.reply(ctx, &wire.ClientReply{Id: q.request.id, Reply: &wire.ClientReply_Submitted{Submitted: &wire.Submitted{}}})
	s.lookAtAwaits(ctx)
}

func (s *Session) refuse(ctx actor.Context, id uint64, err error) {
	s.reply(ctx, &wire.ClientReply{Id: id, Reply: &wire.ClientReply_Refusal{Refusal: refusal(err)}})
}

func (s *Session) reply(ctx actor.Context, m *wire.ClientReply) {
	if s.cfg.Twist != nil {
		s.cfg.Twist(m)
	}
	ctx.Send(s.cfg.Client, m)
}

func (s *Session) warn(ctx actor.Context, what string, err error) {
	ctx.Logger().Warn(what, slog.Any("error", err))
}
