package consensus

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/history/refusals"
	"minimint/actors/consensus/transition"
	"minimint/actors/spawn"
	"minimint/crypto/domain"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/storage"
)

// maxLines bounds how much one epoch writes to the log about what members and
// clients did wrong.
const maxLines = 8

// pruneSlack is how many epochs beyond those that it adds a commit may forget.
const pruneSlack = 16

// epoch is what is to be applied, and what came of it.
type epoch struct {
	outcome outcome.Outcome
	encoded []byte
	// expected is what others say that it leads to, nil if it was agreed on here.
	expected    *statement.Statement
	proven      bool                   // by a certificate
	certificate *statement.Certificate // its own, nil if it came without

	result    transition.Result
	statement statement.Statement
}

// divergence is an error: what this member computes is not what others signed.
type divergence struct{ own, theirs statement.Statement }

func (d *divergence) Error() string {
	return fmt.Sprintf("this member computes %s, others signed %s", d.own, d.theirs)
}

// agreed takes what HBBFT says that an epoch agreed on. It may say so again
// after a restart of either; only the next epoch is applied.
func (p *Processor) agreed(ctx actor.Context, o outcome.Outcome) {
	if o.Epoch == p.position.Next {
		e := epoch{outcome: o, encoded: o.Encode()}
		if b := p.remote.peers.Expected(o.Epoch); b != nil {
			e.expected, e.proven, e.certificate = &b.Statement, true, b.Certificate
		}
		p.apply(ctx, e)
	} else {
		p.tellHBBFT(ctx)
	}
	p.settle(ctx)
}

// apply makes one commit of consecutive epochs, the next ones, and tells who waits
// for them.
func (p *Processor) apply(ctx actor.Context, epochs ...epoch) {
	err := p.commit(epochs)
	var diverged *divergence
	if errors.As(err, &diverged) {
		a := history.Alarm{Epoch: diverged.own.Epoch, Text: diverged.Error(), Own: diverged.own}
		for _, e := range epochs {
			if e.certificate != nil {
				a.Certified = e.certificate
			}
		}
		p.halt(ctx, a)
		return
	}
	if err != nil {
		spawn.Halt(fmt.Errorf("consensus: epoch %d: %w", epochs[0].outcome.Epoch, err))
	}
	p.remote.peers.Advance(p.position.Next, p.position.Previous)
	p.agenda.clear()
	for i := range epochs {
		p.intake.drop(epochs[i].result, p.log)
		p.report(&epochs[i])
	}
	if last := epochs[len(epochs)-1]; last.expected != nil {
		p.log.Info("epochs of others committed", slog.Uint64("from", uint64(epochs[0].outcome.Epoch)), slog.Uint64("epoch", uint64(last.outcome.Epoch)),
			slog.String("state", last.statement.Header.State.String()))
	}
	for _, s := range p.subscribers.list {
		ctx.Send(s, toconsensus.EpochCommitted{Epoch: p.position.Next - 1})
	}
	p.tellHBBFT(ctx) // it works on the next epoch while this one is signed
	for i := range epochs {
		if epochs[i].proven {
			p.notary.collector.Learned(epochs[i].statement)
			if c := epochs[i].certificate; c != nil {
				p.notary.collector.Prove(*c)
			}
		} else {
			p.perform(ctx, p.cfg.Self, p.notary.collector.Committed(epochs[i].statement))
		}
	}
}

// commit applies epochs to overlays and writes all that follows from them in one
// transaction of the store. Memory changes only after that. The error is a
// divergence or the store's; an epoch that must not be committed panics (H64).
func (p *Processor) commit(epochs []epoch) error {
	snap, err := p.cfg.Store.View()
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer snap.Release()
	ov := storage.NewOverlay(snap)
	next, list, chain := p.position, p.refusals, p.chain()
	for i := range epochs {
		if err := p.applyTo(ov, &epochs[i], &next, &chain); err != nil {
			return err
		}
		for _, r := range epochs[i].result.Rejected {
			list.Write(ov, r.Witness, refusals.Refusal{Epoch: epochs[i].outcome.Epoch, Tx: r.Tx, Rejection: r.Rejection})
		}
		history.WriteEpoch(ov, epochs[i].statement, epochs[i].encoded)
		if c := epochs[i].certificate; c != nil {
			history.WriteCertificate(ov, *c)
		}
	}
	history.WritePosition(ov, next)
	p.notary.pending.write(ov)
	history.Prune(ov, p.floor(), len(epochs)+pruneSlack)
	if err := p.cfg.Store.Update(func(tx storage.Tx) error { ov.ApplyTo(tx); return nil }); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	p.position, p.refusals, p.notary.pending = next, list, pending{}
	return nil
}

// applyTo applies one epoch. What it changes is looked at alone, since every
// epoch has a state hash.
func (p *Processor) applyTo(below *storage.Overlay, e *epoch, next *history.Position, chain *statement.Chain) error {
	ov := storage.NewOverlay(below)
	var err error
	if e.result, err = p.cfg.Transition.Apply(ov, e.outcome, p.intake.verified.has); err != nil {
		panic(fmt.Sprintf("consensus: epoch %d: %v", e.outcome.Epoch, err))
	}
	transition.NotePresence(ov, e.outcome)
	next.Follow(ov.Changes())
	e.statement = chain.Add(statement.Header{
		Outcome: domain.Hash(domain.Outcome, p.cfg.Federation[:], e.encoded), State: next.StateHash(), Size: next.Size,
	})
	if e.expected != nil && *e.expected != e.statement {
		return &divergence{own: e.statement, theirs: *e.expected}
	}
	next.Next, next.Previous = chain.Next, chain.Previous
	ov.ApplyTo(below)
	return nil
}

// floor is the first epoch that is not to be forgotten: as many certified ones as
// the operator wants to keep, and all that whoever takes the snapshot that is on
// offer needs afterwards.
func (p *Processor) floor() messages.Epoch {
	certified := min(p.notary.collector.Certified(), p.position.Next)
	if newest := p.notary.collector.Newest(); newest == nil || newest.Statement.Epoch+1 < certified {
		return 0 // others could not be given a snapshot that is certified
	}
	floor := certified - min(certified, messages.Epoch(p.cfg.Past.Retain))
	if o := p.remote.offer; o != nil {
		floor = min(floor, o.statement.Epoch+1)
	}
	return floor
}

// report logs what an epoch did, and tells the faults of its members.
func (p *Processor) report(e *epoch) {
	number := slog.Uint64("epoch", uint64(e.outcome.Epoch))
	for i, f := range e.result.Faults {
		if i < maxLines {
			p.log.Warn("fault in a contribution", slog.Uint64("peer", uint64(f.Peer)), number, slog.String("fault", f.Text))
		}
		p.note(f.Peer, f.Text)
	}
	for i, r := range e.result.Rejected {
		if i < maxLines {
			p.log.Info("transaction rejected", slog.String("txid", r.Tx.String()), number, slog.Any("code", r.Rejection.Code), slog.String("reason", r.Rejection.Text))
		}
	}
	say := p.log.Info
	if e.expected != nil {
		say = p.log.Debug // there may be thousands
	}
	say("epoch committed", number, slog.Int("contributions", len(e.outcome.Contributions)), slog.Int("accepted", len(e.result.Accepted)),
		slog.Int("rejected", len(e.result.Rejected)), slog.Int("faults", len(e.result.Faults)), slog.String("state", e.statement.Header.State.String()))
}
