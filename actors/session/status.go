package session

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/messages/tomodule"
	"minimint/messages/wire"
	"minimint/storage"
)

// await is a client's wait for the end of a transaction.
type await struct {
	tx      messages.TxID
	witness messages.WitnessID
}

// assembly gathers what modules tell about the outputs of an accepted
// transaction.
type assembly struct {
	decided *wire.Decided
	kinds   []messages.ModuleKind // by output
}

// await answers at once if the transaction is decided or the client does not
// want to wait, else when an epoch decides it or the time is over.
func (s *Session) await(ctx actor.Context, id uint64, m *wire.Await) {
	tx, okTx := messages.DigestFrom(m.GetTxid())
	witness, okWitness := messages.DigestFrom(m.GetWitnessId())
	if !okTx || !okWitness {
		s.refuse(ctx, id, messages.Reject(messages.RejectMalformed, "txid and witness id are 32 bytes each"))
		return
	}
	wait := min(time.Duration(m.GetWaitMs())*time.Millisecond, MaxWait)
	r := s.begin(&request{id: id, decides: &await{tx: tx, witness: witness}, wait: wait})
	s.lookAt(ctx, r)
	switch {
	case r.decides == nil: // decided
	case wait == 0:
		s.end(r)
		s.reply(ctx, statusReply(id, &wire.Status{}))
	default:
		ctx.Request(s.cfg.Consensus, toconsensus.Subscribe{})
	}
}

// lookAtAwaits answers the waits whose transaction is decided.
func (s *Session) lookAtAwaits(ctx actor.Context) {
	var waiting []*request
	for _, r := range s.open {
		if r.decides != nil {
			waiting = append(waiting, r)
		}
	}
	s.lookAt(ctx, waiting...)
}

func (s *Session) lookAt(ctx actor.Context, waiting ...*request) {
	if len(waiting) == 0 {
		return
	}
	snap, err := s.cfg.Store.View()
	if err != nil {
		s.warn(ctx, "open snapshot", err) // the waits go on; their deadlines answer
		return
	}
	defer snap.Release()
	for _, r := range waiting {
		s.decide(ctx, r, snap)
	}
}

// decide answers a wait if the transaction is decided. What was refused for the
// moment and then submitted again through this session waits anew: the former
// refusal does not speak about it.
func (s *Session) decide(ctx actor.Context, r *request, snap storage.Reader) {
	at := *r.decides
	if record, ok := transition.FindAccepted(snap, at.tx); ok {
		r.decides = nil
		s.describe(ctx, r, at.tx, record)
		return
	}
	submitting := slices.ContainsFunc(s.open, func(other *request) bool { return other.submits == at.witness })
	if refused, ok := refusals.Find(snap, at.witness); ok && !submitting && refused.Epoch >= s.submitted.since[at.witness] {
		r.decides = nil
		s.end(r)
		s.reply(ctx, statusReply(r.id, &wire.Status{Rejected: refusal(refused.Rejection)}))
	}
}

// describe asks the modules about the outputs of an accepted transaction, each
// once about all that are its own; the reply goes out when all have answered.
func (s *Session) describe(ctx actor.Context, r *request, tx messages.TxID, record transition.Accepted) {
	r.gathers = &assembly{kinds: record.Outputs, decided: &wire.Decided{Epoch: uint64(record.Epoch)}}
	r.wait, r.deadline = patience, time.Time{}
	at := map[messages.ModuleKind][]messages.OutPoint{}
	var kinds []messages.ModuleKind
	for i, kind := range record.Outputs {
		r.gathers.decided.Outputs = append(r.gathers.decided.Outputs, &wire.OutputAnswer{})
		if s.cfg.Modules[kind] == nil {
			continue
		}
		if at[kind] == nil {
			kinds = append(kinds, kind)
		}
		at[kind] = append(at[kind], messages.OutPoint{Tx: tx, Index: uint32(i)})
	}
	for _, kind := range kinds {
		ctx.Request(s.cfg.Modules[kind], tomodule.Describe{Request: s.ask(r, kind), At: at[kind]})
	}
	s.endIfComplete(ctx, r)
}

func (s *Session) answerDescribe(ctx actor.Context, m tomodule.Described) {
	q, ok := s.take(m.Request)
	if !ok || q.request.gathers == nil {
		return
	}
	if m.Outputs == nil {
		s.end(q.request)
		s.refuse(ctx, q.request.id, messages.RejectForNow(messages.RejectBusy, "this node cannot tell the outcome now; ask again, or ask another"))
		return
	}
	told := m.Outputs
	for i, kind := range q.request.gathers.kinds {
		if kind == q.module && len(told) > 0 {
			q.request.gathers.decided.Outputs[i] = &wire.OutputAnswer{Outcome: told[0].Outcome, Share: told[0].Share}
			told = told[1:]
		}
	}
	s.endIfComplete(ctx, q.request)
}

func (s *Session) endIfComplete(ctx actor.Context, r *request) {
	if len(r.asked) == 0 {
		s.end(r)
		s.reply(ctx, statusReply(r.id, &wire.Status{Accepted: r.gathers.decided}))
	}
}
