package consensus

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/messages/transaction"
)

// flush is what the processor sends to itself to end a run of submissions with
// one sync of the pool's file.
type flush struct{}

// acknowledgement is an answer that waits for that sync.
type acknowledgement struct {
	to     *actor.PID
	answer toconsensus.Submitted
}

// submit pools a transaction. It answers at once with a rejection, or after
// the sync that makes the transaction survive a crash.
func (p *Processor) submit(ctx actor.Context, m toconsensus.Submit) {
	answer := toconsensus.Submitted{Request: m.Request, From: p.position.Next}
	if answer.Rejection = p.admit(m.Transaction); answer.Rejection != nil {
		ctx.Respond(answer)
		return
	}
	if len(p.unsynced) == 0 {
		ctx.Send(ctx.Self(), flush{})
	}
	p.unsynced = append(p.unsynced, acknowledgement{to: ctx.Sender(), answer: answer})
}

// admit checks a transaction against the committed state and puts it into pool
// and file. A transaction that was accepted before, or is pooled, is admitted
// without effect (H66); a form that was refused for good stays refused (H61).
func (p *Processor) admit(tx *transaction.Transaction) *messages.Rejection {
	if p.intake.pool.Has(tx.WitnessID()) {
		return nil
	}
	snap, err := p.cfg.Store.View()
	if err != nil {
		panic(fmt.Sprintf("consensus: open snapshot: %v", err))
	}
	defer snap.Release()
	if _, ok := transition.FindAccepted(snap, tx.ID()); ok {
		return nil
	}
	if refusal, ok := history.FindRefusal(snap, tx.WitnessID()); ok && refusal.Rejection.Final {
		return refusal.Rejection
	}
	if rejection := p.cfg.Transition.Try(snap, p.position.Next, tx); rejection != nil {
		return rejection
	}
	rejection, err := p.intake.add(tx, p.position.Next)
	if err != nil {
		panic(fmt.Sprintf("consensus: %v", err))
	}
	return rejection
}

// flush makes what was pooled durable, answers, and wakes HBBFT.
func (p *Processor) flush(ctx actor.Context) {
	if err := p.intake.sync(); err != nil {
		panic(fmt.Sprintf("consensus: %v", err))
	}
	for _, a := range p.unsynced {
		ctx.Send(a.to, a.answer)
	}
	p.unsynced = nil
	p.workPending(ctx)
}
