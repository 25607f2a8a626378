package consensus

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/messages/toconsensus"
	"minimint/messages/transaction"
)

// flush is what the processor sends to itself to end a run of submissions with
// one sync of the pool's file.
type flush struct{}

// acknowledgement is an answer that waits for that sync.
type acknowledgement struct {
	to      *actor.PID
	witness messages.WitnessID
	answer  toconsensus.Submitted
}

// acknowledgements are those that wait. They outlive an incarnation that fails
// over something else, so that nobody waits in vain for an answer: what they say
// is decided by the file that the next one reads.
type acknowledgements struct{ list []acknowledgement }

// submit pools a transaction. It answers at once with a rejection, or after
// the sync that makes the transaction survive a crash.
func (p *Processor) submit(ctx actor.Context, m toconsensus.Submit) {
	answer := toconsensus.Submitted{Request: m.Request, From: p.position.Next}
	if answer.Rejection = p.admit(m.Transaction); answer.Rejection != nil {
		ctx.Respond(answer)
		return
	}
	if len(p.unsynced.list) == 0 {
		ctx.Send(ctx.Self(), flush{})
	}
	p.unsynced.list = append(p.unsynced.list, acknowledgement{to: ctx.Sender(), witness: m.Transaction.WitnessID(), answer: answer})
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
		spawn.Halt(fmt.Errorf("consensus: open snapshot: %w", err))
	}
	defer snap.Release()
	if _, ok := transition.FindAccepted(snap, tx.ID()); ok {
		return nil
	}
	if refusal, ok := refusals.Find(snap, tx.WitnessID()); ok && refusal.Rejection.Final {
		return refusal.Rejection
	}
	if rejection := p.cfg.Transition.Try(snap, p.position.Next, tx); rejection != nil {
		return rejection
	}
	rejection, err := p.intake.add(tx, p.position.Next)
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: %w", err))
	}
	return rejection
}

// flush makes what was pooled durable, answers, and wakes HBBFT.
func (p *Processor) flush(ctx actor.Context) {
	if err := p.intake.sync(); err != nil {
		spawn.Halt(fmt.Errorf("consensus: %w", err))
	}
	p.answerAll(ctx)
	p.workPending(ctx)
}

// answerAll gives the answers that wait; everything that is pooled is durable.
func (p *Processor) answerAll(ctx actor.Context) {
	for len(p.unsynced.list) > 0 {
		a := p.unsynced.list[0]
		p.unsynced.list = p.unsynced.list[1:] // nobody is answered twice
		ctx.Send(a.to, a.answer)
	}
}

// answerForFormer answers whoever a former incarnation left waiting. What it did
// not get into the file, or what is decided by now, is to be submitted again.
func (p *Processor) answerForFormer(ctx actor.Context) {
	for i := range p.unsynced.list {
		if a := &p.unsynced.list[i]; !p.intake.pool.Has(a.witness) {
			a.answer.Rejection = messages.RejectForNow(messages.RejectBusy, "this node was interrupted; submit the transaction again")
		}
	}
	p.answerAll(ctx)
}
