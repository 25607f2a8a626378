// Package module is the actor that hosts one module of the federation.
//
//	accepts  tomodule.Message from sessions and the module's service,
//	         toconsensus.EpochCommitted from the processor; timing.Tick
//	sends    toconsensus.ModuleItems to the processor, answers to who asked
//
// The rules of the module are pure and live in packages below this one. The
// host reads committed snapshots only: it proposes what the member's module
// wants agreed, answers queries, and derives the member's share of outputs,
// each once as long as it is remembered. Every question gets an answer, also if
// the state cannot be read.
package module

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/timing"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/storage"
)

// maxShares bounds how many shares a host remembers.
const maxShares = 4096

// every is how often a host makes sure that the processor knows it.
const every = time.Second

// Config is what a host needs; all fields are required.
type Config struct {
	Module    contract.Module
	Store     storage.Store
	Consensus *actor.PID
	Clock     *actor.PID
}

// Host is the actor.
type Host struct {
	cfg    Config
	seen   []byte // newest report of the service
	failed bool   // the last proposal could not be made
	shares map[messages.OutPoint][]byte
	order  []messages.OutPoint // of shares, oldest first
}

// New returns the producer of a host.
func New(cfg Config) actor.Producer {
	return func() actor.Actor { return &Host{cfg: cfg, shares: map[messages.OutPoint][]byte{}} }
}

// Receive implements actor.Actor.
func (h *Host) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(h.cfg.Clock, &timing.Subscribe{PID: ctx.Self(), Every: every})
		ctx.Request(h.cfg.Consensus, toconsensus.Subscribe{})
		h.propose(ctx)
	case *timing.Tick:
		ctx.Request(h.cfg.Consensus, toconsensus.Subscribe{}) // it may have restarted
		if h.failed {
			h.propose(ctx)
		}
	case toconsensus.EpochCommitted:
		h.propose(ctx)
	case *spawn.Lost:
		h.excuse(ctx, m.Message)
	case tomodule.Message:
		h.decide(ctx, m)
	}
}

func (h *Host) decide(ctx actor.Context, msg tomodule.Message) {
	switch m := msg.(type) {
	case tomodule.Query:
		ctx.Respond(h.answer(ctx, m))
	case tomodule.Describe:
		ctx.Respond(tomodule.Described{Request: m.Request, Outputs: h.describe(ctx, m.At)})
	case tomodule.Observed:
		h.seen = m.Body
		h.propose(ctx)
	default:
		panic(fmt.Sprintf("module: message of unknown type %T", msg))
	}
}

// excuse answers a question over which the former incarnation failed, so that
// nobody waits for it. The same question might fail again.
func (h *Host) excuse(ctx actor.Context, lost any) {
	switch m := lost.(type) {
	case tomodule.Query:
		ctx.Respond(tomodule.Answered{Request: m.Request, Rejection: cannotAnswer()})
	case tomodule.Describe:
		ctx.Respond(tomodule.Described{Request: m.Request})
	}
}

func cannotAnswer() *messages.Rejection {
	return messages.RejectForNow(messages.RejectBusy, "this node cannot answer now; ask another")
}

// propose tells the processor what this member's module wants in its next
// contribution, also if that is nothing.
func (h *Host) propose(ctx actor.Context) {
	proposer, ok := h.cfg.Module.(contract.Proposer)
	if !ok {
		return
	}
	var items [][]byte
	h.failed = !h.read(ctx, func(r storage.Reader) {
		for _, body := range proposer.Propose(r, h.seen) {
			items = append(items, bytes.Clone(body)) // the snapshot ends before they are sent
		}
	})
	if !h.failed {
		ctx.Send(h.cfg.Consensus, toconsensus.ModuleItems{Kind: h.cfg.Module.Kind(), Items: items})
	}
}

func (h *Host) answer(ctx actor.Context, m tomodule.Query) tomodule.Answered {
	reply := tomodule.Answered{Request: m.Request}
	querier, ok := h.cfg.Module.(contract.Querier)
	if !ok {
		reply.Rejection = messages.Reject(messages.RejectUnknownQuery, "module %s answers no queries", h.cfg.Module.Kind())
		return reply
	}
	err := errUnread
	h.read(ctx, func(r storage.Reader) {
		var body []byte
		body, err = querier.Query(r, m.Method, m.Body)
		reply.Body = bytes.Clone(body)
	})
	if err != nil {
		reply.Body = nil
		if !errors.As(err, &reply.Rejection) {
			ctx.Logger().Error("query failed", slog.String("module", string(h.cfg.Module.Kind())), slog.String("method", fmt.Sprintf("%.40q", m.Method)), slog.Any("error", err))
			reply.Rejection = cannotAnswer()
		}
	}
	return reply
}

// describe returns what is known of outputs, nil if the state cannot be read.
func (h *Host) describe(ctx actor.Context, at []messages.OutPoint) []tomodule.Output {
	out := make([]tomodule.Output, len(at))
	answerer, ok := h.cfg.Module.(contract.Answerer)
	if !ok {
		return out
	}
	if !h.read(ctx, func(r storage.Reader) {
		for i := range at {
			out[i] = tomodule.Output{Outcome: bytes.Clone(answerer.Outcome(r, at[i])), Share: h.share(answerer, r, at[i])}
		}
	}) {
		return nil
	}
	return out
}

// share returns this member's share of an output. It is derived once and then
// remembered; what is forgotten is derived again, with the same result.
func (h *Host) share(answerer contract.Answerer, r storage.Reader, at messages.OutPoint) []byte {
	if share, known := h.shares[at]; known {
		return share
	}
	share := bytes.Clone(answerer.Share(r, at))
	if len(share) == 0 {
		return nil
	}
	if len(h.order) >= maxShares {
		delete(h.shares, h.order[0])
		h.order = h.order[1:]
	}
	h.shares[at] = share
	h.order = append(h.order, at)
	return share
}

// errUnread says that there was no state to answer from.
var errUnread = errors.New("state cannot be read")

// read calls fn with the module's scope of the newest committed state, and
// reports false if there is none to read: the node may go on without this
// module's answers until the processor has found out what is wrong.
func (h *Host) read(ctx actor.Context, fn func(storage.Reader)) bool {
	snap, err := h.cfg.Store.View()
	if err != nil {
		ctx.Logger().Error("open snapshot", slog.String("module", string(h.cfg.Module.Kind())), slog.Any("error", err))
		return false
	}
	defer snap.Release()
	fn(storage.ScopedReader(snap, transition.ModuleScope(h.cfg.Module.Kind())))
	return true
}
